"""A served checkout for tests: `amtlab serve` in a process group of its own, ended as a group."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Server:
    """A running `amtlab serve`."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> str:
        """Return everything the server has printed so far."""
        return self.log_file.read_text(errors="replace")


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(
    log_file: Path,
    *options: str,
    within_s: float = 180.0,
    environment: Mapping[str, str] | None = None,
    limits: str = "",
    root: Path = ROOT,
    cold: bool = False,
) -> Iterator[Server]:
    """Serve the checkout's labs on a free port; yields once they answer, ends every process afterwards.

    `limits` is a command of the shell that the server begins under, such as ``ulimit -n 256``. A cold server draws each
    page when it is first asked for: it is there in a third of the time, and its first pages take seconds.
    """
    port = free_port()
    begin = [] if not limits else ["sh", "-c", f'{limits}; exec "$@"', "sh"]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*begin, sys.executable, "-m", "amtlib.cli", "serve", "--port", str(port), *options],
            cwd=root,
            env={**os.environ, "AMTLAB_COLD": "1" if cold else "", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://localhost:{port}", port, process, log_file)
    try:
        deadline = time.monotonic() + within_s
        while "is ready" not in server.log():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"amtlab serve did not come up:\n{server.log()}")
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()  # its own clean-up ends the server's group
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the lifeline then ends the server
            process.wait()
