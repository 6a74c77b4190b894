"""Handwritten digits, read as sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch


def load_digits_sequences(*, return_X_y: bool = False) -> Any:
    """Load the digits that ship with scikit-learn, each image as 8 steps (its rows) of 8 pixels.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.

    Returns
    -------
    sklearn.utils.Bunch
        ``data``: float32 of shape (1797, 8, 8) in [0, 1]; ``target``: int of shape (1797,), the
        digit; ``DESCR``.
    (X, y) : tuple of ndarray
        If ``return_X_y``.

    Examples
    --------
    >>> from stackens.datasets import load_digits_sequences
    >>> X, y = load_digits_sequences(return_X_y=True)
    >>> X.shape, y.shape
    ((1797, 8, 8), (1797,))
    """
    digits = load_digits()
    X = (digits.images / 16).astype(np.float32)
    if return_X_y:
        return X, digits.target
    return Bunch(data=X, target=digits.target, DESCR=digits.DESCR)
