"""What the compiled recurrent layers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from stackens.layers import _recurrence


class FusedRecurrence:
    """Mixed into a recurrent layer of Keras: runs all its steps as one compiled operation.

    A subclass says which cell it is, and gives its kernels and biases.
    """

    def _find_cell(self) -> _recurrence.Cell | None:
        """Return the compiled cell that computes the same as this layer, if there is one."""
        raise NotImplementedError

    def _biases(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the biases of the inputs and of the recurrent product; None is zero."""
        return self.cell.bias, None  # type: ignore[attr-defined]

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Run over time; return last output, all outputs and the last states."""
        cell = self._find_cell() if self._is_ordinary(sequences) else None
        if cell is None or not self._can_run(sequences, mask):
            return super().inner_loop(  # type: ignore[misc]
                sequences, initial_state, mask=mask, training=training
            )
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        if training and self.dropout:  # type: ignore[attr-defined]
            dropped = self.cell.get_dropout_mask(sequences[:, 0, :])  # type: ignore[attr-defined]
            sequences *= dropped[:, None, :]
        return self._run(cell, sequences, states, mask)

    def _is_ordinary(self, sequences: Tensor) -> bool:
        return (
            not self.recurrent_dropout  # type: ignore[attr-defined]
            and not self.unroll  # type: ignore[attr-defined]
            and not self.zero_output_for_mask  # type: ignore[attr-defined]
            and sequences.dtype in ("float32", "float64")
            and self.compute_dtype == sequences.dtype  # type: ignore[attr-defined]
            and not tf.config.get_visible_devices("GPU")
        )

    def _can_run(self, sequences: Tensor, mask: Tensor | None) -> bool:
        return _recurrence.is_available()

    def _run(
        self, cell: _recurrence.Cell, sequences: Tensor, states: Sequence[Tensor], mask: Any
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        n_rows, n_steps = tf.unstack(tf.shape(sequences)[:2])
        padding = [
            [0, _recurrence.step_capacity(n_steps) - n_steps],
            [0, _recurrence.batch_capacity(n_rows) - n_rows],
        ]
        steps = tf.transpose(sequences, [2, 1, 0])
        window = tf.constant(0), n_steps
        if mask is None:
            valid = tf.ones([n_steps, n_rows], tf.bool)
        else:
            valid = tf.transpose(tf.cast(mask, tf.bool))
        if self.go_backwards:  # type: ignore[attr-defined]
            steps, valid = tf.reverse(steps, [1]), tf.reverse(valid, [0])
        if mask is not None:  # steps at which no row is valid change nothing
            anyone = tf.cast(tf.reduce_any(valid, axis=1), tf.int32)
            last = tf.reduce_max(tf.range(1, n_steps + 1) * anyone)
            window = n_steps - tf.reduce_max(tf.range(n_steps, 0, -1) * anyone), last
        outputs, final = self._recur(cell, steps, valid, window, states, padding)
        outputs = outputs[:, :n_steps, :n_rows]
        final = [tf.transpose(state[:, :n_rows]) for state in final]
        units = self.units  # type: ignore[attr-defined]
        for state in final:
            state.set_shape([sequences.shape[0], units])
        if not self.return_sequences:  # type: ignore[attr-defined]
            return final[0], final[0][:, None], final
        outputs = tf.transpose(outputs, [2, 1, 0])
        if mask is not None:
            outputs = _fill_invalid(outputs, final[0], valid, window[1])
        outputs.set_shape([*sequences.shape[:2], units])
        return final[0], outputs, final

    def _recur(
        self,
        cell: _recurrence.Cell,
        steps: Tensor,
        valid: Tensor,
        window: tuple[Tensor, Tensor],
        states: Sequence[Tensor],
        padding: list[list[Any]],
    ) -> tuple[Tensor, list[Tensor]]:
        layer = self.cell  # type: ignore[attr-defined]
        kernel, recurrent = (
            tf.transpose(tf.convert_to_tensor(k)) for k in (layer.kernel, layer.recurrent_kernel)
        )
        steps = tf.pad(steps, [[0, 0], *padding])
        _, n_time, n_batch = tf.unstack(tf.shape(steps))
        bias, recurrent_bias = self._biases()
        projected = tf.matmul(kernel, tf.reshape(steps, [tf.shape(steps)[0], -1]))
        if bias is not None:
            projected += tf.convert_to_tensor(bias)[:, None]
        if recurrent_bias is None:
            recurrent_bias = tf.zeros([kernel.shape[0]], kernel.dtype)
        return _recurrence.run(
            cell,
            tf.reshape(projected, [kernel.shape[0], n_time, n_batch]),
            tf.pad(valid, padding),
            window,
            recurrent,
            recurrent_bias,
            [tf.pad(tf.transpose(state), [[0, 0], padding[1]]) for state in states],
        )


def _fill_invalid(outputs: Tensor, final: Tensor, valid: Tensor, stop: Tensor) -> Tensor:
    """Give invalid steps the output of the last valid one, and zero before the first, as Keras."""
    n_steps = tf.shape(outputs)[1]
    seen = tf.cumsum(tf.cast(tf.transpose(valid), tf.int32), axis=1) > 0  # (batch, timesteps)
    beyond = (tf.range(n_steps) >= stop)[None, :, None]
    outputs = tf.where(beyond, final[:, None], outputs)
    return tf.where(seen[:, :, None], outputs, tf.zeros_like(outputs))
