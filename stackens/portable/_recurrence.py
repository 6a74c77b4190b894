"""One timestep of each recurrent cell, and the loop over timesteps: the recurrence by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stackens.portable._activations import sigmoid

Activation = Callable[[np.ndarray], np.ndarray]


class LSTMStep(NamedTuple):
    """What an LSTM computes at one timestep; arrays of shape (batch, units).

    Attributes
    ----------
    hidden : ndarray of shape (batch, units)
        State after the step, which is also the output.
    cell : ndarray of shape (batch, units)
        What the cell remembers after the step.
    input_gate, forget_gate, output_gate : ndarray of shape (batch, units)
        From 0 (shut) to 1 (open).
    candidate : ndarray of shape (batch, units)
        What the input gate lets into the cell.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import lstm_step
    >>> step = lstm_step(np.zeros((1, 4)), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 4)))
    >>> step.forget_gate, step.cell
    (array([[0.5]]), array([[0.5]]))
    """

    hidden: np.ndarray
    cell: np.ndarray
    input_gate: np.ndarray
    forget_gate: np.ndarray
    candidate: np.ndarray
    output_gate: np.ndarray


class GRUStep(NamedTuple):
    """What a GRU computes at one timestep; arrays of shape (batch, units).

    Attributes
    ----------
    hidden : ndarray of shape (batch, units)
        State after the step, which is also the output.
    update_gate : ndarray of shape (batch, units)
        From 0 (take the candidate) to 1 (keep the state).
    reset_gate : ndarray of shape (batch, units)
        How much of the state the candidate sees, from 0 to 1.
    candidate : ndarray of shape (batch, units)
        What may take the place of the state.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import gru_step
    >>> step = gru_step(np.zeros((1, 3)), np.ones((1, 1)), np.zeros((1, 3)))
    >>> step.update_gate, step.hidden
    (array([[0.5]]), array([[0.5]]))
    """

    hidden: np.ndarray
    update_gate: np.ndarray
    reset_gate: np.ndarray
    candidate: np.ndarray


def simple_rnn_step(
    projected: np.ndarray,
    hidden: np.ndarray,
    recurrent_kernel: np.ndarray,
    activation: Activation = np.tanh,
) -> np.ndarray:
    r"""Take one step of a simple RNN: :math:`h_t = \tanh(x_t W + b + h_{t-1} U)`.

    Parameters
    ----------
    projected : ndarray of shape (batch, units)
        The timestep's input times the kernel, plus bias: :math:`x_t W + b`.
    hidden : ndarray of shape (batch, units)
        State before this step.
    recurrent_kernel : ndarray of shape (units, units)
        :math:`U`.
    activation : callable, default=np.tanh
        Of the sum.

    Returns
    -------
    ndarray of shape (batch, units)
        State after this step.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import simple_rnn_step
    >>> simple_rnn_step(np.array([[0.5]]), np.array([[1.0]]), np.array([[-0.5]]))
    array([[0.]])
    """
    return activation(projected + hidden @ recurrent_kernel)


def lstm_step(
    projected: np.ndarray,
    hidden: np.ndarray,
    cell: np.ndarray,
    recurrent_kernel: np.ndarray,
    activation: Activation = np.tanh,
    recurrent_activation: Activation = sigmoid,
) -> LSTMStep:
    r"""Take one step of an LSTM.

    Three gates, each between 0 and 1, and a candidate come from the input and the previous state,
    their kernels side by side in the order of Keras (input, forget, candidate, output). Then
    :math:`c_t = f_t c_{t-1} + i_t g_t` and :math:`h_t = o_t \tanh c_t`.

    Parameters
    ----------
    projected : ndarray of shape (batch, 4 * units)
        The timestep's input times the kernel, plus bias.
    hidden, cell : ndarray of shape (batch, units)
        States before this step.
    recurrent_kernel : ndarray of shape (units, 4 * units)
        Kernel of the previous hidden state.
    activation : callable, default=np.tanh
        Of candidate and cell state.
    recurrent_activation : callable, default=sigmoid
        Of the gates.

    Returns
    -------
    LSTMStep
        States after this step, and the gates that made them.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import lstm_step
    >>> wide_open = np.array([[100.0, 100.0, 0.5, 100.0]])  # all gates 1, candidate tanh(0.5)
    >>> step = lstm_step(wide_open, np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 4)))
    >>> step.cell.round(4)
    array([[1.4621]])
    """
    units = hidden.shape[1]
    sums = projected + hidden @ recurrent_kernel  # (batch, 4 * units)
    gates = recurrent_activation(sums[:, : 2 * units])
    input_gate, forget_gate = gates[:, :units], gates[:, units:]
    candidate = activation(sums[:, 2 * units : 3 * units])
    output_gate = recurrent_activation(sums[:, 3 * units :])
    cell = forget_gate * cell + input_gate * candidate
    hidden = output_gate * activation(cell)
    return LSTMStep(hidden, cell, input_gate, forget_gate, candidate, output_gate)


def gru_step(
    projected: np.ndarray,
    hidden: np.ndarray,
    recurrent_kernel: np.ndarray,
    recurrent_bias: np.ndarray | None = None,
    activation: Activation = np.tanh,
    recurrent_activation: Activation = sigmoid,
    *,
    reset_after: bool = True,
) -> GRUStep:
    r"""Take one step of a GRU.

    The kernels of update gate, reset gate and candidate stand side by side, as in Keras. The new
    state is :math:`h_t = z_t h_{t-1} + (1 - z_t) g_t`: an update gate of 1 keeps the old one.

    Parameters
    ----------
    projected : ndarray of shape (batch, 3 * units)
        The timestep's input times the kernel, plus bias.
    hidden : ndarray of shape (batch, units)
        State before this step.
    recurrent_kernel : ndarray of shape (units, 3 * units)
        Kernel of the previous state.
    recurrent_bias : ndarray of shape (3 * units,), default=None
        Added to the product with it; None is zero.
    activation : callable, default=np.tanh
        Of the candidate.
    recurrent_activation : callable, default=sigmoid
        Of the gates.
    reset_after : bool, default=True
        Whether the reset gate is applied to the product of state and kernel, or to the state.

    Returns
    -------
    GRUStep
        State after this step, and what made it.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import gru_step
    >>> keep = np.array([[100.0, 0.0, 0.0]])  # update gate 1
    >>> gru_step(keep, np.array([[0.7]]), np.zeros((1, 3))).hidden
    array([[0.7]])
    """
    units = hidden.shape[1]
    if reset_after:
        inner = hidden @ recurrent_kernel
        if recurrent_bias is not None:
            inner = inner + recurrent_bias
    else:
        inner = hidden @ recurrent_kernel[:, : 2 * units]
    gates = recurrent_activation(projected[:, : 2 * units] + inner[:, : 2 * units])
    update_gate, reset_gate = gates[:, :units], gates[:, units:]
    if reset_after:
        inner = reset_gate * inner[:, 2 * units :]
    else:
        inner = (reset_gate * hidden) @ recurrent_kernel[:, 2 * units :]
    candidate = activation(projected[:, 2 * units :] + inner)
    hidden = update_gate * hidden + (1 - update_gate) * candidate
    return GRUStep(hidden, update_gate, reset_gate, candidate)


def recur(
    step: Callable[..., Sequence[np.ndarray]],
    projected: np.ndarray,
    states: Sequence[np.ndarray],
    mask: np.ndarray | None = None,
    *,
    go_backwards: bool = False,
) -> np.ndarray:
    """Take one step after the other; a masked timestep changes no state.

    Parameters
    ----------
    step : callable
        ``step(projected_t, *states)`` returns the new states first, the hidden one leading.
    projected : ndarray of shape (batch, timesteps, n)
        For each timestep what the step takes of it.
    states : sequence of ndarray of shape (batch, units)
        States before the first step, the hidden one first.
    mask : ndarray of bool of shape (batch, timesteps), default=None
        False where a timestep is padding; None is nowhere.
    go_backwards : bool, default=False
        Start from the last timestep.

    Returns
    -------
    ndarray of shape (batch, timesteps, units)
        Hidden state after each step, in the order of the steps.
    """
    n_rows, n_steps = projected.shape[:2]
    order: Any = range(n_steps - 1, -1, -1) if go_backwards else range(n_steps)
    if mask is not None and mask.all():
        mask = None
    hidden = np.empty((n_rows, n_steps, states[0].shape[1]), projected.dtype)
    for place, t in enumerate(order):
        new = step(projected[:, t], *states)[: len(states)]
        if mask is not None:
            valid = mask[:, t, np.newaxis]
            new = [np.where(valid, n, old) for n, old in zip(new, states, strict=True)]
        states = new
        hidden[:, place] = states[0]
    return hidden
