"""Sequences as table rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import all_or_nothing
from stackens.preprocessing._base import SequenceTransformer, channel_names, cut_or_pad


class SequenceFlattener(SequenceTransformer):
    """Write all timesteps of a sequence side by side, for estimators of tables.

    Parameters
    ----------
    fill_value : float, default=0.0
        For padded timesteps.

    Attributes
    ----------
    length_ : int
        Timesteps of the longest sequence in ``fit``; longer ones are cut to it later.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequenceFlattener
    >>> SequenceFlattener().fit_transform([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]])
    array([[1., 2., 3., 4.],
           [5., 6., 0., 0.]])
    """

    def __init__(self, fill_value: float = 0.0) -> None:
        self.fill_value = fill_value

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
        batch = self._read(X, reset=True)
        self.length_ = int(batch.lengths.max())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Flatten.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps * n_channels)
            Timestep after timestep.
        """
        batch = self._read(X, reset=False)
        return cut_or_pad(batch, self.length_, self.fill_value).reshape(batch.n_samples, -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each column: channel and timestep, or the table's own name.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of channels, or of a table's columns.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        names = channel_names(self, input_features)
        if self._input_kind == "table":
            return names
        return np.asarray([f"{c}_t{t}" for t in range(self.length_) for c in names], dtype=object)
