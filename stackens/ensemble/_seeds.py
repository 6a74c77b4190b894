"""Seeds for estimators that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["fill_seeds"]


def fill_seeds(estimator: Any, draw: Callable[[int], Any]) -> Any:
    """Set every ``random_state`` that is None, also those of parts, in the order of their names.

    Parameters
    ----------
    estimator : estimator
        Changed in place.
    draw : callable
        ``draw(end)`` returns a whole number from 0 to ``end - 1``, e.g. ``rng.integers``.

    Returns
    -------
    estimator
        The same.
    """
    missing = {
        name: int(draw(np.iinfo(np.int32).max))
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return estimator.set_params(**missing) if missing else estimator
