"""What architectures have in common below and above their layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from stackens.layers import AttentionPooling1D, LastTimestep, MaskedMaxPooling1D


def make_input(
    n_features: int | None,
    vocabulary_size: int | None,
    embedding_dim: int,
    padding_value: float | None,
    embedding_options: Mapping[str, Any] | None,
) -> tuple[Any, Any]:
    """Return the input and what the first layer gets: masked frames, or embedded tokens.

    Parameters
    ----------
    n_features : int or None
        Channels of the input (batch, timesteps, n_features).
    vocabulary_size : int or None
        Number of token ids; if given, the input is (batch, timesteps) integers.
    embedding_dim : int
        Dimension of the embedding of tokens.
    padding_value : float or None
        The value that padded frames hold in every channel; None masks nothing.
    embedding_options : mapping or None
        Further arguments of ``keras.layers.Embedding``.

    Returns
    -------
    inputs, hidden : KerasTensor
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
        return inputs, hidden
    inputs = keras.Input((None, n_features), name="sequences")
    # Padded frames are found by their value and zeroed before any arithmetic.
    return inputs, keras.layers.Masking(padding_value, name="padding")(inputs) if masked else inputs


def penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """Return a regularizer; None for no penalty."""
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None


def pool(hidden: Any, pooling: str, *, bidirectional: bool = False) -> Any:
    """Make one vector of the timesteps.

    Parameters
    ----------
    hidden : KerasTensor of shape (batch, timesteps, features)
        With its mask, if any.
    pooling : {"last", "mean", "max", "attention"}
        How.
    bidirectional : bool, default=False
        Whether the last timestep is the first one for the second half of the features.

    Returns
    -------
    KerasTensor of shape (batch, features)
    """
    if pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean_pooling")(hidden)
    if pooling == "max":
        return MaskedMaxPooling1D(name="max_pooling")(hidden)
    if pooling == "attention":
        return AttentionPooling1D(name="attention_pooling")(hidden)
    return LastTimestep(bidirectional, name="last_timestep")(hidden)
