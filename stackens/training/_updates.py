"""Optimizer updates of one flat parameter vector.

Keras applies an optimizer variable by variable; a tower holds all its parameters in one vector,
so that one operation updates them all. The rules below are those of Keras, and tested against
them. TensorFlow's fused kernels are used where they compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from stackens.training._job import Optimizer

Slots = Sequence[Any]
Apply = Callable[[Any, Slots, Any, Any, Any], None]


@dataclass(frozen=True)
class UpdateRule:
    """How a gradient changes a flat parameter vector.

    Attributes
    ----------
    initial_slots : tuple of float
        One per vector (of the size of the parameters) that the optimizer keeps: what it is
        filled with at the start.
    apply : callable
        ``apply(parameters, slots, step, learning_rate, gradient)``, with variables for the first
        two, and ``step`` counting from 1.
    learning_rate : callable or None
        A schedule, ``learning_rate(step) -> tensor`` with ``step`` counting from 0; None takes
        the tower's own rate.
    clip : callable
        ``clip(gradients) -> gradients``, one per variable of the network.
    weight_decay : float
        Decoupled decay, as in Keras for every optimizer.
    """

    initial_slots: tuple[float, ...]
    apply: Apply
    learning_rate: Callable[[Any], Any] | None
    clip: Callable[[list[Any]], list[Any]]
    weight_decay: float

    def update(
        self, parameters: Any, slots: Slots, step: Any, learning_rate: Any, gradient: Any
    ) -> None:
        """Change ``parameters`` and ``slots`` in place; ``step`` counts from 0."""
        rate = learning_rate if self.learning_rate is None else self.learning_rate(step)
        rate = tf.cast(rate, gradient.dtype)
        if self.weight_decay:
            decay = keras.ops.cast(self.weight_decay, gradient.dtype)
            parameters.assign_sub(parameters * (decay * rate))
        self.apply(parameters, slots, tf.cast(step + 1, gradient.dtype), rate, gradient)


def make_keras_optimizer(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """Construct the Keras optimizer that a description names."""
    settings = dict(optimizer.options)
    if optimizer.learning_rate is not None:
        settings["learning_rate"] = optimizer.learning_rate
    return getattr(keras.optimizers, optimizer.name)(**settings)


def make_update_rule(optimizer: keras.optimizers.Optimizer) -> UpdateRule | None:
    """Translate a Keras optimizer; None if it has settings that have no flat rule."""
    make_apply = _RULES.get(type(optimizer))
    unusual = (
        optimizer.use_ema
        or optimizer.gradient_accumulation_steps
        or optimizer.loss_scale_factor
        or getattr(optimizer, "_exclude_from_weight_decay", None)
    )
    if make_apply is None or unusual:
        return None
    initial_slots, apply = make_apply(optimizer)
    schedule = optimizer._learning_rate
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    return UpdateRule(
        initial_slots=initial_slots,
        apply=apply,
        learning_rate=schedule if is_schedule else None,
        clip=_make_clip(optimizer),
        weight_decay=float(optimizer.weight_decay or 0.0),
    )


def _make_clip(optimizer: keras.optimizers.Optimizer) -> Callable[[list[Any]], list[Any]]:
    if optimizer.clipnorm:
        return lambda gradients: [tf.clip_by_norm(g, optimizer.clipnorm) for g in gradients]
    if optimizer.global_clipnorm:
        return lambda gradients: tf.clip_by_global_norm(gradients, optimizer.global_clipnorm)[0]
    if optimizer.clipvalue:
        limit = optimizer.clipvalue
        return lambda gradients: [tf.clip_by_value(g, -limit, limit) for g in gradients]
    return lambda gradients: gradients


def _sgd(optimizer: keras.optimizers.SGD) -> tuple[tuple[float, ...], Apply]:
    if not optimizer.momentum:

        def plain(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
            w.assign_sub(rate * gradient)

        return (), plain

    def with_momentum(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=w.handle,
            accum=slots[0].handle,
            lr=rate,
            grad=gradient,
            momentum=keras.ops.cast(optimizer.momentum, gradient.dtype),
            use_nesterov=optimizer.nesterov,
        )

    return (0.0,), with_momentum


def _rmsprop(optimizer: keras.optimizers.RMSprop) -> tuple[tuple[float, ...], Apply]:
    def apply(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
        rho = optimizer.rho
        square, momentum, *mean = slots
        square.assign(rho * square + (1 - rho) * tf.square(gradient))
        denominator = square + optimizer.epsilon
        if mean:
            mean[0].assign(rho * mean[0] + (1 - rho) * gradient)
            denominator -= tf.square(mean[0])
        increment = rate * gradient * tf.math.rsqrt(denominator)
        momentum.assign(optimizer.momentum * momentum + increment)
        w.assign_sub(momentum)

    return (0.0, 0.0, 0.0) if optimizer.centered else (0.0, 0.0), apply


def _betas(optimizer: Any, dtype: Any) -> tuple[Any, Any]:
    """Decay rates as Keras raises them to powers: its cast rounds them to float32 first."""
    return keras.ops.cast(optimizer.beta_1, dtype), keras.ops.cast(optimizer.beta_2, dtype)


def _adam(optimizer: keras.optimizers.Adam) -> tuple[tuple[float, ...], Apply]:
    def fused(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
        beta_1, beta_2 = _betas(optimizer, gradient.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=w.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=rate,
            beta1=tf.constant(optimizer.beta_1, gradient.dtype),
            beta2=tf.constant(optimizer.beta_2, gradient.dtype),
            epsilon=tf.constant(optimizer.epsilon, gradient.dtype),
            grad=gradient,
        )

    def with_maximum(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
        first, second, largest = slots
        first.assign_add((gradient - first) * (1 - optimizer.beta_1))
        second.assign_add((tf.square(gradient) - second) * (1 - optimizer.beta_2))
        largest.assign(tf.maximum(largest, second))
        beta_1, beta_2 = _betas(optimizer, gradient.dtype)
        alpha = rate * tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
        w.assign_sub(first * alpha / (tf.sqrt(largest) + optimizer.epsilon))

    return ((0.0, 0.0, 0.0), with_maximum) if optimizer.amsgrad else ((0.0, 0.0), fused)


def _nadam(optimizer: keras.optimizers.Nadam) -> tuple[tuple[float, ...], Apply]:
    # The third slot holds the running product of the momentum schedule: a scalar in Keras, a
    # constant vector here, so that all state of a tower has one shape.
    def apply(w: Any, slots: Slots, step: Any, rate: Any, gradient: Any) -> None:
        first, second, product = slots
        beta_1, beta_2 = _betas(optimizer, gradient.dtype)
        decay = keras.ops.cast(0.96, gradient.dtype)
        now = beta_1 * (1 - 0.5 * tf.pow(decay, step))
        after = beta_1 * (1 - 0.5 * tf.pow(decay, step + 1))
        product.assign(product * now)
        first.assign_add((gradient - first) * (1 - beta_1))
        second.assign_add((tf.square(gradient) - second) * (1 - beta_2))
        mean = after * first / (1 - product * after) + (1 - now) * gradient / (1 - product)
        scale = second / (1 - tf.pow(beta_2, step))
        w.assign_sub(mean * rate / (tf.sqrt(scale) + optimizer.epsilon))

    return (0.0, 0.0, 1.0), apply


# By exact type: a subclass may compute something else.
_RULES: dict[type, Callable[[Any], tuple[tuple[float, ...], Apply]]] = {
    keras.optimizers.SGD: _sgd,
    keras.optimizers.RMSprop: _rmsprop,
    keras.optimizers.Adam: _adam,
    keras.optimizers.AdamW: _adam,
    keras.optimizers.Nadam: _nadam,
}


def make_flat_rule(optimizer: Optimizer) -> UpdateRule:
    """Return the rule of an optimizer that is known to have one."""
    rule = make_update_rule(make_keras_optimizer(optimizer))
    assert rule is not None
    return rule
