"""Kernels to check notebooks with, which start with the large packages loaded: forks of a process that imported them.

Importing torch, scipy, bokeh and nbconvert takes a kernel some 4 s of a core, in each notebook anew. Notebooks share
nothing else: each kernel is a process of its own, in which no notebook has run before.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from jupyter_client.provisioning import local_provisioner

#: What is imported before the fork. Not param, panel and holoviews, which look while they are imported whether they are
#: in a notebook. nbconvert, which holoviews imports there, takes longest: rfc3987_syntax below it compiles 39 grammars.
PACKAGES = (
    "amtlib.train",
    "bokeh.models",
    "ipykernel.kernelapp",
    "matplotlib",
    "nbconvert",
    "torch._dynamo",  # which the first optimiser imports
)
CONTEXT = multiprocessing.get_context("forkserver")


def run(command: Sequence[str], environment: Mapping[str, str], folder: str | None, own: Connection) -> None:
    """Become the kernel that a command of the form ``python -m module argument ...`` starts."""
    os.setsid()
    own.send(True)
    own.close()
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))
    if folder is not None:
        os.chdir(folder)
    with open(os.devnull, "r+b") as nowhere:
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)
    sys.argv = list(command[2:])
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


class ForkedKernel(CONTEXT.Process):
    """A kernel with what Jupyter asks of a :class:`subprocess.Popen`."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> int | None:
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        assert self.pid is not None
        os.kill(self.pid, number)


def launch(command: Sequence[str], env: Mapping[str, str], cwd: str | None = None, **_: Any) -> ForkedKernel:
    """Start a kernel; when it is returned it leads a session of its own, which Jupyter may signal as a whole."""
    here, there = CONTEXT.Pipe(duplex=False)
    kernel = ForkedKernel(target=run, args=(command, dict(env), cwd, there))
    kernel.start()
    there.close()
    here.recv()
    here.close()
    return kernel


def fork_kernels() -> None:
    """Fork every kernel that this process starts from now on."""
    CONTEXT.set_forkserver_preload(list(PACKAGES))
    local_provisioner.launch_kernel = launch
