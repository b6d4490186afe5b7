"""The command `amtlab`: what a teacher types to put the labs in front of a class.

Source: our own.
Not here: what the subcommands do; `serving.py` serves the labs.
"""

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from amtlib.serving import CommandError, ServeOptions, serve

__all__ = ["build_parser", "main"]

_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")


# --- arguments ---------------------------------------------------------------------------------------------


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


def _between(low: float, high: float, unit: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is out of range; give {low:g} to {high:g} {unit}")
        return value

    return convert


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, subcommands included.

    Examples
    --------
    >>> build_parser().parse_args(["serve", "--port", "8000"]).port
    8000
    """
    defaults = ServeOptions()
    parser = argparse.ArgumentParser(prog="amtlab", description="Auditory models and reverberators, live.")
    parser.add_argument("--version", action="version", version=f"amtlab {version('amtlib')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve_parser = commands.add_parser(
        "serve",
        help="serve the labs to browsers",
        description="Serve the labs to browsers, on this machine or to a class.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = serve_parser.add_argument
    add("--port", type=_port, default=defaults.port, help="port to listen on")
    add(
        "--address",
        type=_address,
        default=defaults.address,
        help="localhost, or 0.0.0.0 for the whole network",
    )
    add(
        "--origin",
        type=_origin,
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="a further name under which browsers reach the labs, such as that of a proxy; may be repeated",
    )
    add("--processes", type=_processes, default=defaults.processes, metavar="N", help="server processes")
    add("--prefix", type=_prefix, default=defaults.prefix, metavar="PATH", help="path the labs appear under")
    add(
        "--max-upload",
        type=_between(0.1, 1000.0, "MB"),
        default=defaults.max_upload_mb,
        metavar="MB",
        help="largest sound file a page accepts",
    )
    add(
        "--session-timeout",
        type=_between(5.0, 86400.0, "seconds"),
        default=defaults.session_timeout_s,
        metavar="S",
        help="seconds a page survives without a connection",
    )
    add("--open", action="store_true", help="open the landing page in the browser")
    add("--verbose", action="store_true", help="show the server's own log")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit status: 0 after an orderly end, 1 when the server failed, 2 for a request that cannot be served.

    Raises
    ------
    SystemExit
        With status 2 for arguments that make no sense, and 0 after ``--help`` or ``--version``.

    Examples
    --------
    >>> main(["serve", "--port", "70000"])
    Traceback (most recent call last):
    ...
    SystemExit: 2
    """
    arguments = build_parser().parse_args(argv)
    options = ServeOptions(
        port=arguments.port,
        address=arguments.address,
        origins=tuple(arguments.origin),
        processes=arguments.processes,
        prefix=arguments.prefix,
        max_upload_mb=arguments.max_upload,
        session_timeout_s=arguments.session_timeout,
        open_browser=arguments.open,
        verbose=arguments.verbose,
    )
    try:
        return serve(options)
    except CommandError as error:
        print(f"amtlab: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
