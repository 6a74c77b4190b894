"""Scaling of channels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from stackens.parameters import all_or_nothing, check_choice
from stackens.preprocessing._base import SequenceTransformer, TableNamesMixin
from stackens.scaling import METHODS, center_and_scale, scale_each
from stackens.sequences import to_container


def _learns(scaler: Any) -> bool:
    return bool(scaler.by == "all")


class SequenceScaler(TableNamesMixin, SequenceTransformer):
    """Scale every channel over all rows, or in each sequence on its own; padding does not count.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        "standard" subtracts the mean and divides by the standard deviation, "minmax" brings the
        training values into [0, 1], "robust" subtracts the median and divides by the
        interquartile range.
    by : {"all", "sequence"}, default="all"
        "all" scales a channel by what its timesteps of all training rows have in common.
        "sequence" scales it in each row by that row's own timesteps: the level and the size of a
        sequence are gone, its shape is left, and nothing is learned. There is no way back.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_channels,)
        What is subtracted, then divided by; only with ``by="all"``. A table has one channel; a
        constant channel has scale 1.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequenceScaler
    >>> scaler = SequenceScaler().fit([[[1.0], [3.0]], [[5.0]]])
    >>> scaler.transform([[[3.0]]])[0]
    array([[0.]])
    >>> SequenceScaler(by="sequence").fit_transform([[[1.0], [3.0]], [[5.0]]])[0]
    array([[-1.],
           [ 1.]])
    """

    def __init__(self, method: str = "standard", *, by: str = "all") -> None:
        self.method = method
        self.by = by

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn centre and scale of each channel.

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
        check_choice("method", self.method, METHODS)
        check_choice("by", self.by, ("all", "sequence"))
        batch = self._read(X, reset=True)
        if self.by == "all":
            values = batch.values[batch.mask]  # (timesteps of all rows, channels)
            self.center_, self.scale_ = center_and_scale(values, self.method, np.float64)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Scale.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray
            In the form of ``X``: table, array with NaN as padding, or 1-D object array.
        """
        if self.by == "sequence":
            batch = self._read(X, reset=False)
            values = scale_each(batch.values, batch.lengths, self.method)
            return to_container(batch.with_values(values))
        return self._map(X, lambda values: (values - self.center_) / self.scale_)

    @available_if(_learns)
    def inverse_transform(self, X: Any) -> np.ndarray:
        """Undo the scaling; only with ``by="all"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled sequences.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            In the form of ``X``.
        """
        return self._map(X, lambda values: values * self.scale_ + self.center_)

    def _map(self, X: Any, function: Any) -> np.ndarray:
        batch = self._read(X, reset=False)
        with np.errstate(over="ignore"):  # of the padding value, which is put back
            values = function(batch.values).astype(batch.values.dtype)
        return to_container(batch.with_values(values))
