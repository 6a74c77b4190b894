"""The compiled program that trains one tower, and the cache of such programs.

A *tower* is a job with its own flat vector of parameters. All towers of one architecture are run
by the same program, traced once with a variable number of rows, timesteps and rows a batch: the
tower's state is an argument. A job alone is therefore computed by the very same operations as in
a group.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf

from stackens.training._architecture import freeze
from stackens.training._job import Job
from stackens.training._objective import make_loss, make_metric
from stackens.training._random import stream
from stackens.training._updates import UpdateRule, make_keras_optimizer, make_update_rule

__all__ = ["ProgramCache", "TowerProgram", "TowerState", "WeightLayout", "find_program"]


Pieces = Iterable[tuple[tuple[Any, ...], np.ndarray]]


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
    others: list[tf.Variable]
    slots: list[tf.Variable]  # each (n_parameters,)
    step: tf.Variable


class TowerProgram:
    """Training and evaluation of one architecture with one optimizer, loss and metrics.

    Parameters
    ----------
    job : Job
        Any job of the group that this program serves.
    rule : UpdateRule
        The optimizer.
    model : keras.Model
        The architecture's network; only its structure is used.
    default_rate : float
        Learning rate of the optimizer, for jobs that name none.
    """

    def __init__(self, job: Job, rule: UpdateRule, model: keras.Model, default_rate: float) -> None:
        self.model = model
        self.default_rate = default_rate
        self.layout = WeightLayout(model)
        self.rule = rule
        self.input_dtype = model.inputs[0].dtype
        self.loss = make_loss(job.loss)
        self.metrics = [make_metric(m, self.loss, job.y.shape) for m in job.metrics]
        self._ones: dict[int, np.ndarray] = {}
        self._tracing = threading.Lock()
        self._ready = False
        self._train = tf.function(self._train_all, autograph=False)
        self._evaluate = tf.function(self._evaluate_rows, autograph=False)

    def new_state(self, job: Job, weights: Sequence[np.ndarray]) -> TowerState:
        """Make the variables of a tower."""
        flat = self.layout.flatten(weights)
        if job.initial_optimizer_state is not None:
            step, *slots = job.initial_optimizer_state
        else:
            step = np.array(0, "int64")
            slots = [np.full_like(flat, value) for value in self.rule.initial_slots]
        return TowerState(
            tf.Variable(flat),
            [tf.Variable(v) for v in self.layout.others(weights, job.seed)],
            [tf.Variable(v) for v in slots],
            tf.Variable(step),
        )

    def prepare(self, job: Job) -> None:
        """Trace now, open in rows, timesteps and batch size, so that no data retraces."""
        with self._tracing:
            if self._ready:
                return
            weights = [np.zeros(v.shape, v.dtype) for v in self.model.weights]
            state = self.new_state(replace(job, initial_optimizer_state=None), weights)
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
            self._ready = True

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
            gradient = self.layout.join(self.rule.clip(gradients))
            self.rule.update(state.parameters, state.slots, state.step, rate, gradient)
            state.step.assign_add(1)
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


_PROGRAMS = ProgramCache(max_size=16)


def find_program(job: Job) -> TowerProgram | None:
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


def _make_program(job: Job) -> TowerProgram | None:
    optimizer = make_keras_optimizer(job.optimizer)
    rule = make_update_rule(optimizer)
    model = job.architecture.build()
    if rule is None or not _is_plain(model):
        return None
    return TowerProgram(job, rule, model, default_rate=float(optimizer.learning_rate))


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
