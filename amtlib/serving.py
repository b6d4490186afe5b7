"""Start, watch and end the server of the labs: what `amtlab serve` does once its arguments are understood.

The labs are served by Panel (`panel serve`).
Not here: reading arguments (`cli.py`), any model or picture. Nothing else in `amtlib` knows the folder `app`.
"""

import base64
import contextlib
import importlib.util
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from amtlib import limits
from amtlib.options import ServeOptions

__all__ = ["CommandError", "ServeOptions", "panel_command", "serve", "suitable_processes"]

READY_WITHIN_S = 180.0
END_WITHIN_S = 5.0
#: Memory that a server process is reckoned with, bytes: measured 0.25 GB beside the 0.6 GB that all of them share,
#: 0.6 GB for the worker that trains for it, and what its sessions need.
PROCESS_BYTES = 1.2e9
#: Most server processes that are started unasked.
MOST_PROCESSES = 8
#: A websocket is pinged this often, s: proxies close what has been silent for a minute.
KEEP_ALIVE_S = 25.0
#: A page may come back to its session for this long, s: Bokeh's 300 s end before a lecture does.
TOKEN_S = 12 * 3600
#: Largest message from a browser, bytes; pieces of an uploaded file are smaller.
MESSAGE_BYTES = 4 * 2**20
#: Least length of a secret that servers share.
SECRET_CHARACTERS = 32

_APP_PACKAGES = (
    "bokeh",
    "holoviews",
    "panel",
    "panel_material_ui",
    "param",
    "psutil",
    "segno",
    "tornado",
    "yaml",
)
_EVERY_ADDRESS = ("0.0.0.0", "::")


class CommandError(Exception):
    """A request that cannot be served; the message is one sentence that names the fix."""


class _Stopped(Exception):
    """A signal asked this process to end."""


#: glibc by default gives each array of some hundred kB back to the system and asks for it anew, page by page: a
#: third of what a slider's move costs. Arrays above 64 MB, and what is free above 256 MB, still go back. Two arenas
#: serve all threads of pages: each would keep what it has freed.
_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**26),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_ARENA_MAX": "2",
}
#: NumPy's linear algebra would use all cores, and one student's network would hold up the pages of all others.
_ONE_CORE = {"OPENBLAS_NUM_THREADS": "1"}


# --- what to start -----------------------------------------------------------------------------------------


def _checkout() -> Path:
    """Return the folder that holds `amtlib` and `app` side by side."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "app" / "site.py").is_file():
        raise CommandError(
            "the labs are not beside the library: they run from a checkout, not from an installed wheel; "
            "fix: clone the repository, then in it run: python -m pip install -c constraints.txt -e '.[app]'"
        )
    return root


def _require_app_packages() -> None:
    missing = [name for name in _APP_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            f"the labs need {', '.join(missing)}, which this environment lacks; "
            "fix, in the checkout: python -m pip install -c constraints.txt -e '.[app]'"
        )


def _lan_address() -> str | None:
    """Return this machine's address on the local network, or None when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # a documentation address: the kernel picks a route, nothing is sent
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith("127.") or found == "0.0.0.0" else found


def _hosts(options: ServeOptions) -> list[str]:
    """Return the names under which a browser reaches the server directly, the most local first."""
    if options.address in ("localhost", "127.0.0.1", "::1"):
        return ["localhost", "127.0.0.1"]
    if options.address not in _EVERY_ADDRESS:
        return [options.address]
    lan = _lan_address()
    return ["localhost", "127.0.0.1", *([lan] if lan else []), socket.gethostname()]


def suitable_processes(address: str) -> int:
    """Return how many server processes suit this machine.

    Parameters
    ----------
    address : str
        Where it listens: one who serves to themselves alone needs one process.

    Returns
    -------
    int
        One for each core that this process may use, at most 8, as far as free memory goes; 1 for this machine only.

    Examples
    --------
    >>> suitable_processes("localhost")
    1
    """
    if address in ("localhost", "127.0.0.1", "::1") or os.name != "posix":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    psutil = importlib.import_module("psutil")
    room = int(psutil.virtual_memory().available / PROCESS_BYTES)
    return max(1, min(cores, room, MOST_PROCESSES))


