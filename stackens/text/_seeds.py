"""Seeds of what is trained, or drawn."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from stackens.exceptions import InvalidInputError

__all__ = ["LARGEST_SEED", "draw_seed"]

LARGEST_SEED = np.iinfo(np.int32).max


def draw_seed(random_state: Any) -> int:
    """Return an integer as it is; draw one from a generator, or anew for None."""
    if isinstance(random_state, Integral) and int(random_state) >= 0:
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(LARGEST_SEED))
    except ValueError as error:
        raise InvalidInputError(
            "`random_state` must be an integer >= 0, a numpy.random.RandomState or None; got "
            f"{random_state!r}."
        ) from error
