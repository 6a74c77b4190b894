"""Digits written with a pen."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts

_SOURCE = (
    "The files pendigits.tra and pendigits.tes at https://archive.ics.uci.edu/dataset/81 hold "
    "them: 16 coordinates and the digit in a line, separated by commas."
)
_DESCRIPTION = """\
Digits written on a tablet, as 8 points at equal distances along the line of the pen. 7,494 training
rows of 30 writers, 3,498 test rows of 14 others. Source: F. Alimoglu and E. Alpaydin, "Methods of
combining multiple classifiers based on different representations for pen-based handwriting
recognition", 1996.
"""


def load_pendigits(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load PenDigits: handwritten digits as 8 points of the pen.

    The standard split has 7,494 training rows, of 30 writers, and 3,498 test rows, of 14 others.
    Source: F. Alimoğlu and E. Alpaydın, *Methods of combining multiple classifiers based on
    different representations for pen-based handwriting recognition*, 1996.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``pendigits/pendigits_train.csv`` and
        ``…_test.csv``; then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: float64 of shape (n_samples, 8, 2), x and y from 0 to 100; ``target``: int of
        shape (n_samples,), the digit; ``is_test``: bool of shape (n_samples,); ``DESCR``.
    (X, y) : tuple of ndarray
        If ``return_X_y``.

    Raises
    ------
    InvalidInputError
        If ``split`` is unknown.
    OSError
        If the files are in none of the places; the message says where they are published.

    Examples
    --------
    >>> from stackens.datasets import load_pendigits
    >>> X, y = load_pendigits("train", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (7494, 8, 2)
    """
    wanted = check_split(split)
    files = ["pendigits_train.csv", "pendigits_test.csv"]
    paths = find_local_files("pendigits", files, _SOURCE, data_home=data_home)
    tables = [np.loadtxt(paths[f"pendigits_{p}.csv"], delimiter=",", ndmin=2) for p in wanted]
    parts = [(table[:, :16].reshape(-1, 8, 2), table[:, 16].astype(int)) for table in tables]
    return join_parts(parts, wanted, _DESCRIPTION, return_X_y=return_X_y)
