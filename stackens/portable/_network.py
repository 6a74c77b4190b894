"""Layers put together: what calls what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.portable._layers import Layer


@dataclass(frozen=True, eq=False)
class Network(Layer):
    """Layers, and the order in which they are called; one may be called several times.

    Parameters
    ----------
    layers : list of Layer
        Each layer once.
    calls : list of list of int, default=None
        For each call the number of the layer, then the numbers of the results that it takes:
        result 0 is the input, result k that of the k-th call. The last call is the output. None
        calls one layer after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens.portable import Dense, Network
    >>> double = Dense(2 * np.eye(1))
    >>> Network([double])(np.ones((1, 1))), Network([double], [[0, 0], [0, 1]])(np.ones((1, 1)))
    (array([[2.]]), array([[4.]]))
    """

    layers: list[Layer]
    calls: list[list[int]] | None = None

    def __call__(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Call all layers; return the result of the last call."""
        return self.results(x, mask)[-1]

    def results(self, x: np.ndarray, mask: Any = None) -> list[np.ndarray]:
        """Return the input and the result of every call.

        Parameters
        ----------
        x : ndarray of shape (batch, ...)
            Input.
        mask : ndarray of bool of shape (batch, timesteps), default=None
            False where a timestep is padding.

        Returns
        -------
        list of ndarray
            The input first, the output last.
        """
        values, masks = [x], [mask]
        for number, *places in self._calls():
            layer = self.layers[number]
            if len(places) == 1:
                taken, valid = values[places[0]], masks[places[0]]
            else:
                taken, valid = [values[k] for k in places], [masks[k] for k in places]  # type: ignore[assignment]
            values.append(layer(taken, valid))
            masks.append(layer.compute_mask(taken, valid))
        return values

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None: the output of a network has no mask."""
        return

    def _calls(self) -> list[list[int]]:
        if self.calls is not None:
            return self.calls
        return [[k, k] for k in range(len(self.layers))]
