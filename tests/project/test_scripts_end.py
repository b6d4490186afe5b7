"""Scripts that end while threads of ours work: a thread inside torch then would abort the process."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows cannot fork")

#: After the imports of a script, goes on twice: that a thread is inside torch in that moment, is likely, not certain.
TWICE = """
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        break
    children.append(child)
else:
    sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""
TRAINS = f"""
import os, sys, time
from amtlib.train import TrainingRun, build_fdn, graph
{TWICE}
model = build_fdn(delays=[610, 733, 839, 977, 1201, 1303], rt=None, nfft=2**15, rng=1, device="cpu")
run = TrainingRun(model, "colorless", max_steps=100000)
run.start()
while run.steps_run < 2:
    time.sleep(0.01)
assert "torch._dynamo" not in sys.modules  # seconds of imports; training is amtlib/train/adam.py's without them
"""
WORKS = f"""
import os, sys, threading, torch
from amtlib.jobs import Pool
{TWICE}
begun = threading.Event()

def work(context):
    x = torch.eye(300)
    while True:
        context.progress(0.0)
        begun.set()
        for _ in range(20):
            x = torch.linalg.inv(x + torch.eye(300))

pool = Pool(workers=1, kind="thread")
job = pool.submit(work)
begun.wait(60)
"""


@pytest.mark.parametrize("script", [TRAINS, WORKS], ids=["training", "pool"])
def test_a_script_that_ends_while_a_thread_works_ends_well(script: str) -> None:
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
