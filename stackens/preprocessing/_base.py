"""What the transformers of numeric sequences have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from stackens.sequences import SequenceBatch, to_container, validate_sequences


class TakesOutputMixin:
    """``set_output`` for transformers of sequences, so that a Pipeline with them has it, too.

    scikit-learn's own is there only where the output is always a table.
    """

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what tables come as; sequences, which no data frame holds, stay as they are.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None changes nothing.

        Returns
        -------
        self
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self


class SequenceTransformer(TakesOutputMixin, TransformerMixin, BaseEstimator):
    """Base of the transformers: reading input, tags."""

    _allow_missing = False
    _dtypes: ClassVar[tuple[type[np.floating], ...]] = (np.float64, np.float32)

    def _read(self, X: Any, *, reset: bool) -> SequenceBatch:
        if not reset:
            check_is_fitted(self)
        return validate_sequences(
            self, X, reset=reset, dtype=self._dtypes, allow_missing=self._allow_missing
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._allow_missing
        tags.transformer_tags.preserves_dtype = [kind.__name__ for kind in self._dtypes]
        return tags


def _gives_table(transformer: Any) -> bool:
    return getattr(transformer, "_input_kind", "table") == "table"


class TableNamesMixin:
    """Column names for transformers that give back what they get: a table for a table.

    scikit-learn wraps the output of whatever has names in a data frame, when ``set_output`` or its
    global configuration say so. 3-D and ragged output cannot be wrapped, and so has no names.
    """

    @available_if(_gives_table)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the input's columns; only there unless fitted on 3-D or ragged data.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the columns; None is those seen in ``fit``, or x0, x1, ….

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        return channel_names(self, input_features)


def cut_or_pad(batch: SequenceBatch, length: int, fill: float, side: str = "right") -> np.ndarray:
    """Return values of shape (n_samples, length, n_features), padded frames holding ``fill``.

    Parameters
    ----------
    batch : SequenceBatch
        Floats.
    length : int
        Timesteps to return.
    fill : float
        For padded frames.
    side : {"left", "right"}, default="right"
        Where a longer sequence is cut.
    """
    n_kept = np.minimum(batch.lengths, length)[:, np.newaxis]
    start = batch.lengths[:, np.newaxis] - n_kept if side == "left" else np.zeros_like(n_kept)
    steps = np.arange(length)
    wanted = np.minimum(start + steps, batch.n_timesteps - 1)  # (n_samples, length)
    result: np.ndarray = batch.values[np.arange(batch.n_samples)[:, np.newaxis], wanted]
    result[steps >= n_kept] = fill
    return result


def to_sequences(batch: SequenceBatch, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return sequences made of a batch's, in its kind of container; of a table, as a 3-D array.

    Parameters
    ----------
    batch : SequenceBatch
        What they were made of.
    values : ndarray of shape (n_samples, any timesteps, any channels)
        Padded timesteps hold anything.
    lengths : ndarray of shape (n_samples,)
        Timesteps of each that are no padding.
    """
    kind = "array" if batch.kind == "table" else batch.kind
    return to_container(SequenceBatch(values, lengths, kind))


def channel_names(transformer: Any, input_features: Any) -> np.ndarray:
    """Return the names of the input's columns (table) or channels (sequences)."""
    check_is_fitted(transformer)
    return _check_feature_names_in(transformer, input_features)
