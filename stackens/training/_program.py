"""Compiled programs that train: weights as one flat vector, on the batches of a kind of job.

A *tower* is a job with its own flat vector of parameters. All towers of one architecture are run
by the same program, traced once and open in all sizes: the tower's state is an argument. A job
alone is therefore computed by the very same operations as in a group.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf

from stackens.parameters import stream
from stackens.sequences import is_memory_map
from stackens.training._architecture import Network, ProgramCache, WeightLayout, freeze
from stackens.training._job import Shared
from stackens.training._objective import make_loss, make_metric
from stackens.training._updates import UpdateRule, make_keras_optimizer, make_update_rule

# Validation computes no gradients, so that larger batches only save time.
_EVALUATION_BATCH = 256

# Inputs up to this size become one tensor that all towers share; larger ones, and memory maps,
# stay where they are and are read in pieces.
_RESIDENT_BYTES = 64 * 2**20
_PIECE_BYTES = 16 * 2**20


Pieces = Iterable[tuple[tuple[Any, ...], np.ndarray]]


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
    network : Network
        What is trained.
    rule : UpdateRule
        The optimizer.
    n_parts : int, default=None
        Parts of a batch that are computed side by side, each with its own dropout; None is one,
        with the seed of the job itself.
    """

    def __init__(self, network: Network, rule: UpdateRule, n_parts: int | None = None) -> None:
        self.network, self.rule, self.n_parts = network, rule, n_parts
        self.model, self.layout = network.model, WeightLayout(network.model)
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
        with self.network.tracing:
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

    def update(self, state: TowerState, gradients: Sequence[Any], learning_rate: Any) -> None:
        """Change the parameters by one step along gradients, each of which is clipped by itself."""
        gradient = self.layout.join(self.rule.clip(list(gradients)))
        self.rule.update(state.parameters, state.slots, state.step, learning_rate, gradient)
        state.step.assign_add(1)

    def n_bytes(self, job: Any) -> int:
        """Estimate what training one job takes beside its data.

        That is the parameters with their gradient, the optimizer's slots and the best weights so
        far, and the outputs of all layers for one batch.
        """
        per_parameter = 4 + len(self.rule.initial_slots)
        n_numbers = self.layout.n_parameters * per_parameter + self.count_numbers(job)
        return int(np.dtype(self.layout.dtype).itemsize * n_numbers)


