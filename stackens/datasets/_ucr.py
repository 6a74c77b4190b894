"""Sets of the UCR and UEA archives of time series."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts, number_labels
from stackens.datasets._ts import read_ts
from stackens.exceptions import InvalidInputError

_SOURCE = (
    "The archive {name}.zip at https://www.timeseriesclassification.com/description.php?"
    "Dataset={name} holds them."
)
_DESCRIPTIONS = {
    "GunPoint": """\
The centroid of a hand that draws a gun, or points, 150 frames. 50 training and 150 test rows.
Source: C. A. Ratanamahatana and E. Keogh, "Everything you know about dynamic time warping is
wrong", 2004.
""",
    "ItalyPowerDemand": """\
The electrical power demand of Italy on a day, 24 hours: October to March, or April to September.
67 training and 1029 test rows. Source: E. Keogh, L. Wei, X. Xi, S. Lonardi, J. Shieh and S.
Sirowy, "Intelligent icons", ICDM 2006.
""",
    "ArrowHead": """\
Outlines of projectile points as angles, 251 steps; three shapes. 36 training and 175 test rows.
Source: L. Ye and E. Keogh, "Time series shapelets", KDD 2009.
""",
    "BasicMotions": """\
Accelerometer and gyroscope of a smart watch, 6 channels, 100 steps: standing, walking, running,
badminton. 40 training and 40 test rows. Source: J. Clements, UEA archive, 2018.
""",
}


def load_ucr(
    name: str,
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load a small set of the UCR and UEA archives, with its standard split.

    Source: H. A. Dau et al., *The UCR time series archive*, 2019; A. Bagnall et al., *The UEA
    multivariate time series classification archive*, 2018.

    Parameters
    ----------
    name : {"GunPoint", "ItalyPowerDemand", "ArrowHead", "BasicMotions"}
        The set. ``load_japanese_vowels`` loads another one.
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``ucr/NAME_TRAIN.ts`` and ``ucr/NAME_TEST.ts``;
        then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: float64 of shape (n_samples, n_timesteps, n_channels); ``target``: int, or str
        for BasicMotions, of shape (n_samples,); ``is_test``: bool of shape (n_samples,);
        ``DESCR``.
    (X, y) : tuple of ndarray
        If ``return_X_y``.

    Raises
    ------
    InvalidInputError
        If ``name`` or ``split`` is unknown.
    OSError
        If the files are in none of the places; the message says where they are published.

    Examples
    --------
    >>> from stackens.datasets import load_ucr
    >>> X, y = load_ucr("GunPoint", "train", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (50, 150, 1)
    """
    if name not in _DESCRIPTIONS:
        raise InvalidInputError(f"`name` must be one of {list(_DESCRIPTIONS)}; got {name!r}.")
    wanted = check_split(split)
    files = [f"{name}_TRAIN.ts", f"{name}_TEST.ts"]
    paths = find_local_files("ucr", files, _SOURCE.format(name=name), data_home=data_home)
    parts = [read_ts(paths[f"{name}_{part.upper()}.ts"]) for part in wanted]
    numbered = [(np.stack(list(X)), number_labels(y)) for X, y in parts]
    return join_parts(numbered, wanted, _DESCRIPTIONS[name], return_X_y=return_X_y)
