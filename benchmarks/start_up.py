"""Seconds until the command line answers and until the package is imported; medians of several cold processes.

python benchmarks/start_up.py [--repeats 11]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import searchitect": [sys.executable, "-c", "import searchitect"],
    "searchitect --help": [sys.executable, "-m", "searchitect", "--help"],
    "searchitect list strategies": [sys.executable, "-m", "searchitect", "list", "strategies"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11)
    options = parser.parse_args()
    print(f"{'what':<30} {'median s':>9} {'min s':>7}")
    for name, command in COMMANDS.items():
        found = []
        for _ in range(options.repeats):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            found.append(time.perf_counter() - start)
        print(f"{name:<30} {statistics.median(found):>9.3f} {min(found):>7.3f}", flush=True)


if __name__ == "__main__":
    main()
