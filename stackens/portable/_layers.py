"""Layers without a recurrence; each computes what the Keras layer of its name computes.

A layer is called with values and mask, as in Keras: ``layer(x, mask)`` gives the values, and
``layer.compute_mask(x, mask)`` the mask that goes with them. A layer of several inputs gets lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import ACTIVATIONS
from stackens.portable._part import Part


class Layer(Part):
    """Base of all layers: what it computes, and the mask behind it."""

    def __call__(self, x: Any, mask: Any = None) -> np.ndarray:
        """Compute the layer's output."""
        raise NotImplementedError

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return the mask of the output: that of the input, unless a layer says otherwise."""
        return mask


@dataclass(frozen=True, eq=False)
class Identity(Layer):
    """Hands its input on: dropout, noise and penalties after training.

    Parameters
    ----------
    keeps_mask : bool, default=True
        Whether the mask goes on as well.
    """

    keeps_mask: bool = True

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return ``x``."""
        return x

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return the mask, or None."""
        return mask if self.keeps_mask else None


@dataclass(frozen=True, eq=False)
class Masking(Layer):
    """Marks timesteps that hold one value in every channel, and sets them to zero.

    Parameters
    ----------
    mask_value : float
        What padded timesteps hold.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Masking
    >>> layer, x = Masking(-1.0), np.array([[[5.0, 2.0], [-1.0, -1.0]]])
    >>> layer(x).tolist(), layer.compute_mask(x).tolist()
    ([[[5.0, 2.0], [0.0, 0.0]]], [[True, False]])
    """

    mask_value: float

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return ``x`` with zeros for padding."""
        valid = self.compute_mask(x)
        return x if valid.all() else np.where(valid[:, :, np.newaxis], x, x.dtype.type(0))

    def compute_mask(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return True where a timestep is no padding."""
        return (x != self.mask_value).any(axis=-1)


@dataclass(frozen=True, eq=False)
class Embedding(Layer):
    """Looks up a vector for each token.

    Parameters
    ----------
    embeddings : ndarray of shape (vocabulary_size, dimension)
        A row for each token id.
    mask_zero : bool, default=False
        Whether token 0 is padding.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Embedding
    >>> Embedding(np.eye(3))(np.array([[2, 0]]))
    array([[[0., 0., 1.],
            [1., 0., 0.]]])
    """

    embeddings: np.ndarray
    mask_zero: bool = False

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return vectors of shape (batch, timesteps, dimension)."""
        return self.embeddings[x]

    def compute_mask(self, x: np.ndarray, mask: Any = None) -> np.ndarray | None:
        """Return True where a token is no padding."""
        return x != 0 if self.mask_zero else None


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """A matrix product over the last axis, a bias and an activation.

    Parameters
    ----------
    kernel : ndarray of shape (n_inputs, units)
        Weights.
    bias : ndarray of shape (units,), default=None
        None is zero.
    activation : str, default="linear"
        Name that Keras knows.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Dense
    >>> Dense(np.array([[2.0], [1.0]]), np.array([-4.0]), "sigmoid")(np.array([[1.0, 2.0]]))
    array([[0.5]])
    """

    kernel: np.ndarray
    bias: np.ndarray | None = None
    activation: str = "linear"

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array whose last axis has ``units`` entries."""
        sums = x @ self.kernel
        return ACTIVATIONS[self.activation](sums if self.bias is None else sums + self.bias)


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """An activation by itself.

    Parameters
    ----------
    activation : str
        Name that Keras knows.
    """

    activation: str

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        return ACTIVATIONS[self.activation](x)


@dataclass(frozen=True, eq=False)
class LayerNormalization(Layer):
    """Brings the last axis to mean 0 and variance 1, then scales and shifts it.

    Parameters
    ----------
    gamma, beta : ndarray of shape (n_features,), default=None
        Scale and shift; None is 1 and 0.
    epsilon : float, default=1e-3
        Added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import LayerNormalization
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """

    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    epsilon: float = 1e-3

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        return _scale_and_shift(
            centred / np.sqrt(variance + x.dtype.type(self.epsilon)), self.gamma, self.beta
        )


@dataclass(frozen=True, eq=False)
class BatchNormalization(Layer):
    """Subtracts each feature's training mean, divides by its deviation, scales and shifts.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_features,)
        Moving statistics of training.
    gamma, beta : ndarray of shape (n_features,), default=None
        Scale and shift; None is 1 and 0.
    epsilon : float, default=1e-3
        Added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import BatchNormalization
    >>> layer = BatchNormalization(np.array([2.0]), np.array([4.0]), epsilon=0.0)
    >>> layer(np.array([[4.0]]))
    array([[1.]])
    """

    mean: np.ndarray
    variance: np.ndarray
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    epsilon: float = 1e-3

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        deviation = np.sqrt(self.variance + self.variance.dtype.type(self.epsilon))
        return _scale_and_shift((x - self.mean) / deviation, self.gamma, self.beta)


def _scale_and_shift(
    x: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None
) -> np.ndarray:
    x = x if gamma is None else x * gamma
    return x if beta is None else x + beta


_MERGES: dict[str, Any] = {
    "add": lambda parts: sum(parts[1:], start=parts[0]),
    "average": lambda parts: sum(parts[1:], start=parts[0]) / len(parts),
    "maximum": lambda parts: np.maximum.reduce(parts),
    "minimum": lambda parts: np.minimum.reduce(parts),
    "multiply": lambda parts: np.multiply.reduce(parts),
    "subtract": lambda parts: parts[0] - parts[1],
}


@dataclass(frozen=True, eq=False)
class Merge(Layer):
    """Adds, averages, multiplies … several inputs element by element.

    Parameters
    ----------
    how : {"add", "average", "maximum", "minimum", "multiply", "subtract"}
        What is done with them.
    """

    how: str

    def __call__(self, x: list[np.ndarray], mask: Any = None) -> np.ndarray:
        """Return an array of the shape of each input."""
        return _MERGES[self.how](x)

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return True where any input is valid; None if one has no mask."""
        if mask is None or any(one is None for one in mask):
            return None
        return np.logical_or.reduce(mask)


@dataclass(frozen=True, eq=False)
class Concatenate(Layer):
    """Puts several inputs side by side along the last axis."""

    def __call__(self, x: list[np.ndarray], mask: Any = None) -> np.ndarray:
        """Return an array whose last axis is as long as all of theirs."""
        return np.concatenate(x, axis=-1)

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return True where any input is valid; inputs without a mask always are."""
        if mask is None or all(one is None for one in mask):
            return None
        if any(one is None for one in mask):
            return np.ones(x[0].shape[:-1], bool)
        return np.logical_or.reduce(mask)


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """Writes all timesteps side by side."""

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of shape (batch, everything else)."""
        return x.reshape(len(x), -1)

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None: the time axis is gone."""
        return
