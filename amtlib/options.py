"""What `amtlib serve` can be asked for: declared once for the command, its help, the server and the documentation."""

import argparse
import ipaddress
import math
import os
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from amtlib.limits import Limits

__all__ = ["ServeOptions", "add_options", "between", "options_of"]

#: Who a student can log in with, of those that Panel knows.
_PROVIDERS = ("auth0", "azure", "bitbucket", "generic", "github", "gitlab", "google", "okta")
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a whole number from 1 to 65535")
    return int(text)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST.match(text) or text.replace(".", "").isdecimal():
            raise argparse.ArgumentTypeError(
                f"{text!r} is not an address; "
                "give localhost, 0.0.0.0 (the whole network) or one address of this machine"
            ) from None
    return text


def _origin(text: str) -> str:
    host, _, port = text.partition(":")
    if not _HOST.match(host) or (":" in text and not (port.isdecimal() and 1 <= int(port) <= 65535)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not HOST or HOST:PORT; "
            "give the name in the browser's address bar, without https:// and without the path"
        )
    return text


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes; give 1 to 64, usually one for each core"
        )
    if int(text) > 1 and os.name != "posix":
        raise argparse.ArgumentTypeError(f"{text} processes need Linux or macOS; give 1 on this machine")
    return int(text)


def _prefix(text: str) -> str:
    name = text.strip("/")
    if name and not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", name):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a path; use letters, digits, - and _, for example /amt"
        )
    return f"/{name}" if name else ""


def between(low: float, high: float, unit: str) -> Callable[[str], float]:
    """Return what reads a number in a range, for `argparse`."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is out of range; give {low:g} to {high:g} {unit}")
        return value

    return convert


def _site(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a site; give https://HOST, without a path")
    try:
        return f"{scheme}://{_origin(rest)}"
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a site; give https://HOST, without a path"
        ) from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of trainings; give 1 to 64")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0.1 <= minutes <= 1440:
        raise argparse.ArgumentTypeError(f"{text!r} is no time for a training; give 0.1 to 1440 minutes")
    return minutes


def _folder(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no folder; give the one that holds files such as loudness.yaml"
        )
    return text


#: How a file begins that SQLite wrote, and where in it the number stands by which the listening test marks its own.
_SQLITE, _MARK_AT, _MARK = b"SQLite format 3\0", 68, 0x414D544C.to_bytes(4, "big")


def _results(text: str) -> str:
    """Return the path of a file of results that can be written: a new one, or one of the listening test's own."""
    fix = "give a new file in a folder that is there, such as results.sqlite"
    folder = os.path.dirname(os.path.abspath(text))
    if not os.path.isdir(folder):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be made, for {folder} is no folder; {fix}")
    is_new = not os.path.lexists(text)
    try:
        with open(text, "ab+") as file:
            file.seek(0)
            head = file.read(_MARK_AT + 4)
        if is_new:  # only tried: the server makes it, and none is left where the server does not start
            os.remove(text)
    except OSError as problem:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written ({problem.strerror}); {fix}") from None
    if head and not (head.startswith(_SQLITE) and head[_MARK_AT:] == _MARK):
        raise argparse.ArgumentTypeError(
            f"{text!r} holds something else than results of a listening test; {fix}"
        )
    return text


def _option(
    default: Any, help: str, parse: Callable[[str], Any] | None = None, name: str = "", **settings: Any
) -> Any:
    """Declare an option; without `name` it is called as the field is, and ``settings`` go to `argparse`."""
    settings["help"] = help
    if parse is not None:
        settings["type"] = parse
    if default is False:
        settings["action"] = "store_true"
    return field(default=default, metadata={"name": name, "settings": settings})


