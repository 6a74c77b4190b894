"""Ragged sequences into one array."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import all_or_nothing, check_choice, check_count
from stackens.preprocessing._base import (
    SequenceTransformer,
    cut_or_pad,
)


class SequencePadder(SequenceTransformer):
    """Bring sequences to one length; padded timesteps are NaN in every channel.

    Learners need no padding; it is of use for tools that want an array.

    Parameters
    ----------
    max_length : int, default=None
        Timesteps of the result; None is the longest sequence in ``fit``.
    truncation : {"right", "left"}, default="right"
        Which end of a longer sequence is cut off.

    Attributes
    ----------
    length_ : int
        Timesteps of the result.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequencePadder
    >>> SequencePadder().fit_transform([[[1.0], [2.0]], [[3.0]]])[:, :, 0]
    array([[ 1.,  2.],
           [ 3., nan]])
    """

    def __init__(self, max_length: int | None = None, *, truncation: str = "right") -> None:
        self.max_length = max_length
        self.truncation = truncation

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the length.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        check_choice("truncation", self.truncation, ("right", "left"))
        check_count("max_length", self.max_length, or_none=True)
        batch = self._read(X, reset=True)
        self.length_ = int(self.max_length or batch.lengths.max())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Pad or cut.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features)
            Always 3-D, with one channel for a table: in a table, NaN could not mean padding.
        """
        return cut_or_pad(self._read(X, reset=False), self.length_, np.nan, self.truncation)
