"""Memory does not grow with the number of fits."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import gc, os
import numpy as np
from stackens import StackedRNNClassifier

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

X = np.random.default_rng(0).normal(size=(200, 8, 4))
y = np.arange(200) % 3
for i in range(100):
    learner = StackedRNNClassifier(16, n_layers=2, epochs=2, random_state=i)
    learner.fit(X, y).predict(X)
    if i == 9:
        level = resident()
print(resident() - level)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hundred_fits_end_within_20_mb_of_the_tenth():
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 20
