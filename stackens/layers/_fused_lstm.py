"""The LSTM layer of Keras with its recurrence compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from stackens.layers import _recurrence
from stackens.layers._block_lstm import run_block_lstm
from stackens.layers._fused_base import FusedRecurrence

# TensorFlow's own kernel is at hand at once, and as fast up to here.
_WIDEST_BLOCK = 64


@keras.saving.register_keras_serializable(package="stackens")
class FusedLSTM(FusedRecurrence, keras.layers.LSTM):
    """LSTM that runs a whole sequence as one operation on a CPU.

    It holds the weights of :class:`keras.layers.LSTM`, in the same order and layout, and
    returns the same values and gradients up to rounding, for every mask. Where that would not be
    so, it *is* Keras's layer: another activation, recurrent dropout, ``unroll``,
    ``zero_output_for_mask``, a data type other than float32 and float64, or a visible GPU (there
    cuDNN is the fast path).

    Parameters
    ----------
    units : int
        Dimension of the output and of the hidden state.
    right_padded : bool, default=False
        Promise that every mask has all its true steps first. A narrow layer is then computed by
        a kernel that needs no compilation also where there is a mask.
    **kwargs : dict
        Arguments of :class:`keras.layers.LSTM`.

    Notes
    -----
    Call arguments are those of :class:`keras.layers.LSTM`: ``sequences`` of shape
    (batch, timesteps, features), ``mask`` of shape (batch, timesteps), ``initial_state``,
    ``training``. Up to 64 units, TensorFlow's own kernel for a whole sequence is used where it is
    exact (see ``right_padded``). Elsewhere XLA compiles the recurrence once for each number of
    units, timesteps (four sizes from one power of two to the next) and rows (32, 64, 128, …); it
    takes about half a second, once in a process.

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

    def _find_cell(self) -> _recurrence.Cell | None:
        if (
            self.activation is not keras.activations.tanh
            or self.recurrent_activation is not keras.activations.sigmoid
        ):
            return None
        return _recurrence.LSTM

    def _can_run(self, sequences: Tensor, mask: Tensor | None) -> bool:
        return self._block_kernel_pays(sequences, mask) or super()._can_run(sequences, mask)

    def _run(
        self, cell: _recurrence.Cell, sequences: Tensor, states: Sequence[Tensor], mask: Any
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        if not self._block_kernel_pays(sequences, mask):
            return super()._run(cell, sequences, states, mask)
        return run_block_lstm(
            sequences,
            mask,
            tf.convert_to_tensor(self.cell.kernel),
            tf.convert_to_tensor(self.cell.recurrent_kernel),
            tf.convert_to_tensor(self.cell.bias),
            states,
            go_backwards=self.go_backwards,
            return_sequences=self.return_sequences,
        )

    def _block_kernel_pays(self, sequences: Tensor, mask: Tensor | None) -> bool:
        return (
            self.units <= _WIDEST_BLOCK
            and self.use_bias
            and sequences.dtype == "float32"
            and (mask is None or self.right_padded)
        )
