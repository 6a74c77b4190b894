"""Checks of parameters of estimators; each names the parameter, what it takes, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from stackens.exceptions import InvalidInputError

__all__ = ["check_choice", "check_count"]


def check_count(name: str, value: Any, *, least: int = 1, or_none: bool = False) -> None:
    """Refuse what is no whole number from ``least`` on; None only with ``or_none``."""
    if value is None and or_none:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        kinds = f"{'None or ' if or_none else ''}an integer >= {least}"
        raise InvalidInputError(f"`{name}` must be {kinds}; got {value!r}.")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not known."""
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {list(choices)}; got {value!r}.")
