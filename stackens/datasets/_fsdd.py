"""Spoken digits of a few speakers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts
from stackens.sequences import as_object_array

_SOURCE = (
    "The recordings are at https://github.com/Jakobovski/free-spoken-digit-dataset; the file holds "
    "their 13 mel-frequency cepstral coefficients: arrays X, lengths, y, speaker, take, is_test."
)
_DESCRIPTION = """\
Six speakers say the digits 0 to 9, 50 times each; 13 mel-frequency cepstral coefficients a frame.
3,000 rows; takes 0 to 4 are the official test rows. Source: Z. Jackson, C. Souza, J. Flaks, Y. Pan,
H. Nicolas and A. Thite, "Free spoken digit dataset", 2018.
"""


def load_fsdd(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load the free spoken digit data: six speakers say digits, 13 MFCC a frame.

    Ragged sequences. The official split has 2,700 training and 300 test rows, of the same
    speakers: a score on it says little about a new speaker. Split by ``speaker`` for that, e.g.
    with :class:`~sklearn.model_selection.LeaveOneGroupOut`. Source: Z. Jackson et al.,
    *Free spoken digit dataset*, 2018.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``fsdd/fsdd_mfcc13.npz``, with arrays ``X``
        (frames of all recordings, of shape (n_frames, 13)), ``lengths``, ``y``, ``speaker``,
        ``take`` and ``is_test``; then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: object array of shape (n_samples,) with float32 arrays of shape (T_i, 13);
        ``target``: int of shape (n_samples,), the digit; ``speaker``: str of shape (n_samples,);
        ``take``: int of shape (n_samples,), which repetition; ``is_test``: bool of shape
        (n_samples,); ``DESCR``.
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
    >>> from stackens.datasets import load_fsdd
    >>> digits = load_fsdd()  # doctest: +SKIP
    >>> len(digits.data), sorted(set(digits.speaker))[:2]  # doctest: +SKIP
    (3000, ['george', 'jackson'])
    """
    wanted = check_split(split)
    paths = find_local_files("fsdd", ["fsdd_mfcc13.npz"], _SOURCE, data_home=data_home)
    with np.load(paths["fsdd_mfcc13.npz"], allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["lengths"])[:-1]
        X = as_object_array(np.split(arrays["X"].astype(np.float32), ends))
        fields = [arrays["y"].astype(int), arrays["speaker"], arrays["take"].astype(int)]
        is_test = arrays["is_test"].astype(bool)
    rows = [np.flatnonzero(is_test == (part == "test")) for part in wanted]
    parts = [tuple(array[part] for array in (X, *fields)) for part in rows]
    more = ("speaker", "take")
    return join_parts(parts, wanted, _DESCRIPTION, return_X_y=return_X_y, more=more)
