"""Two dense layers for each timestep."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor


@keras.saving.register_keras_serializable(package="stackens")
class FeedForward(keras.layers.Layer):
    r"""The same two dense layers at every timestep: :math:`W_2\, \sigma(W_1 x_t + b_1) + b_2`.

    Parameters
    ----------
    hidden_dim : int
        Units of the first layer; the second has as many as the input has features.
    activation : str or callable, default="relu"
        Of the first layer.
    dropout : float, default=0.0
        Dropped fraction of the first layer's output.
    kernel_initializer : str or keras.initializers.Initializer, default="glorot_uniform"
        Of both layers.
    output_initializer : str or keras.initializers.Initializer or None, default=None
        Of the second layer; None is ``kernel_initializer``.
    kernel_regularizer : keras.regularizers.Regularizer or None, default=None
        Of both layers.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call argument: ``sequences`` of shape (batch, timesteps, features). Returns the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import FeedForward
    >>> FeedForward(16)(np.ones((3, 5, 8), "float32")).shape
    TensorShape([3, 5, 8])
    """

    def __init__(
        self,
        hidden_dim: int,
        activation: Any = "relu",
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        output_initializer: Any = None,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.supports_masking = True

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create both layers."""
        n_features = sequences_shape[-1]
        inner = self.kernel_initializer
        outer = self.output_initializer or inner
        self._first = self._make_dense(self.hidden_dim, self.activation, inner, "first")
        self._second = self._make_dense(n_features, None, outer, "second")
        self._first.build((None, n_features))
        self._second.build((None, self.hidden_dim))
        self._dropout = None
        if self.dropout:
            self._dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def _make_dense(
        self, units: Any, activation: Any, initializer: Any, name: str
    ) -> keras.layers.Dense:
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=type(initializer).from_config(initializer.get_config()),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, sequences: Tensor, training: bool | None = None) -> Tensor:
        """Apply both layers."""
        # All timesteps in one matrix product: a product of three dimensions with two has a
        # gradient that sums over a copy of the kernel for each row.
        hidden = self._first(tf.reshape(sequences, [-1, sequences.shape[-1]]))
        if self._dropout is not None:
            hidden = self._dropout(hidden, training=training)
        return tf.reshape(self._second(hidden), tf.shape(sequences))

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return tuple(sequences_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
