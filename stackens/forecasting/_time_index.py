"""Time indexes: regular, and told what comes next."""

from __future__ import annotations

import warnings
from typing import Any

from stackens.exceptions import InvalidInputError

_FEW = 10  # timestamps that show a frequency


def is_time_index(index: Any) -> bool:
    """Whether it is a DatetimeIndex or PeriodIndex."""
    import pandas as pd

    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)


def read_time_index(index: Any, name: str) -> Any:
    """Check that an index is regular, and return it with its frequency.

    Parameters
    ----------
    index : pandas.Index
        Of the series.
    name : str
        Whose index it is, for messages.

    Returns
    -------
    DatetimeIndex or PeriodIndex
        Its ``freq`` is set.

    Raises
    ------
    InvalidInputError
        If timestamps are missing, duplicate or out of order, or the frequency is unknown or
        changes; the message names the first ones.
    """
    import pandas as pd

    if not is_time_index(index):
        raise InvalidInputError(
            f"`{name}` must have a DatetimeIndex or PeriodIndex; got {type(index).__name__}. Set "
            f"one, or pass `{name}.to_numpy()`, whose steps are counted."
        )
    if index.hasnans:
        raise InvalidInputError(f"The index of `{name}` holds NaT; every row needs its time.")
    _check_order(index, name)
    if isinstance(index, pd.PeriodIndex):
        full = pd.period_range(index[0], index[-1], freq=index.freq)
        _check_complete(index, full, name, index.freq)
        return index
    if index.freq is not None:
        return index
    freq = _find_frequency(index, name)
    _check_complete(index, pd.date_range(index[0], index[-1], freq=freq), name, freq)
    return pd.DatetimeIndex(index, freq=freq)


def next_times(index: Any, n_steps: int) -> Any:
    """Return the ``n_steps`` times that follow the last one of an index with a frequency."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(index[-1] + index.freq, periods=n_steps, freq=index.freq)
    return pd.date_range(index[-1], periods=n_steps + 1, freq=index.freq)[1:]


def check_follows(index: Any, known: Any, name: str) -> None:
    """Check that ``index`` goes on where ``known`` ends, at the same frequency.

    Raises
    ------
    InvalidInputError
        If it overlaps, leaves a gap, or has another frequency.
    """
    if not is_time_index(index) or type(index) is not type(known):
        raise InvalidInputError(
            f"`{name}` must have a {type(known).__name__}, like the series that was fitted; got "
            f"{type(index).__name__}."
        )
    if index.freq is not None and index.freq != known.freq:
        raise InvalidInputError(
            f"The frequency of `{name}` is {index.freqstr!r}, that of the fitted series "
            f"{known.freqstr!r}; a frequency must not change."
        )
    _check_order(index, name)
    if str(getattr(index, "tz", None)) != str(getattr(known, "tz", None)):
        raise InvalidInputError(
            f"`{name}` is in the time zone {index.tz}, the fitted series in {known.tz}."
        )
    if index[0] <= known[-1]:
        raise InvalidInputError(
            f"`{name}` starts at {index[0]}, which is not after the cutoff {known[-1]}; pass only "
            "what is new."
        )
    # The last place that a gap can reach is the last time; a few more tell a frequency apart.
    n_steps = len(index)
    full = next_times(known, n_steps)
    while full[-1] < index[-1]:
        n_steps *= 2
        full = next_times(known, n_steps)
    _check_complete(index, full[full <= index[-1]], name, known.freq)


def _check_order(index: Any, name: str) -> None:
    if len(index) == 0:
        raise InvalidInputError(f"`{name}` must have at least one row; it has none.")
    if index.has_duplicates:
        twice = index[index.duplicated()].unique()
        raise InvalidInputError(f"`{name}` has duplicate timestamps: {_few(twice)}. Keep one each.")
    if not index.is_monotonic_increasing:
        raise InvalidInputError(f"The times of `{name}` must increase; sort it by its index.")


def _check_complete(index: Any, full: Any, name: str, freq: Any) -> None:
    freq = getattr(freq, "freqstr", freq)
    strange = index.difference(full)
    if len(strange):
        raise InvalidInputError(
            f"`{name}` has timestamps that are not on the frequency {freq!r}: {_few(strange)}. "
            "A frequency must not change; resample to one."
        )
    missing = full.difference(index)
    if len(missing):
        raise InvalidInputError(
            f"`{name}` has a gap: at the frequency {freq!r} the timestamps {_few(missing)} are "
            "missing. Insert and fill them, e.g. with `asfreq` and `interpolate`."
        )


def _few(times: Any) -> str:
    shown = ", ".join(str(time) for time in times[:5])
    return f"{shown} and {len(times) - 5} more" if len(times) > 5 else shown


def _find_frequency(index: Any, name: str) -> Any:
    found = _infer(index)
    if found is not None:
        return found
    first, last = _infer(index[:_FEW]), _infer(index[-_FEW:])
    if first is not None and last is not None and first != last:
        raise InvalidInputError(
            f"The frequency of `{name}` changes from {first.freqstr!r} to {last.freqstr!r}; "
            "resample to one."
        )
    stretches = (_infer(index[k : k + 4]) for k in range(min(len(index), 50) - 3))
    found = first or last or next((freq for freq in stretches if freq is not None), None)
    if found is None:
        raise InvalidInputError(
            f"The frequency of the index of `{name}` cannot be found from its {len(index)} "
            f"timestamps; set it: `{name} = {name}.asfreq(…)`."
        )
    return found


def _infer(index: Any) -> Any:
    import pandas as pd

    if len(index) < 3:
        return None
    with warnings.catch_warnings():  # pandas 3 announces another type of result
        warnings.simplefilter("ignore")
        found = pd.infer_freq(index)
    return None if found is None else pd.tseries.frequencies.to_offset(found)
