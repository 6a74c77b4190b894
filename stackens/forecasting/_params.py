"""Checks of the parameters of forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from stackens.exceptions import InvalidInputError

__all__ = ["check_choice", "check_count", "read_lags"]


def check_count(name: str, value: Any, *, least: int = 1) -> None:
    """Refuse what is no whole number from ``least`` on."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"`{name}` must be an integer >= {least}; got {value!r}.")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not known."""
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {list(choices)}; got {value!r}.")


def read_lags(difference: Any) -> tuple[int, ...]:
    """Return the lags of differences as a tuple."""
    lags = () if difference is None else difference
    lags = (lags,) if isinstance(lags, Integral) else tuple(lags)
    for lag in lags:
        check_count("difference", lag)
    return tuple(int(lag) for lag in lags)
