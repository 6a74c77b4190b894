"""Encoder-decoder transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from stackens.layer_sharing import resolve_layer_sharing
from stackens.layers import (
    DepthEmbedding,
    PositionEncoding,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)


@keras.saving.register_keras_serializable(package="stackens")
class TranslationNetwork(keras.Model):
    """Encoder and decoder, in pieces that training and a search by beams can use.

    Made by :func:`build_translator`, which checks what is given.

    Parameters
    ----------
    source_size, target_size : int
        Number of token ids of either side, 0 (padding) included.
    d_model, n_heads, feed_forward_dim : int
        Features of every timestep, heads of attention, hidden units.
    dropout : float
        Dropped fraction inside the blocks.
    encoder_order, decoder_order : sequence of int
        Index of the block at each depth.
    share_encoder_decoder, depth_embedding : bool
        As in :func:`build_translator`.
    tied_embeddings : {"target", "all", "none"}
        As in :func:`build_translator`.
    **kwargs : dict
        Arguments of :class:`keras.Model`.

    Notes
    -----
    Call argument: a pair of token ids, of shapes (batch, source_timesteps) and
    (batch, target_timesteps), with 0 as padding at the end. Returns logits of the tokens that come
    next, of shape (batch, target_timesteps, target_size).

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.networks import build_translator
    >>> network = build_translator(source_size=9, target_size=8, d_model=16, n_encoder_layers=1,
    ...                            n_decoder_layers=1)
    >>> network([np.array([[4, 5, 2]]), np.array([[1, 6]])]).shape
    TensorShape([1, 2, 8])
    """

    def __init__(
        self,
        *,
        source_size: int,
        target_size: int,
        d_model: int,
        n_heads: int,
        feed_forward_dim: int,
        dropout: float,
        encoder_order: Sequence[int],
        decoder_order: Sequence[int],
        share_encoder_decoder: bool,
        depth_embedding: bool,
        tied_embeddings: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._options = {
            "source_size": source_size,
            "target_size": target_size,
            "d_model": d_model,
            "n_heads": n_heads,
            "feed_forward_dim": feed_forward_dim,
            "dropout": dropout,
            "encoder_order": list(encoder_order),
            "decoder_order": list(decoder_order),
            "share_encoder_decoder": share_encoder_decoder,
            "depth_embedding": depth_embedding,
            "tied_embeddings": tied_embeddings,
        }
        self.encoder_order, self.decoder_order = tuple(encoder_order), tuple(decoder_order)
        self.d_model, self.n_heads = d_model, n_heads

        def embed(size: int, name: str) -> keras.layers.Embedding:
            # Of unit variance after scaling, as the positions.
            initializer = keras.initializers.RandomNormal(stddev=1 / math.sqrt(d_model))
            layer = keras.layers.Embedding(size, d_model, initializer, name=name)
            layer.build(None)
            return layer

        self.target_embedding = embed(target_size, "target_embedding")
        is_one = tied_embeddings == "all"
        self.source_embedding = (
            self.target_embedding if is_one else embed(source_size, "source_embedding")
        )
        is_own = tied_embeddings == "none"
        self.output_embedding = (
            embed(target_size, "output_embedding") if is_own else self.target_embedding
        )
        self.encoder_blocks = [
            TransformerEncoderBlock(
                n_heads,
                feed_forward_dim,
                dropout=dropout,
                output_initializer=_begin_with(2 * len(self.encoder_order)),
                name=f"encoder_{k + 1}",
            )
            for k in range(max(self.encoder_order) + 1)
        ]
        stems: Any = self.encoder_blocks if share_encoder_decoder else None
        self.decoder_blocks = [
            TransformerDecoderBlock(
                n_heads,
                feed_forward_dim,
                dropout=dropout,
                output_initializer=_begin_with(3 * len(self.decoder_order)),
                stem=stems and stems[k],
                name=f"decoder_{k + 1}",
            )
            for k in range(max(self.decoder_order) + 1)
        ]
        self.positions = PositionEncoding(math.sqrt(d_model), name="positions")
        self.encoder_norm, self.decoder_norm = (
            keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm")
            for name in ("encoder", "decoder")
        )
        self.encoder_depths = self.decoder_depths = None
        if depth_embedding:
            self.encoder_depths = DepthEmbedding(len(encoder_order), name="encoder_depths")
            self.decoder_depths = DepthEmbedding(len(decoder_order), name="decoder_depths")
        shape = (None, None, d_model)
        for layer in (
            *self.encoder_blocks,
            *self.decoder_blocks,
            self.encoder_norm,
            self.decoder_norm,
            *filter(None, (self.encoder_depths, self.decoder_depths)),
        ):
            layer.build(shape)
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor], training: bool | None = None) -> Tensor:
        """Compute logits of the tokens that come next."""
        source, target = inputs
        memory, mask = self.encode(source, training)
        hidden = self.decode(target, memory, mask, training)
        return tf.matmul(hidden, self.output_kernel(), transpose_b=True)

    def output_kernel(self) -> Tensor:
        """Return the output layer.

        Returns
        -------
        tensor of shape (target_size, d_model)
            Its products with a hidden row are logits.
        """
        return tf.convert_to_tensor(self.output_embedding.embeddings)

    def encode(
        self, source: Tensor, training: bool | None = False, scores: list[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read the source.

        Parameters
        ----------
        source : int tensor of shape (batch, timesteps)
            Tokens, with 0 as padding.
        training : bool, default=False
            Whether something is dropped.
        scores : list, default=None
            To which the attention weights of each layer are added.

        Returns
        -------
        memory : tensor of shape (batch, timesteps, d_model)
        mask : bool tensor of shape (batch, timesteps)
            False at padding.
        """
        mask = source != 0
        hidden = self.positions(self.source_embedding(source))
        for depth, index in enumerate(self.encoder_order):
            if self.encoder_depths is not None:
                hidden = self.encoder_depths(hidden, depth=depth)
            hidden, weights = self.encoder_blocks[index](
                hidden, mask=mask, training=training, return_attention_scores=True
            )
            if scores is not None:
                scores.append(weights)
        return self.encoder_norm(hidden), mask

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        mask: Tensor,
        training: bool | None = False,
        scores: list[Tensor] | None = None,
    ) -> Tensor:
        """Read the target, each token with those before it.

        Parameters
        ----------
        target : int tensor of shape (batch, timesteps)
            Tokens, the first of which begins the sentence.
        memory, mask : tensor
            From ``encode``.
        training : bool, default=False
            Whether something is dropped.
        scores : list, default=None
            To which pairs of attention weights, of self-attention and of attention to the source,
            are added for each layer.

        Returns
        -------
        tensor of shape (batch, timesteps, d_model)
            Their products with the output kernel are logits.
        """
        hidden = self.positions(self.target_embedding(target))
        for depth, index in enumerate(self.decoder_order):
            if self.decoder_depths is not None:
                hidden = self.decoder_depths(hidden, depth=depth)
            hidden, own, cross = self.decoder_blocks[index](
                hidden, memory, mask, training=training, return_attention_scores=True
            )
            if scores is not None:
                scores.append((own, cross))
        return self.decoder_norm(hidden)

    def project_memory(self, memory: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Compute keys and values of what was encoded, once for all steps.

        Parameters
        ----------
        memory : tensor of shape (batch, timesteps, d_model)
            From ``encode``.

        Returns
        -------
        list of tuple of tensors of shape (batch, n_heads, timesteps, key_dim)
            For each distinct block of the decoder.
        """
        return [block.project_source(memory) for block in self.decoder_blocks]

    def empty_cache(self, n_rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Make keys and values as they are before the first step.

        Parameters
        ----------
        n_rows : int scalar tensor
            Number of sentences.

        Returns
        -------
        list of tuple of tensors of shape (n_rows, n_heads, 0, key_dim)
            For each depth of the decoder.
        """
        shape = tf.stack([n_rows, self.n_heads, 0, self.d_model // self.n_heads])
        nothing = tf.zeros(shape, self.compute_dtype)
        return [(nothing, nothing) for _ in self.decoder_order]

    def step(
        self,
        tokens: Tensor,
        position: Tensor,
        cache: list[tuple[Any, Any]],
        cache_mask: Tensor,
        projected: list[tuple[Tensor, Tensor]],
        mask: Tensor,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Read one token of each of several beginnings of one sentence.

        Parameters
        ----------
        tokens : int tensor of shape (batch, n_beams)
            All at the same position.
        position : int scalar tensor
            From 0.
        cache : list of tuple of tensors of shape (batch, n_heads, n_before, key_dim)
            Keys and values of earlier steps, of all beams one after the other, for each depth.
        cache_mask : bool tensor of shape (batch, n_beams, n_before + n_beams)
            Which of them, and of the new ones, are part of each beginning.
        projected : list of tuple of tensors
            From ``project_memory``.
        mask : bool tensor of shape (batch, source_timesteps)
            From ``encode``.

        Returns
        -------
        hidden : tensor of shape (batch, n_beams, d_model)
        cache : list of tuple of tensors
        """
        shape = tf.concat([tf.shape(tokens), [self.d_model]], axis=0)
        single = self.target_embedding(tf.reshape(tokens, [-1, 1]))
        hidden = tf.reshape(self.positions(single, first=position), shape)
        hidden = tf.ensure_shape(hidden, [None, None, self.d_model])
        after = []
        for depth, index in enumerate(self.decoder_order):
            if self.decoder_depths is not None:
                hidden = self.decoder_depths(hidden, depth=depth)
            hidden, kept = self.decoder_blocks[index].step(
                hidden,
                cache[depth],
                cache_mask[:, None],
                projected[index],
                mask[:, None, None],
            )
            after.append(kept)
        return self.decoder_norm(hidden), after

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the network can be made anew."""
        return {"name": self.name, **self._options}


def _begin_with(n_added: int) -> keras.initializers.Initializer:
    """Return an initializer of what is added ``n_added`` times: Glorot's, for their sum."""
    return keras.initializers.VarianceScaling(1 / n_added, "fan_avg", "uniform")


def build_translator(
    *,
    source_size: int,
    target_size: int,
    d_model: int = 128,
    n_heads: int = 4,
    feed_forward_dim: int | None = None,
    dropout: float = 0.0,
    encoder_sharing: str | Sequence[int] = "none",
    decoder_sharing: str | Sequence[int] = "none",
    n_encoder_layers: int | None = None,
    n_decoder_layers: int | None = None,
    share_encoder_decoder: bool = False,
    depth_embedding: bool = False,
    tied_embeddings: str = "target",
) -> TranslationNetwork:
    """Build an encoder-decoder transformer that normalises inputs.

    What a layer adds to its input begins smaller the more layers there are, by the square root of
    the number of such additions (Radford et al., 2019).

    Parameters
    ----------
    source_size, target_size : int
        Number of token ids of either side, 0 (padding) included.
    d_model : int, default=128
        Features of every timestep.
    n_heads : int, default=4
        Heads of attention; ``d_model`` must be a multiple of it.
    feed_forward_dim : int, default=None
        Hidden units of the feed-forward networks; None is four times ``d_model``.
    dropout : float, default=0.0
        Dropped fraction inside the blocks.
    encoder_sharing, decoder_sharing : default="none"
        Which blocks are one and the same: see
        :func:`stackens.layer_sharing.resolve_layer_sharing`.
    n_encoder_layers, n_decoder_layers : int, default=None
        Depth of both.
    share_encoder_decoder : bool, default=False
        Self-attention and feed-forward network of each distinct decoder block are those of the
        encoder block of the same number; the attention to the source is the decoder's own.
    depth_embedding : bool, default=False
        Add a learned vector of each depth to the input of the block there.
    tied_embeddings : {"target", "all", "none"}, default="target"
        The output layer is the embedding of target tokens; of tokens on either side, whose ids then
        are the same; or a matrix of its own.

    Returns
    -------
    TranslationNetwork
        An uncompiled model. Inputs are source and target tokens, (batch, timesteps) each, with 0
        as padding at the end; outputs are logits (batch, target_timesteps, target_size).

    References
    ----------
    A. Vaswani et al., *Attention is all you need*, 2017; R. Dabre and A. Fujita, *Recurrent
    stacking of layers for compact neural machine translation models*, 2019; O. Press and L. Wolf,
    *Using the output embedding to improve language models*, 2017; A. Radford et al., *Language
    models are unsupervised multitask learners*, 2019.

    Examples
    --------
    >>> from stackens.networks import build_translator
    >>> model = build_translator(source_size=50, target_size=40, d_model=16, n_encoder_layers=6,
    ...                          n_decoder_layers=6, encoder_sharing="all", decoder_sharing="all")
    >>> model.count_params() - (50 + 40) * 16
    7696
    """
    return TranslationNetwork(
        source_size=source_size,
        target_size=target_size,
        d_model=d_model,
        n_heads=n_heads,
        feed_forward_dim=feed_forward_dim or 4 * d_model,
        dropout=dropout,
        encoder_order=resolve_layer_sharing(encoder_sharing, n_encoder_layers),
        decoder_order=resolve_layer_sharing(decoder_sharing, n_decoder_layers),
        share_encoder_decoder=share_encoder_decoder,
        depth_embedding=depth_embedding,
        tied_embeddings=tied_embeddings,
        name="translator",
    )
