"""What fitted networks with attention looked at: methods of the learners that have any."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.parameters import check_count
from stackens.sequences import SequenceBatch
from stackens.training import PREDICTION_BLOCK


def _pools_by_attention(learner: Any) -> bool:
    if learner.pooling != "attention":
        raise AttributeError(
            f"`pooling_weights` needs `pooling='attention'`; it is {learner.pooling!r}."
        )
    return True


@available_if(_pools_by_attention)
def pooling_weights(learner: Any, X: Any) -> np.ndarray:
    """Return how much each timestep counts in the vector that the head sees.

    Only with ``pooling="attention"``.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Sequences as in ``predict``.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps)
        Adds up to 1 over the timesteps of each sequence; 0 at padding. With several seeds the
        mean over their networks.
    """
    import keras

    check_is_fitted(learner)
    batch = learner._read_input(X, reset=False)
    found = []
    for weights in learner._weights_of_members():
        model = learner._architecture.build()
        model.set_weights(weights)
        pooling = model.get_layer("attention_pooling")
        below = keras.Model(model.inputs[0], keras.tree.flatten(pooling.input)[0])
        found.append(_in_blocks(partial(_weigh, below, pooling), batch)[..., 0])
    return np.mean(found, axis=0)


def attention_maps(self: Any, X: Any, *, member: int = 0) -> np.ndarray:
    """Return where each timestep looks, in every layer and head.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Sequences as in ``predict``.
    member : int, default=0
        Which of the ``n_seeds`` networks; their heads have nothing to do with each other.

    Returns
    -------
    ndarray of shape (n_samples, n_layers, n_heads, n_timesteps, n_timesteps)
        The last axis is where is looked at: it adds up to 1, and is 0 at padding. Padded
        timesteps themselves have NaN. It takes 4 bytes times all these sizes.

    Raises
    ------
    InvalidInputError
        If there is no such member.
    """
    check_is_fitted(self)
    check_count("member", member, least=0)
    members = self._weights_of_members()
    if member >= len(members):
        raise InvalidInputError(
            f"`member` must be less than `n_seeds`={len(members)}; got {member}."
        )
    batch = self._read_input(X, reset=False)
    model = self._architecture.with_options(return_attention_scores=True).build()
    model.set_weights(members[member])
    maps = _in_blocks(lambda values, _: model(values, training=False)[1], batch)
    maps[~np.broadcast_to(batch.mask[:, None, None], maps.shape[:-1])] = np.nan
    return maps


def _weigh(below: Any, pooling: Any, values: np.ndarray, valid: np.ndarray) -> Any:
    return pooling.weigh(below(values, training=False), valid)


def _in_blocks(compute: Any, batch: SequenceBatch) -> np.ndarray:
    """Compute a block of rows at a time, as predictions are."""
    blocks = [
        slice(start, start + PREDICTION_BLOCK)
        for start in range(0, batch.n_samples, PREDICTION_BLOCK)
    ]
    return np.concatenate([np.asarray(compute(batch.values[b], batch.mask[b])) for b in blocks])
