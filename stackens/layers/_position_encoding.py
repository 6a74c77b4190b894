"""Where in the sequence a timestep is, for layers that cannot tell."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor


@keras.saving.register_keras_serializable(package="stackens")
class PositionEncoding(keras.layers.Layer):
    r"""Add sines and cosines of the position (Vaswani et al., 2017).

    Feature :math:`2i` of position :math:`t` gets :math:`\sin(t / 10000^{2i/d})`, feature
    :math:`2i + 1` the cosine of the same. Nothing is learned, so that sequences may be longer than
    any in training.

    Parameters
    ----------
    input_scale : float, default=1.0
        The input is multiplied by this first.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features); ``first``, the position of
    the first timestep, 0 unless a decoder goes on step by step. Returns the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import PositionEncoding
    >>> PositionEncoding()(np.zeros((1, 2, 4), "float32")).numpy().round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    def __init__(self, input_scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_scale = input_scale
        self.supports_masking = True

    def call(self, sequences: Tensor, first: int | Tensor = 0) -> Tensor:
        """Scale the input and add the positions."""
        n_features = sequences.shape[-1]
        column = np.arange(n_features)
        rate = 10_000.0 ** -(column // 2 * 2 / n_features)
        phase = column % 2 * (math.pi / 2)  # the cosine is the sine a quarter turn on
        position = tf.cast(tf.range(tf.shape(sequences)[1]) + first, "float32")[:, None]
        encoding = tf.sin(position * tf.constant(rate, "float32") + tf.constant(phase, "float32"))
        return sequences * self.input_scale + tf.cast(encoding, sequences.dtype)

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return tuple(sequences_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {**super().get_config(), "input_scale": self.input_scale}
