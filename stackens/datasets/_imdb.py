"""Film reviews, and whether they praise."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts

_SOURCE = (
    "https://ai.stanford.edu/~amaas/data/sentiment/ publishes the reviews, one file each; a line "
    "here is the label (0 or 1), a tab, the name of that file (id_rating), a tab, and the review."
)
_DESCRIPTION = """\
Film reviews, and whether they praise (1) or not (0): 25,000 training and 25,000 test rows, half of
each kind. Source: A. Maas et al., "Learning word vectors for sentiment analysis", ACL 2011.
"""


def load_imdb(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load IMDB: film reviews, and whether they praise.

    The standard split has 25,000 training and 25,000 test rows. Source: A. Maas et al., *Learning
    word vectors for sentiment analysis*, ACL 2011.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first. Rows are sorted by their label: shuffle
        before taking some.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``imdb/imdb_train.tsv.gz`` and ``imdb/imdb_test.tsv.gz``; then
        STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: object array of str of shape (n_samples,), the reviews; ``target``: int of shape
        (n_samples,), 1 for praise; ``rating``: int of shape (n_samples,), stars from 1 to 10;
        ``is_test``: bool of shape (n_samples,); ``DESCR``.
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
    >>> from stackens.datasets import load_imdb
    >>> texts, y = load_imdb("train", return_X_y=True)  # doctest: +SKIP
    >>> texts.shape, y.mean()  # doctest: +SKIP
    ((25000,), 0.5)
    """
    wanted = check_split(split)
    files = ["imdb_train.tsv.gz", "imdb_test.tsv.gz"]
    paths = find_local_files("imdb", files, _SOURCE, data_home=data_home)
    parts = [_read(paths[f"imdb_{part}.tsv.gz"]) for part in wanted]
    return join_parts(parts, wanted, _DESCRIPTION, return_X_y=return_X_y, more=("rating",))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return reviews, labels and ratings."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        labels, names, texts = zip(
            *(line.rstrip("\n").split("\t", 2) for line in file), strict=True
        )
    ratings = [int(name.rpartition("_")[2]) for name in names]
    return np.array(texts, dtype=object), np.array(labels, dtype=int), np.array(ratings)
