"""Convolutions along time on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="stackens")
class ConvolutionBlock(keras.layers.Layer):
    """Convolutions along time on top of each other, each with group normalisation and ReLU.

    The group is all features of all timesteps of a sequence. Padding is zero before each
    convolution, as what stands beyond the end of a sequence is, and does not count in any mean: a
    sequence gives the same with padding and without, and among others.

    Parameters
    ----------
    filters : sequence of int
        Features that each convolution gives, from the bottom.
    kernel_sizes : sequence of int
        Timesteps that a filter of each sees, half of them before its own.
    pooled : bool, default=False
        Return the mean over time.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features), optional ``mask`` of
    shape (batch, timesteps), True first, then False. Returns (batch, timesteps, filters[-1]), or
    (batch, filters[-1]) if pooled.

    References
    ----------
    Y. Wu and K. He, *Group normalization*, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import ConvolutionBlock
    >>> ConvolutionBlock((8, 4), (5, 3))(np.ones((2, 6, 3), "float32")).shape
    TensorShape([2, 6, 4])
    """

    def __init__(
        self,
        filters: Sequence[int],
        kernel_sizes: Sequence[int],
        pooled: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_sizes, self.pooled = tuple(filters), tuple(kernel_sizes), pooled
        self.supports_masking = True

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create the convolutions and their normalisations."""
        self.convolutions, self.norms, n_inputs = [], [], sequences_shape[-1]
        for n, size in zip(self.filters, self.kernel_sizes, strict=True):
            convolution = keras.layers.Conv1D(
                n, size, padding="same", kernel_initializer="he_uniform", dtype=self.dtype_policy
            )
            norm = _SequenceNormalization(dtype=self.dtype_policy)
            convolution.build((None, None, n_inputs))
            norm.build((None, None, n))
            self.convolutions.append(convolution)
            self.norms.append(norm)
            n_inputs = n

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Convolve; without pooling, the output at padded timesteps is of no account."""
        valid = None if mask is None else ops.expand_dims(ops.cast(mask, sequences.dtype), -1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if valid is not None:
                sequences = sequences * valid
            sequences = ops.relu(norm(convolution(sequences), valid))
        return self.pool(sequences, valid) if self.pooled else sequences

    @staticmethod
    def pool(sequences: Any, valid: Any) -> Any:
        """Take the mean over time.

        Parameters
        ----------
        sequences : tensor of shape (batch, timesteps, features)
            What is pooled.
        valid : tensor of shape (batch, timesteps, 1) or None
            1, or 0 at padding.

        Returns
        -------
        tensor of shape (batch, features)
        """
        return ops.squeeze(_mean_over_time(sequences, valid), axis=1)

    def compute_mask(self, sequences: Any, mask: Any = None) -> Any:
        """Return the mask, or None if the time axis is gone."""
        return None if self.pooled else mask

    def compute_output_shape(self, sequences_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """Return the shape of the output."""
        kept = sequences_shape[:1] if self.pooled else sequences_shape[:2]
        return (*kept, self.filters[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        own = {name: getattr(self, name) for name in ("filters", "kernel_sizes", "pooled")}
        return {**super().get_config(), **own}


class _SequenceNormalization(keras.layers.Layer):
    """Brings each sequence to mean 0 and variance 1, then scales and shifts each feature."""

    epsilon = 1e-3  # added to variances, as Keras does

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create scale and shift."""
        shape = sequences_shape[-1:]
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, sequences: Any, valid: Any = None) -> Any:
        """Normalise; ``valid`` is 1 or, at padding, 0, of shape (batch, timesteps, 1)."""
        return self.standardize(sequences, valid) * self.gamma + self.beta

    def standardize(self, sequences: Any, valid: Any) -> Any:
        """Do what takes no weights."""
        centred = sequences - _mean(sequences, valid)
        return centred * ops.rsqrt(_mean(centred * centred, valid) + self.epsilon)


def _mean(sequences: Any, valid: Any) -> Any:
    return ops.mean(_mean_over_time(sequences, valid), axis=-1, keepdims=True)


def _mean_over_time(sequences: Any, valid: Any) -> Any:
    if valid is None:
        return ops.mean(sequences, axis=1, keepdims=True)
    n_steps = ops.maximum(ops.sum(valid, axis=1, keepdims=True), 1)
    return ops.sum(sequences * valid, axis=1, keepdims=True) / n_steps
