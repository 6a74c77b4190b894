"""Training on pairs of sentences, a batch of similar lengths at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stackens.training._architecture import Architecture, initial_weights
from stackens.training._backend import require_keras
from stackens.training._checkpoint import Checkpoint
from stackens.training._job import EarlyStopping, EpochHook, Optimizer, TrainedNetwork
from stackens.training._kept_training import check_finite, train_kept
from stackens.training._random import stream
from stackens.training._soft_targets import SoftTargets
from stackens.training._store import JobStore
from stackens.training._translation import pad, score_pairs

__all__ = ["ParallelText", "train_on_pairs"]

_WARMUP = 1000  # steps, where nothing is said, and there are enough
Pairs = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True, eq=False)
class ParallelText:
    """A translator to be trained on pairs of sentences.

    Parameters
    ----------
    architecture : Architecture
        A ``TranslationNetwork``.
    source, target : sequence of ndarray of int of shape (n_tokens_i,)
        Token ids; the first of a target sentence is given, and predicts the next one.
    optimizer : Optimizer
        How; ``learning_rate`` is the largest one.
    seed : int
        Determines initial weights, dropout, and the order of pairs.
    epochs : int
        Passes over the pairs.
    batch_tokens : int
        Largest number of tokens of either side in a step, padding included.
    schedule : {"inverse_sqrt", "linear", "constant"}
        How the learning rate falls after it has risen: with the square root of the step, along a
        line to nothing at the end, or not at all.
    warmup_steps : int or None
        Steps in which it rises along a line; None is 1000, or a quarter of all if that is less.
    label_smoothing : float, default=0.0
        Share of each label that is spread over all ids.
    validation : pair of sequences of ndarray, default=None
        Source and target of pairs that are scored after every epoch.
    early_stopping : EarlyStopping, default=None
        Needs ``validation``.
    weights : list of ndarray, default=None
        To start from; None draws them.
    teacher : SoftTargets, default=None
        From whom to learn, too.
    on_epoch_end : callable, default=None
        ``hook(epoch, logs) -> bool | None``; True stops training.
    """

    architecture: Architecture
    source: Sequence[np.ndarray]
    target: Sequence[np.ndarray]
    optimizer: Optimizer
    seed: int
    epochs: int
    batch_tokens: int
    schedule: str
    warmup_steps: int | None
    label_smoothing: float = 0.0
    validation: Pairs | None = None
    early_stopping: EarlyStopping | None = None
    weights: list[np.ndarray] | None = None
    teacher: SoftTargets | None = None
    on_epoch_end: EpochHook | None = None

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of an epoch (from 0), in order.

        Which lengths come together is the same in every epoch; which pairs of these lengths, and
        the order of batches, is drawn anew.
        """
        lengths = np.array([[len(s), len(t) - 1] for s, t in self._pairs()])
        draw = stream(self.seed, "pairs", epoch)
        coarse = lengths[:, 0] // 2  # so that the other side can be sorted, too
        order = np.lexsort((draw.random(len(lengths)), lengths[:, 1], coarse))
        longest = np.maximum(2 * coarse + 1, lengths[:, 1])[order]
        batches, start = [], 0
        for stop in range(1, len(order) + 1):
            widest = longest[start : stop + 1].max()
            if stop == len(order) or (stop + 1 - start) * widest > self.batch_tokens:
                batches.append(order[start:stop])
                start = stop
        return [batches[k] for k in draw.permutation(len(batches))]

    def _pairs(self) -> zip[tuple[np.ndarray, np.ndarray]]:
        return zip(self.source, self.target, strict=True)

    def learning_rates(self, epoch: int, n_steps: int) -> np.ndarray:
        """Return the rate of each step of an epoch (from 0), of shape (n_steps,)."""
        step = 1 + epoch * n_steps + np.arange(n_steps)
        n_all = self.epochs * n_steps
        warmup = min(_WARMUP, n_all // 4) if self.warmup_steps is None else self.warmup_steps
        rising = np.minimum(1.0, step / max(1, warmup))
        falling = np.ones(n_steps)
        if self.schedule == "inverse_sqrt":
            falling = np.sqrt(max(1, warmup) / np.maximum(step, max(1, warmup)))
        elif self.schedule == "linear":
            falling = np.clip((n_all + 1 - step) / max(1, n_all - warmup), 0.0, 1.0)
        return np.asarray(self.optimizer.learning_rate * rising * falling, "float32")


def train_on_pairs(
    job: ParallelText, *, store: JobStore | None = None, key: str = ""
) -> TrainedNetwork:
    """Train a translator.

    Parameters
    ----------
    job : ParallelText
        What to train.
    store : JobStore, default=None
        Where its state is kept while it trains, and the result.
    key : str, default=""
        Of everything that the result depends on.

    Returns
    -------
    TrainedNetwork
        ``history["loss"]`` is the mean loss of a token, as it was minimised;
        ``history["val_loss"]`` is in nats per token.

    Raises
    ------
    TrainingDivergedError
        If the loss becomes NaN or infinite.
    """
    return train_kept(lambda checkpoint: _train(job, checkpoint), store, key)


def _train(job: ParallelText, checkpoint: Checkpoint | None) -> TrainedNetwork:
    require_keras()
    from stackens.training._parallel_text_program import find_program

    program = find_program(job.architecture, job.optimizer, job.label_smoothing, job.teacher)
    kept = checkpoint.load() if checkpoint is not None else None
    start = job.weights or initial_weights(job.architecture, job.seed)
    state = program.new_state(start, job.seed, kept)
    history: dict[str, list[float]] = {"loss": []} if kept is None else kept.history
    best = _Best() if kept is None else _Best(kept.best_loss, kept.best_epoch, kept.best)
    started = time.perf_counter() - (0.0 if kept is None else kept.seconds)
    taught = () if job.teacher is None else program.tensors_of_teacher(job.teacher.weights)
    source, target = pad(job.source), pad(job.target)
    for epoch in range(len(history["loss"]), job.epochs):
        if best.is_over(job.early_stopping, epoch):
            break
        sums = np.zeros(2)
        batches = job.batches(epoch)
        for rows, rate in zip(batches, job.learning_rates(epoch, len(batches)), strict=True):
            batch = _trim(source[rows]), _trim(target[rows])
            sums += program.train_batch(state, *batch, rate, taught)
        logs = {"loss": float(sums[0] / sums[1])}
        check_finite(logs["loss"], epoch, job.optimizer.learning_rate)
        if job.validation is not None:
            logs["val_loss"] = _score(job, program.weights_of(state))
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        if job.early_stopping is not None and best.is_beaten(logs["val_loss"], job.early_stopping):
            best = _Best(logs["val_loss"], epoch, program.copy(state))
        if checkpoint is not None and checkpoint.is_due():
            seconds = time.perf_counter() - started
            checkpoint.save(program.freeze(state, epoch, history, seconds=seconds, **vars(best)))
        if job.on_epoch_end is not None and job.on_epoch_end(epoch, logs):
            break
    seconds = time.perf_counter() - started
    if best.best is not None:
        state.parameters.assign(best.best[0])
    n_epochs = len(history["loss"])
    best_epoch = n_epochs - 1 if best.best is None else best.best_epoch
    return TrainedNetwork(program.weights_of(state), history, best_epoch, seconds)


@dataclass(frozen=True)
class _Best:
    """The epoch with the lowest loss of the held-out pairs, so far."""

    best_loss: float = np.inf
    best_epoch: int = -1
    best: tuple[np.ndarray, list[np.ndarray]] | None = None

    def is_beaten(self, loss: float, stopping: EarlyStopping) -> bool:
        return loss < self.best_loss - stopping.min_delta

    def is_over(self, stopping: EarlyStopping | None, epoch: int) -> bool:
        return stopping is not None and epoch - 1 - self.best_epoch >= stopping.patience


def _trim(ids: np.ndarray) -> np.ndarray:
    """Leave out columns of padding."""
    return ids[:, : int((ids != 0).any(axis=0).sum())]


def _score(job: ParallelText, weights: list[np.ndarray]) -> float:
    assert job.validation is not None
    scores = score_pairs(job.architecture, weights, *job.validation)
    return -float(np.concatenate(scores).mean())
