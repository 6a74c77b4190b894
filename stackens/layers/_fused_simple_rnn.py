"""The SimpleRNN layer of Keras with its recurrence compiled."""

from __future__ import annotations

import keras

from stackens.layers import _recurrence
from stackens.layers._fused_base import FusedRecurrence


@keras.saving.register_keras_serializable(package="stackens")
class FusedSimpleRNN(FusedRecurrence, keras.layers.SimpleRNN):
    """SimpleRNN that runs a whole sequence as one operation on a CPU.

    It holds the weights of :class:`keras.layers.SimpleRNN`, in the same order and layout, and
    returns the same values and gradients up to rounding, for every mask. Where that would not be
    so, it *is* Keras's layer: an activation other than tanh and relu, recurrent dropout,
    ``unroll``, ``zero_output_for_mask``, a data type other than float32 and float64, or a
    visible GPU.

    Parameters
    ----------
    units : int
        Dimension of the output and of the hidden state.
    **kwargs : dict
        Arguments of :class:`keras.layers.SimpleRNN`.

    Notes
    -----
    Call arguments are those of :class:`keras.layers.SimpleRNN`: ``sequences`` of shape
    (batch, timesteps, features), ``mask`` of shape (batch, timesteps), ``initial_state``,
    ``training``. XLA compiles the recurrence once for each number of units, timesteps (four
    sizes from one power of two to the next) and rows (32, 64, 128, …); it takes about half a
    second, once in a process.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.layers import FusedSimpleRNN
    >>> FusedSimpleRNN(4)(np.zeros((2, 5, 3), "float32")).shape
    TensorShape([2, 4])
    """

    def _find_cell(self) -> _recurrence.Cell | None:
        return _recurrence.SIMPLE_RNN.get(keras.activations.serialize(self.activation))
