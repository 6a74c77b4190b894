"""What the transformers of numeric sequences have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.sequences import SequenceBatch, validate_sequences

__all__ = ["SequenceTransformer", "channel_names", "check_choice", "cut_or_pad"]


class SequenceTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers: reading input, tags."""

    _allow_missing = False

    def _read(self, X: Any, *, reset: bool) -> SequenceBatch:
        if not reset:
            check_is_fitted(self)
        return validate_sequences(
            self,
            X,
            reset=reset,
            dtype=(np.float64, np.float32),
            allow_missing=self._allow_missing,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._allow_missing
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse a name that is not known."""
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {list(choices)}; got {value!r}.")


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
    result = np.full((batch.n_samples, length, batch.n_features), fill, batch.values.dtype)
    n_kept = np.minimum(batch.lengths, length)
    start = batch.lengths - n_kept if side == "left" else np.zeros_like(n_kept)
    for row, (first, n) in enumerate(zip(start, n_kept, strict=True)):
        result[row, :n] = batch.values[row, first : first + n]
    return result


def channel_names(transformer: Any, input_features: Any) -> np.ndarray:
    """Return the names of the input's columns (table) or channels (sequences)."""
    names: np.ndarray = _check_feature_names_in(transformer, input_features)
    return names
