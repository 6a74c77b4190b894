"""Convolutions along time, padding left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import ACTIVATIONS
from stackens.portable._layers import Layer
from stackens.portable._pooling import MeanPooling


@dataclass(frozen=True, eq=False)
class Convolution(Layer):
    """A convolution along time; what stands before, behind and in padding is zero.

    Parameters
    ----------
    kernel : ndarray of shape (size, n_inputs, filters)
        Weights: of an even size, one timestep more comes from behind than from before.
    bias : ndarray of shape (filters,)
        Added to every timestep.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Convolution
    >>> x, mask = np.array([[[1.0], [2.0], [5.0]]]), np.array([[True, True, False]])
    >>> Convolution(np.ones((3, 1, 1)), np.zeros(1))(x, mask)[0, :2, 0]
    array([3., 3.])
    """

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, timesteps, filters)."""
        if mask is not None:
            x = np.where(mask[:, :, np.newaxis], x, x.dtype.type(0))
        n_steps, size = x.shape[1], len(self.kernel)
        before = (size - 1) // 2
        x = np.pad(x, ((0, 0), (before, size - 1 - before), (0, 0)))
        taps = (x[:, i : i + n_steps] @ self.kernel[i] for i in range(size))
        return np.asarray(sum(taps, start=self.bias))


@dataclass(frozen=True, eq=False)
class SequenceNormalization(Layer):
    """Brings each sequence to mean 0 and variance 1, then scales and shifts each feature.

    Parameters
    ----------
    gamma, beta : ndarray of shape (n_features,)
        Scale and shift.
    epsilon : float, default=1e-3
        Added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import SequenceNormalization
    >>> x, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
    >>> SequenceNormalization(np.ones(1), np.zeros(1))(x, mask)[0, :2, 0].round(2)
    array([-1.,  1.])
    """

    gamma: np.ndarray
    beta: np.ndarray
    epsilon: float = 1e-3

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of the shape of ``x``; what it holds at padding is of no account."""
        centred = x - _mean(x, mask)
        deviation = np.sqrt(_mean(centred * centred, mask) + x.dtype.type(self.epsilon))
        return centred / deviation * self.gamma + self.beta


def _mean(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return MeanPooling()(x, mask).mean(axis=-1)[:, np.newaxis, np.newaxis]


@dataclass(frozen=True, eq=False)
class ConvolutionBlock(Layer):
    """Convolutions on top of each other, each with its normalisation and ReLU.

    Parameters
    ----------
    convolutions : list of Convolution
        From the bottom.
    norms : list of SequenceNormalization
        One for each.
    pooled : bool, default=False
        Return the mean over the valid timesteps.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Convolution, ConvolutionBlock, SequenceNormalization
    >>> convolution = Convolution(np.ones((3, 1, 2)), np.array([0.0, 2.0]))
    >>> norm = SequenceNormalization(np.ones(2), np.zeros(2))
    >>> ConvolutionBlock([convolution], [norm], pooled=True)(np.ones((1, 4, 1))).round(2)
    array([[0.  , 0.89]])
    """

    convolutions: list[Convolution]
    norms: list[SequenceNormalization]
    pooled: bool = False

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, timesteps, filters), or (batch, filters) if pooled."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = ACTIVATIONS["relu"](norm(convolution(x, mask), mask))
        return MeanPooling()(x, mask) if self.pooled else x

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return the mask, or None if the time axis is gone."""
        return None if self.pooled else mask
