"""Hand movements of the Brazilian sign language."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts

_SOURCE = (
    "The data are at https://archive.ics.uci.edu/dataset/181/libras+movement; save X_train, "
    "y_train, X_test and y_test by numpy.savez, the data of shape (n_samples, 45, 2)."
)
_DESCRIPTION = """\
Movements of a hand in the Brazilian sign language: its place in 45 frames of a video, 15 kinds of
movement. 180 training and 180 test rows. Source: D. B. Dias et al., "Hand movement recognition for
Brazilian sign language: a study using distance-based neural networks", IJCNN 2009.
"""


def load_libras(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load Libras: 15 hand movements, the hand's place in 45 frames.

    The standard split has 180 training and 180 test rows. Source: D. B. Dias, R. C. B. Madeo, T.
    Rocha, H. H. Biscaro and S. M. Peres, *Hand movement recognition for Brazilian sign language*,
    IJCNN 2009.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``libras/Libras.npz``, with arrays ``X_train``,
        ``y_train``, ``X_test`` and ``y_test``; then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: float32 of shape (n_samples, 45, 2) in [0, 1]; ``target``: int of shape
        (n_samples,), 1 to 15; ``is_test``: bool of shape (n_samples,); ``DESCR``.
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
    >>> from stackens.datasets import load_libras
    >>> X, y = load_libras("train", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (180, 45, 2)
    """
    wanted = check_split(split)
    paths = find_local_files("libras", ["Libras.npz"], _SOURCE, data_home=data_home)
    with np.load(paths["Libras.npz"], allow_pickle=False) as arrays:
        parts = [(arrays[f"X_{part}"], arrays[f"y_{part}"].astype(int)) for part in wanted]
    return join_parts(parts, wanted, _DESCRIPTION, return_X_y=return_X_y)
