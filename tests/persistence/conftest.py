"""Small data, and fitted estimators of each kind."""

from __future__ import annotations

import numpy as np
import pytest

from stackens.datasets import load_digits_sequences


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:120], y[:120]


@pytest.fixture(autouse=True)
def _short():
    with np.printoptions(threshold=20):
        yield


@pytest.fixture(scope="session")
def series():
    steps = np.arange(90)
    return np.sin(steps / 5) + 0.01 * steps
