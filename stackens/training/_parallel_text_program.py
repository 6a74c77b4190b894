"""The compiled step that trains a translator on pairs of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stackens.training._architecture import Architecture, freeze
from stackens.training._flat_training import FlatState, FlatTraining
from stackens.training._job import Optimizer
from stackens.training._program import ProgramCache, WeightLayout
from stackens.training._soft_targets import SoftTargets

__all__ = ["find_program", "inside", "token_nats"]

_PARTS = 2  # of a batch; two whatever the machine: how many there are shows in the last bits


class _Program(FlatTraining):
    """Training of one network with one optimizer, open in sentences and their lengths."""

    def __init__(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        label_smoothing: float,
        teacher: SoftTargets | None,
    ) -> None:
        super().__init__(architecture.build(), optimizer, _PARTS)
        self.label_smoothing = label_smoothing
        self.teacher = None if teacher is None else _Teacher(teacher)
        # A function of its own: both parts are the same graph, traced once.
        self._differentiate = tf.function(self._loss_and_gradient, autograph=False)
        self._step = tf.function(self._train_step, autograph=False)
        self._is_traced = False

    def train_batch(
        self,
        state: FlatState,
        source: np.ndarray,
        target: np.ndarray,
        rate: float,
        teacher: Sequence[Any] = (),
    ) -> tuple[float, int]:
        """Take one step; return the sum of the losses of its tokens, and their number."""
        if not self._is_traced:  # open in all sizes, so that no batch retraces
            table, number = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)
            weights = tuple(tf.TensorSpec(array.shape, array.dtype) for array in teacher)
            self._step.get_concrete_function(state, table, table, number, weights)
            self._is_traced = True
        loss, n_tokens = self._step(
            state,
            tf.constant(source),
            tf.constant(target),
            tf.constant(rate, tf.float32),
            tuple(teacher),
        )
        return float(loss), int(n_tokens)

    def tensors_of_teacher(self, weights: list[np.ndarray]) -> list[Any]:
        """Return what the steps take as the teacher's weights."""
        assert self.teacher is not None
        layout = self.teacher.layout
        return layout.split(tf.constant(layout.flatten(weights)))

    def _train_step(
        self, state: FlatState, source: Any, target: Any, rate: Any, teacher: Any
    ) -> tuple[Any, Any]:
        flat = state.parameters.read_value()
        n_tokens = tf.math.count_nonzero(target[:, 1:], dtype=tf.int32)
        scale = 1 / tf.cast(n_tokens, tf.float32)
        sources, targets = self._split(source), self._split(target)
        losses, gradients = [], []
        for part, others in enumerate(state.others):
            before = [variable.read_value() for variable in others]
            loss, gradient, after = self._differentiate(
                flat, before, sources[part], targets[part], scale, teacher
            )
            losses.append(loss)
            gradients.append(gradient)
            for variable, value in zip(others, after, strict=True):
                variable.assign(value)
        sums = [tf.add_n(list(parts)) for parts in zip(*gradients, strict=True)]
        self.update(state, self.layout.join(sums), rate)
        return tf.add_n(losses) / scale, n_tokens

    def _loss_and_gradient(
        self, flat: Any, before: Any, source: Any, target: Any, scale: Any, teacher: Any
    ) -> tuple[Any, list[Any], list[Any]]:
        """Return the scaled loss of a part of the batch, its gradient, and the seeds after it."""
        parameters = self.layout.split(flat)
        ids = target[:, 1:]
        places = tf.where(ids != 0)  # padding costs no row of the output layer
        ids = tf.gather_nd(ids, places)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            with inside(self.model, parameters, before) as scope:
                memory, mask = self.model.encode(source, training=True)
                hidden = self.model.decode(target[:, :-1], memory, mask, training=True)
                kernel = self.model.output_kernel()
            hidden = tf.gather_nd(hidden, places)
            if self.teacher is None:
                losses = token_nats(hidden, kernel, ids, self.label_smoothing)
            else:
                losses = self.teacher.losses(
                    hidden, kernel, ids, self.label_smoothing, (teacher, source, target, places)
                )
            loss = tf.reduce_sum(losses) * scale
        after = [scope.get_current_value(v) for v in self.model.non_trainable_variables]
        gradient = tape.gradient(loss, parameters, unconnected_gradients="zero")
        return loss, [tf.convert_to_tensor(part) for part in gradient], after

    def _split(self, values: Any) -> list[Any]:
        half = tf.shape(values)[0] // 2
        return [values[half:], values[:half]]


