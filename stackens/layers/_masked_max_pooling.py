"""Maximum over the timesteps that are no padding."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="stackens")
class MaskedMaxPooling1D(keras.layers.Layer):
    """Maximum over timesteps; unlike Keras's global pooling it respects the mask.

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
    >>> from stackens.layers import MaskedMaxPooling1D
    >>> MaskedMaxPooling1D()(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool ``sequences`` over timesteps."""
        if mask is not None:
            valid = ops.expand_dims(ops.cast(mask, "bool"), -1)
            sequences = ops.where(valid, sequences, ops.full_like(sequences, float("-inf")))
        return ops.max(sequences, axis=1)

    def compute_mask(self, sequences: Any, mask: Any = None) -> None:
        """Return None: the time axis is gone."""
        return

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return (batch, features)."""
        return (sequences_shape[0], sequences_shape[-1])
