"""The LSTM layer of Keras, computed by one TensorFlow kernel where that is exact."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["FusedLSTM"]


@keras.saving.register_keras_serializable(package="stackens")
class FusedLSTM(keras.layers.LSTM):
    """LSTM that runs a whole sequence as one operation on a CPU.

    It holds the weights of :class:`keras.layers.LSTM`, in the same order and layout, and returns
    the same values and gradients up to float32 rounding. Where the kernel would not be exact, it
    *is* Keras's layer: another activation, recurrent dropout, no bias, a data type other than
    float32, ``unroll``, ``zero_output_for_mask``, a mask that is not known to be right-padded,
    or a visible GPU (there cuDNN is the fast path).

    Parameters
    ----------
    units : int
        Dimension of the output and of the hidden state.
    right_padded : bool, default=False
        Promise that every mask has all its true steps first. Only then is a masked input
        computed by the kernel.
    **kwargs : dict
        Arguments of :class:`keras.layers.LSTM`.

    Notes
    -----
    Call arguments are those of :class:`keras.layers.LSTM`: ``sequences`` of shape
    (batch, timesteps, features), ``mask`` of shape (batch, timesteps), ``initial_state``,
    ``training``.

    The kernel is ``BlockLSTM``, not ``BlockLSTMV2``: the gradient of the second differs from
    that of the Keras layer by more than its own size.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import FusedLSTM
    >>> FusedLSTM(4)(np.zeros((2, 5, 3), "float32")).shape
    TensorShape([2, 4])
    """

    def __init__(self, units: int, *, right_padded: bool = False, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.right_padded = right_padded

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made anew."""
        return {**super().get_config(), "right_padded": self.right_padded}

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """Run over time; return last output, all outputs and the last states."""
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if not self._kernel_is_exact(sequences, mask):
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        if training and self.dropout:
            sequences *= self.cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
        if mask is None:
            return self._run_unmasked(sequences, initial_state)
        return self._run_masked(sequences, initial_state, tf.cast(mask, tf.bool))

    def _kernel_is_exact(self, sequences: Any, mask: Any) -> bool:
        return (
            self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and self.use_bias
            and not self.recurrent_dropout
            and not self.unroll
            and not self.zero_output_for_mask
            and (mask is None or self.right_padded)
            and tf.as_dtype(sequences.dtype) == tf.float32
            and self.compute_dtype == "float32"
            and not tf.config.get_visible_devices("GPU")
        )

    def _run_unmasked(self, sequences: Any, initial_state: Any) -> tuple[Any, Any, list[Any]]:
        steps = tf.transpose(sequences, [1, 0, 2])  # (T, batch, features)
        if self.go_backwards:
            steps = tf.reverse(steps, [0])
        hidden, cell = self._kernel(steps, initial_state, tf.shape(steps)[0])
        return hidden[-1], self._outputs(hidden), [hidden[-1], cell[-1]]

    def _run_masked(
        self, sequences: Any, initial_state: Any, mask: Any
    ) -> tuple[Any, Any, list[Any]]:
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)  # (batch,)
        steps = tf.transpose(sequences, [1, 0, 2])
        if self.go_backwards:
            steps = tf.reverse_sequence(steps, lengths, seq_axis=0, batch_axis=1)
        # Right-padded steps come after all that count, so that computing garbage there, or
        # nothing beyond the longest row of the batch, changes no valid step.
        hidden, cell = self._kernel(steps, initial_state, tf.reduce_max(lengths))
        state = [
            _last_valid(hidden, lengths, initial_state[0]),
            _last_valid(cell, lengths, initial_state[1]),
        ]
        if not self.return_sequences:
            return state[0], state[0][:, None], state
        if self.go_backwards:
            # Keras runs over the padding first, and emits zeros until the first valid step.
            hidden = _where_valid(hidden, mask, tf.zeros_like(state[0]))
            hidden = tf.reverse_sequence(hidden, lengths, seq_axis=0, batch_axis=1)
            hidden = tf.reverse(hidden, [0])
        else:
            hidden = _where_valid(hidden, mask, state[0])
        return state[0], self._outputs(hidden), state

    def _outputs(self, hidden: Any) -> Any:
        if self.return_sequences:
            return tf.transpose(hidden, [1, 0, 2])  # (batch, T, units)
        return hidden[-1][:, None]

    def _kernel(self, steps: Any, initial_state: Any, n_steps: Any) -> tuple[Any, Any]:
        kernel = tf.concat([self.cell.kernel, self.cell.recurrent_kernel], axis=0)
        unused_peephole = tf.zeros([self.units])
        result = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.cast(n_steps, tf.int64),
            x=steps,
            h_prev=initial_state[0],
            cs_prev=initial_state[1],
            w=_reorder_gates(kernel, axis=1),
            b=_reorder_gates(self.cell.bias, axis=0),
            wci=unused_peephole,
            wcf=unused_peephole,
            wco=unused_peephole,
            forget_bias=0.0,
            cell_clip=-1.0,  # 0.0 would clip to zero in the gradient; only negative means "no"
            use_peephole=False,
        )
        return result.h, result.cs


def _reorder_gates(weights: Any, axis: int) -> Any:
    """From the gate order of Keras (i, f, c, o) to that of the kernel (i, c, f, o)."""
    input_gate, forget_gate, candidate, output_gate = tf.split(
        tf.convert_to_tensor(weights), 4, axis=axis
    )
    return tf.concat([input_gate, candidate, forget_gate, output_gate], axis=axis)


def _last_valid(states: Any, lengths: Any, initial: Any) -> Any:
    """Take the state after the last valid step of each row; ``states`` is (T, batch, units)."""
    steps = tf.maximum(lengths - 1, 0)
    rows = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(states, tf.stack([steps, rows], axis=1))
    return tf.where((lengths > 0)[:, None], last, initial)


def _where_valid(hidden: Any, mask: Any, fill: Any) -> Any:
    """Replace padded steps of ``hidden`` (T, batch, units) by ``fill`` (batch, units)."""
    return tf.where(tf.transpose(mask)[:, :, None], hidden, fill[None])
