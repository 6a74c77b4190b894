"""A network that is trained on some rows of arrays, who plans it, and which rows it watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.parameters import stream
from stackens.training._architecture import Architecture
from stackens.training._augmentation import Augmentation, channel_deviations
from stackens.training._job import (
    EarlyStopping,
    EpochHook,
    Observer,
    Optimizer,
    Trainable,
    TrainedNetwork,
)


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
        Determines initial weights, order of rows, dropout and augmentation.
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
    augmentation : Augmentation, default=None
        Random changes of the rows to train on, new in every epoch; ``X`` holds measurements then,
        and ``y`` floating numbers if rows are mixed. ``validation_rows`` stay as they are.
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
    augmentation: Augmentation | None = None
    callbacks: tuple[Any, ...] = ()
    on_epoch_end: EpochHook | None = None
    observer: Observer | None = None
    prediction: Architecture | None = None
    name: str = ""
    members: tuple[Job, ...] = ()

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

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield x, y and weights of each step of an epoch (from 0), augmented if that is wanted."""
        order, weights, augmentation = self.order(epoch), self.sample_weight, self.augmentation
        if augmentation is not None:
            # Steps of earlier fits are counted, so that each `partial_fit` sees other changes.
            before = self.initial_optimizer_state
            n_before = 0 if before is None else int(before[0])
            streams = augmentation.streams(self.seed, epoch + n_before)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            batch = self.X[rows], self.y[rows], None if weights is None else weights[rows]
            if augmentation is not None:
                batch = augmentation.change(*batch, self._deviations, streams)
            yield batch

    @cached_property
    def _deviations(self) -> np.ndarray:
        """Deviation of each channel over the rows to train on."""
        return channel_deviations(self.X, self.training_rows)


# ---- how level 1 meets level 0 ----------------------------------------------------------------

# Splits training rows in two: `hold_out(rows, fraction, seed)` returns the rows to train on, and
# about that fraction of them to watch.
HoldOut = Callable[[np.ndarray, float, int], tuple[np.ndarray, np.ndarray]]


@runtime_checkable
class TowerLearner(Protocol):
    """An estimator that hands over a job and takes back the trained weights."""

    def plan_job(
        self,
        X: Any,
        y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        hold_out: HoldOut | None = None,
        name: str = "",
    ) -> Job:
        """Validate all of ``X`` and ``y``, and plan the training on ``rows`` (None = all).

        Who stops early takes the rows to watch from inside ``rows``: those that ``hold_out``
        says, or whole ``groups``, unless they were chosen otherwise. Groups come only to who
        asks for them, by name, in ``fit``.
        """

    def adopt(self, trained: TrainedNetwork) -> Any:
        """Take the trained weights; the estimator is then fitted. Return it."""


# ---- which rows are watched, by the nature of the splits --------------------------------------

# Draws of whole groups; the one that comes nearest to the wanted size and classes is taken.
_N_DRAWS = 50


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """A rule that splits the rows of a fit into rows to train on and validation rows.

    Parameters
    ----------
    kind : {"groups", "latest", "latest groups"}
        The rule.
    classes : ndarray of shape (n_samples,), default=None
        Class of each row, where rows have one.
    groups : ndarray of shape (n_samples,), default=None
        Group of each row.
    gap : int, default=0
        Rows between the last training row and the first of the latest rows that are left out.
    time : ndarray of int of shape (n_samples,), default=None
        Place of each row in time; None is the order of the rows.
    """

    kind: str
    classes: np.ndarray | None = None
    groups: np.ndarray | None = None
    gap: int = 0
    time: np.ndarray | None = None

    def of(self, rows: np.ndarray | None) -> Self:
        """Return the rule for data that are ``rows`` of these (None is all)."""
        if rows is None:
            return self
        return replace(
            self,
            classes=None if self.classes is None else self.classes[rows],
            groups=None if self.groups is None else self.groups[rows],
            time=rows if self.time is None else self.time[rows],
        )

    def with_groups(self, groups: Any) -> Self | None:
        """Return the rule for other groups of the rows; None are none."""
        in_time = self.kind.startswith("latest")
        if groups is not None:
            kind = "latest groups" if in_time else "groups"
            return replace(self, kind=kind, groups=np.asarray(groups))
        return replace(self, kind="latest", groups=None) if in_time else None

    def _times(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.time is None else self.time[rows]

    def __call__(
        self, rows: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split ``rows``; about ``fraction`` of them become validation rows.

        Raises
        ------
        InvalidInputError
            If one of both parts would be empty.
        """
        rows = np.asarray(rows)
        if self.kind == "latest":
            return self._split_latest(rows, fraction)
        return self._split_groups(rows, fraction, seed)

    def _split_latest(self, rows: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        rows = rows[np.argsort(self._times(rows), kind="stable")]
        start = len(rows) - int(np.ceil(len(rows) * fraction))
        training, validation = rows[: max(0, start - self.gap)], rows[start:]
        if not len(training):
            gap = f" with a gap of {self.gap}" if self.gap else ""
            raise InvalidInputError(
                f"`early_stopping` holds out the latest {len(validation)} of {len(rows)} training "
                f"rows, which{gap} leave none to train on. Train without it, or use fewer splits."
            )
        return training, validation

    def _split_groups(
        self, rows: np.ndarray, fraction: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        assert self.groups is not None
        names, group_of_row = np.unique(self.groups[rows], return_inverse=True)
        if len(names) < 2:
            raise InvalidInputError(
                f"`early_stopping` holds out whole groups, and all {len(rows)} training rows are "
                f"of the group {names.tolist()}. Train without it, or set `validation_rows`."
            )
        if self.kind == "latest groups":
            times = self._times(rows)
            latest = np.array([times[group_of_row == g].max() for g in range(len(names))])
            orders = [np.argsort(-latest)]
        else:
            rng = np.random.RandomState(seed)
            orders = [rng.permutation(len(names)) for _ in range(_N_DRAWS)]
        draws = [self._take_groups(order, group_of_row, fraction) for order in orders]
        classes = None if self.classes is None else self.classes[rows]
        is_validation = min(draws, key=lambda draw: _cost(draw, classes, fraction))
        return rows[~is_validation], rows[is_validation]

    def _take_groups(
        self, order: np.ndarray, group_of_row: np.ndarray, fraction: float
    ) -> np.ndarray:
        """Mark the rows of as many groups, in an order, as come nearest to the fraction."""
        share = np.cumsum(np.bincount(group_of_row)[order]) / len(group_of_row)
        n_taken = 1 + int(np.argmin(np.abs(share[:-1] - fraction)))  # one group stays, at least
        return np.isin(group_of_row, order[:n_taken])


def _cost(
    is_validation: np.ndarray, classes: np.ndarray | None, fraction: float
) -> tuple[int, float]:
    """Order draws of groups: lost classes first, then distance in size and class shares."""
    distance = abs(float(is_validation.mean()) - fraction)
    if classes is None:
        return 0, distance
    codes = np.unique(classes, return_inverse=True)[1]
    all_counts = np.bincount(codes)
    counts = np.bincount(codes[is_validation], minlength=len(all_counts))
    shares = np.abs(counts / counts.sum() - all_counts / len(codes)).sum() / 2
    return int((counts == all_counts).sum()), distance + fraction * float(shares)
