"""Recurrences over time as one compiled operation each, with gradients written out by hand.

TensorFlow runs a recurrence as a graph loop: a dozen small operations a step, each with its own
dispatch, and a gradient that stacks every intermediate value. Here the loop of a cell is compiled
by XLA, forward and backward once for each size; everything that can be done for all steps at once
(projection of the inputs, gradients of the kernels) is left to large matrix products outside.

Tensors are feature-first, ``(features, timesteps, batch)``: the gates of a step are contiguous
blocks of rows, and no transposition is needed between the products and the loop.

The functions are compiled for capacities of time and batch: the caller pads to ``capacity`` (so
that a handful of sizes serves all data) and says with ``n_steps`` how far to run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

Tensors = list[Tensor]


@dataclass(frozen=True)
class Cell:
    """One step of a recurrence and its derivative; all tensors are (rows, batch).

    Attributes
    ----------
    n_gates : int
        Blocks of ``units`` rows in the projected input.
    n_states : int
        States that are carried; the first one is the output.
    n_saved : int
        Blocks of ``units`` rows that the derivative needs besides the states.
    has_own_projection : bool
        Whether the gradients of the projected input and of the recurrent product differ.
    forward : callable
        ``forward(projected, recurrent, states) -> states, saved``; ``recurrent`` is the product
        of the recurrent kernel and the output of the step before, plus its bias.
    backward : callable
        ``backward(gradients, saved, after, before) -> d_recurrent, d_projected, d_states``: from
        the gradients of the states ``after`` the step to those of the recurrent product, the
        projected input, and the states ``before`` it (without the path through the product).
    """

    n_gates: int
    n_states: int
    n_saved: int
    has_own_projection: bool
    forward: Callable[..., tuple[Tensors, Tensors]]
    backward: Callable[..., tuple[Tensor, Tensor, Tensors]]


def _lstm_forward(projected: Tensor, recurrent: Tensor, states: Tensors) -> tuple[Tensors, Tensors]:
    i, f, g, o = tf.split(projected + recurrent, 4, axis=0)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    carry = f * states[1] + i * g
    return [o * tf.tanh(carry), carry], [i, f, g, o]


def _lstm_backward(
    gradients: Tensors, saved: Tensors, after: Tensors, before: Tensors
) -> tuple[Tensor, Tensor, Tensors]:
    (dh, dc), (i, f, g, o) = gradients, saved
    squashed = tf.tanh(after[1])
    dc += dh * o * (1 - squashed * squashed)
    blocks = [
        dc * g * i * (1 - i),
        dc * before[1] * f * (1 - f),
        dc * i * (1 - g * g),
        dh * squashed * o * (1 - o),
    ]
    d = tf.concat(blocks, axis=0)
    return d, d, [tf.zeros_like(dh), dc * f]


def _gru_forward(projected: Tensor, recurrent: Tensor, states: Tensors) -> tuple[Tensors, Tensors]:
    (xz, xr, xc), (hz, hr, hc) = tf.split(projected, 3, axis=0), tf.split(recurrent, 3, axis=0)
    z, r = tf.sigmoid(xz + hz), tf.sigmoid(xr + hr)
    c = tf.tanh(xc + r * hc)
    return [z * states[0] + (1 - z) * c], [z, r, c, hc]


def _gru_backward(
    gradients: Tensors, saved: Tensors, after: Tensors, before: Tensors
) -> tuple[Tensor, Tensor, Tensors]:
    (dh,), (z, r, c, hc) = gradients, saved
    dz = dh * (before[0] - c) * z * (1 - z)
    dc = dh * (1 - z) * (1 - c * c)
    dr = dc * hc * r * (1 - r)
    return tf.concat([dz, dr, dc * r], axis=0), tf.concat([dz, dr, dc], axis=0), [dh * z]


def _simple_forward(
    activation: Callable[[Tensor], Tensor], projected: Tensor, recurrent: Tensor, states: Tensors
) -> tuple[Tensors, Tensors]:
    return [activation(projected + recurrent)], []


def _simple_backward(
    slope: Callable[[Tensor], Tensor],
    gradients: Tensors,
    saved: Tensors,
    after: Tensors,
    before: Tensors,
) -> tuple[Tensor, Tensor, Tensors]:
    d = gradients[0] * slope(after[0])
    return d, d, [tf.zeros_like(d)]


LSTM = Cell(4, 2, 4, False, _lstm_forward, _lstm_backward)
GRU = Cell(3, 1, 4, True, _gru_forward, _gru_backward)  # resets after the product, as cuDNN
SIMPLE_RNN = {
    name: Cell(1, 1, 0, False, partial(_simple_forward, function), partial(_simple_backward, slope))
    for name, function, slope in [
        ("tanh", tf.tanh, lambda h: 1 - h * h),
        ("relu", tf.nn.relu, lambda h: tf.cast(h > 0, h.dtype)),
    ]
}


def step_capacity(n_steps: Tensor) -> Tensor:
    """Round a number of timesteps up: four sizes from one power of two to the next."""
    grain = tf.bitwise.left_shift(1, tf.maximum(_floor_log2(n_steps), 4) - 2)
    return -(-n_steps // grain) * grain


def batch_capacity(n_rows: Tensor) -> Tensor:
    """Round a number of rows up to 32, 64, 128, …."""
    return tf.bitwise.left_shift(1, tf.maximum(_floor_log2(n_rows - 1) + 1, 5))


def _floor_log2(number: Tensor) -> Tensor:
    powers = tf.constant([2**k for k in range(31)], tf.int32)
    return tf.reduce_sum(tf.cast(powers <= number, tf.int32)) - 1


def run(
    cell: Cell,
    projected: Tensor,
    mask: Tensor,
    window: tuple[Tensor, Tensor],
    kernel: Tensor,
    bias: Tensor,
    states: Sequence[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """Run a cell over time.

    Parameters
    ----------
    cell : Cell
        What one step computes.
    projected : tensor of shape (n_gates * units, timesteps, batch)
        Input kernel times inputs, plus bias.
    mask : bool tensor of shape (timesteps, batch)
        False where a row keeps its states.
    window : (int32 scalar tensor, int32 scalar tensor)
        First step to run, and the one to stop before; the outputs of the others are those of
        ``states``.
    kernel : tensor of shape (n_gates * units, units)
        Recurrent kernel, transposed.
    bias : tensor of shape (n_gates * units,)
        Of the recurrent product.
    states : sequence of tensors of shape (units, batch)
        Before the first step.

    Returns
    -------
    outputs : tensor of shape (units, timesteps, batch)
        First state after every step.
    states : list of tensors of shape (units, batch)
        After the last step.
    """
    forward, backward = _compiled(cell, projected.dtype)

    @tf.custom_gradient
    def apply(projected: Tensor, kernel: Tensor, bias: Tensor, *states: Tensor) -> tuple[Any, ...]:
        # Nothing may look for the gradients of the compiled loop itself.
        values = [tf.stop_gradient(v) for v in (projected, kernel, bias, *states)]
        outputs, saved, *final = forward(values[0], mask, *window, *values[1:])

        def gradient(d_outputs: Tensor, *d_final: Tensor) -> tuple[Tensor, ...]:
            d_recurrent, d_projected, *d_states = backward(
                d_outputs, mask, *window, kernel, outputs, saved, *states, *d_final
            )
            before = tf.concat([states[0][:, None], outputs[:, :-1]], axis=1)
            n_rows, units = tf.unstack(tf.shape(kernel))
            flat = tf.reshape(d_recurrent, [n_rows, -1])
            d_kernel = tf.matmul(flat, tf.reshape(before, [units, -1]), transpose_b=True)
            if not cell.has_own_projection:
                d_projected = d_recurrent
            return d_projected, d_kernel, tf.reduce_sum(flat, axis=1), *d_states

        return (outputs, *final), gradient

    outputs, *final = apply(projected, kernel, bias, *states)
    return outputs, final


@cache
def is_available() -> bool:
    """Tell whether this TensorFlow can compile for a CPU."""
    try:
        from tensorflow.compiler.tf2xla.ops import gen_xla_ops  # noqa: F401

        with tf.init_scope():  # runs now, even if somebody is tracing
            tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1))
    except (ImportError, tf.errors.OpError, ValueError):
        return False
    return True


@cache
def _compiled(cell: Cell, dtype: tf.DType) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return forward and backward, open in all sizes; XLA compiles once for each."""
    cube, matrix = tf.TensorSpec([None] * 3, dtype), tf.TensorSpec([None] * 2, dtype)
    vector, step = tf.TensorSpec([None], dtype), tf.TensorSpec([], tf.int32)
    common = [cube, tf.TensorSpec([None] * 2, tf.bool), step, step, matrix]
    states = [matrix] * cell.n_states
    options = {"jit_compile": True, "autograph": False}
    return (
        tf.function(partial(_forward, cell), input_signature=[*common, vector, *states], **options),
        tf.function(
            partial(_backward, cell),
            input_signature=[*common, cube, cube, *states, *states],
            **options,
        ),
    )


