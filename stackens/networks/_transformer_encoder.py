"""Transformer encoders."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stackens.layer_sharing import resolve_layer_sharing
from stackens.layers import DepthEmbedding, PositionEncoding, TransformerEncoderBlock
from stackens.networks._parts import make_input, penalty, pool


def build_transformer_encoder(
    *,
    output_units: int,
    output_activation: str,
    n_features: int | None = None,
    vocabulary_size: int | None = None,
    embedding_dim: int | None = None,
    padding_value: float | None = None,
    d_model: int = 32,
    n_heads: int = 4,
    n_layers: int = 2,
    feed_forward_dim: int | None = None,
    dropout: float = 0.0,
    activation: str = "relu",
    norm_first: bool = True,
    causal: bool = False,
    position_encoding: str | None = "sinusoidal",
    l1: float = 0.0,
    l2: float = 0.0,
    pooling: str = "mean",
    layer_sharing: str | Sequence[int] = "none",
    n_unique_layers: int | None = None,
    depth_embedding: bool = False,
    embedding_options: Mapping[str, Any] | None = None,
    return_attention_scores: bool = False,
) -> keras.Model:
    """Build blocks of self-attention on top of each other, below one dense layer.

    Parameters
    ----------
    output_units : int
        Number of outputs of the dense layer.
    output_activation : str
        Its activation, a name known to Keras.
    n_features : int, default=None
        Channels of the input (batch, timesteps, n_features). Give this or ``vocabulary_size``.
    vocabulary_size : int, default=None
        Number of token ids, 0 (padding) included; the input is (batch, timesteps) integers.
    embedding_dim : int, default=None
        Dimension of the embedding of tokens; None is ``d_model``.
    padding_value : float, default=None
        The value that padded frames hold in every channel; None means that no row is padded. For
        tokens, any value that is not None switches the masking of token 0 on.
    d_model : int, default=32
        Features of every timestep between the blocks; channels, and embeddings of another
        dimension, are projected to it.
    n_heads : int, default=4
        Heads of attention; ``d_model`` must be a multiple of it.
    n_layers : int, default=2
        Number of blocks.
    feed_forward_dim : int, default=None
        Hidden units of each block's feed-forward network; None is four times ``d_model``.
    dropout : float, default=0.0
        Dropped fraction of the blocks' input, and inside the blocks.
    activation : str, default="relu"
        Of the feed-forward networks.
    norm_first : bool, default=True
        Normalise inputs instead of sums; the last block's output is then normalised, too.
    causal : bool, default=False
        A timestep sees no later one.
    position_encoding : {"sinusoidal", None}, default="sinusoidal"
        What tells a timestep where it is; None leaves attention blind to the order.
    l1, l2 : float, default=0.0
        Penalties on the kernels of the blocks.
    pooling : {"last", "mean", "max", "attention"}, default="mean"
        How the last block's sequence becomes one vector.
    layer_sharing, n_unique_layers : default="none", None
        Which blocks are one and the same: see
        :func:`stackens.layer_sharing.resolve_layer_sharing`.
    depth_embedding : bool, default=False
        Add a learned vector of each depth to the input of the block there.
    embedding_options : mapping, default=None
        Further arguments of ``keras.layers.Embedding``.
    return_attention_scores : bool, default=False
        Give the model a second output: the attention weights, of shape
        (batch, n_layers, n_heads, timesteps, timesteps).

    Returns
    -------
    keras.Model
        An uncompiled model with a variable number of timesteps.

    References
    ----------
    A. Vaswani et al., *Attention is all you need*, 2017; R. Xiong et al., *On layer normalization
    in the transformer architecture*, 2020.

    Examples
    --------
    One block of ``12 * 32**2 + 12 * 32`` parameters, used six times:

    >>> from stackens.networks import build_transformer_encoder
    >>> build_transformer_encoder(n_features=8, n_layers=6, layer_sharing="all",
    ...                           output_units=10, output_activation="softmax").count_params()
    13354
    """
    order = resolve_layer_sharing(layer_sharing, n_layers, n_unique_layers=n_unique_layers)
    embedding_dim = embedding_dim or d_model
    if vocabulary_size is not None:  # of unit variance after scaling, as the positions
        initializer = keras.initializers.RandomNormal(stddev=1 / math.sqrt(embedding_dim))
        embedding_options = {"embeddings_initializer": initializer, **(embedding_options or {})}
    inputs, hidden = make_input(
        n_features, vocabulary_size, embedding_dim, padding_value, embedding_options
    )
    if vocabulary_size is None or embedding_dim != d_model:
        hidden = keras.layers.Dense(d_model, name="input_projection")(hidden)
    if position_encoding is not None:
        scale = 1.0 if vocabulary_size is None else math.sqrt(d_model)
        hidden = PositionEncoding(scale, name="position_encoding")(hidden)
    if dropout:
        hidden = keras.layers.Dropout(dropout, name="input_dropout")(hidden)
    blocks = [
        TransformerEncoderBlock(
            n_heads,
            feed_forward_dim or 4 * d_model,
            dropout=dropout,
            activation=activation,
            norm_first=norm_first,
            causal=causal,
            kernel_regularizer=penalty(l1, l2),
            name=f"block_{number + 1}",
        )
        for number in range(max(order) + 1)
    ]
    depths = DepthEmbedding(len(order), name="depth_embedding") if depth_embedding else None
    scores = []
    for depth, index in enumerate(order):
        if depths is not None:
            hidden = depths(hidden, depth=depth)
        if return_attention_scores:
            hidden, weights = blocks[index](hidden, return_attention_scores=True)
            scores.append(weights)
        else:
            hidden = blocks[index](hidden)
    if norm_first:
        hidden = keras.layers.LayerNormalization(epsilon=1e-6, name="final_norm")(hidden)
    outputs = keras.layers.Dense(output_units, activation=output_activation, name="head")(
        pool(hidden, pooling)
    )
    if return_attention_scores:
        return keras.Model(inputs, [outputs, keras.ops.stack(scores, axis=1)])
    return keras.Model(inputs, outputs)
