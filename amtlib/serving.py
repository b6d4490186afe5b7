"""Start, watch and end the server of the labs: what `amtlab serve` does once its arguments are understood.

Source: our own; the labs are served by Panel (`panel serve`).
Not here: reading arguments (`cli.py`), any model or picture. Nothing else in `amtlib` knows the folder `app`.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType

__all__ = ["CommandError", "ServeOptions", "panel_command", "serve"]

READY_WITHIN_S = 180.0
END_WITHIN_S = 5.0

_APP_PACKAGES = ("bokeh", "holoviews", "panel", "panel_material_ui", "param", "psutil", "tornado", "yaml")
_EVERY_ADDRESS = ("0.0.0.0", "::")


class CommandError(Exception):
    """A request that cannot be served; the message is one sentence that names the fix."""


class _Stopped(Exception):
    """A signal asked this process to end."""


@dataclass(frozen=True)
class ServeOptions:
    """What `amtlab serve` was asked to do.

    Attributes
    ----------
    port : int
        TCP port, 1 to 65535.
    address : str
        Where to listen: ``localhost`` (this machine only), ``0.0.0.0`` (the whole network) or one address.
    origins : tuple of str
        Further ``HOST[:PORT]`` names under which browsers may reach the labs.
    processes : int
        Number of server processes, at least 1.
    prefix : str
        Path under which the labs appear, ``""`` or ``/name``.
    max_upload_mb : float
        Largest sound file that a page accepts, in megabytes.
    session_timeout_s : float
        Seconds for which a page without a connection is kept.
    open_browser : bool
        Open the landing page in the default browser once it answers.
    verbose : bool
        Show the server's own log.
    """

    port: int = 5006
    address: str = "localhost"
    origins: tuple[str, ...] = ()
    processes: int = 1
    prefix: str = ""
    max_upload_mb: float = 50.0
    session_timeout_s: float = 90.0
    open_browser: bool = False
    verbose: bool = False


#: glibc by default gives each array of some hundred kB back to the system and asks for it anew, page by page: a
#: third of what a slider's move costs. Arrays above 64 MB, and what is free above 256 MB, still go back.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**26), "MALLOC_TRIM_THRESHOLD_": str(2**28)}


# --- what to start -----------------------------------------------------------------------------------------


def _checkout() -> Path:
    """Return the folder that holds `amtlib` and `app` side by side."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "app" / "pages" / "index.py").is_file():
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


def panel_command(options: ServeOptions, root: Path) -> list[str]:
    """Return the `panel serve` command that serves the labs of a checkout.

    Parameters
    ----------
    options : ServeOptions
        What to serve, and how.
    root : pathlib.Path
        The checkout: the folder that holds ``app``.

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
    pages = sorted(path for path in (root / "app" / "pages").glob("*.py") if not path.name.startswith("_"))
    timeout_ms = round(options.session_timeout_s * 1000)
    command = [sys.executable, "-m", "panel", "serve", *(str(page) for page in pages)]
    command += ["--index", "index"]  # `/` is the landing page itself
    command += ["--setup", str(root / "app" / "server" / "setup.py"), "--plugins", "app.server.health"]
    command += ["--port", str(options.port), "--address", options.address]
    command += ["--num-procs", str(options.processes)]
    command += ["--unused-session-lifetime", str(timeout_ms)]
    command += ["--check-unused-sessions", str(min(10_000, max(1_000, timeout_ms // 4)))]
    command += ["--log-level", "info" if options.verbose else "warning"]
    if options.prefix:
        command += ["--prefix", options.prefix]
    for host in _hosts(options):
        command += ["--allow-websocket-origin", f"{host}:{options.port}"]
    for origin in options.origins:
        command += ["--allow-websocket-origin", origin]
    return command


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
        try:
            os.killpg(server.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], options: ServeOptions) -> None:
    host = "127.0.0.1" if options.address in _EVERY_ADDRESS else options.address
    url = f"http://{host}:{options.port}{options.prefix}/health"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
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
    environment = {**_MEMORY, **os.environ, "AMTLAB_MAX_UPLOAD_MB": f"{options.max_upload_mb:g}"}
    inherit: tuple[int, ...] = ()
    if os.name == "posix":
        environment["AMTLAB_LIFELINE"] = str(lifeline)
        inherit = (lifeline,)
    print("Starting the labs ...", flush=True)
    with _signals_raise():
        server = None
        try:
            server = subprocess.Popen(
                panel_command(options, root),
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a process group of its own, ended as one
                pass_fds=inherit,
            )
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
            os.close(lifeline)
            os.close(held)
