"""Recurrent layers: a cell, its weights, and the direction in which it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from stackens.portable._activations import ACTIVATIONS
from stackens.portable._layers import Layer
from stackens.portable._recurrence import gru_step, lstm_step, recur, simple_rnn_step


@dataclass(frozen=True, eq=False)
class RecurrentLayer(Layer):
    """What the recurrent layers have in common.

    Parameters
    ----------
    kernel : ndarray of shape (n_features, n_gates * units)
        Weights of the inputs, the gates side by side as in Keras.
    recurrent_kernel : ndarray of shape (units, n_gates * units)
        Weights of the previous hidden state.
    bias : ndarray, default=None
        Of shape (n_gates * units,); of a GRU with ``reset_after`` (2, n_gates * units). None is
        zero.
    activation : str, default="tanh"
        Name that Keras knows.
    return_sequences : bool, default=False
        Return the hidden state of every timestep instead of the last one.
    go_backwards : bool, default=False
        Read from the last timestep; states are returned in the order in which they are reached.
    zero_output_for_mask : bool, default=False
        Return zeros at masked timesteps instead of the last valid state.
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray | None = None
    activation: str = "tanh"
    return_sequences: bool = False
    go_backwards: bool = False
    zero_output_for_mask: bool = False

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Read sequences.

        Parameters
        ----------
        x : ndarray of shape (batch, timesteps, n_features)
            Sequences.
        mask : ndarray of bool of shape (batch, timesteps), default=None
            False where a timestep is padding.

        Returns
        -------
        ndarray of shape (batch, units), or (batch, timesteps, units) with ``return_sequences``
        """
        hidden = self._read(x, mask)
        if not self.return_sequences:
            return hidden[:, -1]
        if self.zero_output_for_mask and mask is not None:
            valid = mask[:, ::-1] if self.go_backwards else mask
            hidden = np.where(valid[:, :, np.newaxis], hidden, hidden.dtype.type(0))
        return hidden

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return the mask if there still is a time axis."""
        return mask if self.return_sequences else None

    def reversed(self) -> Self:
        """Return the same layer for the other direction.

        Returns
        -------
        RecurrentLayer
            With the same weights.
        """
        return replace(self, go_backwards=not self.go_backwards)

    def _read(self, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        raise NotImplementedError

    def _project(self, x: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        # All timesteps in one product; only the product with the state must wait for its turn.
        projected = x @ self.kernel
        return projected if bias is None else projected + bias

    def _no_state(self, x: np.ndarray) -> np.ndarray:
        return np.zeros((len(x), self.recurrent_kernel.shape[0]), self.kernel.dtype)


@dataclass(frozen=True, eq=False)
class SimpleRNN(RecurrentLayer):
    """Simple recurrent layer, see :func:`simple_rnn_step`.

    Parameters
    ----------
    kernel : ndarray of shape (n_features, units)
        Weights of the inputs.
    recurrent_kernel : ndarray of shape (units, units)
        Weights of the previous hidden state.
    bias : ndarray of shape (units,), default=None
        Added to the products with the inputs; None is zero.
    activation : str, default="tanh"
        Name that Keras knows.
    return_sequences : bool, default=False
        Return the hidden state of every timestep instead of the last one.
    go_backwards : bool, default=False
        Read from the last timestep; states are returned in the order in which they are reached.
    zero_output_for_mask : bool, default=False
        Return zeros at masked timesteps instead of the last valid state.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import SimpleRNN
    >>> layer = SimpleRNN(np.ones((1, 1)), np.zeros((1, 1)), return_sequences=True)
    >>> layer(np.array([[[0.0], [100.0]]]))
    array([[[0.],
            [1.]]])
    """

    def _read(self, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        activation, recurrent_kernel = ACTIVATIONS[self.activation], self.recurrent_kernel

        def step(projected: np.ndarray, hidden: np.ndarray) -> list[np.ndarray]:
            return [simple_rnn_step(projected, hidden, recurrent_kernel, activation)]

        projected = self._project(x, self.bias)
        return recur(step, projected, [self._no_state(x)], mask, go_backwards=self.go_backwards)


@dataclass(frozen=True, eq=False)
class LSTM(RecurrentLayer):
    """LSTM layer, see :func:`lstm_step`.

    Parameters
    ----------
    kernel : ndarray of shape (n_features, 4 * units)
        Weights of the inputs, the gates side by side as in Keras.
    recurrent_kernel : ndarray of shape (units, 4 * units)
        Weights of the previous hidden state.
    bias : ndarray of shape (4 * units,), default=None
        Added to the products with the inputs; None is zero.
    activation : str, default="tanh"
        Name that Keras knows.
    return_sequences : bool, default=False
        Return the hidden state of every timestep instead of the last one.
    go_backwards : bool, default=False
        Read from the last timestep; states are returned in the order in which they are reached.
    zero_output_for_mask : bool, default=False
        Return zeros at masked timesteps instead of the last valid state.
    recurrent_activation : str, default="sigmoid"
        Of the gates.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import LSTM
    >>> LSTM(np.ones((3, 8)), np.ones((2, 8)))(np.zeros((1, 5, 3)))
    array([[0., 0.]])
    """

    recurrent_activation: str = "sigmoid"

    def _read(self, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        step = partial(
            lstm_step,
            recurrent_kernel=self.recurrent_kernel,
            activation=ACTIVATIONS[self.activation],
            recurrent_activation=ACTIVATIONS[self.recurrent_activation],
        )
        states = [self._no_state(x)] * 2
        return recur(
            step, self._project(x, self.bias), states, mask, go_backwards=self.go_backwards
        )


@dataclass(frozen=True, eq=False)
class GRU(RecurrentLayer):
    """GRU layer, see :func:`gru_step`.

    Parameters
    ----------
    kernel : ndarray of shape (n_features, 3 * units)
        Weights of the inputs, the gates side by side as in Keras.
    recurrent_kernel : ndarray of shape (units, 3 * units)
        Weights of the previous hidden state.
    bias : ndarray of shape (3 * units,) or (2, 3 * units), default=None
        Of the inputs or, with ``reset_after``, of inputs and states; None is zero.
    activation : str, default="tanh"
        Name that Keras knows.
    return_sequences : bool, default=False
        Return the hidden state of every timestep instead of the last one.
    go_backwards : bool, default=False
        Read from the last timestep; states are returned in the order in which they are reached.
    zero_output_for_mask : bool, default=False
        Return zeros at masked timesteps instead of the last valid state.
    recurrent_activation : str, default="sigmoid"
        Of the gates.
    reset_after : bool, default=True
        Whether the reset gate comes after the product with the recurrent kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import GRU
    >>> GRU(np.ones((3, 6)), np.ones((2, 6)))(np.zeros((1, 5, 3)))
    array([[0., 0.]])
    """

    recurrent_activation: str = "sigmoid"
    reset_after: bool = True

    def _read(self, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        has_two = self.bias is not None and self.bias.ndim == 2
        bias, recurrent_bias = self.bias if has_two else (self.bias, None)  # type: ignore[misc]
        step = partial(
            gru_step,
            recurrent_kernel=self.recurrent_kernel,
            recurrent_bias=recurrent_bias,
            activation=ACTIVATIONS[self.activation],
            recurrent_activation=ACTIVATIONS[self.recurrent_activation],
            reset_after=self.reset_after,
        )
        return recur(
            step,
            self._project(x, bias),
            [self._no_state(x)],
            mask,
            go_backwards=self.go_backwards,
        )


_MERGE_MODES: dict[str, Any] = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}


@dataclass(frozen=True, eq=False)
class Bidirectional(Layer):
    """Two layers, one for each direction; their outputs are put together.

    Parameters
    ----------
    forward, backward : RecurrentLayer
        The layers.
    merge_mode : {"concat", "sum", "ave", "mul"}, default="concat"
        How.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Bidirectional, SimpleRNN
    >>> one = SimpleRNN(np.ones((1, 1)), np.zeros((1, 1)))
    >>> Bidirectional(one, one.reversed())(np.array([[[100.0], [0.0]]]))
    array([[0., 1.]])
    """

    forward: RecurrentLayer
    backward: RecurrentLayer
    merge_mode: str = "concat"

    def __call__(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Read sequences from both ends; arguments as those of the layers."""
        there, back = self.forward(x, mask), self.backward(x, mask)
        if self.backward.return_sequences:
            back = back[:, ::-1]  # in the order of time
        return _MERGE_MODES[self.merge_mode](there, back)

    def compute_mask(self, x: Any, mask: Any = None) -> np.ndarray | None:
        """Return the mask if there still is a time axis."""
        return self.forward.compute_mask(x, mask)
