"""How long `import amtlib` takes in a fresh process, beside torch alone.

    python benchmarks/import_time.py [--runs 7]

The first run of each fills the disk cache and is not counted.
"""

import argparse
import statistics
import subprocess
import sys
import time


def seconds(statement: str) -> float:
    """Return the wall time of a fresh interpreter that runs one statement."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Time imports in fresh processes.")
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(f"{'statement':<16} {'median s':>9} {'worst s':>9}   ({runs} fresh processes each)")
    for statement in ("pass", "import torch", "import amtlib"):
        seconds(statement)
        times = [seconds(statement) for _ in range(runs)]
        print(f"{statement:<16} {statistics.median(times):9.2f} {max(times):9.2f}")


if __name__ == "__main__":
    main()
