"""Given vectors in the embedding of a network of tokens.

They are initial weights of the job, no part of its architecture: folds with other vectors are
towers of one program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.learners._routing import check_routed_names
from stackens.training import Architecture, initial_weights

# Taken by every layer of Keras, and named in its base class only.
_OF_EVERY_LAYER = frozenset({"trainable"})


def check_embedding_options(options: Mapping[str, Any], vocabulary_size: int | None) -> None:
    """Refuse settings that the embedding does not take, or that have no embedding."""
    import keras

    own = {"input_dim": "vocabulary_size", "output_dim": "embedding_dim"}
    names = [name for name in options if name not in _OF_EVERY_LAYER]
    check_routed_names("embedding", names, keras.layers.Embedding, own=own)
    if options and vocabulary_size is None:
        raise InvalidInputError(
            f"`embedding__{next(iter(options))}` is for tokens, of which there are none: set "
            "`vocabulary_size`, or leave it out."
        )


def place_vectors(
    architecture: Architecture,
    seed: int,
    vectors: Any,
    vocabulary_size: int | None,
    embedding_dim: int,
) -> list[np.ndarray]:
    """Draw initial weights, and put given vectors into the embedding.

    Parameters
    ----------
    architecture : Architecture
        A network whose first layer is the embedding.
    seed : int
        For everything that is drawn.
    vectors : array-like of shape (vocabulary_size, embedding_dim)
        Rows with NaN keep what is drawn, brought to the deviation of the given ones (Kim, 2014).
    vocabulary_size, embedding_dim : int
        Of the network.

    Returns
    -------
    list of ndarray
        In the order of ``keras.Model.get_weights``.

    Raises
    ------
    InvalidInputError
        If there are no tokens, or the shape is another one, or a number is infinite.
    """
    table = _check_vectors(vectors, vocabulary_size, embedding_dim)
    weights = initial_weights(architecture, seed)
    place = next(i for i, weight in enumerate(weights) if weight.shape == table.shape)
    drawn = weights[place]
    is_given = ~np.isnan(table).any(axis=1)
    deviation = table[is_given & table.any(axis=1)].std()
    scale = deviation / drawn.std() if deviation > 0 and drawn.std() > 0 else 1.0
    filled = np.where(is_given[:, None], table, drawn * scale).astype(drawn.dtype)
    return [*weights[:place], filled, *weights[place + 1 :]]


def _check_vectors(vectors: Any, vocabulary_size: int | None, embedding_dim: int) -> np.ndarray:
    if vocabulary_size is None:
        raise InvalidInputError(
            "`embedding__weights` is for tokens: set `vocabulary_size` to its number of rows."
        )
    table = np.asarray(vectors, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != embedding_dim:
        raise InvalidInputError(
            f"`embedding__weights` must have shape ({vocabulary_size}, {embedding_dim}), which is "
            f"(`vocabulary_size`, `embedding_dim`); got {table.shape}. For vectors of another "
            "dimension change `embedding_dim`."
        )
    if len(table) != vocabulary_size:
        raise InvalidInputError(
            f"`embedding__weights` must have one row for each of the {vocabulary_size} ids of "
            f"`vocabulary_size`, padding (0) and unknown (1) included; got {len(table)}: the "
            "vectors are of another vocabulary."
        )
    is_given = ~np.isnan(table).any(axis=1)
    is_drawn = np.isnan(table).all(axis=1)
    if not (is_given | is_drawn).all():
        row = int(np.argmin(is_given | is_drawn))
        raise InvalidInputError(
            f"`embedding__weights` must hold NaN in whole rows, whose vectors are drawn; row {row} "
            "has NaN beside numbers."
        )
    if np.isinf(table).any() or not is_given.any():
        raise InvalidInputError(
            "`embedding__weights` must hold finite numbers, or NaN in whole rows whose vectors are "
            f"to be drawn, but not in all; got {np.isinf(table).sum()} infinite numbers and "
            f"{is_given.sum()} rows without NaN."
        )
    return table