def write_scripts(root: Path, folder: Path) -> list[Path]:
    """Write the scripts that the server runs for each page: the landing page, and one lab for each folder of them.

    Parameters
    ----------
    root : pathlib.Path
        The checkout: the folder that holds ``app``.
    folder : pathlib.Path
        Where the scripts are written. A page's address is its script's name.

    Returns
    -------
    list of pathlib.Path
        The scripts, the landing page first.
    """
    labs = sorted(view.parent.name for view in (root / "app" / "labs").glob("*/view.py"))
    calls = {"index": "open_landing()", **{lab: f"open_lab({lab!r})" for lab in labs}}
    for name, call in calls.items():
        (folder / f"{name}.py").write_text(f"import app.site\n\napp.site.{call}\n", encoding="utf-8")
    return [folder / f"{name}.py" for name in calls]


def panel_command(options: ServeOptions, root: Path, scripts: Sequence[Path] = ()) -> list[str]:
    """Return the `panel serve` command that serves the labs of a checkout.

    Parameters
    ----------
    options : ServeOptions
        What to serve, and how.
    root : pathlib.Path
        The checkout: the folder that holds ``app``.
    scripts : sequence of pathlib.Path
        The pages' scripts, see `write_scripts`.

    Returns
    -------
    list of str
        Program and arguments, to be run in `root`.

    Examples
    --------
    >>> command = panel_command(ServeOptions(port=8000), Path("."))
    >>> command[command.index("--port") + 1]
    '8000'
    """
    timeout_ms = round(options.session_timeout_s * 1000)
    command = [sys.executable, "-m", "panel", "serve", *map(str, scripts)]
    command += ["--index", "index"]  # `/` is the landing page itself
    command += ["--setup", str(root / "app" / "server" / "setup.py")]
    command += ["--plugins", "app.server.plugin"]
    command += ["--port", str(options.port), "--address", options.address]
    command += ["--num-procs", str(_processes(options))]
    command += ["--keep-alive", str(round(1000 * KEEP_ALIVE_S))]
    command += ["--session-token-expiration", str(TOKEN_S)]
    command += ["--websocket-max-message-size", str(MESSAGE_BYTES)]
    command += ["--unused-session-lifetime", str(timeout_ms)]
    command += ["--check-unused-sessions", str(min(10_000, max(1_000, timeout_ms // 4)))]
    command += ["--log-level", "info" if options.verbose else "warning"]
    if options.prefix:
        command += ["--prefix", options.prefix]
    if options.origins:  # behind a proxy, which says how it was reached itself
        command += ["--use-xheaders"]
    server = root / "app" / "server"
    if options.basic_auth:
        command += ["--basic-login-template", str(server / "login.html")]
    if options.oauth:
        command += ["--oauth-provider", options.oauth, "--oauth-error-template", str(server / "refused.html")]
    if options.basic_auth or options.oauth:
        command += ["--logout-template", str(server / "logout.html")]
        command += ["--exclude-cookies", "amtlab-login"]  # or a page's HTML would hold all that a login needs
    for host in _hosts(options):
        command += ["--allow-websocket-origin", f"{host}:{options.port}"]
    for origin in options.origins:
        command += ["--allow-websocket-origin", origin]
    return command


def _processes(options: ServeOptions) -> int:
    if options.processes is not None:
        return options.processes
    return suitable_processes("0.0.0.0" if options.origins else options.address)  # a proxy brings a class


def _secret(variable: str) -> str:
    """Return what the server signs with: what a variable of the environment holds, or what nobody can guess."""
    given = os.environ.get(variable, "")
    if given and len(given) < SECRET_CHARACTERS:
        raise CommandError(
            f"{variable} has {len(given)} characters, which can be guessed; fix: give {SECRET_CHARACTERS} or more, "
            'such as the output of python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return given or secrets.token_hex(32)


def _environment(options: ServeOptions, processes: int) -> dict[str, str]:
    """Return what the server's processes learn from their environment: secrets would show in a command."""
    environment = {**_MEMORY, **_ONE_CORE, **os.environ}
    environment["AMTLAB_MAX_UPLOAD_MB"] = f"{options.max_upload_mb:g}"
    environment["AMTLAB_PROCESSES"] = str(processes)
    environment["AMTLAB_FRAMES"] = " ".join(options.frames)
    environment["AMTLAB_LESSONS"] = str(Path(options.lessons).absolute()) if options.lessons else ""
    environment["AMTLAB_RESULTS"] = str(Path(options.results).absolute()) if options.results else ""
    environment["AMTLAB_ACCESS_LOG"] = str(Path(options.access_log).absolute()) if options.access_log else ""
    if options.trainings is not None:
        environment["AMTLAB_TRAININGS"] = str(options.trainings)
    environment[limits.VARIABLE] = options.limits.to_environment()
    # Pages carry signed tokens, which each process checks.
    environment.pop("AMTLAB_SECRET", None)
    environment["BOKEH_SECRET_KEY"] = _secret("AMTLAB_SECRET")
    environment["BOKEH_SIGN_SESSIONS"] = "true"
    environment["AMTLAB_MICROPHONE"] = "1" if options.microphone else ""
    environment["AMTLAB_HEALTH_DETAILS"] = "1" if options.health_details else ""
    environment["AMTLAB_TRAINING_MINUTES"] = f"{options.training_minutes:g}"
    environment["AMTLAB_FROZEN_TIME"] = f"{options.frozen_time_s:g}"
    if options.scheduler:
        environment["AMTLAB_SCHEDULER"] = options.scheduler
    if environment.get("AMTLAB_SCHEDULER"):
        try:
            cluster = importlib.import_module("amtlib.jobs.cluster")  # only then: it takes seconds
            cluster.check_address(environment["AMTLAB_SCHEDULER"], "--scheduler or AMTLAB_SCHEDULER")
        except ValueError as problem:
            raise CommandError(str(problem)) from None
    if options.basic_auth:
        file = Path(options.basic_auth)
        environment["PANEL_BASIC_AUTH"] = str(file.absolute()) if file.is_file() else options.basic_auth
        environment["AMTLAB_BASIC_AUTH"] = environment[
            "PANEL_BASIC_AUTH"
        ]  # Panel reads its own in small letters
    if options.oauth:
        missing = [n for n in ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET") if not environment.get(n)]
        if missing:
            raise CommandError(
                f"OAuth with {options.oauth} needs {' and '.join(missing)} in the environment; "
                "fix: set them to what the provider gave you"
            )
    if (
        options.basic_auth or options.oauth
    ):  # equal in all processes; set it yourself to keep logins over a restart
        environment["PANEL_COOKIE_SECRET"] = _secret("PANEL_COOKIE_SECRET")
        if importlib.util.find_spec("cryptography"):  # what the provider gave is then not readable in cookies
            key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            environment.setdefault("PANEL_OAUTH_ENCRYPTION", key)
    return environment


# --- starting, watching, ending ----------------------------------------------------------------------------


def _require_free_port(options: ServeOptions) -> None:
    # Every address the server will bind: localhost is often both 127.0.0.1 and ::1.
    try:
        found = socket.getaddrinfo(
            options.address, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror:
        raise CommandError(
            f"the address {options.address} is unknown; "
            "fix: give localhost, 0.0.0.0 or one address of this machine"
        ) from None
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # like the server: a port that only waits for late packets is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except PermissionError:
                raise CommandError(
                    f"port {options.port} is reserved; fix: give a port from 1024 up"
                ) from None
            except OSError as error:
                if family == socket.AF_INET6:
                    continue  # machines without IPv6 still resolve ::1
                raise CommandError(
                    f"port {options.port} on {options.address} cannot be used ({error.strerror}); "
                    f"fix: stop the program that uses it, or give another: --port {options.port % 65535 + 1}"
                ) from None


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Turn the signals that mean "end" into `_Stopped`, once; later ones cannot interrupt the clean-up."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [signal.Signals[name] for name in names]

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and every process it started, by force after a few seconds."""
    if os.name != "posix":
        server.kill()
        server.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_WITHIN_S
    while time.monotonic() < deadline:
        server.poll()  # collect the leader, or its entry would keep the group alive
        with contextlib.suppress(ChildProcessError):
            # As process 1 of a container we inherit its children, and have to collect them as well.
            while os.waitpid(-server.pid, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(server.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _wait_for_warm(server: subprocess.Popen[bytes], ready: int, processes: int) -> None:
    """Wait until each process has said that it is warm: one that answers may have neighbours that do not yet."""
    deadline = time.monotonic() + READY_WITHIN_S
    while processes > 0 and time.monotonic() < deadline:
        if server.poll() is not None:
            return  # the next call to it reports that
        if select.select([ready], [], [], 0.1)[0]:
            processes -= len(os.read(ready, processes))


def _wait_until_ready(server: subprocess.Popen[bytes], options: ServeOptions) -> None:
    host = "127.0.0.1" if options.address in _EVERY_ADDRESS else options.address
    url = f"http://{host}:{options.port}{options.prefix}/health"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            _require_free_port(options)  # another one may have been quicker
            raise CommandError("the server ended before it answered; its own message stands above")
        try:
            with direct.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise CommandError(f"the server did not answer within {READY_WITHIN_S:g} s; try again with --verbose")


def _announce(options: ServeOptions) -> str:
    """Print where the labs are, and return the address for this machine's own browser."""
    here, *others = [host for host in _hosts(options) if host != "127.0.0.1"]
    url = f"http://{here}:{options.port}{options.prefix}/"
    print(f"AMT Lab {version('amtlib')} is ready. Open {url}")
    for host in others:
        print(f"  from other machines: http://{host}:{options.port}{options.prefix}/")
    for origin in options.origins:
        print(f"  also accepted under: {origin}{options.prefix}/")
    print("Ctrl-C ends it.", flush=True)
    return url


def serve(options: ServeOptions) -> int:
    """Serve the labs until a signal ends this process.

    Parameters
    ----------
    options : ServeOptions
        What to serve, and how.

    Returns
    -------
    int
        0 after a signal ended it, 1 when the server ended by itself.

    Raises
    ------
    CommandError
        If there is no checkout, a package is missing, the port is taken, or the server does not come up.
    """
    root = _checkout()
    _require_app_packages()
    _require_free_port(options)
    lifeline, held = (
        os.pipe()
    )  # ends of itself when this process dies, however it dies; see app/server/setup.py
    warm, warm_end = os.pipe()  # takes a byte from each process that is warm and listens
    processes = _processes(options)
    environment = _environment(options, processes)
    inherit: tuple[int, ...] = ()
    if os.name == "posix":
        environment["AMTLAB_LIFELINE"] = str(lifeline)
        environment["AMTLAB_READY"] = str(warm_end)
        os.set_blocking(warm_end, False)  # nobody reads it once all are ready
        inherit = (lifeline, warm_end)
    print("Starting the labs ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="amtlab-pages-") as folder, _signals_raise():
        # One file for all processes, which goes when the command ends.
        environment["AMTLAB_RESULTS"] = environment["AMTLAB_RESULTS"] or str(Path(folder) / "runs.sqlite")
        server = None
        try:
            server = subprocess.Popen(
                panel_command(replace(options, processes=processes), root, write_scripts(root, Path(folder))),
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a process group of its own, ended as one
                pass_fds=inherit,
            )
            if os.name == "posix":
                _wait_for_warm(server, warm, processes)
            _wait_until_ready(server, options)
            url = _announce(options)
            if options.open_browser:
                webbrowser.open(url)
            status = server.wait()
            print(f"amtlab: the server ended by itself with status {status}", file=sys.stderr)
            return 1
        except _Stopped:
            return 0
        finally:
            if server is not None:
                _end(server)
            for end in (lifeline, held, warm, warm_end):
                os.close(end)
