"""What trainings by a loop of their own have in common: nothing is trained twice, nor on NaN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stackens.exceptions import TrainingDivergedError
from stackens.training._checkpoint import Checkpoint
from stackens.training._entries import get_network, put_network
from stackens.training._job import TrainedNetwork
from stackens.training._served import make_once
from stackens.training._store import JobStore

__all__ = ["check_finite", "train_kept"]


def train_kept(
    train: Callable[[Checkpoint | None], TrainedNetwork], store: JobStore | None, key: str
) -> TrainedNetwork:
    """Take a network from the store; or train it, with its state kept there meanwhile.

    One that another thread or process trains is waited for.

    Parameters
    ----------
    train : callable
        ``train(checkpoint) -> TrainedNetwork``; goes on from the checkpoint, if there is one.
    store : JobStore or None
        None only trains.
    key : str
        Of everything that the result depends on.

    Returns
    -------
    TrainedNetwork
    """
    if store is None:
        return train(None)
    checkpoint = Checkpoint(store, key)

    def train_and_keep() -> TrainedNetwork:
        trained = train(checkpoint)
        if put_network(store, key, trained):
            checkpoint.discard()
        return trained

    return make_once(key, store, lambda: get_network(store, key), train_and_keep)


def check_finite(loss: float, epoch: int, learning_rate: float) -> None:
    """Raise ``TrainingDivergedError`` if the loss of an epoch (from 0) is NaN or infinite."""
    if not np.isfinite(loss):
        raise TrainingDivergedError(
            f"The loss became {loss} in epoch {epoch + 1}. A smaller `learning_rate` than "
            f"{learning_rate} may help."
        )
