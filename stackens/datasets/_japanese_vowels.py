"""The Japanese vowels data: who is speaking."""

from __future__ import annotations

import os
from typing import Any

from stackens.datasets._files import find_files
from stackens.datasets._parts import check_split, join_parts, number_labels
from stackens.datasets._ts import read_ts

_URL = "https://www.timeseriesclassification.com/aeon-toolkit/JapaneseVowels.zip"
_CHECKSUMS = {
    "JapaneseVowels_TRAIN.ts": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "JapaneseVowels_TEST.ts": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}
_DESCRIPTION = """\
Nine male speakers utter the Japanese vowels /ae/; each frame of an utterance is described by 12
linear prediction cepstrum coefficients. The task is to tell the speaker. 270 training rows (30 of
each speaker), 370 test rows (24 to 88), 7 to 29 frames.
Source: M. Kudo, J. Toyama and M. Shimbo (1999), "Multidimensional curve classification using
passing-through regions", Pattern Recognition Letters 20(11-13), 1103-1111.
"""


def load_japanese_vowels(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the Japanese vowels data: nine speakers say /ae/, 12 coefficients a frame.

    Sequences have 7 to 29 frames. The standard split has 270 training and 370 test rows. Source:
    Kudo, Toyama and Shimbo, *Multidimensional curve classification using passing-through regions*,
    Pattern Recognition Letters, 1999.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder with ``ucr/JapaneseVowels_TRAIN.ts`` and ``…_TEST.ts``; then STACKENS_DATA and the
        cache are looked in.
    download_if_missing : bool, default=True
        Whether to download files that are nowhere.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: object array of shape (n_samples,) with float64 arrays of shape (T_i, 12);
        ``target``: int of shape (n_samples,), the speaker, from 1; ``is_test``: bool of shape
        (n_samples,); ``DESCR``.
    (X, y) : tuple of ndarray
        If ``return_X_y``.

    Raises
    ------
    InvalidInputError
        If ``split`` is unknown.
    OSError
        If the files cannot be had.

    Examples
    --------
    >>> from stackens.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels("train", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X[0].shape  # doctest: +SKIP
    ((270,), (20, 12))
    """
    wanted = check_split(split)
    paths = find_files(
        "ucr", _CHECKSUMS, _URL, data_home=data_home, download_if_missing=download_if_missing
    )
    parts = [read_ts(paths[f"JapaneseVowels_{part.upper()}.ts"]) for part in wanted]
    numbered = [(X, number_labels(y)) for X, y in parts]
    return join_parts(numbered, wanted, _DESCRIPTION, return_X_y=return_X_y)
