"""The GRU layer of Keras with its recurrence compiled."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow import Tensor

from stackens.layers import _recurrence
from stackens.layers._fused_base import FusedRecurrence


@keras.saving.register_keras_serializable(package="stackens")
class FusedGRU(FusedRecurrence, keras.layers.GRU):
    """GRU that runs a whole sequence as one operation on a CPU.

    It holds the weights of :class:`keras.layers.GRU`, in the same order and layout, and
    returns the same values and gradients up to rounding, for every mask. Where that would not be
    so, it *is* Keras's layer: another activation, ``reset_after=False``, recurrent dropout,
    ``unroll``, ``zero_output_for_mask``, a data type other than float32 and float64, or a visible
    GPU (there cuDNN is the fast path).

    Parameters
    ----------
    units : int
        Dimension of the output and of the hidden state.
    **kwargs : dict
        Arguments of :class:`keras.layers.GRU`.

    Notes
    -----
    Call arguments are those of :class:`keras.layers.GRU`: ``sequences`` of shape
    (batch, timesteps, features), ``mask`` of shape (batch, timesteps), ``initial_state``,
    ``training``. XLA compiles the recurrence once for each number of units, timesteps (four
    sizes from one power of two to the next) and rows (32, 64, 128, …); it takes about half a
    second, once in a process.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import FusedGRU
    >>> FusedGRU(4)(np.zeros((2, 5, 3), "float32")).shape
    TensorShape([2, 4])
    """

    def _find_cell(self) -> _recurrence.Cell | None:
        if (
            self.activation is not keras.activations.tanh
            or self.recurrent_activation is not keras.activations.sigmoid
            or not self.reset_after
        ):
            return None
        return _recurrence.GRU

    def _biases(self) -> tuple[Tensor | None, Tensor | None]:
        if not self.use_bias:
            return None, None
        bias = tf.convert_to_tensor(self.cell.bias)
        return bias[0], bias[1]
