"""Additive attention over timesteps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="stackens")
class AttentionPooling1D(keras.layers.Layer):
    r"""Weighted mean over timesteps, with weights that are learned from each timestep.

    For a sequence :math:`h_1 … h_T` the weights are
    :math:`a = \mathrm{softmax}_t(v^\top \tanh(W h_t + b))` and the result is
    :math:`\sum_t a_t h_t` (Yang et al., *Hierarchical Attention Networks for Document
    Classification*, 2016). Masked timesteps have weight zero.

    Parameters
    ----------
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features), optional ``mask`` of
    shape (batch, timesteps). Returns (batch, features).

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import AttentionPooling1D
    >>> AttentionPooling1D()(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create the projection, its bias and the context vector."""
        n_features = sequences_shape[-1]
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self.context_initializer = keras.initializers.get("glorot_uniform")
        self.kernel = self.add_weight(
            shape=(n_features, n_features), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(n_features,), initializer="zeros", name="bias")
        self.context = self.add_weight(
            shape=(n_features, 1), initializer=self.context_initializer, name="context"
        )

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool ``sequences`` over timesteps."""
        return ops.sum(self.weigh(sequences, mask) * sequences, axis=1)

    def weigh(self, sequences: Any, mask: Any = None) -> Any:
        """Compute the weights.

        Parameters
        ----------
        sequences : tensor of shape (batch, timesteps, features)
            As in the call.
        mask : tensor of shape (batch, timesteps), default=None
            False at padding; None is none.

        Returns
        -------
        tensor of shape (batch, timesteps, 1)
            Positive, 0 at padding; they add up to 1 over the timesteps.
        """
        scores = ops.matmul(ops.tanh(ops.matmul(sequences, self.kernel) + self.bias), self.context)
        if mask is not None:  # scores are (batch, T, 1)
            lowest = ops.full_like(scores, -1e9 if self.compute_dtype != "float16" else -6e4)
            scores = ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), scores, lowest)
        return ops.softmax(scores, axis=1)

    def compute_mask(self, sequences: Any, mask: Any = None) -> None:
        """Return None: the time axis is gone."""
        return

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return (batch, features)."""
        return (sequences_shape[0], sequences_shape[-1])
