"""Questions, and what they ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from stackens.datasets._files import find_local_files
from stackens.datasets._parts import check_split, join_parts

_SOURCE = (
    "The files train_5500.label and TREC_10.label at https://cogcomp.seas.upenn.edu/Data/QA/QC/ "
    "hold them: a line is COARSE:fine, a space, and the question, in latin-1."
)
_DESCRIPTION = """\
English questions, and the kind of answer that each wants: abbreviation, description, entity, human,
location, number. 5,452 training and 500 test rows. Source: X. Li and D. Roth, "Learning question
classifiers", COLING 2002.
"""


def load_trec(
    split: str | None = None,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load TREC: questions, and what kind of answer they want.

    The standard split has 5,452 training and 500 test rows. Source: X. Li and D. Roth, *Learning
    question classifiers*, COLING 2002.

    Parameters
    ----------
    split : {"train", "test", None}, default=None
        Which rows; None is all, training rows first.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``trec/TREC.train`` and ``trec/TREC.test``;
        then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: object array of str of shape (n_samples,), the questions; ``target``: str of
        shape (n_samples,), one of ABBR, DESC, ENTY, HUM, LOC and NUM; ``fine``: str of shape
        (n_samples,), one of 50 finer classes, e.g. ``"NUM:date"``; ``is_test``: bool of shape
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
    >>> from stackens.datasets import load_trec
    >>> texts, y = load_trec("train", return_X_y=True)  # doctest: +SKIP
    >>> texts[0], y[0]  # doctest: +SKIP
    ('How did serfdom develop in and then leave Russia ?', 'DESC')
    """
    wanted = check_split(split)
    files = ["TREC.train", "TREC.test"]
    paths = find_local_files("trec", files, _SOURCE, data_home=data_home)
    parts = [_read(paths[f"TREC.{part}"]) for part in wanted]
    return join_parts(parts, wanted, _DESCRIPTION, return_X_y=return_X_y, more=("fine",))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return questions, coarse and fine classes."""
    lines = path.read_text(encoding="latin-1").splitlines()
    fine, texts = zip(*(line.split(" ", 1) for line in lines if line), strict=True)
    coarse = [label.split(":")[0] for label in fine]
    return np.array(texts, dtype=object), np.array(coarse), np.array(fine)
