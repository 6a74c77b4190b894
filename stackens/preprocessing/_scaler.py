"""Scaling of channels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import all_or_nothing, check_choice
from stackens.preprocessing._base import SequenceTransformer, TableNamesMixin
from stackens.sequences import to_container


class SequenceScaler(TableNamesMixin, SequenceTransformer):
    """Scale every channel by what all its timesteps have in common; padding does not count.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        "standard" subtracts the mean and divides by the standard deviation, "minmax" brings the
        training values into [0, 1], "robust" subtracts the median and divides by the
        interquartile range.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_channels,)
        What is subtracted, then divided by. A table has one channel; a constant channel has
        scale 1.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequenceScaler
    >>> scaler = SequenceScaler().fit([[[1.0], [3.0]], [[5.0]]])
    >>> scaler.transform([[[3.0]]])[0]
    array([[0.]])
    """

    def __init__(self, method: str = "standard") -> None:
        self.method = method

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
        check_choice("method", self.method, ("standard", "minmax", "robust"))
        batch = self._read(X, reset=True)
        values = batch.values[batch.mask].astype(np.float64)  # (timesteps of all rows, channels)
        if self.method == "standard":
            center, scale = values.mean(axis=0), values.std(axis=0)
        elif self.method == "minmax":
            center = values.min(axis=0)
            scale = values.max(axis=0) - center
        else:
            low, center, high = np.percentile(values, [25, 50, 75], axis=0)
            scale = high - low
        # Rounding leaves a constant channel with a tiny deviation, which must not be blown up.
        constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(center)
        self.center_, self.scale_ = center, np.where(constant, 1.0, scale)
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
        return self._map(X, lambda values: (values - self.center_) / self.scale_)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Undo the scaling.

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
