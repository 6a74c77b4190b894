"""What transformer encoders are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._activations import softmax
from stackens.portable._layers import Dense, Layer, LayerNormalization

# What masked timesteps score: exp of it is 0 in float32.
_LOWEST_SCORE = -1e9


@dataclass(frozen=True, eq=False)
class DepthEmbedding(Layer):
    """Adds the vector of one depth.

    Parameters
    ----------
    vector : ndarray of shape (features,)
        Added at every timestep.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import DepthEmbedding
    >>> DepthEmbedding(np.array([1.0, 2.0]))(np.zeros((1, 1, 2)))
    array([[[1., 2.]]])
    """

    vector: np.ndarray

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        return x + self.vector


@dataclass(frozen=True, eq=False)
class PositionEncoding(Layer):
    r"""Adds sines and cosines of the position (Vaswani et al., 2017).

    Feature :math:`2i` of position :math:`t` gets :math:`\sin(t / 10000^{2i/d})`, feature
    :math:`2i + 1` the cosine of the same.

    Parameters
    ----------
    input_scale : float, default=1.0
        The input is multiplied by this first.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import PositionEncoding
    >>> PositionEncoding()(np.zeros((1, 2, 4))).round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]])
    """

    input_scale: float = 1.0

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        n_steps, n_features = x.shape[1:]
        column = np.arange(n_features)
        rate = 10_000.0 ** -(column // 2 * 2 / n_features)
        angle = np.arange(n_steps)[:, np.newaxis] * rate
        encoding = np.where(column % 2, np.cos(angle), np.sin(angle))
        return x * x.dtype.type(self.input_scale) + encoding.astype(x.dtype)


@dataclass(frozen=True, eq=False)
class LastTimestep(Layer):
    """Takes the last valid timestep of each sequence.

    Parameters
    ----------
    bidirectional : bool, default=False
        Take the second half of the features from the first timestep.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import LastTimestep
    >>> LastTimestep()(np.array([[[1.0], [2.0], [0.0]]]), np.array([[True, True, False]]))
    array([[2.]])
    """

    bidirectional: bool = False

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of shape (batch, features)."""
        places = -1 if mask is None else np.maximum(mask.sum(axis=1) - 1, 0)
        last: np.ndarray = x[np.arange(len(x)), places]
        if not self.bidirectional:
            return last
        n_forward = x.shape[2] // 2
        return np.concatenate([last[:, :n_forward], x[:, 0, n_forward:]], axis=1)

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None: the time axis is gone."""
        return


@dataclass(frozen=True, eq=False)
class MultiHeadAttention(Layer):
    r"""Every timestep looks at all others, once with each head (Vaswani et al., 2017).

    Head :math:`h` gives every timestep the mean of the values, weighted by
    :math:`\mathrm{softmax}(Q_h K_h^\top / \sqrt{k})`.

    Parameters
    ----------
    query_kernel, key_kernel, value_kernel : ndarray of shape (features, n_heads * key_dim)
        Projections, the heads side by side.
    output_kernel : ndarray of shape (n_heads * key_dim, features)
        From the heads' results to the output.
    query_bias, value_bias : ndarray of shape (n_heads * key_dim,)
        Biases; one of the keys would change nothing.
    output_bias : ndarray of shape (features,)
        Bias of the output.
    n_heads : int
        Number of heads.
    causal : bool, default=False
        A timestep sees no later one.

    Examples
    --------
    All keys are alike, so that everyone looks everywhere, or, if causal, at what has been:

    >>> import numpy as np
    >>> from stackens.portable import MultiHeadAttention
    >>> zeros, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> no_bias = (np.zeros(1), np.zeros(1), np.zeros(1))
    >>> layer = MultiHeadAttention(zeros, zeros, one, one, *no_bias, n_heads=1, causal=True)
    >>> layer(np.array([[[1.0], [3.0]]]))
    array([[[1.],
            [2.]]])
    """

    query_kernel: np.ndarray
    key_kernel: np.ndarray
    value_kernel: np.ndarray
    output_kernel: np.ndarray
    query_bias: np.ndarray
    value_bias: np.ndarray
    output_bias: np.ndarray
    n_heads: int
    causal: bool = False

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of the shape of ``x``; nobody looks at masked timesteps."""
        values = self._split(x @ self.value_kernel + self.value_bias)
        heads = self.weights(x, mask) @ values  # (batch, n_heads, timesteps, key_dim)
        joined = heads.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1)
        return joined @ self.output_kernel + self.output_bias

    def weights(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return who looks where.

        Parameters
        ----------
        x : ndarray of shape (batch, timesteps, features)
            Sequences.
        mask : ndarray of bool of shape (batch, timesteps), default=None
            False where a timestep is padding.

        Returns
        -------
        ndarray of shape (batch, n_heads, timesteps, timesteps)
            Who looks, then where; the weights of who looks sum to 1.
        """
        queries = self._split(x @ self.query_kernel + self.query_bias)
        keys = self._split(x @ self.key_kernel)
        scale = x.dtype.type(1 / np.sqrt(keys.shape[-1]))
        scores = (queries * scale) @ keys.transpose(0, 1, 3, 2)
        if mask is not None:
            scores = np.where(mask[:, np.newaxis, np.newaxis], scores, x.dtype.type(_LOWEST_SCORE))
        if self.causal:
            earlier = np.tri(x.shape[1], dtype=bool)
            scores = np.where(earlier, scores, x.dtype.type(_LOWEST_SCORE))
        return softmax(scores)

    def _split(self, x: np.ndarray) -> np.ndarray:
        heads = x.reshape(*x.shape[:2], self.n_heads, -1)
        return heads.transpose(0, 2, 1, 3)  # (batch, n_heads, timesteps, key_dim)


@dataclass(frozen=True, eq=False)
class TransformerEncoderBlock(Layer):
    """Attention, then two dense layers, each added to its input and normalised.

    Parameters
    ----------
    attention : MultiHeadAttention
        Of the timesteps among each other.
    first, second : Dense
        Layers for each timestep.
    attention_norm, feed_forward_norm : LayerNormalization
        Of attention and dense layers.
    norm_first : bool, default=True
        Normalise what goes in instead of the sums.

    Examples
    --------
    A block whose parts give nothing hands its input on:

    >>> import numpy as np
    >>> from stackens.portable import (
    ...     Dense, LayerNormalization, MultiHeadAttention, TransformerEncoderBlock)
    >>> zeros, bias = np.zeros((1, 1)), np.zeros(1)
    >>> nothing = MultiHeadAttention(zeros, zeros, zeros, zeros, bias, bias, bias, n_heads=1)
    >>> norm = LayerNormalization()
    >>> TransformerEncoderBlock(nothing, Dense(zeros), Dense(zeros), norm, norm)(np.ones((1, 2, 1)))
    array([[[1.],
            [1.]]])
    """

    attention: MultiHeadAttention
    first: Dense
    second: Dense
    attention_norm: LayerNormalization
    feed_forward_norm: LayerNormalization
    norm_first: bool = True

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return an array of the shape of ``x``."""
        if self.norm_first:
            hidden = x + self.attention(self.attention_norm(x), mask)
            return hidden + self.second(self.first(self.feed_forward_norm(hidden)))
        hidden = self.attention_norm(x + self.attention(x, mask))
        return self.feed_forward_norm(hidden + self.second(self.first(hidden)))
