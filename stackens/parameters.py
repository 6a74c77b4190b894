"""Parameters of estimators; an error names the parameter, what it takes, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from stackens.exceptions import InvalidInputError

__all__ = ["LARGEST_SEED", "check_choice", "check_count", "draw_seed"]

LARGEST_SEED = np.iinfo(np.int32).max


def check_count(
    name: str, value: Any, *, least: int = 1, most: float = float("inf"), or_none: bool = False
) -> None:
    """Refuse what is no whole number from ``least`` to ``most``; None only with ``or_none``."""
    if value is None and or_none:
        return
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (is_whole and least <= value <= most):
        span = f">= {least}" if most == float("inf") else f"from {least} to {most}"
        kinds = f"{'None or ' if or_none else ''}an integer {span}"
        raise InvalidInputError(f"`{name}` must be {kinds}; got {value!r}.")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not known."""
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {list(choices)}; got {value!r}.")


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
