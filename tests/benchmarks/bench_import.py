"""Seconds that imports cost in a fresh process.

TensorFlow takes seconds to import, so ``import stackens`` must not import it; the second statement
does what most programs begin with.
"""

from __future__ import annotations

import time

from _harness import main


def package():
    started = time.perf_counter()
    import stackens

    assert stackens.__version__
    return {"seconds": time.perf_counter() - started}


def stacking():
    started = time.perf_counter()
    from stackens import StackingClassifier

    assert StackingClassifier.__name__
    return {"seconds": time.perf_counter() - started}


if __name__ == "__main__":
    main(__file__, {"package": package, "stacking": stacking}, rounds=5)
