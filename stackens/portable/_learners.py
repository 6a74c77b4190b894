"""Networks as estimators: how input reaches them, and what their outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.portable._estimators import Estimator, labels_of_probabilities
from stackens.portable._layers import Layer
from stackens.portable._part import Part
from stackens.portable._sequences import read_sequences, read_tokens
from stackens.portable._tables import SparseRows

# Rows that go through a network together: enough for the matrix products, few for the memory.
_ROWS_AT_ONCE = 256
# Sums of probabilities that are nearer to 1 than this differ from it by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class SequenceInput(Part):
    """Sequences of numbers, whose padded timesteps hold one value in every channel.

    Parameters
    ----------
    is_table : bool
        Whether training had a table.
    n_features : int
        Features of a timestep; of a table, its timesteps.
    padding_value : float
        The value.
    """

    is_table: bool
    n_features: int
    padding_value: float

    def read(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples, n_timesteps, n_features)."""
        batch = read_sequences(X, is_table=self.is_table, n_features=self.n_features)
        values = batch.padded_with(self.padding_value, np.float32)
        if not np.isfinite(values).all():
            raise InvalidInputError("`X` holds numbers that are too large for float32.")
        return values


@dataclass(frozen=True, eq=False)
class TokenInput(Part):
    """Token ids, padded with 0.

    Parameters
    ----------
    vocabulary_size : int
        Ids are below it.
    """

    vocabulary_size: int

    def read(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples, n_timesteps)."""
        return read_tokens(X, self.vocabulary_size)


@dataclass(frozen=True, eq=False)
class ArrayInput(Part):
    """An array, handed on as it is.

    Parameters
    ----------
    shape : list of int or None
        Of one row; None is any length.
    dtype : str
        Data type.
    """

    shape: list[int | None]
    dtype: str

    def read(self, X: Any) -> np.ndarray:
        """Return the array."""
        X = X.toarray() if isinstance(X, SparseRows) else X
        array = np.asarray(X).astype(self.dtype, copy=False)
        same = len(array.shape) == len(self.shape) + 1 and all(
            wanted in (None, found)
            for wanted, found in zip(self.shape, array.shape[1:], strict=True)
        )
        if not same:
            raise InvalidInputError(
                f"Expected an array of shape {(None, *self.shape)}; got {array.shape}."
            )
        return array


def _outputs(network: Layer, source: Any, X: Any) -> np.ndarray:
    array = source.read(X)
    parts = [array[k : k + _ROWS_AT_ONCE] for k in range(0, len(array), _ROWS_AT_ONCE)]
    return np.concatenate([network(part) for part in parts]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class NetworkClassifier(Estimator):
    """Classes from a network with one sigmoid output, or an output for each class.

    Parameters
    ----------
    network : Layer
        From an array to outputs of shape (n_samples, n_outputs).
    source : SequenceInput, TokenInput or ArrayInput
        How ``X`` becomes an array.
    classes : ndarray of shape (n_classes,)
        Class labels.
    has_several_labels : bool, default=False
        Whether each output is a label by itself.
    """

    network: Layer
    source: Any
    classes: np.ndarray
    has_several_labels: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that can be called."""
        return ("predict", "predict_proba")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        outputs = _outputs(self.network, self.source, X)
        if self.has_several_labels:
            return outputs
        if outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        total = outputs.sum(axis=1, keepdims=True)
        return np.where(np.abs(total - 1) < _ROUNDING, outputs / total, outputs)

    def predict(self, X: Any) -> np.ndarray:
        """Return classes, or 0 and 1 for each label."""
        probabilities = self.predict_proba(X)
        if self.has_several_labels:
            return (probabilities > 0.5).astype(int)
        return labels_of_probabilities(probabilities, self.classes)


@dataclass(frozen=True, eq=False)
class NetworkRegressor(Estimator):
    """Numbers from a network.

    Parameters
    ----------
    network : Layer
        From an array to outputs of shape (n_samples, n_outputs).
    source : SequenceInput, TokenInput or ArrayInput
        How ``X`` becomes an array.
    is_flat : bool
        Whether the result is of shape (n_samples,).
    """

    network: Layer
    source: Any
    is_flat: bool
    classes: None = None

    def predict(self, X: Any) -> np.ndarray:
        """Return an array of shape (n_samples,) or (n_samples, n_outputs)."""
        outputs = _outputs(self.network, self.source, X)
        return outputs[:, 0] if self.is_flat else outputs
