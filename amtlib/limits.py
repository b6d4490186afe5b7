"""What one client may ask of a server of the labs: one declaration for the options, the environment and the server.

Not here: how each limit is kept; see the modules of `app/server`, `app.stimulus` and `amtlib.serving`.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

__all__ = ["VARIABLE", "Limits"]

#: The environment variable that carries the limits from the command to its server processes.
VARIABLE = "AMTLAB_LIMITS"


def _limit(default: float, low: float, high: float, unit: str, help: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "help": help})


@dataclass(frozen=True)
class Limits:
    """Limits for each client, by default generous enough for a class behind one address.

    A client is one network address as the server sees it; the limits hold in each server process. The fields' metadata
    give range, unit and a line of help; `amtlab serve --help` shows them.

    Attributes
    ----------
    max_samples : float
        Largest sound file once decoded, in millions of samples, all channels counted.
    client_sockets : float
        Open connections of pages.
    client_sessions : float
        Pages that are kept, those that were left a moment ago included.
    client_messages : float
        Messages a second from one page; what comes faster waits.
    client_bytes : float
        Megabytes a second from one page; what comes faster waits.
    client_backlog : float
        Megabytes that may wait for a page that does not read.
    header_time : float
        Seconds within which a request's header, and the body that follows it, must have arrived.
    login_tries : float
        Wrong passwords a minute from one client, before further tries are refused for a while.

    Examples
    --------
    >>> Limits(client_sockets=8).client_sockets
    8
    """

    max_samples: float = _limit(
        25, 1, 1000, "million samples", "largest sound file once decoded, in millions of samples"
    )
    client_sockets: float = _limit(150, 1, 100_000, "connections", "open connections of one client")
    client_sessions: float = _limit(
        200, 1, 100_000, "pages", "pages of one client that are kept, those it has just left included"
    )
    client_messages: float = _limit(
        60, 1, 100_000, "messages a second", "messages a second from one page; what comes faster waits"
    )
    client_bytes: float = _limit(
        8, 0.1, 1000, "MB a second", "megabytes a second from one page; what comes faster waits"
    )
    client_backlog: float = _limit(
        32, 1, 1000, "MB", "megabytes that may wait for a page that does not read them"
    )
    header_time: float = _limit(
        10, 1, 600, "seconds", "seconds within which a request must have arrived whole"
    )
    login_tries: float = _limit(
        10, 1, 1000, "tries a minute", "wrong passwords a minute from one client before it has to wait"
    )

    @classmethod
    def of_environment(cls) -> Self:
        """Return the limits that the command set for this process, or the defaults.

        Examples
        --------
        >>> Limits.of_environment() == Limits()
        True
        """
        given = json.loads(os.environ.get(VARIABLE, "{}"))
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})

    def to_environment(self) -> str:
        """Return the text that `VARIABLE` holds."""
        return json.dumps(asdict(self))