class RowSource:
    """The rows of one job, as tensors.

    Parameters
    ----------
    job : Job
        Whose arrays.
    program : TowerProgram
        Whose types.
    shared : Shared
        Where whole arrays are kept.
    """

    def __init__(self, job: Any, program: Any, shared: Shared) -> None:
        self._job, self._program, self._shared = job, program, shared
        self.is_resident = not is_streamed(job.X)
        row_bytes = max(1, job.X[:1].nbytes)
        batches = max(1, _PIECE_BYTES // (row_bytes * job.batch_size))
        self._piece = batches * job.batch_size

    def tensors(self) -> tuple[Any, Any, Any]:
        """Return all rows of x, y and the weights, if they are resident."""
        job, program, shared = self._job, self._program, self._shared
        return (
            shared.tensor(job.X, program.input_dtype),
            shared.tensor(job.y, job.y.dtype.name),
            shared.tensor(self._weights(), program.layout.dtype),
        )

    def _weights(self) -> np.ndarray:
        weights = self._job.sample_weight
        return self._program.unit_weights(len(self._job.X)) if weights is None else weights

    def pieces(self, rows: np.ndarray) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
        """Yield (x, y, weights) and positions in them, which together are ``rows`` in order."""
        if self.is_resident:
            yield self.tensors(), rows
            return
        job, program, weights = self._job, self._program, self._weights()
        for start in range(0, len(rows), self._piece):
            part = rows[start : start + self._piece]
            sorter = np.argsort(part)  # a file is read from front to back
            positions = np.empty_like(sorter)
            positions[sorter] = np.arange(len(part))
            chosen = part[sorter]
            data = (
                tf.constant(job.X[chosen], program.input_dtype),
                tf.constant(job.y[chosen]),
                tf.constant(weights[chosen], program.layout.dtype),
            )
            yield data, positions

    def augmented_pieces(self, epoch: int) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
        """Yield the changed rows of an epoch (from 0), in order, as ``pieces`` does."""
        job, program, batches = self._job, self._program, self._job.batches(epoch)
        while some := list(itertools.islice(batches, self._piece // job.batch_size)):
            x, y, weights = zip(*some, strict=True)
            rows = np.arange(sum(map(len, x)))
            unweighted = job.sample_weight is None
            data = (
                tf.constant(np.concatenate(x), program.input_dtype),
                tf.constant(np.concatenate(y)),
                tf.constant(
                    np.ones(len(rows)) if unweighted else np.concatenate(weights),
                    program.layout.dtype,
                ),
            )
            yield data, rows


def is_streamed(array: np.ndarray) -> bool:
    """Tell whether an array is read in pieces: a memory map, or a large one."""
    return array.nbytes > _RESIDENT_BYTES or is_memory_map(array)


class TowerProgram(FlatProgram):
    """Training and evaluation of one architecture with one optimizer, loss and metrics.

    Parameters
    ----------
    job : Job
        Any job of the group that this program serves.
    rule : UpdateRule
        The optimizer.
    network : Network
        The architecture's.
    default_rate : float
        Learning rate of the optimizer, for jobs that name none.
    """

    def __init__(self, job: Any, rule: UpdateRule, network: Network, default_rate: float) -> None:
        super().__init__(network, rule)
        self.default_rate = default_rate
        self.input_dtype = self.model.inputs[0].dtype
        self.loss = make_loss(job.loss)
        self.metrics = [make_metric(m, self.loss, job.y.shape) for m in job.metrics]
        self._ones: dict[int, np.ndarray] = {}
        self._train = tf.function(self._train_all, autograph=False)
        self._evaluate = tf.function(self._evaluate_rows, autograph=False)

    def _trace(self, job: Any, state: TowerState) -> None:
        rows = tf.TensorSpec([None], tf.int32)
        scalar = tf.TensorSpec([], tf.int32)
        rate = tf.TensorSpec([], self.layout.dtype)
        totals = self._fresh_totals()
        data = (
            tf.TensorSpec(_open_shape(job.X, self.model.inputs[0].shape), self.input_dtype),
            tf.TensorSpec([None, *job.y.shape[1:]], job.y.dtype),
            tf.TensorSpec([None], self.layout.dtype),
        )
        orders = tf.TensorSpec([None, None], tf.int32)
        self._train.get_concrete_function(state, *data, orders, scalar, totals, rate)
        if job.validation_rows is not None:
            self._evaluate.get_concrete_function(state, *data, rows, scalar, totals)

    def count_numbers(self, job: Any) -> int:
        return job.batch_size * count_outputs(self.model, _n_timesteps(job))

    def count_products(self, job: Any) -> int:
        n_rows = job.epochs * len(job.training_rows)
        return self.layout.n_parameters * _n_timesteps(job) * n_rows

    def read(self, job: Any, shared: Shared) -> RowSource:
        return RowSource(job, self, shared)

    def train(
        self, job: Any, state: TowerState, data: RowSource, first: int, count: int
    ) -> list[dict[str, float]]:
        rate = job.optimizer.learning_rate
        rate = rate if isinstance(rate, (int, float)) else self.default_rate
        last = first + 1 if job.validation_rows is not None else min(first + count, job.epochs)
        if job.augmentation is not None:
            pieces = data.augmented_pieces(first)
            epochs = [self.train_pieces(state, pieces, job.batch_size, rate)]
        elif data.is_resident:
            orders = np.stack([job.order(epoch) for epoch in range(first, last)])
            epochs = self.train_epochs(state, data.tensors(), orders, job.batch_size, rate)
        else:
            pieces = data.pieces(job.order(first))
            epochs = [self.train_pieces(state, pieces, job.batch_size, rate)]
        if job.validation_rows is not None:
            batch = max(job.batch_size, _EVALUATION_BATCH)
            held_out = self.evaluate(state, data.pieces(job.validation_rows), batch)
            epochs[-1].update({f"val_{name}": value for name, value in held_out.items()})
        return epochs

    def unit_weights(self, n_rows: int) -> np.ndarray:
        """Return one weight for each row, the same array every time."""
        if n_rows not in self._ones:
            self._ones = {n_rows: np.ones(n_rows, self.layout.dtype)}
        return self._ones[n_rows]

    def train_epochs(
        self,
        state: TowerState,
        data: Sequence[Any],
        orders: np.ndarray,
        batch_size: int,
        rate: float,
    ) -> list[dict[str, float]]:
        """Train for some epochs on resident data, with no way back to Python between them.

        Parameters
        ----------
        state : TowerState
            Changed in place.
        data : (x, y, weights)
            Tensors.
        orders : ndarray of int of shape (n_epochs, n_rows)
            Rows of each epoch, in order.
        batch_size : int
            Rows of a step.
        rate : float
            Learning rate.

        Returns
        -------
        list of dict
            Loss and metrics of each epoch.
        """
        size, rate = tf.constant(batch_size, tf.int32), tf.constant(rate, self.layout.dtype)
        orders, totals = tf.constant(orders, tf.int32), self._fresh_totals()
        means, _ = self._train(state, *data, orders, size, totals, rate)
        return [self._logs(epoch) for epoch in means.numpy()]

    def train_pieces(
        self, state: TowerState, pieces: Pieces, batch_size: int, rate: float
    ) -> dict[str, float]:
        """Train for one epoch on pieces of data, each with the rows to take, in order."""
        size, rate = tf.constant(batch_size, tf.int32), tf.constant(rate, self.layout.dtype)
        totals = self._fresh_totals()
        for data, rows in pieces:
            order = tf.constant(rows[np.newaxis], tf.int32)
            means, totals = self._train(state, *data, order, size, totals, rate)
        return self._logs(means.numpy()[0])

    def evaluate(self, state: TowerState, pieces: Pieces, batch_size: int) -> dict[str, float]:
        """Return loss and metrics of the rows in pieces of data."""
        size, totals = tf.constant(batch_size, tf.int32), self._fresh_totals()
        for data, rows in pieces:
            rows = tf.constant(rows, tf.int32)
            means, totals = self._evaluate(state, *data, rows, size, totals)
        return self._logs(means.numpy())

    def _logs(self, means: np.ndarray) -> dict[str, float]:
        names = ["loss", *(metric.name for metric in self.metrics)]
        return {name: float(mean) for name, mean in zip(names, means, strict=True)}

    def _fresh_totals(self) -> Any:
        """Sum of losses, number of rows, and the sums of each metric."""
        nothing = tf.constant(0.0, self.layout.dtype)
        metrics = [[tf.zeros(v.shape, v.dtype) for v in m.variables] for m in self.metrics]
        return nothing, nothing, metrics

    def _train_all(
        self,
        state: TowerState,
        x: Any,
        y: Any,
        sample_weight: Any,
        orders: Any,
        batch_size: Any,
        totals: Any,
        rate: Any,
    ) -> Any:
        def train_batch(rows: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                weights = self.layout.split(state.parameters.read_value())
                tape.watch(weights)
                outputs, others, loss = self._forward(
                    weights, state, x, y, sample_weight, rows, training=True
                )
            gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
            self.update(state, gradients, rate)
            for variable, value in zip(state.others, others, strict=True):
                if value is not None:
                    variable.assign(value)
            return outputs, loss

        def train_epoch(epoch: Any, means: Any, totals: Any) -> tuple[Any, ...]:
            # Pieces of one epoch go on with the sums so far; a further epoch starts anew.
            totals = tf.nest.map_structure(
                lambda total: tf.where(epoch == 0, total, tf.zeros_like(total)), totals
            )
            logs, totals = self._loop(train_batch, y, orders[epoch], batch_size, totals)
            return epoch + 1, means.write(epoch, logs), totals

        n_epochs = tf.shape(orders)[0]
        means = tf.TensorArray(self.layout.dtype, n_epochs, element_shape=[1 + len(self.metrics)])
        _, means, totals = tf.while_loop(
            lambda epoch, *_: epoch < n_epochs, train_epoch, [tf.constant(0), means, totals]
        )
        return means.stack(), totals

    def _evaluate_rows(
        self,
        state: TowerState,
        x: Any,
        y: Any,
        sample_weight: Any,
        rows: Any,
        batch_size: Any,
        totals: Any,
    ) -> Any:
        weights = self.layout.split(state.parameters.read_value())

        def evaluate_batch(batch: Any) -> tuple[Any, Any]:
            outputs, _, loss = self._forward(
                weights, state, x, y, sample_weight, batch, training=False
            )
            return outputs, loss

        return self._loop(evaluate_batch, y, rows, batch_size, totals)

    def _forward(
        self,
        weights: list[Any],
        state: TowerState,
        x: Any,
        y: Any,
        sample_weight: Any,
        rows: Any,
        *,
        training: bool,
    ) -> tuple[Any, Any, Any]:
        before = [variable.read_value() for variable in state.others]
        outputs, after, penalties = self.model.stateless_call(
            weights, before, tf.gather(x, rows), training=training, return_losses=True
        )
        # What the network leaves alone, as a frozen embedding, need not be written back.
        others = [None if new is old else new for old, new in zip(before, after, strict=True)]
        loss = self.loss(tf.gather(y, rows), outputs, tf.gather(sample_weight, rows))
        return outputs, others, tf.add_n([tf.cast(loss, self.layout.dtype), *penalties])

    def _loop(self, run_batch: Any, y: Any, order: Any, batch_size: Any, totals: Any) -> Any:
        """Run over all batches inside the graph; return means over rows, and the new totals."""
        n_rows = tf.size(order)

        def body(start: Any, total: Any, count: Any, metric_states: Any) -> tuple[Any, ...]:
            rows = order[start : tf.minimum(start + batch_size, n_rows)]
            outputs, loss = run_batch(rows)
            size = tf.cast(tf.size(rows), total.dtype)
            targets = tf.gather(y, rows)
            metric_states = [
                metric.stateless_update_state(values, targets, outputs)
                for metric, values in zip(self.metrics, metric_states, strict=True)
            ]
            total += tf.cast(loss, total.dtype) * size
            return start + batch_size, total, count + size, metric_states

        _, *totals = tf.while_loop(
            lambda start, *_: start < n_rows, body, [tf.constant(0), *totals]
        )
        total, count, metric_states = totals
        means = [
            metric.stateless_result(values)
            for metric, values in zip(self.metrics, metric_states, strict=True)
        ]
        means = tf.stack([tf.cast(mean, total.dtype) for mean in (total / count, *means)])
        return means, (total, count, metric_states)


_PROGRAMS = ProgramCache(max_size=16)


def find_program(job: Any) -> TowerProgram | None:
    """Return the program that trains ``job``; None if only Keras's own ``fit`` can.

    That is the case for callbacks, custom training steps, constraints of weights, weights of
    several data types, several inputs or outputs, and optimizers without a flat update.
    """
    if job.callbacks:
        return None
    rate = job.optimizer.learning_rate
    key = (
        job.architecture.key,
        freeze((job.loss, job.metrics, job.optimizer.name, job.optimizer.options)),
        "number" if isinstance(rate, (int, float)) else freeze(rate),  # numbers are arguments
        (job.X.dtype.str, job.X.ndim, job.y.dtype.str, job.y.shape[1:]),
        job.validation_rows is None,
    )
    return cast("TowerProgram | None", _PROGRAMS.get(key, lambda: _make_program(job)))


def _make_program(job: Any) -> TowerProgram | None:
    optimizer = make_keras_optimizer(job.optimizer)
    rule = make_update_rule(optimizer)
    network = job.architecture.network()
    if rule is None or not _is_plain(network.model):
        return None
    return TowerProgram(job, rule, network, default_rate=float(optimizer.learning_rate))


def _is_plain(model: keras.Model) -> bool:
    variables = model.trainable_variables
    return (
        type(model).train_step is keras.Model.train_step
        and type(model).compute_loss is keras.Model.compute_loss
        and len(model.inputs) == 1
        and len(model.outputs) == 1
        and len({v.dtype for v in variables}) == 1
        and all(v.constraint is None for v in variables)
    )


def _open_shape(values: np.ndarray, model_shape: Sequence[int | None]) -> list[int | None]:
    """Rows are always open; timesteps where the network leaves them open."""
    known = [
        size if expected is not None else None
        for size, expected in zip(values.shape[1:], model_shape[1:], strict=True)
    ]
    return [None, *known]


def _n_timesteps(job: Any) -> int:
    return job.X.shape[1] if job.X.ndim > 1 else 1


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
