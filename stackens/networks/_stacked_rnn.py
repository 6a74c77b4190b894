"""Stacked recurrent networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from stackens.layers import (
    AttentionPooling1D,
    FusedGRU,
    FusedLSTM,
    FusedSimpleRNN,
    MaskedMaxPooling1D,
)

__all__ = ["build_stacked_rnn"]


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
    masked = padding_value is not None
    if vocabulary_size is not None:
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        hidden = keras.layers.Embedding(
            vocabulary_size,
            embedding_dim,
            mask_zero=masked,
            name="embedding",
            **(embedding_options or {}),
        )(inputs)
    else:
        inputs = keras.Input((None, n_features), name="sequences")
        # Padded frames are found by their value and zeroed before any arithmetic.
        hidden = keras.layers.Masking(padding_value, name="padding")(inputs) if masked else inputs
    for depth, n_units in enumerate(units, start=1):
        layer = _CELLS[cell](
            n_units,
            return_sequences=depth < len(units) or pooling != "last",
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            kernel_regularizer=_penalty(l1, l2),
            recurrent_regularizer=_penalty(l1, l2),
            name=f"{cell}_{depth}",
            **(recurrent_options or {}),
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"bidirectional_{depth}")
        hidden = layer(hidden)
        hidden = _normalize(hidden, normalization, depth)
    hidden = _pool(hidden, pooling)
    outputs = keras.layers.Dense(output_units, activation=output_activation, name="head")(hidden)
    return keras.Model(inputs, outputs)


_CELLS: dict[str, Callable[..., keras.layers.RNN]] = {
    "lstm": partial(FusedLSTM, right_padded=True),
    "gru": FusedGRU,
    "simple_rnn": FusedSimpleRNN,
}


def _penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None


def _normalize(hidden: Any, normalization: str | None, depth: int) -> Any:
    if normalization == "layer":
        return keras.layers.LayerNormalization(name=f"layer_normalization_{depth}")(hidden)
    if normalization == "batch":
        return keras.layers.BatchNormalization(name=f"batch_normalization_{depth}")(hidden)
    return hidden


def _pool(hidden: Any, pooling: str) -> Any:
    if pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean_pooling")(hidden)
    if pooling == "max":
        return MaskedMaxPooling1D(name="max_pooling")(hidden)
    if pooling == "attention":
        return AttentionPooling1D(name="attention_pooling")(hidden)
    return hidden
