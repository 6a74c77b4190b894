"""Seconds that imports cost in a fresh process.

TensorFlow takes seconds to import, so ``import stackens`` must not import it; the second statement
does what most programs begin with.
"""

from __future__ import annotations

import subprocess
import sys

from _harness import main

PROGRAM = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
STATEMENTS = {
    "package": "import stackens",
    "stacking": "from stackens import StackingClassifier",
}


def measure(statement):
    """Import in an interpreter of its own: this one knows much of the standard library."""
    program = [sys.executable, "-c", PROGRAM.format(statement)]
    return {"seconds": float(subprocess.check_output(program, text=True))}


SIDES = {name: (lambda one=statement: measure(one)) for name, statement in STATEMENTS.items()}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=5)
