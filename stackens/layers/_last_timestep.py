"""The last timestep that is no padding."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor


@keras.saving.register_keras_serializable(package="stackens")
class LastTimestep(keras.layers.Layer):
    """Last valid timestep of each sequence.

    Parameters
    ----------
    bidirectional : bool, default=False
        Take the second half of the features from the first timestep: that is the last one which a
        layer that reads backwards has come to.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features), optional ``mask`` of
    shape (batch, timesteps), True first, then False. Returns (batch, features).

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import LastTimestep
    >>> mask = np.array([[True, True, False]])
    >>> LastTimestep()(np.array([[[1.0], [2.0], [3.0]]]), mask=mask).numpy()
    array([[2.]], dtype=float32)
    """

    def __init__(self, bidirectional: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bidirectional = bidirectional
        self.supports_masking = True

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        """Take one timestep of each sequence."""
        if mask is None:
            last = sequences[:, -1]
        else:
            lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
            last = tf.gather(sequences, tf.maximum(lengths - 1, 0), axis=1, batch_dims=1)
        if not self.bidirectional:
            return last
        n_forward = sequences.shape[-1] // 2
        return tf.concat([last[:, :n_forward], sequences[:, 0, n_forward:]], axis=1)

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> None:
        """Return None: the time axis is gone."""
        return

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return (batch, features)."""
        return (sequences_shape[0], sequences_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {**super().get_config(), "bidirectional": self.bidirectional}
