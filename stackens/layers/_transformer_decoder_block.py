"""One layer of a transformer decoder."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from stackens.layers._multi_head_attention import MultiHeadAttention, make_causal_mask
from stackens.layers._transformer_encoder_block import TransformerEncoderBlock


@keras.saving.register_keras_serializable(package="stackens")
class TransformerDecoderBlock(keras.layers.Layer):
    """Self-attention that sees no later timestep, attention to a source, a feed-forward network.

    Each normalises its input, and has a residual connection.

    Parameters
    ----------
    num_heads : int
        Heads of attention; the number of features must be a multiple of it.
    feed_forward_dim : int
        Hidden units of the feed-forward network.
    dropout : float, default=0.0
        Dropped fraction of the attention weights, of the hidden units, and of the three results
        before they are added to the input.
    activation : str or callable, default="relu"
        Of the hidden units.
    output_initializer : str or keras.initializers.Initializer or None, default=None
        Of the projections whose results are added to the input, those of a given ``stem``
        excepted; None is "glorot_uniform", as of all others.
    stem : TransformerEncoderBlock, default=None
        Whose self-attention and feed-forward network, with their normalisations, are used: those
        of a layer of the encoder have one set of parameters with it. None has its own.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features); ``source`` of shape
    (batch, source_timesteps, features); ``source_mask`` of shape (batch, source_timesteps), at
    whose False timesteps nobody looks; ``return_attention_scores``. Returns the shape of
    ``sequences``, and the weights of self-attention and of attention to the source, each of shape
    (batch, num_heads, timesteps, looked-at timesteps), if asked for. Padding at the end of
    ``sequences`` needs no mask, as nothing looks ahead.

    A decoder that goes on step by step calls ``project_source`` once, and ``step``.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import TransformerDecoderBlock
    >>> block = TransformerDecoderBlock(num_heads=2, feed_forward_dim=16)
    >>> block(np.ones((3, 5, 8), "float32"), np.ones((3, 7, 8), "float32")).shape
    TensorShape([3, 5, 8])
    """

    def __init__(
        self,
        num_heads: int,
        feed_forward_dim: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        output_initializer: Any = None,
        stem: TransformerEncoderBlock | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.activation = keras.activations.get(activation)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.has_own_stem = stem is None
        self.stem = stem or TransformerEncoderBlock(
            num_heads,
            feed_forward_dim,
            dropout=dropout,
            activation=activation,
            output_initializer=self.output_initializer,
            dtype=self.dtype_policy,
            name="stem",
        )

    def build(
        self,
        sequences_shape: tuple[int | None, ...],
        source_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        """Create the attention to the source, and the stem unless it is there."""
        n_features: Any = sequences_shape[-1]
        if not self.stem.built:
            self.stem.build(sequences_shape)
        self._attention = MultiHeadAttention(
            self.num_heads,
            n_features // self.num_heads,
            dropout=self.dropout,
            output_initializer=self.output_initializer,
            dtype=self.dtype_policy,
            name="source_attention",
        )
        self._norm = keras.layers.LayerNormalization(
            epsilon=1e-6, dtype=self.dtype_policy, name="source_attention_norm"
        )
        self._attention.build(sequences_shape, source_shape or sequences_shape)
        self._norm.build(sequences_shape)
        self._dropout = None
        if self.dropout:
            self._dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def call(
        self,
        sequences: Tensor,
        source: Tensor,
        source_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        """Let every timestep look back, then at the source, then transform it."""
        n_steps = tf.shape(sequences)[1]
        earlier = make_causal_mask(n_steps, n_steps)[None, None]
        hidden, own = self.stem.attend(sequences, earlier, training)
        allowed = None if source_mask is None else tf.cast(source_mask, tf.bool)[:, None, None]
        found, scores = self._attention(
            self._norm(hidden),
            source,
            attention_mask=allowed,
            training=training,
            return_attention_scores=True,
        )
        if self._dropout is not None:
            found = self._dropout(found, training=training)
        outputs = self.stem.transform(hidden + found, training)
        return (outputs, own, scores) if return_attention_scores else outputs

    def project_source(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Compute keys and values of a source, once for all steps.

        Parameters
        ----------
        source : tensor of shape (batch, source_timesteps, features)
            What is looked at.

        Returns
        -------
        keys, values : tensors of shape (batch, num_heads, source_timesteps, key_dim)
        """
        return self._attention.project_source(source)

    def step(
        self,
        new: Tensor,
        cache: tuple[Tensor, Tensor],
        cache_mask: Tensor,
        source: tuple[Tensor, Tensor],
        source_mask: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Go on by some timesteps, with the keys and values of those before.

        Parameters
        ----------
        new : tensor of shape (batch, n_new, features)
            What comes next: timesteps, or alternatives of the same timestep.
        cache : tuple of tensors of shape (batch, num_heads, n_before, key_dim)
            Keys and values so far.
        cache_mask : bool tensor
            Who may look where, of a shape that fits (batch, num_heads, n_new, n_before + n_new).
        source : tuple of tensors
            Keys and values of ``project_source``.
        source_mask : bool tensor
            Where in the source may be looked, of a shape that fits
            (batch, num_heads, n_new, source_timesteps).

        Returns
        -------
        outputs : tensor of shape (batch, n_new, features)
        cache : tuple of tensors of shape (batch, num_heads, n_before + n_new, key_dim)
        """
        hidden, cache = self.stem.attend_cached(new, cache, cache_mask)
        found, _ = self._attention.attend(self._norm(hidden), *source, source_mask)
        return self.stem.transform(hidden + found, training=False), cache

    def compute_output_spec(
        self,
        sequences: Any,
        source: Any,
        source_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Return shapes and types of the results."""
        outputs = keras.KerasTensor(sequences.shape, dtype=self.compute_dtype)
        n_rows, n_steps = sequences.shape[:2]
        own, scores = (
            keras.KerasTensor((n_rows, self.num_heads, n_steps, n), dtype=self.compute_dtype)
            for n in (n_steps, source.shape[1])
        )
        return (outputs, own, scores) if return_attention_scores else outputs

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer, with a stem of its own, can be made."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "feed_forward_dim": self.feed_forward_dim,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
