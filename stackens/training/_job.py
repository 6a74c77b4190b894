"""What is trained: a network, on some rows of some arrays, in some way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from stackens.training._architecture import Architecture
from stackens.training._random import stream

__all__ = ["EarlyStopping", "Job", "Observer", "Optimizer", "TrainedNetwork"]

# Called after every epoch with the epoch's number (from 0) and its logs; True stops training.
EpochHook = Callable[[int, Mapping[str, float]], bool | None]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer as it is written down: a name known to Keras and its settings.

    Parameters
    ----------
    name : str
        Class name of the Keras optimizer.
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=None
        None is the optimizer's own default.
    options : mapping, default={}
        Further arguments of the class.
    """

    name: str
    learning_rate: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the loss of the validation rows has not improved, and keep the best weights.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which training stops.
    min_delta : float, default=0.0
        Smallest decrease that counts.
    """

    patience: int
    min_delta: float = 0.0


class Observer(Protocol):
    """Is told how a training goes on, in the thread or process that trains."""

    def training(self) -> AbstractContextManager[None]:
        """Around the training; of a network that need not be trained, around nothing."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before each epoch (from 0, or where a checkpoint goes on)."""

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], result: Callable[[], TrainedNetwork]
    ) -> bool | None:
        """After it; ``result()`` is what stopping here would give. True stops training."""


@dataclass(frozen=True, eq=False)
class Job:
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

    def split(self) -> list[Job]:
        """Return one job for each seed; the members see the arrays of this one."""
        X, y, weights = self.X, self.y, self.sample_weight
        members = [replace(m, X=X, y=y, sample_weight=weights) for m in self.members]
        return [replace(self, members=()), *members]

    @property
    def training_rows(self) -> np.ndarray:
        """Indices of the rows to train on."""
        return np.arange(len(self.X)) if self.rows is None else np.asarray(self.rows)

    def observed(self) -> AbstractContextManager[None]:
        """Return what to train in, so that the observer knows."""
        return nullcontext() if self.observer is None else self.observer.training()

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


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """What training gives back.

    Attributes
    ----------
    weights : list of ndarray
        In the order of ``keras.Model.get_weights``; of several members one after the other.
    history : dict of str to list of float
        One value an epoch: ``loss``, metrics, and ``val_…`` of the validation rows.
    best_epoch : int
        Epoch (from 0) whose weights these are.
    seconds : float
        Wall time of this job, side by side with others.
    optimizer_state : list of ndarray or None
        If the job asked for it.
    is_kept : bool
        Whether there is a store, from which it may come again.
    """

    weights: list[np.ndarray]
    history: dict[str, list[float]]
    best_epoch: int
    seconds: float
    optimizer_state: list[np.ndarray] | None = None
    is_kept: bool = False

    @classmethod
    def join(cls, members: Sequence[TrainedNetwork]) -> TrainedNetwork:
        """Put members together: all weights, mean history, median best epoch, summed time."""
        if len(members) == 1:
            return members[0]
        history = {}
        for name in members[0].history:
            columns = [member.history[name] for member in members]
            longest = max(len(column) for column in columns)
            history[name] = [
                float(np.mean([column[epoch] for column in columns if epoch < len(column)]))
                for epoch in range(longest)
            ]
        return cls(
            [array for member in members for array in member.weights],
            history,
            int(np.median([member.best_epoch for member in members])),
            sum(member.seconds for member in members),
        )
