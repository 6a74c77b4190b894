"""Gestures of naval air signallers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts, number_labels
from stackens.datasets._ts import read_ts

_SOURCE = (
    "The archive NATOPS.zip at https://www.timeseriesclassification.com/description.php?"
    "Dataset=NATOPS holds them."
)
_DESCRIPTION = """\
Naval air training and operating procedures: x, y and z of both hands, elbows, wrists and thumbs, 51
steps. Six gestures: I have command, all clear, not clear, spread wings, fold wings, lock wings. 180
training and 180 test rows. Source: N. Ghouaiel, P. Marteau and M. Dupont, "Continuous pattern
detection and recognition in stream", 2017.
"""


def load_natops(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load NATOPS: six gestures, 24 channels of positions of the body.

    Hands, elbows, wrists and thumbs, 51 steps; the standard split has 180 training and 180 test
    rows. Source: N. Ghouaiel, P. Marteau and M. Dupont, *Continuous pattern detection and
    recognition in stream*, 2017, in the UEA archive.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``natops/NATOPS_TRAIN.ts`` and ``…_TEST.ts``;
        then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: float64 of shape (n_samples, 51, 24); ``target``: int of shape (n_samples,), 1
        to 6; ``is_test``: bool of shape (n_samples,); ``DESCR``.
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
    >>> from stackens.datasets import load_natops
    >>> X, y = load_natops("train", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (180, 51, 24)
    """
    wanted = check_split(split)
    files = ["NATOPS_TRAIN.ts", "NATOPS_TEST.ts"]
    paths = find_local_files("natops", files, _SOURCE, data_home=data_home)
    parts = [read_ts(paths[f"NATOPS_{part.upper()}.ts"]) for part in wanted]
    numbered = [(np.stack(list(X)), number_labels(y)) for X, y in parts]
    return join_parts(numbered, wanted, _DESCRIPTION, return_X_y=return_X_y)