class _Teacher:
    """The network whose probabilities are soft targets."""

    def __init__(self, teacher: SoftTargets) -> None:
        self.model = teacher.architecture.build()
        self.layout = WeightLayout(self.model)
        self.temperature, self.alpha = teacher.temperature, teacher.alpha

    def losses(self, hidden: Any, kernel: Any, ids: Any, smoothing: float, batch: Any) -> Any:
        """Mix the loss of hard targets with the cross entropy to the teacher's soft ones."""
        weights, source, target, places = batch
        with inside(self.model, weights, None):
            memory, mask = self.model.encode(source)
            taught = self.model.decode(target[:, :-1], memory, mask)
            taught = tf.gather_nd(taught, places)
            soft = tf.matmul(taught, self.model.output_kernel(), transpose_b=True)
        soft = tf.stop_gradient(tf.nn.softmax(soft / self.temperature))
        logits = tf.matmul(hidden, kernel, transpose_b=True)
        hard = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, logits)
        if smoothing:
            hard += smoothing * _distance_to_mean(hidden, kernel, ids)
        distilled = tf.nn.softmax_cross_entropy_with_logits(soft, logits / self.temperature)
        # Gradients of softened logits shrink with the square of the temperature.
        return (1 - self.alpha) * hard + self.alpha * self.temperature**2 * distilled


def inside(model: Any, parameters: Sequence[Any], others: Sequence[Any] | None) -> Any:
    """Return a scope in which the weights of a model are the given tensors.

    Parameters
    ----------
    model : keras.Model
        Built.
    parameters : sequence of tensor
        In the order of ``model.trainable_variables``.
    others : sequence of tensor or None
        In that of ``model.non_trainable_variables``; None leaves them.

    Returns
    -------
    keras.StatelessScope
    """
    pairs = list(zip(model.trainable_variables, parameters, strict=True))
    if others is not None:
        pairs += zip(model.non_trainable_variables, others, strict=True)
    return keras.StatelessScope(state_mapping=pairs)


def token_nats(hidden: Any, kernel: Any, ids: Any, label_smoothing: float = 0.0) -> Any:
    """Return the cross entropy of each token, with its label smoothed.

    Parameters
    ----------
    hidden : tensor of shape (n_tokens, d_model)
        Their products with ``kernel`` are logits.
    kernel : tensor of shape (n_ids, d_model)
        Of the output layer.
    ids : int tensor of shape (n_tokens,)
        Labels.
    label_smoothing : float, default=0.0
        Share of a label that is spread over all ids alike.

    Returns
    -------
    tensor of shape (n_tokens,)
    """
    nats = _plain_nats(hidden, kernel, ids)
    if label_smoothing:
        nats += label_smoothing * _distance_to_mean(hidden, kernel, ids)
    return nats


def _distance_to_mean(hidden: Any, kernel: Any, ids: Any) -> Any:
    """How far the logit of a label is above the mean of all: what smoothing adds, per share.

    The mean of logits is the product with the mean row, which costs next to nothing.
    """
    rows = tf.gather(kernel, ids) - tf.reduce_mean(kernel, axis=0)
    return tf.reduce_sum(hidden * rows, axis=1)


@tf.custom_gradient
def _plain_nats(hidden: Any, kernel: Any, ids: Any) -> Any:
    # The kernel that computes the loss also leaves its gradient. Weights of tokens are multiplied
    # into the narrow side: the wide one, (n_tokens, n_ids), is written once and never copied.
    logits = tf.matmul(hidden, kernel, transpose_b=True)
    nats, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=ids)

    def gradient(upstream: Any) -> tuple[Any, Any, None]:
        weights = upstream[:, None]
        d_hidden = tf.matmul(slope, kernel) * weights
        return d_hidden, tf.matmul(slope, hidden * weights, transpose_a=True), None

    return nats, gradient


_PROGRAMS = ProgramCache(max_size=8)


def find_program(
    architecture: Architecture,
    optimizer: Optimizer,
    label_smoothing: float,
    teacher: SoftTargets | None,
) -> _Program:
    taught = teacher and (teacher.architecture.key, teacher.temperature, teacher.alpha)
    how = freeze((optimizer.name, optimizer.options, label_smoothing))
    program: _Program = _PROGRAMS.get(
        (architecture.key, how, taught),
        lambda: _Program(architecture, optimizer, label_smoothing, teacher),
    )
    return program
