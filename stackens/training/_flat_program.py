"""What all compiled programs that train have in common: weights as one flat vector, and its state.

A *tower* is a job with its own flat vector of parameters. All towers of one architecture are run
by the same program, traced once and open in all sizes: the tower's state is an argument. A job
alone is therefore computed by the very same operations as in a group.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stackens.training._job import Shared
from stackens.training._random import stream
from stackens.training._updates import UpdateRule

__all__ = ["count_outputs", "FlatProgram", "ProgramCache", "TowerState", "WeightLayout"]


class WeightLayout:
    """Where each weight of a network lies in a tower's flat vector.

    Parameters
    ----------
    model : keras.Model
        A built model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.shapes = [tuple(v.shape) for v in model.trainable_variables]
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.dtype = model.trainable_variables[0].dtype if self.shapes else "float32"
        order = {id(v): i for i, v in enumerate(model.weights)}
        self._trainable = [order[id(v)] for v in model.trainable_variables]
        self._other = [order.get(id(v)) for v in model.non_trainable_variables]
        self.n_parameters, self.n_others = sum(self.sizes), len(self._other)

    def split(self, flat: Any) -> list[Any]:
        """Cut a flat tensor into the tensors of the trainable variables."""
        parts = tf.split(flat, self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, tensors: Sequence[Any]) -> Any:
        """Do the reverse of ``split``."""
        return tf.concat([tf.reshape(t, [-1]) for t in tensors], axis=0)

    def flatten(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Take the trainable ones of ``Model.get_weights`` as one vector."""
        parts = [np.ravel(weights[i]) for i in self._trainable]
        return np.concatenate(parts).astype(self.dtype, copy=False)

    def others(self, weights: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
        """Take what is not trained: moving averages, and the seeds of the dropout layers."""
        values = []
        for i, (variable, position) in enumerate(
            zip(self.model.non_trainable_variables, self._other, strict=True)
        ):
            if position is not None:
                values.append(np.asarray(weights[position]))
            else:  # the state of a seed generator: a key, and a counter that Keras advances
                key = stream(seed, "layers", i).integers(2**31)
                values.append(np.array([key, 0], dtype=variable.dtype))
        return values

    def weights(self, flat: np.ndarray, others: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Put a tower's values into the order of ``Model.get_weights``."""
        result: dict[int, np.ndarray] = {}
        parts = np.split(flat, np.cumsum(self.sizes)[:-1])
        for position, part, shape in zip(self._trainable, parts, self.shapes, strict=True):
            result[position] = part.reshape(shape).copy()
        for place, value in zip(self._other, others, strict=True):
            if place is not None:
                result[place] = np.array(value)
        return [result[i] for i in range(len(result))]


class TowerState(NamedTuple):
    """The variables of one tower."""

    parameters: tf.Variable  # (n_parameters,)
    others: list[tf.Variable]  # moving averages; seeds and counters of dropout, of each part
    slots: list[tf.Variable]  # each (n_parameters,)
    step: tf.Variable


class FlatProgram(ABC):
    """Training of one network with one optimizer; a kind of job says on which batches.

    Parameters
    ----------
    model : keras.Model
        The network; only its structure is used.
    rule : UpdateRule
        The optimizer.
    n_parts : int, default=None
        Parts of a batch that are computed side by side, each with its own dropout; None is one,
        with the seed of the job itself.
    """

    def __init__(self, model: keras.Model, rule: UpdateRule, n_parts: int | None = None) -> None:
        self.model, self.rule, self.n_parts = model, rule, n_parts
        self.layout = WeightLayout(model)
        self._tracing = threading.Lock()
        self._is_traced = False

    # ---- what a kind of job supplies -----------------------------------------------------------

    @abstractmethod
    def _trace(self, job: Any, state: TowerState) -> None:
        """Trace the functions, open in all sizes, so that no data retraces."""

    @abstractmethod
    def read(self, job: Any, shared: Shared) -> Any:
        """Return what a job trains on, as ``train`` takes it."""

    @abstractmethod
    def train(
        self, job: Any, state: TowerState, data: Any, first: int, count: int
    ) -> list[dict[str, float]]:
        """Train up to ``count`` epochs from the epoch ``first`` on; return the logs of each.

        The logs of the last one hold the scores of held-out rows, too.
        """

    @abstractmethod
    def count_numbers(self, job: Any) -> int:
        """Estimate how many numbers a batch takes in all layers, with their gradients."""

    @abstractmethod
    def count_products(self, job: Any) -> int:
        """Return a measure of how long a job takes."""

    # ---- what all share ------------------------------------------------------------------------

    def prepare(self, job: Any) -> None:
        """Trace now."""
        with self._tracing:
            if not self._is_traced:
                weights = [np.zeros(v.shape, v.dtype) for v in self.model.weights]
                self._trace(job, self.new_state(job, weights, anew=True))
                self._is_traced = True

    def new_state(
        self, job: Any, weights: Sequence[np.ndarray], *, anew: bool = False
    ) -> TowerState:
        """Make the variables of a tower, whose optimizer may go on from an earlier training."""
        flat = self.layout.flatten(weights)
        step, slots = np.array(0, "int64"), [np.full_like(flat, v) for v in self.rule.initial_slots]
        if job.initial_optimizer_state is not None and not anew:
            step, *slots = job.initial_optimizer_state
        others = [v for seed in self._seeds(job) for v in self.layout.others(weights, seed)]
        return TowerState(
            tf.Variable(flat),
            [tf.Variable(v) for v in others],
            [tf.Variable(v) for v in slots],
            tf.Variable(step),
        )

    def weights(self, flat: np.ndarray, others: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Put a tower's values into the order of ``Model.get_weights``."""
        return self.layout.weights(flat, others[: self.layout.n_others])

    def _seeds(self, job: Any) -> list[int]:
        if self.n_parts is None:
            return [job.seed]
        return [int(stream(job.seed, "part", k).integers(2**31)) for k in range(self.n_parts)]

    def weights_of(self, state: TowerState) -> list[np.ndarray]:
        """Return the present weights in the order of ``Model.get_weights``."""
        return self.weights(state.parameters.numpy(), [v.numpy() for v in state.others])

    def parts(self, state: TowerState) -> list[list[tf.Variable]]:
        """Return the states of dropout of each part of a batch."""
        size = self.layout.n_others
        return [state.others[k * size : (k + 1) * size] for k in range(self.n_parts or 1)]

    def update(self, state: TowerState, gradient: Any, learning_rate: Any) -> None:
        """Change the parameters by one step along a flat gradient, clipped as one vector."""
        (clipped,) = self.rule.clip([gradient])
        self.rule.update(state.parameters, state.slots, state.step, learning_rate, clipped)
        state.step.assign_add(1)

    def n_bytes(self, job: Any) -> int:
        """Estimate what training one job takes beside its data.

        That is the parameters with their gradient, the optimizer's slots and the best weights so
        far, and the outputs of all layers for one batch.
        """
        per_parameter = 4 + len(self.rule.initial_slots)
        n_numbers = self.layout.n_parameters * per_parameter + self.count_numbers(job)
        return int(np.dtype(self.layout.dtype).itemsize * n_numbers)


class ProgramCache:
    """The programs used last, by key; the least recently used ones are dropped.

    Parameters
    ----------
    max_size : int
        Programs to keep. One holds its traced graph: a few megabytes.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the program of ``key``, made by ``make()`` if it is not there."""
        with self._lock:
            if key not in self._programs:
                self._programs[key] = make()
            self._programs.move_to_end(key)
            while len(self._programs) > self.max_size:
                self._programs.popitem(last=False)
            return self._programs[key]

    def clear(self) -> None:
        """Drop all programs."""
        with self._lock:
            self._programs.clear()


def count_outputs(model: Any, n_timesteps: int) -> int:
    """Estimate how many numbers the layers of a network take for one row, with their gradients.

    Recurrent layers keep their gates and states for every step.
    """
    layers = model._flatten_layers(include_self=False)
    return sum(_output_size(layer, n_timesteps) for layer in layers)


def _output_size(layer: Any, n_steps: int) -> int:
    """Numbers that one row needs in one layer, forward and backward."""
    if hasattr(layer, "units") and hasattr(layer, "recurrent_dropout"):
        return 12 * n_steps * int(layer.units)
    try:
        shape = layer.output.shape[1:]
    except (AttributeError, ValueError):
        return 0
    return 3 * int(np.prod([n_steps if size is None else size for size in shape]))
