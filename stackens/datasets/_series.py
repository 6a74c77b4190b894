"""Series to forecast."""

from __future__ import annotations

import os
from typing import Any

from sklearn.utils import Bunch

from stackens.datasets._files import find_files

_DATASETS = "https://raw.githubusercontent.com/jbrownlee/Datasets/master"
_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"
_CHECKSUMS = {
    "airline-passengers.csv": "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
    "daily-min-temperatures.csv": (
        "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da"
    ),
    "ETTh1.csv": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    "monthly-sunspots.csv": "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
}


def _read(name: str, url: str, data_home: Any, download_if_missing: bool) -> Any:
    import pandas as pd

    paths = find_files(
        "forecasting",
        {name: _CHECKSUMS[name]},
        f"{url}/{name}",
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    return pd.read_csv(paths[name], index_col=0)


def load_airline_passengers(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the monthly numbers of international airline passengers, 1949 to 1960.

    Source: Box and Jenkins, *Time Series Analysis: Forecasting and Control*, 1976, series G.

    Parameters
    ----------
    data_home : path, default=None
        Folder with ``forecasting/airline-passengers.csv``; then STACKENS_DATA and the cache are
        looked in.
    download_if_missing : bool, default=True
        Whether to download a file that is nowhere.

    Returns
    -------
    pandas.Series of shape (144,)
        Thousands of passengers; PeriodIndex of months.

    Raises
    ------
    OSError
        If the file cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_airline_passengers
    >>> load_airline_passengers().head(1)  # doctest: +SKIP
    """
    import pandas as pd

    frame = _read("airline-passengers.csv", _DATASETS, data_home, download_if_missing)
    frame.index = pd.PeriodIndex(frame.index, freq="M", name="month")
    return frame["Passengers"].astype(float).rename("passengers")


def load_sunspots(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the monthly mean numbers of sunspots, 1749 to 1983.

    Source: Andrews and Herzberg, *Data: A Collection of Problems from Many Fields for the Student
    and Research Worker*, 1985. The cycle has a length of about 11 years.

    Parameters
    ----------
    data_home : path, default=None
        Folder with ``forecasting/monthly-sunspots.csv``; then STACKENS_DATA and the cache are
        looked in.
    download_if_missing : bool, default=True
        Whether to download a file that is nowhere.

    Returns
    -------
    pandas.Series of shape (2820,)
        PeriodIndex of months.

    Raises
    ------
    OSError
        If the file cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_sunspots
    >>> load_sunspots().head(1)  # doctest: +SKIP
    """
    import pandas as pd

    frame = _read("monthly-sunspots.csv", _DATASETS, data_home, download_if_missing)
    frame.index = pd.PeriodIndex(frame.index, freq="M", name="month")
    return frame["Sunspots"].astype(float).rename("sunspots")


def load_daily_min_temperatures(
    *,
    fill_gaps: bool = True,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the daily minimum temperatures in Melbourne, 1981 to 1990.

    Source: Australian Bureau of Meteorology. The last days of the leap years 1984 and 1988 are
    not in the data.

    Parameters
    ----------
    fill_gaps : bool, default=True
        Whether the two missing days get the temperature of the day before. Without it the index
        has no frequency, and a forecaster refuses it.
    data_home : path, default=None
        Folder with ``forecasting/daily-min-temperatures.csv``; then STACKENS_DATA and the cache
        are looked in.
    download_if_missing : bool, default=True
        Whether to download a file that is nowhere.

    Returns
    -------
    pandas.Series of shape (3652,), or (3650,) with gaps
        Degrees Celsius; DatetimeIndex.

    Raises
    ------
    OSError
        If the file cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_daily_min_temperatures
    >>> load_daily_min_temperatures().head(1)  # doctest: +SKIP
    """
    import pandas as pd

    frame = _read("daily-min-temperatures.csv", _DATASETS, data_home, download_if_missing)
    frame.index = pd.DatetimeIndex(frame.index, name="date")
    series = frame["Temp"].rename("temperature")
    return series.asfreq("D", method="ffill") if fill_gaps else series


_DESCRIPTION = """\
Oil temperature and six power loads of an electricity transformer in China, every hour from July
2016 to June 2018. HUFL, MUFL and LUFL are useful loads (high, middle, low), HULL, MULL and LULL
useless ones.
Source: H. Zhou et al. (2021), "Informer: Beyond Efficient Transformer for Long Sequence
Time-Series Forecasting", AAAI. Licence: CC BY-ND 4.0.
"""


def load_etth1(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Load ETTh1: oil temperature and loads of an electricity transformer, hourly for two years.

    Source: Zhou et al., *Informer: Beyond Efficient Transformer for Long Sequence Time-Series
    Forecasting*, AAAI 2021.

    Parameters
    ----------
    data_home : path, default=None
        Folder with ``forecasting/ETTh1.csv``; then STACKENS_DATA and the cache are looked in.
    download_if_missing : bool, default=True
        Whether to download a file that is nowhere.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: DataFrame of shape (17420, 6) with the loads HUFL, HULL, MUFL, MULL, LUFL and
        LULL; ``target``: Series of shape (17420,), the oil temperature; ``DESCR``. Both have a
        DatetimeIndex of hours.

    Raises
    ------
    OSError
        If the file cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_etth1
    >>> load_etth1().data.shape  # doctest: +SKIP
    (17420, 6)
    """
    import pandas as pd

    frame = _read("ETTh1.csv", _ETT, data_home, download_if_missing)
    frame.index = pd.DatetimeIndex(frame.index, freq=pd.offsets.Hour(), name="time")
    return Bunch(data=frame.drop(columns="OT"), target=frame["OT"], DESCR=_DESCRIPTION)