def _update(array: Tensor, value: Tensor, start: Sequence[Any]) -> Tensor:
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops.xla_dynamic_update_slice(array, value, tf.stack(start))


def _forward(
    cell: Cell,
    projected: Tensor,
    mask: Tensor,
    first: Tensor,
    stop: Tensor,
    kernel: Tensor,
    bias: Tensor,
    *start: Tensor,
) -> Tensors:
    units = tf.shape(kernel)[1]
    n_time, n_rows = tf.unstack(tf.shape(mask))

    def body(t: Tensor, outputs: Tensor, saved: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        recurrent = tf.matmul(kernel, states[0]) + bias[:, None]
        proposed, values = cell.forward(projected[:, t], recurrent, states)
        kept = [tf.where(mask[t], new, old) for new, old in zip(proposed, states, strict=True)]
        outputs = _update(outputs, kept[0][:, None], [0, t, 0])
        values += kept[1:]
        if values:
            saved = _update(saved, tf.concat(values, axis=0)[None], [t, 0, 0])
        return t + 1, outputs, saved, *kept

    # Before the first step that runs, the output is the initial one.
    outputs = tf.broadcast_to(start[0][:, None], [units, n_time, n_rows])
    saved = tf.zeros([n_time, units * _n_saved(cell), n_rows], projected.dtype)
    loop = [first, outputs, saved, *start]
    _, *results = tf.while_loop(lambda t, *_: t < stop, body, loop)
    return results


def _backward(
    cell: Cell,
    d_outputs: Tensor,
    mask: Tensor,
    first: Tensor,
    stop: Tensor,
    kernel: Tensor,
    outputs: Tensor,
    saved: Tensor,
    *states: Tensor,
) -> tuple[Tensor, ...]:
    start, d_states = states[: cell.n_states], states[cell.n_states :]
    kernel = tf.transpose(kernel)  # (units, n_gates * units)
    units = tf.shape(kernel)[0]
    n_time, n_rows = tf.unstack(tf.shape(mask))

    def at(t: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        values = tf.split(saved[t], _n_saved(cell), axis=0) if _n_saved(cell) else []
        return values[: cell.n_saved], [outputs[:, t], *values[cell.n_saved :]]

    def body(
        t: Tensor, d_recurrent: Tensor, d_projected: Tensor, dh: Tensor, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        arrived = [dh + d_outputs[:, t], *rest]
        gradients = [tf.where(mask[t], d, tf.zeros_like(d)) for d in arrived]
        values, after = at(t)
        before = [
            tf.where(t > first, state, initial)
            for state, initial in zip(at(tf.maximum(t - 1, 0))[1], start, strict=True)
        ]
        d, d_input, passed = cell.backward(gradients, values, after, before)
        d_recurrent = _update(d_recurrent, d[:, None], [0, t, 0])
        if cell.has_own_projection:
            d_projected = _update(d_projected, d_input[:, None], [0, t, 0])
        passed = [tf.where(mask[t], p, a) for p, a in zip(passed, arrived, strict=True)]
        return t - 1, d_recurrent, d_projected, passed[0] + tf.matmul(kernel, d), *passed[1:]

    shape = [units * cell.n_gates, n_time, n_rows]
    d_recurrent = tf.zeros(shape, kernel.dtype)
    d_projected = tf.zeros(shape if cell.has_own_projection else [0, 0, 0], kernel.dtype)
    loop = [stop - 1, d_recurrent, d_projected, *d_states]
    _, *results = tf.while_loop(lambda t, *_: t >= first, body, loop)
    return results


def _n_saved(cell: Cell) -> int:
    return cell.n_saved + cell.n_states - 1
