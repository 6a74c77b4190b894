"""Activation functions, by the names that Keras gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# exp of anything above overflows in float32.
_LARGEST_EXPONENT = 88.0
# Of SELU (Klambauer et al., 2017).
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# W. H. Press et al., Numerical Recipes, section 6.2: relative error below 1.2e-7 everywhere.
_ERFC = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), without overflow.

    Parameters
    ----------
    x : ndarray of any shape
        Where.

    Returns
    -------
    ndarray of the shape of ``x``

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(3)
    array([0. , 0.5, 1. ])
    """
    return 1 / (1 + np.exp(np.minimum(-x, _LARGEST_EXPONENT)))


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return exponentials that sum to 1 along an axis, without overflow.

    Parameters
    ----------
    x : ndarray of any shape
        Logarithms of the shares, up to a constant.
    axis : int, default=-1
        Along which the shares sum to 1.

    Returns
    -------
    ndarray of the shape of ``x``

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import softmax
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax over the last axis."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def erfc(x: np.ndarray) -> np.ndarray:
    """Return the complementary error function; NumPy has none."""
    size = np.abs(x)
    t = 1 / (1 + 0.5 * size)
    polynomial = np.zeros_like(t)
    for coefficient in reversed(_ERFC):
        polynomial = polynomial * t + coefficient
    tail = t * np.exp(np.maximum(polynomial - size * size, -_LARGEST_EXPONENT))
    return np.where(x >= 0, tail, 2 - tail)


def relu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, else 0."""
    return np.maximum(x, x.dtype.type(0))


def softplus(x: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(x))."""
    return np.logaddexp(x, x.dtype.type(0))


def elu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, else exp(x) - 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x times the standard normal distribution's probability of less than x."""
    return x * erfc(x * x.dtype.type(-np.sqrt(0.5))) / 2


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "elu": elu,
    "exponential": np.exp,
    "gelu": gelu,
    "hard_sigmoid": lambda x: np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, x.dtype.type(0.2) * x),
    "linear": lambda x: x,
    "log_softmax": log_softmax,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "relu": relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: x.dtype.type(_SELU_SCALE) * np.where(x > 0, x, _SELU_ALPHA * elu(x)),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "softmax": softmax,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "swish": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
}
