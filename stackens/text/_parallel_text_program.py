"""The compiled step that trains a translator on pairs of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stackens.text._teacher import SoftTargets
from stackens.text._token_nats import distance_to_mean, inside, token_nats
from stackens.text._translation import pad, score_pairs
from stackens.training import Architecture, Optimizer
from stackens.training.programs import (
    FlatProgram,
    ProgramCache,
    Shared,
    TowerState,
    WeightLayout,
    freeze,
    make_flat_rule,
)

_PARTS = 2  # of a batch; two whatever the machine: how many there are shows in the last bits


class _Pairs(NamedTuple):
    """Padded ids of both sides, and the weights of the teacher."""

    source: np.ndarray
    target: np.ndarray
    teacher: tuple[Tensor, ...]


class ParallelTextProgram(FlatProgram):
    """Training of one network with one optimizer, open in sentences and their lengths."""

    def __init__(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        label_smoothing: float,
        teacher: SoftTargets | None,
    ) -> None:
        super().__init__(architecture.network(), make_flat_rule(optimizer), _PARTS)
        self.label_smoothing = label_smoothing
        self.teacher = None if teacher is None else _Teacher(teacher)
        # A function of its own: both parts are the same graph, traced once.
        self._differentiate = tf.function(self._loss_and_gradient, autograph=False)
        self._step = tf.function(self._train_step, autograph=False)

    def _trace(self, job: Any, state: TowerState) -> None:
        table, number = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)
        taught = () if self.teacher is None else self.teacher.layout.shapes
        weights = tuple(tf.TensorSpec(shape, tf.float32) for shape in taught)
        self._step.get_concrete_function(state, table, table, number, weights)

    def read(self, job: Any, shared: Shared) -> _Pairs:
        taught = () if job.teacher is None else tuple(self._tensors_of_teacher(job.teacher.weights))
        return _Pairs(pad(job.source), pad(job.target), taught)

    def train(
        self, job: Any, state: TowerState, data: _Pairs, first: int, count: int
    ) -> list[dict[str, float]]:
        sums, batches = np.zeros(2), job.batches(first)
        for rows, rate in zip(batches, job.learning_rates(first, len(batches)), strict=True):
            batch = _trim(data.source[rows]), _trim(data.target[rows])
            sums += self.train_batch(state, *batch, rate, data.teacher)
        logs = {"loss": float(sums[0] / sums[1])}
        if job.validation is not None:
            scores = score_pairs(job.architecture, self.weights_of(state), *job.validation)
            logs["val_loss"] = -float(np.concatenate(scores).mean())
        return [logs]

    def count_numbers(self, job: Any) -> int:
        network = self.model.get_config()
        n_layers = len(network["encoder_order"]) + 2 * len(network["decoder_order"])
        longest = max(map(len, (*job.source, *job.target)))
        of_a_token = 12 * network["d_model"] + 3 * network["feed_forward_dim"]
        of_a_layer = of_a_token + 3 * network["n_heads"] * longest
        return int(job.batch_tokens * (n_layers * of_a_layer + 3 * network["target_size"]))

    def count_products(self, job: Any) -> int:
        return self.layout.n_parameters * job.epochs * sum(map(len, job.target))

    def train_batch(
        self,
        state: TowerState,
        source: np.ndarray,
        target: np.ndarray,
        rate: float,
        teacher: Sequence[Tensor] = (),
    ) -> tuple[float, int]:
        """Take one step; return the sum of the losses of its tokens, and their number."""
        loss, n_tokens = self._step(
            state,
            tf.constant(source),
            tf.constant(target),
            tf.constant(rate, tf.float32),
            tuple(teacher),
        )
        return float(loss), int(n_tokens)

    def _tensors_of_teacher(self, weights: list[np.ndarray]) -> list[Tensor]:
        """Return what the steps take as the teacher's weights."""
        assert self.teacher is not None
        layout = self.teacher.layout
        return layout.split(tf.constant(layout.flatten(weights)))

    def _train_step(
        self,
        state: TowerState,
        source: Tensor,
        target: Tensor,
        rate: Tensor,
        teacher: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        flat = state.parameters.read_value()
        n_tokens = tf.math.count_nonzero(target[:, 1:], dtype=tf.int32)
        scale = 1 / tf.cast(n_tokens, tf.float32)
        sources, targets = self._split(source), self._split(target)
        losses, gradients = [], []
        for part, others in enumerate(self.parts(state)):
            before = [variable.read_value() for variable in others]
            loss, gradient, after = self._differentiate(
                flat, before, sources[part], targets[part], scale, teacher
            )
            losses.append(loss)
            gradients.append(gradient)
            for variable, value in zip(others, after, strict=True):
                variable.assign(value)
        sums = [tf.add_n(list(parts)) for parts in zip(*gradients, strict=True)]
        self.update(state, [self.layout.join(sums)], rate)  # clipped as one vector
        return tf.add_n(losses) / scale, n_tokens

    def _loss_and_gradient(
        self,
        flat: Tensor,
        before: list[Tensor],
        source: Tensor,
        target: Tensor,
        scale: Tensor,
        teacher: Sequence[Tensor],
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
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

    def _split(self, values: Tensor) -> list[Tensor]:
        half = tf.shape(values)[0] // 2
        return [values[half:], values[:half]]


def _trim(ids: np.ndarray) -> np.ndarray:
    """Leave out columns of padding."""
    return ids[:, : int((ids != 0).any(axis=0).sum())]


class _Teacher:
    """The network whose probabilities are soft targets."""

    def __init__(self, teacher: SoftTargets) -> None:
        self.model = teacher.architecture.build()
        self.layout = WeightLayout(self.model)
        self.temperature, self.alpha = teacher.temperature, teacher.alpha

    def losses(
        self, hidden: Tensor, kernel: Tensor, ids: Tensor, smoothing: float, batch: tuple[Any, ...]
    ) -> Tensor:
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
            hard += smoothing * distance_to_mean(hidden, kernel, ids)
        distilled = tf.nn.softmax_cross_entropy_with_logits(soft, logits / self.temperature)
        # Gradients of softened logits shrink with the square of the temperature.
        return (1 - self.alpha) * hard + self.alpha * self.temperature**2 * distilled


_PROGRAMS = ProgramCache(max_size=8)


def find_training_program(
    architecture: Architecture,
    optimizer: Optimizer,
    label_smoothing: float,
    teacher: SoftTargets | None,
) -> ParallelTextProgram:
    taught = teacher and (teacher.architecture.key, teacher.temperature, teacher.alpha)
    how = freeze((optimizer.name, optimizer.options, label_smoothing))
    return _PROGRAMS.get(
        (architecture.key, how, taught),
        lambda: ParallelTextProgram(architecture, optimizer, label_smoothing, teacher),
    )
