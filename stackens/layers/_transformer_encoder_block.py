"""One layer of a transformer encoder."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from stackens.exceptions import InvalidInputError
from stackens.layers._feed_forward import FeedForward
from stackens.layers._multi_head_attention import MultiHeadAttention, make_causal_mask


@keras.saving.register_keras_serializable(package="stackens")
class TransformerEncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual connection.

    Parameters
    ----------
    num_heads : int
        Heads of attention; the number of features must be a multiple of it.
    feed_forward_dim : int
        Hidden units of the feed-forward network.
    dropout : float, default=0.0
        Dropped fraction of the attention weights, of the hidden units, and of both results before
        they are added to the input.
    activation : str or callable, default="relu"
        Of the hidden units.
    norm_first : bool, default=True
        Normalise the input of attention and of the feed-forward network (Xiong et al., 2020: deep
        networks then train without warm-up), instead of the sums (Vaswani et al., 2017).
    causal : bool, default=False
        A timestep sees no later one.
    kernel_initializer : str or keras.initializers.Initializer, default="glorot_uniform"
        Of all projections.
    output_initializer : str or keras.initializers.Initializer or None, default=None
        Of those whose results are added to the input; None is ``kernel_initializer``. Deep stacks
        train faster where these begin smaller.
    kernel_regularizer : keras.regularizers.Regularizer or None, default=None
        Of all projections.
    **kwargs : dict
        Arguments of :class:`keras.layers.Layer`.

    Notes
    -----
    Call arguments: ``sequences`` of shape (batch, timesteps, features); ``mask`` of shape
    (batch, timesteps), at whose False timesteps nobody looks; ``return_attention_scores``. Returns
    the shape of the input, and the attention weights of shape
    (batch, num_heads, timesteps, timesteps) if asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import TransformerEncoderBlock
    >>> block = TransformerEncoderBlock(num_heads=2, feed_forward_dim=16)
    >>> block(np.ones((3, 5, 8), "float32")).shape
    TensorShape([3, 5, 8])
    """

    def __init__(
        self,
        num_heads: int,
        feed_forward_dim: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        norm_first: bool = True,
        causal: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        output_initializer: Any = None,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.causal = causal
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.supports_masking = True

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Create attention, feed-forward network and normalisations.

        Raises
        ------
        InvalidInputError
            If the number of features is no multiple of ``num_heads``.
        """
        n_features: Any = sequences_shape[-1]
        if n_features % self.num_heads:
            raise InvalidInputError(
                f"The number of features must be a multiple of `num_heads`={self.num_heads}; got "
                f"{n_features}."
            )
        kernels = {
            "kernel_initializer": self.kernel_initializer,
            "output_initializer": self.output_initializer,
            "kernel_regularizer": self.kernel_regularizer,
            "dtype": self.dtype_policy,
        }
        self._attention = MultiHeadAttention(
            self.num_heads,
            n_features // self.num_heads,
            dropout=self.dropout,
            name="attention",
            **kernels,
        )
        self._feed_forward = FeedForward(
            self.feed_forward_dim,
            self.activation,
            dropout=self.dropout,
            name="feed_forward",
            **kernels,
        )
        self._norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, dtype=self.dtype_policy, name=name)
            for name in ("attention_norm", "feed_forward_norm")
        ]
        for part in (self._attention, self._feed_forward, *self._norms):
            part.build(sequences_shape)
        self._dropout = None
        if self.dropout:
            self._dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def call(
        self,
        sequences: Tensor,
        mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        """Let every timestep look at the others, then transform it."""
        allowed = self._attention_mask(sequences, mask)
        hidden, scores = self.attend(sequences, allowed, training)
        outputs = self.transform(hidden, training)
        return (outputs, scores) if return_attention_scores else outputs

    def attend(
        self, sequences: Tensor, attention_mask: Tensor | None, training: bool | None
    ) -> tuple[Tensor, Tensor]:
        """Do the first half: attention with its residual connection and normalisation.

        Parameters
        ----------
        sequences : tensor of shape (batch, timesteps, features)
            The input.
        attention_mask : bool tensor or None
            Who may look where, as for :class:`MultiHeadAttention`.
        training : bool or None
            Whether something is dropped.

        Returns
        -------
        hidden : tensor of shape (batch, timesteps, features)
        scores : tensor of shape (batch, num_heads, timesteps, timesteps)
        """
        norm = self._norms[0]
        added, scores = self._attention(
            norm(sequences) if self.norm_first else sequences,
            attention_mask=attention_mask,
            training=training,
            return_attention_scores=True,
        )
        return self._add(sequences, added, norm, training), scores

    def attend_cached(
        self, new: Tensor, cache: tuple[Tensor, Tensor], attention_mask: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Do the first half for new timesteps, with the keys and values of those before.

        Parameters
        ----------
        new : tensor of shape (batch, n_new, features)
            What comes next.
        cache : tuple of tensors of shape (batch, num_heads, n_before, key_dim)
            Keys and values so far.
        attention_mask : bool tensor
            Of a shape that fits (batch, num_heads, n_new, n_before + n_new).

        Returns
        -------
        hidden : tensor of shape (batch, n_new, features)
        cache : tuple of tensors of shape (batch, num_heads, n_before + n_new, key_dim)
        """
        norm = self._norms[0]
        queries = norm(new) if self.norm_first else new
        pairs = zip(cache, self._attention.project_source(queries), strict=True)
        keys, values = (tf.concat(pair, axis=2) for pair in pairs)
        added, _ = self._attention.attend(queries, keys, values, attention_mask)
        return self._add(new, added, norm, False), (keys, values)

    def transform(self, hidden: Tensor, training: bool | None) -> Tensor:
        """Do the second half: the feed-forward network, likewise.

        Parameters
        ----------
        hidden : tensor of shape (batch, timesteps, features)
            From ``attend``.
        training : bool or None
            Whether something is dropped.

        Returns
        -------
        tensor of shape (batch, timesteps, features)
        """
        norm = self._norms[1]
        added = self._feed_forward(norm(hidden) if self.norm_first else hidden, training=training)
        return self._add(hidden, added, norm, training)

    def _add(self, hidden: Tensor, added: Tensor, norm: Any, training: bool | None) -> Tensor:
        """Add what a part found, with dropout and, unless that came first, normalisation."""
        if self._dropout is not None:
            added = self._dropout(added, training=training)
        return hidden + added if self.norm_first else norm(hidden + added)

    def _attention_mask(self, sequences: Tensor, mask: Tensor | None) -> Tensor | None:
        """Return who may look where, (batch or 1, 1, timesteps or 1, timesteps), or None."""
        allowed = None if mask is None else tf.cast(mask, tf.bool)[:, None, None]
        if not self.causal:
            return allowed
        n_steps = tf.shape(sequences)[1]
        earlier = make_causal_mask(n_steps, n_steps)[None, None]
        return earlier if allowed is None else tf.logical_and(allowed, earlier)

    def compute_output_spec(
        self,
        sequences: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Return shapes and types of the results."""
        outputs = keras.KerasTensor(sequences.shape, dtype=self.compute_dtype)
        n_rows, n_steps = sequences.shape[:2]
        shape = (n_rows, self.num_heads, n_steps, n_steps)
        scores = keras.KerasTensor(shape, dtype=self.compute_dtype)
        return (outputs, scores) if return_attention_scores else outputs

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "feed_forward_dim": self.feed_forward_dim,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "causal": self.causal,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
