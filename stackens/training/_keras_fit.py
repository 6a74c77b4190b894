"""Training by Keras's own ``fit``, for what only that can do, with our rows in our order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from stackens.exceptions import TimeLimitError
from stackens.parameters import stream
from stackens.training._architecture import initial_weights
from stackens.training._job import CutShortError, TrainedNetwork
from stackens.training._objective import make_loss, make_metric
from stackens.training._row_job import Job
from stackens.training._updates import make_keras_optimizer


def _batches(job: Job) -> Iterator[tuple[Any, ...]]:
    """Yield the batches of a job in the order that a tower sees them, epoch after epoch."""
    for epoch in itertools.count():
        for x, y, weights in job.batches(epoch):
            yield (x, y) if weights is None else (x, y, weights)


def fit_with_keras(
    job: Job, after_epoch: Callable[[int, Mapping[str, float]], None] | None = None
) -> TrainedNetwork:
    """Train one job by ``keras.Model.fit``.

    Parameters
    ----------
    job : Job
        Its callbacks are called as in any Keras training.
    after_epoch : callable, default=None
        ``after_epoch(epoch, logs)``; what it raises ends the training.

    Raises
    ------
    CutShortError
        If ``after_epoch`` raises a ``TimeLimitError`` while there are epochs to come.

    Returns
    -------
    TrainedNetwork
    """
    started = time.perf_counter()
    model = job.architecture.build()
    model.set_weights(job.initial_weights or initial_weights(job.architecture, job.seed))
    _seed_layers(model, job.seed)
    loss = make_loss(job.loss)
    model.compile(
        optimizer=make_keras_optimizer(job.optimizer),
        loss=loss,
        metrics=[make_metric(m, loss, job.y.shape) for m in job.metrics],
    )
    callbacks, stopper = [*job.callbacks], None
    if job.early_stopping is not None:
        stopper = keras.callbacks.EarlyStopping(
            patience=job.early_stopping.patience,
            min_delta=job.early_stopping.min_delta,
            restore_best_weights=True,
        )
        callbacks.append(stopper)
    if job.on_epoch_end is not None:
        callbacks.append(_HookCallback(job.on_epoch_end))
    if job.observer is not None:
        callbacks.append(_ObserverCallback(job, stopper, started))
    limit = _LimitCallback(after_epoch or (lambda epoch, logs: None))
    callbacks.append(limit)  # the last: it must know whether another one ends the training
    rows = job.validation_rows
    model.fit(
        _batches(job),
        epochs=job.epochs,
        shuffle=False,
        steps_per_epoch=-(-len(job.training_rows) // job.batch_size),
        validation_data=None if rows is None else _take(job, rows),
        callbacks=callbacks,
        verbose=0,
    )
    trained = _result(job, model.get_weights(), model.history.history, started)
    if limit.error is not None:
        late = CutShortError(*limit.error.args)
        late.trained = trained
        raise late from None
    return trained


def _result(
    job: Job, weights: list[np.ndarray], history: Mapping[str, list[float]], started: float
) -> TrainedNetwork:
    best = int(np.argmin(history["val_loss"])) if job.early_stopping else len(history["loss"]) - 1
    return TrainedNetwork(
        weights,
        {name: [float(v) for v in values] for name, values in history.items()},
        best,
        time.perf_counter() - started,
    )


class _ObserverCallback(keras.callbacks.Callback):
    """Keeps its own history: Keras's callback for that is called after this one."""

    def __init__(self, job: Job, stopper: Any, started: float) -> None:
        super().__init__()
        self.job, self.stopper, self.started = job, stopper, started
        self.history: dict[str, list[float]] = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.job.observer.on_epoch_begin(epoch)  # type: ignore[union-attr]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.job.observer.on_epoch_end(epoch, logs or {}, self.result):  # type: ignore[union-attr]
            self.model.stop_training = True

    def result(self) -> TrainedNetwork:
        best = None if self.stopper is None else self.stopper.best_weights
        weights = self.model.get_weights() if best is None else best
        return _result(self.job, weights, self.history, self.started)


class _HookCallback(keras.callbacks.Callback):
    def __init__(self, hook: Any) -> None:
        super().__init__()
        self.hook = hook

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.hook(epoch, logs or {}):
            self.model.stop_training = True


class _LimitCallback(keras.callbacks.Callback):
    """Ends a training whose time is up as if its epochs had been so few."""

    def __init__(self, after_epoch: Callable[[int, Mapping[str, float]], None]) -> None:
        super().__init__()
        self.after_epoch = after_epoch
        self.error: TimeLimitError | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        try:
            self.after_epoch(epoch, logs or {})
        except TimeLimitError as error:
            if not self.model.stop_training and epoch + 1 < self.params["epochs"]:
                self.error, self.model.stop_training = error, True


def _take(job: Job, rows: np.ndarray) -> tuple[Any, ...]:
    if job.sample_weight is None:
        return job.X[rows], job.y[rows]
    return job.X[rows], job.y[rows], job.sample_weight[rows]


def _seed_layers(model: keras.Model, seed: int) -> None:
    """Give the dropout layers the streams that a tower of this seed has."""
    trained_or_moving = {id(v) for v in model.weights}
    for i, variable in enumerate(model.non_trainable_variables):
        if id(variable) not in trained_or_moving:
            variable.assign([stream(seed, "layers", i).integers(2**31), 0])
