"""Stacked recurrent networks that predict the next token."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from stackens.layers import FusedGRU, FusedLSTM, FusedSimpleRNN

_CELLS = {"lstm": (FusedLSTM, 2), "gru": (FusedGRU, 1), "simple_rnn": (FusedSimpleRNN, 1)}


def build_language_model(
    *,
    vocabulary_size: int,
    embedding_dim: int = 64,
    cell: str = "lstm",
    units: Sequence[int] = (256,),
    dropout: float = 0.0,
    n_timesteps: int | None = None,
) -> keras.Model:
    """Build recurrent layers on top of each other, whose states come in and go out.

    Parameters
    ----------
    vocabulary_size : int
        Number of token ids.
    embedding_dim : int, default=64
        Dimension of the embedding of tokens.
    cell : {"lstm", "gru", "simple_rnn"}, default="lstm"
        Type of the recurrent layers.
    units : sequence of int, default=(256,)
        Units of each recurrent layer, from the bottom.
    dropout : float, default=0.0
        Dropped fraction of each recurrent layer's outputs.
    n_timesteps : int, default=None
        None leaves the number of timesteps open. With 1 the layers are plain cells: one step is
        too short for a compiled recurrence.

    Returns
    -------
    keras.Model
        Uncompiled. Inputs are tokens (batch, timesteps) and the states of every layer, each
        (batch, units), from the bottom; outputs are logits (batch, timesteps, vocabulary_size) of
        the token that comes next, and the states after the last step, in the same order.

    Examples
    --------
    >>> from stackens.networks import build_language_model
    >>> model = build_language_model(vocabulary_size=65, units=(256, 256))
    >>> len(model.inputs), model.count_params()
    (5, 874881)
    """
    make, n_states = _CELLS[cell]
    tokens = keras.Input((n_timesteps,), dtype="int32", name="tokens")
    hidden = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(tokens)
    before, after = [], []
    for depth, n_units in enumerate(units, start=1):
        states = [keras.Input((n_units,), name=f"state_{depth}_{k}") for k in range(n_states)]
        layer = make(
            n_units,
            return_sequences=True,
            return_state=True,
            unroll=n_timesteps == 1,
            name=f"{cell}_{depth}",
        )
        hidden, *new = layer(hidden, initial_state=states)
        hidden = keras.layers.Dropout(dropout, name=f"dropout_{depth}")(hidden)
        before += states
        after += new
    logits = keras.layers.Dense(vocabulary_size, name="head")(hidden)
    return keras.Model([tokens, *before], [logits, *after])