@dataclass(frozen=True)
class ServeOptions:
    """What `amtlab serve` was asked to do; ``amtlab serve --help`` and docs/pages/howto/serving.md say what each does.

    ``processes``, ``trainings`` and ``scheduler`` are None, None and ``""`` for what suits the machine.

    Examples
    --------
    >>> ServeOptions(port=8000).address
    'localhost'
    """

    port: int = _option(5006, "port to listen on", _port)
    address: str = _option("localhost", "localhost, or 0.0.0.0 for the whole network", _address)
    origins: tuple[str, ...] = _option(
        (),
        "a further name under which browsers reach the labs, such as that of a proxy; may be repeated",
        _origin,
        "origin",
        metavar="HOST[:PORT]",
    )
    processes: int | None = _option(
        None,
        "server processes (default: 1 for this machine only, else one for each core as far as memory goes)",
        _processes,
        metavar="N",
    )
    prefix: str = _option("", "path the labs appear under", _prefix, metavar="PATH")
    max_upload_mb: float = _option(
        50.0, "largest sound file a page accepts", between(0.1, 1000.0, "MB"), "max-upload", metavar="MB"
    )
    session_timeout_s: float = _option(
        90.0,
        "seconds a page survives without a connection",
        between(5.0, 86400.0, "seconds"),
        "session-timeout",
        metavar="S",
    )
    basic_auth: str = _option(
        "",
        "ask for a password: this one, or those of a JSON file of users and passwords",
        metavar="FILE_OR_PASSWORD",
    )
    oauth: str = _option(
        "",
        f"log in with one of {', '.join(_PROVIDERS)}; key and secret in PANEL_OAUTH_KEY, PANEL_OAUTH_SECRET",
        choices=_PROVIDERS,
        metavar="PROVIDER",
    )
    frames: tuple[str, ...] = _option(
        (),
        "a site whose pages may show the labs in a frame, such as that of a course; may be repeated",
        _site,
        "frame",
        metavar="https://HOST",
    )
    lessons: str = _option(
        "",
        "a folder of YAML files with a course's own lessons, beside those of the labs",
        _folder,
        metavar="FOLDER",
    )
    results: str = _option(
        "",
        "keep the runs, rooms and results of the listening test in this file (default: they end with the server)",
        _results,
        metavar="FILE",
    )
    access_log: str = _option(
        "", "write a JSON line for each request, with nothing about a person", metavar="FILE"
    )
    trainings: int | None = _option(
        None,
        "networks that each process has trained at the same time (default: half its share of the cores, at least 1)",
        _count,
        metavar="N",
    )
    training_minutes: float = _option(
        10.0,
        "time that one training may take before a person asks for more (default: %(default)g)",
        _minutes,
        metavar="MIN",
    )
    frozen_time_s: float = _option(
        120.0,
        "seconds without a sign of life after which a server process is replaced; a worker is after 20 s, or as soon",
        between(5.0, 3600.0, "seconds"),
        "frozen-time",
        metavar="S",
    )
    scheduler: str = _option(
        "",
        "train on the dask.distributed cluster of this scheduler (default: of AMTLAB_SCHEDULER, else here)",
        metavar="tcp://HOST:PORT",
    )
    microphone: bool = _option(
        False,
        "let pages send a visitor's microphone through a network that plays in the page, and nowhere else",
    )
    health_details: bool = _option(
        False, "tell everybody, not this machine alone, at /health how busy the server is"
    )
    limits: Limits = field(default_factory=Limits)
    open_browser: bool = _option(False, "open the landing page in the browser", name="open")
    verbose: bool = _option(False, "show the server's own log")


def _flag(one: Field[Any]) -> str:
    return one.metadata["name"] or one.name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add every option, those of `Limits` too, to a parser."""
    for one in fields(ServeOptions):
        if one.default is MISSING:
            for limit in fields(Limits):
                low, high, unit = (limit.metadata[key] for key in ("low", "high", "unit"))
                parser.add_argument(
                    f"--{limit.name.replace('_', '-')}",
                    type=between(low, high, unit),
                    default=limit.default,
                    metavar="N",
                    help=limit.metadata["help"],
                )
            continue
        settings = dict(one.metadata["settings"])
        if one.default == ():
            settings |= {"action": "append"}
        # What is not there by default has no default to show.
        default = argparse.SUPPRESS if one.default in (None, (), "") else one.default
        parser.add_argument(f"--{_flag(one)}", dest=one.name, default=default, **settings)


def options_of(arguments: argparse.Namespace) -> ServeOptions:
    """Return what was asked for.

    Examples
    --------
    >>> parser = argparse.ArgumentParser()
    >>> add_options(parser)
    >>> found = options_of(parser.parse_args(["--port", "8000", "--login-tries", "5"]))
    >>> found.port, found.limits.login_tries
    (8000, 5.0)
    """
    given = vars(arguments)
    told = {one.name: given[one.name] for one in fields(ServeOptions) if one.name in given}
    told |= {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    return ServeOptions(**told, limits=Limits(**{limit.name: given[limit.name] for limit in fields(Limits)}))
