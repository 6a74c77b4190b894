"""Seconds that imports cost in a fresh process; run with ``make bench``."""

from __future__ import annotations

import statistics
import subprocess
import sys

CODE = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def measure(statement):
    """Return the median of five fresh processes."""
    return statistics.median(
        float(subprocess.check_output([sys.executable, "-c", CODE.format(statement)]))
        for _ in range(5)
    )


if __name__ == "__main__":
    for statement in ("import stackens", "from stackens import StackingClassifier"):
        print(f"{statement}: {measure(statement):.3f} s")
