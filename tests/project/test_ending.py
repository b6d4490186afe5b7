"""The end of a server's processes, where orphans are ours: process 1 of a container, here a subreaper."""

import subprocess
import sys

import pytest

ORPHANED = """
import ctypes, subprocess, sys, time
from amtlib import serving

assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
command = "sleep 60 & echo begun; exec sleep 60"
server = subprocess.Popen(["sh", "-c", command], start_new_session=True, stdout=subprocess.PIPE)
server.stdout.readline()
began = time.monotonic()
serving._end(server)
print(time.monotonic() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_process_1_of_a_container_does_not_wait_for_its_dead_grandchildren() -> None:
    took = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, text=True, timeout=60)
    assert took.returncode == 0, took.stderr
    assert float(took.stdout) < 3  # without collecting them, it is 5 s, and then force
