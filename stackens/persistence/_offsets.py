"""Offsets of pandas (business days, holidays, opening hours) as JSON, and back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

_GREATEST = 1 << 31


def describe_offset(offset: Any) -> dict[str, Any] | None:
    """Describe an offset: its class and everything that it was made with.

    Parameters
    ----------
    offset : pandas.tseries.offsets.BaseOffset
        Such as ``CustomBusinessDay(holidays=["2024-12-25"])``.

    Returns
    -------
    dict or None
        JSON. None if it cannot be made again from that: a class of the user's, for example.
    """
    described = {
        "class": type(offset).__name__,
        "n": int(offset.n),
        "normalize": bool(offset.normalize),
        "options": {name: _describe(value) for name, value in offset.kwds.items()},
    }
    try:
        found = make_offset(described)
        same = type(found) is type(offset) and found == offset
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None
    again = {name: _describe(value) for name, value in found.kwds.items()}
    return described if same and again == described["options"] else None


def make_offset(described: dict[str, Any]) -> Any:
    """Do the reverse.

    Parameters
    ----------
    described : dict
        From ``describe_offset``.

    Returns
    -------
    pandas.tseries.offsets.BaseOffset

    Raises
    ------
    ArithmeticError, KeyError, TypeError, ValueError
        If it is no offset.
    """
    from pandas.tseries import offsets

    name, n, normalize = (described[k] for k in ("class", "n", "normalize"))
    if name not in offsets.__all__ or name in ("BaseOffset", "Tick"):  # these are abstract
        raise ValueError(f"an offset of class {name!r}")
    if type(n) is not int or abs(n) >= _GREATEST or type(normalize) is not bool:
        raise ValueError(f"{n!r} offsets")
    options = {key: _make(value) for key, value in described["options"].items()}
    return getattr(offsets, name)(n=n, normalize=normalize, **options)


def _describe(value: Any) -> Any:
    """Return the JSON of one option; what has none makes the offset differ when it is made."""
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, tuple | list):
        return {"tuple": [_describe(one) for one in value]}
    if isinstance(value, dt.time):
        return {"time": value.isoformat()}
    if isinstance(value, dt.timedelta):  # a Timedelta of pandas is one
        return {"seconds": value.total_seconds()}
    if isinstance(value, np.datetime64):
        return {"day": str(value.astype("M8[D]"))}
    if isinstance(value, np.busdaycalendar):
        days = {"tuple": [_describe(day) for day in value.holidays]}
        return {"week": "".join("01"[int(day)] for day in value.weekmask), "holidays": days}
    return {}


def _make(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    (kind, part), *others = value.items()
    if kind == "tuple":
        return tuple(_make(one) for one in part)
    if kind == "time":
        return dt.time.fromisoformat(part)
    if kind == "seconds":
        return dt.timedelta(seconds=part)
    if kind == "day":
        return np.datetime64(part, "D")
    if kind == "week":
        return np.busdaycalendar(part, _make(others[0][1]))
    raise ValueError(f"an option {kind!r}")
