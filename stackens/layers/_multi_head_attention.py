"""Attention of several heads, in pieces that a decoder with cached keys can use."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor


@keras.saving.register_keras_serializable(package="stackens")
class MultiHeadAttention(keras.layers.Layer):
    r"""Scaled dot-product attention of several heads (Vaswani et al., 2017).

    Head :math:`h` gives every query the mean of the values, weighted by
    :math:`A_h = \mathrm{softmax}(Q_h K_h^\top / \sqrt{k})`; the heads' results are concatenated and
    projected. Masked keys have weight zero, exactly.

    Parameters
    ----------
    num_heads : int
        Number of heads.
    key_dim : int
        Dimension of the queries, keys and values of each head.
    dropout : float, default=0.0
        Dropped fraction of the attention weights.
    kernel_initializer : str or keras.initializers.Initializer, default="glorot_uniform"
        Of all four projections.
    output_initializer : str or keras.initializers.Initializer or None, default=None
        Of the last one; None is ``kernel_initializer``.
    kernel_regularizer : keras.regularizers.Regularizer or None, default=None
        Of all four projections.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``query`` of shape (batch, n_queries, features); ``source`` of shape
    (batch, n_keys, source_features), which is looked at, None for ``query`` itself;
    ``attention_mask``, bool, that can be broadcast to (batch, num_heads, n_queries, n_keys), True
    where a query may look (it says all: masks that Keras attached are handed on, not applied);
    ``return_attention_scores``. Returns (batch, n_queries, features), and
    the weights of shape (batch, num_heads, n_queries, n_keys) if asked for.

    A decoder that keeps keys and values from step to step calls ``project_source`` for what is
    new, and ``attend`` for all it has.

    It computes what :class:`keras.layers.MultiHeadAttention` computes with a key bias of zero: such
    a bias adds the same number to all scores of a query, which changes nothing and has a gradient
    of rounding errors alone. A training step takes about half the time (alike beyond some hundred
    timesteps), and attention comes in pieces.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import MultiHeadAttention
    >>> attention = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> attention(np.ones((3, 5, 8), "float32")).shape
    TensorShape([3, 5, 8])
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        output_initializer: Any = None,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True  # hands the query's mask on
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.own_initializers: list[Any] = []  # of each kernel
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self._dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy) if dropout else None

    def build(
        self,
        query_shape: tuple[int | None, ...],
        source_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        """Create the projections."""
        n_features = query_shape[-1]
        n_source = n_features if source_shape is None else source_shape[-1]
        width = self.num_heads * self.key_dim
        self.query_kernel = self._add_kernel("query", (n_features, width))
        self.key_kernel = self._add_kernel("key", (n_source, width))
        self.value_kernel = self._add_kernel("value", (n_source, width))
        self.output_kernel = self._add_kernel(
            "output", (width, n_features), self.output_initializer
        )
        self.query_bias = self.add_weight(shape=(width,), initializer="zeros", name="query_bias")
        self.value_bias = self.add_weight(shape=(width,), initializer="zeros", name="value_bias")
        self.output_bias = self.add_weight(
            shape=(n_features,), initializer="zeros", name="output_bias"
        )

    def _add_kernel(self, name: str, shape: tuple[Any, ...], initializer: Any = None) -> Tensor:
        initializer = initializer or self.kernel_initializer
        initializer = type(initializer).from_config(initializer.get_config())
        self.own_initializers.append(initializer)
        return self.add_weight(
            shape=shape,
            # One object would draw the same numbers for all kernels.
            initializer=initializer,
            regularizer=self.kernel_regularizer,
            name=f"{name}_kernel",
        )

    def call(
        self,
        query: Tensor,
        source: Tensor | None = None,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Let every query look at the source."""
        if source is None:
            queries, keys, values = self._project(query, ("query", "key", "value"))
        else:
            (queries,) = self._project(query, ("query",))
            keys, values = self.project_source(source)
        outputs, scores = self._attend(queries, keys, values, attention_mask, training)
        return (outputs, scores) if return_attention_scores else outputs

    def project_source(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Compute keys and values.

        Parameters
        ----------
        source : tensor of shape (batch, n_keys, source_features)
            What is looked at.

        Returns
        -------
        keys, values : tensors of shape (batch, num_heads, n_keys, key_dim)
        """
        keys, values = self._project(source, ("key", "value"))
        return keys, values

    def attend(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Look at keys and values that are there already.

        Parameters
        ----------
        query : tensor of shape (batch, n_queries, features)
            Who looks.
        keys, values : tensors of shape (batch, num_heads, n_keys, key_dim)
            From ``project_source``, perhaps of several calls, concatenated over ``n_keys``.
        attention_mask : bool tensor, default=None
            As in the call.
        training : bool, default=None
            Whether attention weights are dropped.

        Returns
        -------
        outputs : tensor of shape (batch, n_queries, features)
        scores : tensor of shape (batch, num_heads, n_queries, n_keys)
            Attention weights, before dropout.
        """
        (queries,) = self._project(query, ("query",))
        return self._attend(queries, keys, values, attention_mask, training)

    def _project(self, inputs: Tensor, kinds: tuple[str, ...]) -> list[Tensor]:
        """Compute queries, keys, values: several in one matrix product."""
        # TensorFlow's own operations: the graph has half as many nodes as with those of Keras.
        kernels = [tf.convert_to_tensor(getattr(self, f"{kind}_kernel")) for kind in kinds]
        biases = [
            tf.zeros([kernels[0].shape[-1]], kernels[0].dtype)
            if kind == "key"
            else tf.convert_to_tensor(getattr(self, f"{kind}_bias"))
            for kind in kinds
        ]
        flat = tf.reshape(inputs, [-1, inputs.shape[-1]])
        projected = tf.matmul(flat, tf.concat(kernels, axis=1)) + tf.concat(biases, axis=0)
        n_heads = len(kinds) * self.num_heads
        heads = tf.reshape(projected, [*_rows_and_steps(inputs), n_heads, self.key_dim])
        return list(tf.split(tf.transpose(heads, [0, 2, 1, 3]), len(kinds), axis=1))

    def _attend(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        attention_mask: Tensor | None,
        training: bool | None,
    ) -> tuple[Tensor, Tensor]:
        scores = tf.matmul(queries * (1 / math.sqrt(self.key_dim)), keys, transpose_b=True)
        if attention_mask is not None:  # exp of the lowest is 0 in every data type
            lowest = -6e4 if scores.dtype == "float16" else -1e9
            scores = tf.where(attention_mask, scores, tf.constant(lowest, scores.dtype))
        scores = tf.nn.softmax(scores)
        weights = scores if self._dropout is None else self._dropout(scores, training=training)
        outputs = tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3])
        kernel = tf.convert_to_tensor(self.output_kernel)
        flat = tf.reshape(outputs, [-1, kernel.shape[0]])
        projected = tf.matmul(flat, kernel) + tf.convert_to_tensor(self.output_bias)
        return tf.reshape(projected, [*_rows_and_steps(outputs), kernel.shape[1]]), scores

    def compute_output_spec(
        self,
        query: Any,
        source: Any = None,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Return shapes and types of the results."""
        outputs = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        n_keys = query.shape[1] if source is None else source.shape[1]
        shape = (query.shape[0], self.num_heads, query.shape[1], n_keys)
        scores = keras.KerasTensor(shape, dtype=self.compute_dtype)
        return (outputs, scores) if return_attention_scores else outputs

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _rows_and_steps(tensor: Tensor) -> list[Tensor]:
    return list(tf.unstack(tf.shape(tensor)[:2]))


def make_causal_mask(
    n_queries: int | Tensor, n_keys: int | Tensor, first_query: int | Tensor = 0
) -> Tensor:
    """Return which keys come no later than each query.

    Parameters
    ----------
    n_queries, n_keys : int or int32 scalar tensor
        Positions of both.
    first_query : int or int32 scalar tensor, default=0
        Position of the first query among the keys: with cached keys, how many there were before.

    Returns
    -------
    bool tensor of shape (n_queries, n_keys)

    Examples
    --------
    >>> from stackens.layers import make_causal_mask
    >>> make_causal_mask(2, 3, first_query=1).numpy().astype(int)
    array([[1, 1, 0],
           [1, 1, 1]])
    """
    return (tf.range(n_queries) + first_query)[:, None] >= tf.range(n_keys)[None]
