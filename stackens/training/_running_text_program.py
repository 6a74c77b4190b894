"""The compiled program that trains a network on the windows of a running text."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from stackens.training._architecture import freeze
from stackens.training._checkpoint import TrainingState
from stackens.training._next_token_program import zero_states
from stackens.training._program import ProgramCache, WeightLayout
from stackens.training._random import stream
from stackens.training._updates import make_keras_optimizer, make_update_rule

if TYPE_CHECKING:
    from stackens.training._running_text import RunningText

__all__ = ["find_program"]

# A compiled recurrence is fastest from so many rows on; fewer streams are not cut in two.
_ROWS_OF_A_HALF = 32


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


def find_program(job: RunningText) -> _Program:
    # Two halves whatever the machine: how many there are shows in the last bits of a gradient.
    is_cut = job.n_streams % 2 == 0 and job.n_streams >= 2 * _ROWS_OF_A_HALF
    n_parts = 2 if is_cut else 1
    optimizer = job.optimizer.name, job.optimizer.options
    key: Hashable = (job.architecture.key, freeze(optimizer), n_parts)
    program: _Program = _PROGRAMS.get(key, lambda: _Program(job, n_parts))
    return program
