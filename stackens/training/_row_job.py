"""A network that is trained on some rows of some arrays, in some way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stackens.training._architecture import Architecture
from stackens.training._job import EarlyStopping, EpochHook, Observer, Optimizer, Trainable
from stackens.training._random import stream

__all__ = ["Job"]


@dataclass(frozen=True, eq=False)
class Job(Trainable):
    """One network to be trained on one set of rows.

    Parameters
    ----------
    architecture : Architecture
        The network.
    X, y : ndarray of shape (n_samples, ...)
        Encoded input and target of all rows; jobs that share them share one copy.
    loss : str, keras.losses.Loss or callable
        What is minimised.
    optimizer : Optimizer
        How.
    seed : int
        Determines initial weights, order of rows, and dropout.
    epochs, batch_size : int
        Passes over the rows, and rows a step.
    rows : ndarray of int, default=None
        Rows to train on; None is all.
    validation_rows : ndarray of int, default=None
        Rows whose loss is computed after every epoch.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each row.
    metrics : tuple, default=()
        Keras metrics (names or objects) for the history.
    early_stopping : EarlyStopping, default=None
        Needs ``validation_rows``.
    initial_weights : list of ndarray, default=None
        Start from these (in the order of ``Model.get_weights``) instead of random ones.
    initial_optimizer_state : list of ndarray, default=None
        Go on with this state, as found in a ``TrainedNetwork``.
    keep_optimizer_state : bool, default=False
        Put the final state into the result.
    shuffle : bool, default=True
        New order of rows in every epoch.
    callbacks : tuple of keras.callbacks.Callback, default=()
        Their presence sends the job through Keras's own ``fit``.
    on_epoch_end : callable, default=None
        ``hook(epoch, logs) -> bool | None``; True stops training.
    observer : Observer, default=None
        Is told how the training goes on. With several processes it must be possible to pickle it.
    prediction : Architecture, default=None
        Network that will predict with the weights; its program is prepared during training.
    name : str, default=""
        For messages, e.g. "lstm, fold 2".
    members : tuple of Job, default=()
        The same network from other seeds, on the same data: what is trained is an average.
    """

    architecture: Architecture
    X: np.ndarray
    y: np.ndarray
    loss: Any
    optimizer: Optimizer
    seed: int
    epochs: int
    batch_size: int
    rows: np.ndarray | None = None
    validation_rows: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    metrics: tuple[Any, ...] = ()
    early_stopping: EarlyStopping | None = None
    initial_weights: list[np.ndarray] | None = None
    initial_optimizer_state: list[np.ndarray] | None = None
    keep_optimizer_state: bool = False
    shuffle: bool = True
    callbacks: tuple[Any, ...] = ()
    on_epoch_end: EpochHook | None = None
    observer: Observer | None = None
    prediction: Architecture | None = None
    name: str = ""
    members: tuple[Job, ...] = ()

    @property
    def n_epochs(self) -> int:
        """Epochs to train, of all members."""
        return self.epochs + sum(member.epochs for member in self.members)

    def find_program(self) -> Any:
        """Return the program that trains it; None if only Keras's own ``fit`` can."""
        from stackens.training._program import find_program

        return find_program(self)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row of ``X``."""
        return self.X.shape[1:]

    @property
    def batch_text(self) -> str:
        """What a batch is and how to make it smaller, for messages."""
        return (
            f"batches of {self.batch_size} rows of {self.X.shape[1:]}; a lower `batch_size`, fewer "
            "`units` or timesteps take less"
        )

    def split(self) -> list[Job]:
        """Return one job for each seed; the members see the arrays of this one."""
        X, y, weights = self.X, self.y, self.sample_weight
        members = [replace(m, X=X, y=y, sample_weight=weights) for m in self.members]
        return [replace(self, members=()), *members]

    @property
    def training_rows(self) -> np.ndarray:
        """Indices of the rows to train on."""
        return np.arange(len(self.X)) if self.rows is None else np.asarray(self.rows)

    def with_all_rows(self, epochs: int) -> Job:
        """Return the same job without early stopping: all its rows train, for so many epochs."""
        rows = self.training_rows
        if self.validation_rows is not None:
            rows = np.sort(np.concatenate([rows, self.validation_rows]))
        return replace(
            self,
            rows=rows,
            validation_rows=None,
            early_stopping=None,
            epochs=epochs,
            members=tuple(member.with_all_rows(epochs) for member in self.members),
        )

    def order(self, epoch: int) -> np.ndarray:
        """Training rows in the order of an epoch (from 0)."""
        rows = self.training_rows
        return stream(self.seed, "shuffle", epoch).permutation(rows) if self.shuffle else rows
