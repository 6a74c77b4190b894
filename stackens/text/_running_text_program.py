"""The compiled program that trains a network on the windows of a running text."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stackens.text._next_token import sum_log_probabilities
from stackens.text._next_token_program import zero_states
from stackens.training import Architecture, Optimizer
from stackens.training.programs import (
    FlatProgram,
    ProgramCache,
    Shared,
    TowerState,
    count_outputs,
    freeze,
    make_flat_rule,
)

# A compiled recurrence is fastest from so many rows on; fewer streams are not cut in two.
_ROWS_OF_A_HALF = 32


class RunningTextProgram(FlatProgram):
    """Truncated back-propagation: windows of a running text, and states that are carried over.

    Rows of arrays come in a new order in every epoch, and each starts from nothing. Here the order
    is the text's: some streams of it are read side by side, a window at a time, and each window
    starts with the states that the one before has left. It is open in streams, window and length.

    Parameters
    ----------
    architecture : Architecture
        The network.
    optimizer : Optimizer
        Of its jobs.
    n_parts : int
        Parts of the streams that are computed side by side, each by one thread.
    """

    def __init__(self, architecture: Architecture, optimizer: Optimizer, n_parts: int) -> None:
        super().__init__(architecture.network(), make_flat_rule(optimizer), n_parts)
        self._train = tf.function(self._train_steps, autograph=False)

    def _trace(self, job: Any, state: TowerState) -> None:
        numbers = [(2, tf.int32), (2, tf.float32), (1, tf.float32)]
        specs = [tf.TensorSpec([None] * n_dims, dtype) for n_dims, dtype in numbers]
        self._train.get_concrete_function(state, *specs, tf.TensorSpec([], tf.int32))

    def read(self, job: Any, shared: Shared) -> None:
        """Return nothing: streams are cut anew in every epoch."""

    def train(
        self, job: Any, state: TowerState, data: None, first: int, count: int
    ) -> list[dict[str, float]]:
        streams, counts = job.cut(first)
        rates = job.learning_rates(first)
        logs = {"loss": self.train_epoch(state, streams, counts, rates, job.window)}
        if job.validation is not None:
            weights = self.weights_of(state)
            scores = sum_log_probabilities(job.architecture, weights, job.validation)
            n_tokens = sum(len(text) - 1 for text in job.validation)
            logs["val_loss"] = -float(scores.sum()) / n_tokens
        return [logs]

    def count_numbers(self, job: Any) -> int:
        return job.n_streams * count_outputs(self.model, job.window)

    def count_products(self, job: Any) -> int:
        return self.layout.n_parameters * job.epochs * len(job.tokens)

    def train_epoch(
        self,
        state: TowerState,
        streams: np.ndarray,
        counts: np.ndarray,
        rates: np.ndarray,
        window: int,
    ) -> float:
        """Train on all windows of the streams, in order; return the mean loss of a token."""
        arrays = map(tf.constant, (streams, counts, rates))
        loss = self._train(state, *arrays, tf.constant(window, tf.int32))
        return float(loss) / float(counts.sum())

    def _train_steps(
        self, state: TowerState, streams: Tensor, counts: Tensor, rates: Tensor, window: Tensor
    ) -> Tensor:
        ids, weights = self._split(streams), self._split(counts)
        carried = [zero_states(self.model, tf.shape(part)[0]) for part in ids]

        def train(
            step: Tensor, total: Tensor, carried: list[list[Tensor]]
        ) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
            here = slice(step * window, (step + 1) * window)
            after = slice(step * window + 1, (step + 1) * window + 1)
            n_tokens = tf.maximum(tf.reduce_sum(counts[:, here]), 1.0)
            flat = state.parameters.read_value()
            losses, gradients, states = [], [], []
            for part, others in enumerate(self.parts(state)):
                batch = ids[part][:, here], ids[part][:, after], weights[part][:, here]
                loss, gradient, new = self._differentiate(flat, others, carried[part], *batch)
                losses.append(loss)
                gradients.append(gradient)
                states.append(new)
            sums = [tf.add_n(list(parts)) / n_tokens for parts in zip(*gradients, strict=True)]
            self.update(state, [self.layout.join(sums)], rates[step])  # clipped as one vector
            return step + 1, total + tf.cast(tf.add_n(losses), tf.float64), states

        start = [tf.constant(0), tf.constant(0.0, tf.float64), carried]
        n_steps = tf.size(rates)
        return tf.while_loop(lambda k, *_: k < n_steps, train, start, parallel_iterations=1)[1]

    def _differentiate(
        self,
        flat: Tensor,
        others: list[tf.Variable],
        states: list[Tensor],
        x: Tensor,
        y: Tensor,
        weights: Tensor,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
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

    def _split(self, values: Tensor) -> list[Tensor]:
        n_parts = self.n_parts or 1
        size = tf.shape(values)[0] // n_parts
        return [values[k * size : (k + 1) * size] for k in range(n_parts)]


_PROGRAMS = ProgramCache(max_size=4)


def find_training_program(
    architecture: Architecture, optimizer: Optimizer, n_streams: int
) -> RunningTextProgram:
    # Two halves whatever the machine: how many there are shows in the last bits of a gradient.
    is_cut = n_streams % 2 == 0 and n_streams >= 2 * _ROWS_OF_A_HALF
    n_parts = 2 if is_cut else 1
    key: Hashable = (architecture.key, freeze((optimizer.name, optimizer.options)), n_parts)
    return _PROGRAMS.get(key, lambda: RunningTextProgram(architecture, optimizer, n_parts))
