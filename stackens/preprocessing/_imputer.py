"""Missing values inside sequences."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing, check_choice
from stackens.preprocessing._base import SequenceTransformer, TableNamesMixin
from stackens.sequences import SequenceBatch, to_container


class SequenceImputer(TableNamesMixin, SequenceTransformer):
    """Fill NaN inside sequences; trailing timesteps that are NaN in every channel stay padding.

    In a table nothing is padding: every NaN is filled.

    Parameters
    ----------
    strategy : {"forward", "linear", "mean", "median", "constant"}, default="forward"
        "forward" repeats the last value of the channel, "linear" interpolates between its
        neighbours in time; both take the channel's training mean where there is no value before
        (or at all). "linear" looks ahead in time, which a forecast must not. "mean" and "median"
        are those of the channel in ``fit``.
    fill_value : float, default=0.0
        For "constant", and for a channel without a single value in ``fit``.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_channels,)
        Value of each channel to fall back on. A table has one channel.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import SequenceImputer
    >>> SequenceImputer().fit_transform([[[1.0], [np.nan], [3.0]]])[0].ravel()
    array([1., 1., 3.])
    """

    _allow_missing = True

    def __init__(self, strategy: str = "forward", *, fill_value: float = 0.0) -> None:
        self.strategy = strategy
        self.fill_value = fill_value

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the value of each channel to fall back on.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If ``strategy`` is unknown or ``fill_value`` is not finite.
        """
        strategies = ("forward", "linear", "mean", "median", "constant")
        check_choice("strategy", self.strategy, strategies)
        if not np.isfinite(self.fill_value):
            raise InvalidInputError(f"`fill_value` must be finite; got {self.fill_value}.")
        batch = self._read(X, reset=True)
        values = batch.values[batch.mask].astype(np.float64)
        with warnings.catch_warnings():  # a channel without values: handled in the next line
            warnings.simplefilter("ignore", RuntimeWarning)
            average = np.nanmedian if self.strategy == "median" else np.nanmean
            statistics = average(values, axis=0)
        if self.strategy == "constant":
            statistics = np.full_like(statistics, self.fill_value)
        self.statistics_ = np.where(np.isnan(statistics), self.fill_value, statistics)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Fill what is missing.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray
            In the form of ``X``: table, array with NaN as padding, or 1-D object array.
        """
        batch = self._read(X, reset=False)
        values = batch.values.copy()
        if self.strategy == "forward":
            _fill_forward(values)
        elif self.strategy == "linear":
            _interpolate(values, batch)
        missing = np.isnan(values)
        values[missing] = np.broadcast_to(self.statistics_, values.shape)[missing]
        return to_container(batch.with_values(values))


def _fill_forward(values: np.ndarray) -> None:
    for step in range(1, values.shape[1]):
        now, before = values[:, step], values[:, step - 1]
        np.copyto(now, before, where=np.isnan(now))


def _interpolate(values: np.ndarray, batch: SequenceBatch) -> None:
    incomplete = np.isnan(values) & batch.mask[:, :, None]
    for row, channel in np.argwhere(incomplete.any(axis=1)):
        series = values[row, : batch.lengths[row], channel]  # a view
        gaps = np.isnan(series)
        if not gaps.all():
            steps = np.arange(len(series))
            series[gaps] = np.interp(steps[gaps], steps[~gaps], series[~gaps])
