"""Truncated back-propagation: one running text, windows of it, and states that are carried over.

Towers draw their rows in a new order for every epoch, and each row starts from nothing. Here the
order is the text's: some streams of it are read side by side, a window at a time, and each window
starts with the states that the one before has left. The steps of an epoch run inside the graph.
Weights are one flat vector, and the optimizers are those of the towers.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from stackens.exceptions import TrainingDivergedError
from stackens.training._architecture import Architecture, freeze, initial_weights
from stackens.training._checkpoint import Checkpoint, TrainingState
from stackens.training._entries import get_network, put_network
from stackens.training._job import EpochHook, Optimizer, TrainedNetwork
from stackens.training._next_token import sum_log_probabilities, zero_states
from stackens.training._program import ProgramCache, WeightLayout
from stackens.training._random import stream
from stackens.training._store import JobStore
from stackens.training._updates import make_keras_optimizer, make_update_rule

__all__ = ["RunningText", "cut_streams", "train_on_text"]

# A compiled recurrence is fastest from so many rows on; fewer streams are not cut in two.
_ROWS_OF_A_HALF = 32


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
    if store is None:
        return _train(job, None)
    kept = get_network(store, key)
    if kept is None:
        checkpoint = Checkpoint(store, key)
        kept = _train(job, checkpoint)
        if put_network(store, key, kept):
            checkpoint.discard()
    return kept


def _train(job: RunningText, checkpoint: Checkpoint | None) -> TrainedNetwork:
    program = _find_program(job)
    kept = checkpoint.load() if checkpoint is not None else None
    state = program.new_state(initial_weights(job.architecture, job.seed), job.seed, kept)
    history = {"loss": []} if kept is None else kept.history
    started = time.perf_counter() - (0.0 if kept is None else kept.seconds)
    for epoch in range(len(history["loss"]), job.epochs):
        loss = program.train_epoch(state, *job.cut(epoch), job.learning_rates(epoch), job.window)
        if not np.isfinite(loss):
            raise TrainingDivergedError(
                f"The loss became {loss} in epoch {epoch + 1}. A smaller `learning_rate` than "
                f"{job.optimizer.learning_rate} may help."
            )
        logs = {"loss": loss}
        if job.validation is not None:
            logs["val_loss"] = _score(job, program.weights_of(state))
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        if checkpoint is not None and checkpoint.is_due():
            seconds = time.perf_counter() - started
            checkpoint.save(program.freeze(state, epoch, history, seconds))
        if job.on_epoch_end is not None and job.on_epoch_end(epoch, logs):
            break
    seconds = time.perf_counter() - started
    return TrainedNetwork(program.weights_of(state), history, len(history["loss"]) - 1, seconds)


def _score(job: RunningText, weights: list[np.ndarray]) -> float:
    texts = job.validation or ()
    log_probabilities = sum_log_probabilities(job.architecture, weights, texts)
    return -float(log_probabilities.sum()) / sum(len(text) - 1 for text in texts)


class _State(NamedTuple):
    parameters: tf.Variable  # (n_parameters,)
    slots: list[tf.Variable]  # each (n_parameters,)
    step: tf.Variable
    others: list[list[tf.Variable]]  # of each half: the states of its dropout


class _Program:
    """Training of one network with one optimizer, open in streams, window and length.

    Parameters
    ----------
    job : RunningText
        Any job that this program serves.
    n_parts : int
        Parts of the streams that are computed side by side, each by one thread.
    """

    def __init__(self, job: RunningText, n_parts: int) -> None:
        rule = make_update_rule(make_keras_optimizer(job.optimizer))
        assert rule is not None  # whoever makes such a job names an optimizer that has one
        self.rule, self.n_parts = rule, n_parts
        self.model = job.architecture.build()
        self.layout = WeightLayout(self.model)
        self._train = tf.function(self._train_steps, autograph=False)
        self._is_traced = False

    def new_state(self, weights: list[np.ndarray], seed: int, kept: TrainingState | None) -> _State:
        """Make the variables of a training: at its start, or where it was."""
        flat = self.layout.flatten(weights)
        seeds = [int(stream(seed, "part", k).integers(2**31)) for k in range(self.n_parts)]
        others = [self.layout.others(weights, part) for part in seeds]
        slots = [np.full_like(flat, value) for value in self.rule.initial_slots]
        step = np.array(0, "int64")
        if kept is not None:
            flat, slots, step = kept.parameters, kept.slots, kept.step
            size = len(others[0])
            others = [kept.others[k * size : (k + 1) * size] for k in range(self.n_parts)]
        return _State(
            tf.Variable(flat),
            [tf.Variable(slot) for slot in slots],
            tf.Variable(step),
            [[tf.Variable(value) for value in part] for part in others],
        )

    def freeze(
        self, state: _State, epoch: int, history: dict[str, list[float]], seconds: float
    ) -> TrainingState:
        """Return everything that the rest of the training depends on."""
        return TrainingState(
            epoch=epoch,
            parameters=state.parameters.numpy(),
            others=[variable.numpy() for part in state.others for variable in part],
            slots=[slot.numpy() for slot in state.slots],
            step=state.step.numpy(),
            history=history,
            best_loss=np.inf,
            best_epoch=-1,
            best=None,
            seconds=seconds,
        )

    def weights_of(self, state: _State) -> list[np.ndarray]:
        """Return weights in the order of ``Model.get_weights``."""
        others = [variable.numpy() for variable in state.others[0]]
        return self.layout.weights(state.parameters.numpy(), others)

    def train_epoch(
        self, state: _State, streams: np.ndarray, counts: np.ndarray, rates: np.ndarray, window: int
    ) -> float:
        """Train on all windows of the streams, in order; return the mean loss of a token."""
        if not self._is_traced:  # open in all sizes, so that no text retraces
            specs = [
                tf.TensorSpec([None] * array.ndim, array.dtype)
                for array in (streams, counts, rates)
            ]
            self._train.get_concrete_function(state, *specs, tf.TensorSpec([], tf.int32))
            self._is_traced = True
        arrays = map(tf.constant, (streams, counts, rates))
        loss = self._train(state, *arrays, tf.constant(window, tf.int32))
        return float(loss) / float(counts.sum())

    def _train_steps(
        self, state: _State, streams: Any, counts: Any, rates: Any, window: Any
    ) -> Any:
        ids, weights = self._split(streams), self._split(counts)
        carried = [zero_states(self.model, tf.shape(part)[0]) for part in ids]

        def train(step: Any, total: Any, carried: Any) -> Any:
            here = slice(step * window, (step + 1) * window)
            after = slice(step * window + 1, (step + 1) * window + 1)
            n_tokens = tf.maximum(tf.reduce_sum(counts[:, here]), 1.0)
            flat = state.parameters.read_value()
            losses, gradients, states = [], [], []
            for part, others in enumerate(state.others):
                batch = ids[part][:, here], ids[part][:, after], weights[part][:, here]
                loss, gradient, new = self._differentiate(flat, others, carried[part], *batch)
                losses.append(loss)
                gradients.append(gradient)
                states.append(new)
            sums = [tf.add_n(list(parts)) / n_tokens for parts in zip(*gradients, strict=True)]
            gradient = self.layout.join(self.rule.clip(sums))
            self.rule.update(state.parameters, state.slots, state.step, rates[step], gradient)
            state.step.assign_add(1)
            return step + 1, total + tf.cast(tf.add_n(losses), tf.float64), states

        start = [tf.constant(0), tf.constant(0.0, tf.float64), carried]
        n_steps = tf.size(rates)
        return tf.while_loop(lambda k, *_: k < n_steps, train, start, parallel_iterations=1)[1]

    def _differentiate(
        self, flat: Any, others: list[tf.Variable], states: Any, x: Any, y: Any, weights: Any
    ) -> tuple[Any, Any, Any]:
        """Return the summed loss of a part, its gradient, and the states to carry over."""
        parameters = self.layout.split(flat)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            (logits, *states), new_others = self.model.stateless_call(
                parameters, [v.read_value() for v in others], [x, *states], training=True
            )
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_sum(nats * weights)
        for variable, value in zip(others, new_others, strict=True):
            variable.assign(value)
        return loss, tape.gradient(loss, parameters, unconnected_gradients="zero"), states

    def _split(self, values: Any) -> list[Any]:
        size = tf.shape(values)[0] // self.n_parts
        return [values[k * size : (k + 1) * size] for k in range(self.n_parts)]


_PROGRAMS = ProgramCache(max_size=4)


def _find_program(job: RunningText) -> _Program:
    # Two halves whatever the machine: how many there are shows in the last bits of a gradient.
    is_cut = job.n_streams % 2 == 0 and job.n_streams >= 2 * _ROWS_OF_A_HALF
    n_parts = 2 if is_cut else 1
    optimizer = job.optimizer.name, job.optimizer.options
    key: Hashable = (job.architecture.key, freeze(optimizer), n_parts)
    program: _Program = _PROGRAMS.get(key, lambda: _Program(job, n_parts))
    return program
