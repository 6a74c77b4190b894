"""From a sequence to one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import softmax
from stackens.portable._layers import Layer

# What masked timesteps score, as in the layer of the package: 0 after a softmax in float32.
_LOWEST_SCORE = -1e9


class _Pooling(Layer):
    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None: the time axis is gone."""
        return


@dataclass(frozen=True, eq=False)
class MeanPooling(_Pooling):
    """Mean over the valid timesteps.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import MeanPooling
    >>> x, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
    >>> MeanPooling()(x, mask)
    array([[2.]])
    """

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, features)."""
        if mask is None:
            return np.asarray(x.mean(axis=1))
        valid = mask[:, :, np.newaxis]
        total = np.where(valid, x, x.dtype.type(0)).sum(axis=1)
        return total / valid.sum(axis=1, dtype=x.dtype)


@dataclass(frozen=True, eq=False)
class MaxPooling(_Pooling):
    """Maximum over the valid timesteps.

    Parameters
    ----------
    uses_mask : bool, default=True
        Whether masked timesteps are left out; Keras's own layer takes all.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import MaxPooling
    >>> x, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
    >>> MaxPooling()(x, mask), MaxPooling(uses_mask=False)(x, mask)
    (array([[3.]]), array([[9.]]))
    """

    uses_mask: bool = True

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, features)."""
        if mask is not None and self.uses_mask:
            x = np.where(mask[:, :, np.newaxis], x, x.dtype.type(-np.inf))
        return np.asarray(x.max(axis=1))


@dataclass(frozen=True, eq=False)
class AttentionPooling(_Pooling):
    r"""Weighted mean over timesteps: weights :math:`\mathrm{softmax}_t(v^\top \tanh(W h_t + b))`.

    Parameters
    ----------
    kernel : ndarray of shape (features, features)
        Projection.
    bias : ndarray of shape (features,)
        Its bias.
    context : ndarray of shape (features, 1)
        What the projections are compared with.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import AttentionPooling
    >>> x, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
    >>> indifferent = AttentionPooling(np.zeros((1, 1)), np.zeros(1), np.ones((1, 1)))
    >>> indifferent(x, mask), indifferent.weights(x, mask)[0, :, 0]
    (array([[2.]]), array([0.5, 0.5, 0. ]))
    """

    kernel: np.ndarray
    bias: np.ndarray
    context: np.ndarray

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, features)."""
        return (self.weights(x, mask) * x).sum(axis=1)

    def weights(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return the weight of each timestep.

        Parameters
        ----------
        x : ndarray of shape (batch, timesteps, features)
            Sequences.
        mask : ndarray of bool of shape (batch, timesteps), default=None
            False where a timestep is padding.

        Returns
        -------
        ndarray of shape (batch, timesteps, 1)
            They sum to 1 over the timesteps.
        """
        scores = np.tanh(x @ self.kernel + self.bias) @ self.context
        if mask is not None:
            scores = np.where(mask[:, :, np.newaxis], scores, scores.dtype.type(_LOWEST_SCORE))
        return softmax(scores, axis=1)
