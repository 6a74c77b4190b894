"""A whole LSTM layer as one kernel that TensorFlow's CPU build brings along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import Tensor


def run_block_lstm(
    sequences: Tensor,
    mask: Tensor | None,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor,
    states: Sequence[Tensor],
    *,
    go_backwards: bool,
    return_sequences: bool,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Run an LSTM with the weights of Keras's layer; tanh and sigmoid, float32.

    Parameters
    ----------
    sequences : tensor of shape (batch, timesteps, features)
        Input.
    mask : bool tensor of shape (batch, timesteps) or None
        All true steps of a row come first.
    kernel, recurrent_kernel, bias : tensors
        In the layout and gate order (i, f, c, o) of Keras.
    states : sequence of two tensors of shape (batch, units)
        Output and carry before the first step.
    go_backwards, return_sequences : bool
        As in Keras.

    Returns
    -------
    last_output, outputs, states
        As Keras's ``inner_loop`` returns them.

    Notes
    -----
    The kernel is ``BlockLSTM``, not ``BlockLSTMV2``: the gradient of the second differs from that
    of the Keras layer by more than its own size.
    """
    steps = tf.transpose(sequences, [1, 0, 2])  # (timesteps, batch, features)
    if mask is None:
        if go_backwards:
            steps = tf.reverse(steps, [0])
        weights = kernel, recurrent_kernel, bias
        hidden, cell = _run_kernel(steps, weights, states, tf.shape(steps)[0])
        return hidden[-1], _outputs(hidden, return_sequences), [hidden[-1], cell[-1]]
    mask = tf.cast(mask, tf.bool)
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)  # (batch,)
    if go_backwards:
        steps = tf.reverse_sequence(steps, lengths, seq_axis=0, batch_axis=1)
    # Right-padded steps come after all that count, so that computing garbage there, or nothing
    # beyond the longest row of the batch, changes no valid step.
    weights = kernel, recurrent_kernel, bias
    hidden, cell = _run_kernel(steps, weights, states, tf.reduce_max(lengths))
    final = [_last_valid(h, lengths, h0) for h, h0 in zip((hidden, cell), states, strict=True)]
    if not return_sequences:
        return final[0], final[0][:, None], final
    nothing = tf.zeros_like(final[0])  # what Keras emits until the first valid step
    if go_backwards:  # it runs over the padding first
        hidden = _where_valid(hidden, mask, nothing)
        hidden = tf.reverse_sequence(hidden, lengths, seq_axis=0, batch_axis=1)
        hidden = tf.reverse(hidden, [0])
    else:
        hidden = _where_valid(hidden, mask, tf.where((lengths > 0)[:, None], final[0], nothing))
    return final[0], _outputs(hidden, return_sequences), final


def _outputs(hidden: Tensor, return_sequences: bool) -> Tensor:
    return tf.transpose(hidden, [1, 0, 2]) if return_sequences else hidden[-1][:, None]


def _run_kernel(
    steps: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], n_steps: Tensor
) -> tuple[Tensor, Tensor]:
    """Return outputs and carries of shape (timesteps, batch, units)."""
    n_steps = tf.cast(n_steps, tf.int64)
    n_features = weights[0].shape[0]
    peephole = tf.zeros([weights[1].shape[0]])
    peepholes = {"wci": peephole, "wcf": peephole, "wco": peephole, "use_peephole": False}

    # TensorFlow's gradient of the kernel, and of putting weights together for it, is right; it
    # is written out because it takes half as many operations.
    @tf.custom_gradient
    def run(
        steps: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Any, ...]:
        w = _swap_gates(tf.concat([kernel, recurrent_kernel], axis=0))
        b = _swap_gates(bias)
        inputs = {"seq_len_max": n_steps, "x": steps, "cs_prev": c, "h_prev": h, "w": w, "b": b}
        out = tf.raw_ops.BlockLSTM(
            **inputs,
            **peepholes,
            forget_bias=0.0,
            cell_clip=-1.0,  # 0.0 would clip to zero in the gradient; only negative means "no"
        )

        def gradient(d_outputs: Tensor, d_carries: Tensor) -> tuple[Tensor, ...]:
            d = tf.raw_ops.BlockLSTMGrad(
                **inputs,
                **peepholes,
                **out._asdict(),
                cs_grad=d_carries,
                h_grad=d_outputs,
            )
            d_w = _swap_gates(d.w_grad)
            d_bias = _swap_gates(d.b_grad)
            d_states = d.h_prev_grad, d.cs_prev_grad
            return d.x_grad, d_w[:n_features], d_w[n_features:], d_bias, *d_states

        return (out.h, out.cs), gradient

    outputs, carries = run(steps, *weights, *states)
    return outputs, carries


def _swap_gates(weights: Tensor) -> Tensor:
    """Between the gate order of Keras (i, f, c, o) and that of the kernel (i, c, f, o)."""
    first, second, third, fourth = tf.split(weights, 4, axis=-1)
    return tf.concat([first, third, second, fourth], axis=-1)


def _last_valid(states: Tensor, lengths: Tensor, initial: Tensor) -> Tensor:
    """Take the state after the last valid step of each row; ``states`` is (T, batch, units)."""
    steps = tf.maximum(lengths - 1, 0)
    rows = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(states, tf.stack([steps, rows], axis=1))
    return tf.where((lengths > 0)[:, None], last, initial)


def _where_valid(hidden: Tensor, mask: Tensor, fill: Tensor) -> Tensor:
    """Replace padded steps of ``hidden`` (T, batch, units) by ``fill`` (batch, units)."""
    return tf.where(tf.transpose(mask)[:, :, None], hidden, fill[None])
