"""The command `amtlab`: labs for a class, a corpus through a model, a sweep of networks.

Not here: what the subcommands do; `serving.py` serves the labs, `batch` does the long runs.
"""

import argparse
import importlib
import ipaddress
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import version
from types import ModuleType
from typing import Any

from amtlib.limits import Limits
from amtlib.serving import CommandError, ServeOptions, serve

__all__ = ["build_parser", "main"]

#: The models that `amtlab analyze` knows; a test keeps them equal to those of `amtlib.batch`.
_MODELS = ("moore2016", "glasberg2002", "gammatone", "drnl")

#: Who a student can log in with, of those that Panel knows.
_PROVIDERS = ("auth0", "azure", "bitbucket", "generic", "github", "gitlab", "google", "okta")

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


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers; give 1 to 1024")
    return int(text)


def _channel(text: str) -> str | int:
    if text in ("mix", "power", "all"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no channel; give mix, power, all, or a number from 0")


def _scheduler(text: str) -> str:
    if not re.fullmatch(r"(tcp|tls)://.+:[0-9]+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a scheduler's address; give tcp://HOST:PORT, as dask-scheduler prints it"
        )
    return text


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, subcommands included.

    Examples
    --------
    >>> build_parser().parse_args(["serve", "--port", "8000"]).port
    8000
    """
    parser = argparse.ArgumentParser(prog="amtlab", description="Auditory models and reverberators, live.")
    parser.add_argument("--version", action="version", version=f"amtlab {version('amtlib')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_analyze(commands)
    _add_train(commands)
    return parser


def _add_serve(commands: Any) -> None:
    defaults = ServeOptions()
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
    add(
        "--processes",
        type=_processes,
        default=argparse.SUPPRESS,
        metavar="N",
        help="server processes (default: 1 for this machine only, else one for each core as far as memory goes)",
    )
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
        help="seconds a page is kept without a connection",
    )
    add(
        "--basic-auth",
        default=defaults.basic_auth,
        metavar="FILE_OR_PASSWORD",
        help="ask for a password: this one, or those of a JSON file of users and passwords",
    )
    add(
        "--oauth",
        choices=_PROVIDERS,
        default=argparse.SUPPRESS,
        metavar="PROVIDER",
        help=f"log in with one of {', '.join(_PROVIDERS)}; key and secret in PANEL_OAUTH_KEY, PANEL_OAUTH_SECRET",
    )
    add(
        "--frame",
        type=_site,
        action="append",
        default=[],
        metavar="https://HOST",
        help="a site whose pages may show the labs in a frame, such as that of a course; may be repeated",
    )
    add(
        "--access-log",
        default=defaults.access_log,
        metavar="FILE",
        help="write a JSON line for each request, with nothing about a person",
    )
    add(
        "--trainings",
        type=_count,
        default=argparse.SUPPRESS,
        metavar="N",
        help="networks that each process has trained at the same time (default: half its share of the cores, at least "
        "1)",
    )
    add(
        "--training-minutes",
        type=_minutes,
        default=defaults.training_minutes,
        metavar="MIN",
        help="time that one training may take before a person asks for more (default: %(default)g)",
    )
    add(
        "--scheduler",
        default=defaults.scheduler,
        metavar="tcp://HOST:PORT",
        help="train on the dask.distributed cluster of this scheduler (default: of AMTLAB_SCHEDULER, else here)",
    )
    add(
        "--health-details",
        action="store_true",
        help="tell everybody, not this machine alone, at /health how busy the server is",
    )
    for limit in fields(Limits):
        unit = limit.metadata["unit"]
        add(
            f"--{limit.name.replace('_', '-')}",
            type=_between(limit.metadata["low"], limit.metadata["high"], unit),
            default=limit.default,
            metavar="N",
            help=limit.metadata["help"],
        )
    add("--open", action="store_true", help="open the landing page in the browser")
    add("--verbose", action="store_true", help="show the server's own log")


def _add_analyze(commands: Any) -> None:
    parser = commands.add_parser(
        "analyze",
        help="take sound files through a model, into a table",
        description="Take sound files through a model: a table with a row for each file. The same command again goes "
        "on where it was stopped, and skips files whose content has a row already.",
        epilog="Ends with status 0 if every file has its row, 1 if some could not be analyzed (their reason stands in "
        "the column 'problem'), 2 if nothing could be done, 130 after Ctrl-C.",
    )
    add = parser.add_argument
    add(
        "files", nargs="+", metavar="FILE", help="sound files, folders, or patterns such as 'corpus/**/*.wav'"
    )
    add("--model", choices=_MODELS, required=True, help="the model")
    add(
        "--out",
        required=True,
        metavar="TABLE",
        help="where the results go: a name ending in .csv or .parquet",
    )
    add(
        "--full-scale-spl",
        type=_between(0.0, 200.0, "dB SPL"),
        metavar="DB",
        help="level in dB SPL of a signal whose rms in the file is 1; by default samples are pressures in Pa, which is "
        "93.98 dB. A sine that just fits into the file lies 3.01 dB lower",
    )
    add(
        "--field",
        choices=("free", "diffuse", "eardrum"),
        default="free",
        help="where the sound was recorded, for the loudness models (default: free)",
    )
    add(
        "--frame-ms",
        type=int,
        choices=(1, 2, 4),
        default=1,
        help="time between frames of the loudness models in ms: 1 as published, 4 takes a third of the time "
        "(default: 1)",
    )
    add(
        "--channel",
        type=_channel,
        metavar="CHANNEL",
        help="how several channels are combined: mix, their mean, in which opposite ones cancel (the table says so); "
        "power, two channels summed in power, whatever their phases; the number of one, 0 for the left, 1 for the "
        "right; all, left and right (default: all for moore2016, which has two ears, else mix)",
    )
    _add_place(parser, "files")


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train feedback delay networks, over seeds and sizes",
        description="Train the network that CONFIG describes, or one for each combination of the values of --sweep; "
        "each is saved as soon as it is done, and the same command again trains only what is missing.",
        epilog="CONFIG.json holds keywords of amtlib.train.build_fdn and train_fdn, such as "
        '{"lines": 8, "rt": 2.0, "mode": "colorless", "max_steps": 500, "seed": 0}. Ends with status 0 if all '
        "networks were trained, 1 if some could not be, 2 if nothing could be done, 130 after Ctrl-C.",
    )
    add = parser.add_argument
    add("config", metavar="CONFIG.json", help="settings of the network and its training")
    add(
        "--sweep",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="let a setting run through values: seed=0..9, lines=4,8,16, lr=1e-3,1e-2; may be repeated",
    )
    add(
        "--out",
        required=True,
        metavar="DIR",
        help="folder for the networks (JSON) and their table (sweep.csv)",
    )
    _add_place(parser, "networks")


def _add_place(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help=f"{what} at a time (default: one for each core, or each thread of the cluster)",
    )
    parser.add_argument(
        "--scheduler",
        type=_scheduler,
        metavar="tcp://HOST:PORT",
        help="dask.distributed cluster to work on; by default the one that AMTLAB_SCHEDULER names, or this machine",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit status: 0 after an orderly end, 1 when the server failed or some files or networks did, 2 for a request
        that cannot be served, 130 when Ctrl-C ended a long run.

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
    command = {"serve": _serve, "analyze": _analyze, "train": _train}[arguments.command]
    try:
        return command(arguments)
    except CommandError as error:
        print(f"amtlab: {error}", file=sys.stderr)
        return 2


def _serve(arguments: argparse.Namespace) -> int:
    return serve(
        ServeOptions(
            port=arguments.port,
            address=arguments.address,
            origins=tuple(arguments.origin),
            processes=getattr(arguments, "processes", None),
            prefix=arguments.prefix,
            max_upload_mb=arguments.max_upload,
            session_timeout_s=arguments.session_timeout,
            basic_auth=arguments.basic_auth,
            oauth=getattr(arguments, "oauth", ""),
            frames=tuple(arguments.frame),
            access_log=arguments.access_log,
            trainings=getattr(arguments, "trainings", None),
            training_minutes=arguments.training_minutes,
            scheduler=arguments.scheduler,
            health_details=arguments.health_details,
            limits=Limits(**{limit.name: getattr(arguments, limit.name) for limit in fields(Limits)}),
            open_browser=arguments.open,
            verbose=arguments.verbose,
        )
    )


def _analyze(arguments: argparse.Namespace) -> int:
    batch, commands = _batch()
    scale = {} if arguments.full_scale_spl is None else {"full_scale_db": arguments.full_scale_spl}
    try:
        analysis = batch.Analysis(
            arguments.model,
            field=arguments.field,
            frame_ms=arguments.frame_ms,
            channel=arguments.channel,
            **scale,
        )
    except ValueError as error:
        raise CommandError(str(error)) from None
    status: int = commands.analyze(
        arguments.files, arguments.out, analysis, scheduler=arguments.scheduler, workers=arguments.workers
    )
    return status


def _train(arguments: argparse.Namespace) -> int:
    _, commands = _batch()
    status: int = commands.train(
        arguments.config,
        arguments.sweep,
        arguments.out,
        scheduler=arguments.scheduler,
        workers=arguments.workers,
    )
    return status


def _batch() -> tuple[ModuleType, ModuleType]:
    # torch and the models with it: `amtlab serve` needs neither, and answers at once.
    return importlib.import_module("amtlib.batch"), importlib.import_module("amtlib.batch.commands")


if __name__ == "__main__":
    sys.exit(main())
