"""Indexes of time series as integers and strings, and back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.persistence._offsets import describe_offset, make_offset

# Names of time zones and periods only: pandas would open a file that a name points to.
_ZONE = re.compile(r"[A-Za-z]+(?:[_+-][A-Za-z0-9]+|/[A-Za-z0-9_+-]+)*|UTC[+-][0-9:]{5}")
_FREQUENCY = re.compile(r"-?[0-9]{0,9}[A-Za-z]{1,6}(?:-[A-Z]{3})?")


def describe_times(index: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Describe a DatetimeIndex or PeriodIndex.

    Parameters
    ----------
    index : pandas.Index
        With a frequency.

    Returns
    -------
    (dict, ndarray of int64)
        What it is, and its steps.

    Raises
    ------
    InvalidInputError
        If it is anything else of pandas, or if other dates would come of what can be kept.
    """
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        described = {"kind": "period", "freq": index.freqstr, "zone": None, "unit": None}
    elif isinstance(index, pd.DatetimeIndex):
        freq = None if index.freq is None else describe_offset(index.freq)
        zone = None if index.tz is None else str(index.tz)
        described = {"kind": "datetime", "freq": freq, "zone": zone, "unit": index.unit}
    else:
        raise InvalidInputError(
            f"A file holds no {type(index).__name__} of pandas; convert it to NumPy first."
        )
    described["name"] = index.name if isinstance(index.name, str) else None
    values = np.asarray(index.asi8)
    if not _are_the_same(described, values, index):
        raise InvalidInputError(
            f"A file cannot keep an index of the frequency {index.freq!r} and the time zone "
            f"{getattr(index, 'tz', None)!r}. Use an offset of pandas, and a time zone by its name."
        )
    return described, values


def _are_the_same(described: dict[str, Any], values: np.ndarray, index: Any) -> bool:
    try:
        found = make_times(described, values)
        return found.dtype == index.dtype and found.equals(index) and found.freq == index.freq
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return False


def make_times(described: dict[str, Any], values: np.ndarray) -> Any:
    """Do the reverse.

    Parameters
    ----------
    described : dict
        From ``describe_times``.
    values : ndarray of int64
        Its steps.

    Returns
    -------
    DatetimeIndex or PeriodIndex

    Raises
    ------
    ArithmeticError, KeyError, TypeError, ValueError
        If it cannot be one.
    """
    import pandas as pd

    freq, zone, unit, name = (described[k] for k in ("freq", "zone", "unit", "name"))
    if values.dtype != np.int64 or values.ndim != 1:
        raise ValueError("times that are no integers")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"times of the name {name!r}")
    if isinstance(freq, dict):
        freq = make_offset(freq)
    elif freq is not None and not _FREQUENCY.fullmatch(freq):
        raise ValueError(f"frequency {freq!r}")
    if described["kind"] == "period":
        periods = pd.arrays.PeriodArray(values, dtype=pd.PeriodDtype(freq))
        return pd.PeriodIndex(periods, name=name)
    if unit not in ("s", "ms", "us", "ns") or (zone is not None and not _ZONE.fullmatch(zone)):
        raise ValueError(f"times in {unit!r} of zone {zone!r}")
    index = pd.DatetimeIndex(values.view(f"M8[{unit}]"), name=name)
    if zone is not None:
        index = index.tz_localize("UTC").tz_convert(zone)
    index.freq = freq  # refused if the times are others
    return index
