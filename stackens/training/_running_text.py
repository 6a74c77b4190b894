"""Truncated back-propagation: one running text, windows of it, and states that are carried over.

Towers draw their rows in a new order for every epoch, and each row starts from nothing. Here the
order is the text's: some streams of it are read side by side, a window at a time, and each window
starts with the states that the one before has left. The steps of an epoch run inside the graph.
Weights are one flat vector, and the optimizers are those of the towers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stackens.training._architecture import Architecture, initial_weights
from stackens.training._backend import require_keras
from stackens.training._checkpoint import Checkpoint
from stackens.training._job import EpochHook, Optimizer, TrainedNetwork
from stackens.training._kept_training import check_finite, train_kept
from stackens.training._next_token import sum_log_probabilities
from stackens.training._random import stream
from stackens.training._store import JobStore

__all__ = ["RunningText", "cut_streams", "train_on_text"]


@dataclass(frozen=True, eq=False)
class RunningText:
    """A network to be trained on a running text.

    Parameters
    ----------
    architecture : Architecture
        A network with inputs tokens and states, and outputs logits and states.
    tokens : ndarray of int of shape (n_tokens,)
        The text; the first token is not predicted.
    optimizer : Optimizer
        How; ``learning_rate`` is a number.
    seed : int
        Determines initial weights, dropout, and where windows begin.
    epochs : int
        Passes over the text.
    n_streams : int
        Streams that are read side by side.
    window : int
        Tokens of a stream in one step of training.
    decay : {"cosine", None}
        How the learning rate falls, to nothing at the end of the last epoch.
    validation : sequence of ndarray of int, default=None
        Texts that are scored after every epoch.
    on_epoch_end : callable, default=None
        ``hook(epoch, logs) -> bool | None``; True stops training.
    """

    architecture: Architecture
    tokens: np.ndarray
    optimizer: Optimizer
    seed: int
    epochs: int
    n_streams: int
    window: int
    decay: str | None = None
    validation: Sequence[np.ndarray] | None = None
    on_epoch_end: EpochHook | None = None

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return -(-(len(self.tokens) - 1) // (self.n_streams * self.window))

    def learning_rates(self, epoch: int) -> np.ndarray:
        """Return the rate of each step of an epoch (from 0), of shape (n_steps,)."""
        rate = self.optimizer.learning_rate
        if self.decay is None:
            return np.full(self.n_steps, rate, "float32")
        steps = epoch * self.n_steps + np.arange(self.n_steps)
        share = steps / (self.epochs * self.n_steps)
        return np.asarray(rate * 0.5 * (1 + np.cos(np.pi * share)), "float32")

    def cut(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the streams of an epoch and which of their tokens count."""
        length = self.n_steps * self.window
        spare = self.n_streams * length - (len(self.tokens) - 1)
        ahead = stream(self.seed, "windows", epoch).integers(min(spare + 1, self.window))
        return cut_streams(self.tokens, self.n_streams, length, int(ahead))


def cut_streams(
    tokens: np.ndarray, n_streams: int, length: int, ahead: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into streams of one length.

    Parameters
    ----------
    tokens : ndarray of int of shape (n_tokens,)
        The text.
    n_streams, length : int
        Streams, and tokens to predict in each.
    ahead : int
        Copies of the first token to put before the text, so that windows begin elsewhere.

    Returns
    -------
    streams : ndarray of int32 of shape (n_streams, length + 1)
        Each ends with the first token of the next one, which it predicts.
    counts : ndarray of float32 of shape (n_streams, length)
        1 for every token of the text but its first, which are targets once each; 0 for the rest.
    """
    n_targets = n_streams * length
    padded = np.full(n_targets + 1, tokens[-1], "int32")
    padded[:ahead] = tokens[0]
    padded[ahead : ahead + len(tokens)] = tokens
    counts = np.zeros(n_targets, "float32")
    counts[ahead : ahead + len(tokens) - 1] = 1
    starts = np.arange(n_streams)[:, None] * length
    return padded[starts + np.arange(length + 1)], counts.reshape(n_streams, length)


def train_on_text(
    job: RunningText, *, store: JobStore | None = None, key: str = ""
) -> TrainedNetwork:
    """Train a network on a running text.

    Parameters
    ----------
    job : RunningText
        What to train.
    store : JobStore, default=None
        Where its state is kept while it trains, and the result.
    key : str, default=""
        Of everything that the result depends on.

    Returns
    -------
    TrainedNetwork
        ``history["loss"]`` and ``history["val_loss"]`` are in nats per token.

    Raises
    ------
    TrainingDivergedError
        If the loss becomes NaN or infinite.
    """
    return train_kept(lambda checkpoint: _train(job, checkpoint), store, key)


def _train(job: RunningText, checkpoint: Checkpoint | None) -> TrainedNetwork:
    require_keras()
    from stackens.training._running_text_program import find_program

    program = find_program(job.architecture, job.optimizer, job.n_streams)
    kept = checkpoint.load() if checkpoint is not None else None
    state = program.new_state(initial_weights(job.architecture, job.seed), job.seed, kept)
    history = {"loss": []} if kept is None else kept.history
    started = time.perf_counter() - (0.0 if kept is None else kept.seconds)
    for epoch in range(len(history["loss"]), job.epochs):
        loss = program.train_epoch(state, *job.cut(epoch), job.learning_rates(epoch), job.window)
        check_finite(loss, epoch, job.optimizer.learning_rate)
        logs = {"loss": loss}
        if job.validation is not None:
            logs["val_loss"] = _score(job, program.weights_of(state))
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        if checkpoint is not None and checkpoint.is_due():
            seconds = time.perf_counter() - started
            checkpoint.save(program.freeze(state, epoch, history, seconds=seconds))
        if job.on_epoch_end is not None and job.on_epoch_end(epoch, logs):
            break
    seconds = time.perf_counter() - started
    return TrainedNetwork(program.weights_of(state), history, len(history["loss"]) - 1, seconds)


def _score(job: RunningText, weights: list[np.ndarray]) -> float:
    texts = job.validation or ()
    log_probabilities = sum_log_probabilities(job.architecture, weights, texts)
    return -float(log_probabilities.sum()) / sum(len(text) - 1 for text in texts)
