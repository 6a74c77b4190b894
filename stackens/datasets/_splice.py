"""Where genes are cut: DNA as text."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from stackens.datasets._files import find_local_files

_SOURCE = (
    "The file is at https://archive.ics.uci.edu/dataset/69: a line is class, name and 60 bases, "
    "separated by commas."
)
_DESCRIPTION = """\
Primate DNA around splice junctions, 60 bases: an exon ends in the middle (EI), begins there (IE),
or neither (N). 3,190 rows, sorted by class. D is A, G or T; N any base; S is C or G; R is A or G.
Source: G. Towell, M. Noordewier and J. Shavlik, "Molecular biology (splice-junction gene
sequences)", UCI machine learning repository, 1992.
"""


def load_splice(
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Any:
    """Load splice junctions of DNA: 60 bases, and whether an exon begins or ends there.

    3,190 rows, sorted by class; there is no standard split: shuffle. Source: G. Towell, M.
    Noordewier and J. Shavlik, *Primate splice-junction gene sequences*, UCI, 1992.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : path, default=None
        Folder that holds ``splice/splice.data``; then STACKENS_DATA and the cache are looked in.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: object array of str of shape (n_samples,), 60 letters each: A, C, G, T, and rarely
        D, N, S, R where a base is not sure; ``target``: str of shape (n_samples,), "EI" (exon to
        intron), "IE" or "N" (neither); ``DESCR``.
    (X, y) : tuple of ndarray
        If ``return_X_y``.

    Raises
    ------
    OSError
        If the files are in none of the places; the message says where they are published.

    Examples
    --------
    >>> from stackens.datasets import load_splice
    >>> X, y = load_splice(return_X_y=True)  # doctest: +SKIP
    >>> len(X), X[0][:8], y[0]  # doctest: +SKIP
    (3190, 'CCAGCTGC', 'EI')
    """
    paths = find_local_files("splice", ["splice.data"], _SOURCE, data_home=data_home)
    lines = paths["splice.data"].read_text(encoding="ascii").splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines if line]
    X, y = np.array([row[2] for row in rows], dtype=object), np.array([row[0] for row in rows])
    return (X, y) if return_X_y else Bunch(data=X, target=y, DESCR=_DESCRIPTION)
