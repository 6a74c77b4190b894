"""Stacked recurrent networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from stackens.layer_sharing import check_equal_units, resolve_layer_sharing
from stackens.layers import (
    ConvolutionBlock,
    DepthEmbedding,
    FusedGRU,
    FusedLSTM,
    FusedSimpleRNN,
)
from stackens.networks._parts import make_input, penalty, pool


def build_stacked_rnn(
    *,
    output_units: int,
    output_activation: str,
    n_features: int | None = None,
    vocabulary_size: int | None = None,
    embedding_dim: int = 32,
    padding_value: float | None = None,
    cell: str = "lstm",
    units: Sequence[int] = (32,),
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    l1: float = 0.0,
    l2: float = 0.0,
    normalization: str | None = None,
    pooling: str = "last",
    layer_sharing: str | Sequence[int] = "none",
    n_unique_layers: int | None = None,
    residual: bool = False,
    depth_embedding: bool = False,
    convolutions: Sequence[int] | None = None,
    kernel_sizes: Sequence[int] = (),
    convolution_place: str = "beside",
    recurrent_options: Mapping[str, Any] | None = None,
    embedding_options: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Build recurrent layers on top of each other, below one dense layer.

    Every recurrent layer but the last returns its full sequence; the last one returns what
    ``pooling`` needs.

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
    embedding_dim : int, default=32
        Dimension of the embedding of tokens.
    padding_value : float, default=None
        The value that padded frames hold in every channel; None means that no row is padded. For
        tokens, any value that is not None switches the masking of token 0 on.
    cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
        Type of the recurrent layers.
    units : sequence of int, default=(32,)
        Units of each recurrent layer, from the bottom.
    bidirectional : bool, default=False
        Read every sequence from both ends; the outputs of both are concatenated.
    dropout, recurrent_dropout : float, default=0.0
        Dropped fraction of each recurrent layer's inputs, and of its state.
    l1, l2 : float, default=0.0
        Penalties on the input and the recurrent kernels of the recurrent layers.
    normalization : {None, "layer", "batch"}, default=None
        Normalisation after every recurrent layer.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        How the last layer's sequence becomes one vector. With ``bidirectional`` the last step
        is the last one of each reading direction.
    layer_sharing, n_unique_layers : default="none", None
        Which layers are one and the same: see
        :func:`stackens.layer_sharing.resolve_layer_sharing`. A normalisation belongs to its layer.
    residual : bool, default=False
        Add the input of every recurrent layer to its output.
    depth_embedding : bool, default=False
        Add a learned vector of each depth to the input of the layer there.
    convolutions, kernel_sizes : sequence of int, default=None, ()
        Filters and timesteps of convolutions along time, from the bottom; None has none.
    convolution_place : {"beside", "below"}, default="beside"
        Whether the mean over time of what they give goes to the dense layer beside the pooled
        output of the recurrent layers, or these read it.
    recurrent_options, embedding_options : mapping, default=None
        Further arguments of the Keras recurrent layer and of ``keras.layers.Embedding``.

    Returns
    -------
    keras.Model
        An uncompiled model with a variable number of timesteps.

    Examples
    --------
    >>> from stackens.networks import build_stacked_rnn
    >>> build_stacked_rnn(vocabulary_size=10_000, units=(32, 32, 32), dropout=0.2,
    ...                   output_units=1, output_activation="sigmoid").count_params()
    344993
    """
    order = resolve_layer_sharing(layer_sharing, len(units), n_unique_layers=n_unique_layers)
    is_even = layer_sharing != "none" or residual or depth_embedding  # every input as every output
    keeps_time = is_even or pooling != "last"
    inputs, hidden = make_input(
        n_features, vocabulary_size, embedding_dim, padding_value, embedding_options
    )
    beside = convolutions is not None and convolution_place == "beside"
    if convolutions is not None:
        block = ConvolutionBlock(convolutions, kernel_sizes, pooled=beside, name="convolutions")
        column = block(hidden)
        hidden = hidden if beside else column
    width = units[0] * (2 if bidirectional else 1)
    if is_even:
        check_equal_units(units)
        if hidden.shape[-1] != width:
            hidden = keras.layers.Dense(width, name="input_projection")(hidden)
    layers = {}
    for depth, index in enumerate(order):
        if index in layers:
            continue
        layer = _CELLS[cell](
            units[depth],
            return_sequences=keeps_time or depth < len(units) - 1,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            kernel_regularizer=penalty(l1, l2),
            recurrent_regularizer=penalty(l1, l2),
            name=f"{cell}_{index + 1}",
            **(recurrent_options or {}),
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"bidirectional_{index + 1}")
        layers[index] = layer, _make_normalization(normalization, index + 1)
    depths = DepthEmbedding(len(order), name="depth_embedding") if depth_embedding else None
    for depth, index in enumerate(order):
        layer, normalize = layers[index]
        below = hidden if depths is None else depths(hidden, depth=depth)
        above = layer(below)
        if residual:
            above = keras.layers.Add(name=f"residual_{depth + 1}")([hidden, above])
        hidden = above if normalize is None else normalize(above)
    if keeps_time:
        hidden = pool(hidden, pooling, bidirectional=bidirectional)
    if beside:
        hidden = keras.layers.Concatenate(name="beside")([hidden, column])
    outputs = keras.layers.Dense(output_units, activation=output_activation, name="head")(hidden)
    return keras.Model(inputs, outputs)


_CELLS: dict[str, Callable[..., keras.layers.RNN]] = {
    "lstm": partial(FusedLSTM, right_padded=True),
    "gru": FusedGRU,
    "simple_rnn": FusedSimpleRNN,
}


def _make_normalization(normalization: str | None, number: int) -> Any:
    if normalization == "layer":
        return keras.layers.LayerNormalization(name=f"layer_normalization_{number}")
    if normalization == "batch":
        return keras.layers.BatchNormalization(name=f"batch_normalization_{number}")
    return None
