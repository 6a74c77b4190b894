"""Functions and differences of a target, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.forecasting._history import History


class _Function(NamedTuple):
    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    exists: Callable[[np.ndarray], np.ndarray]
    domain: str


# The inverses never decrease, so that bounds stay bounds.
TRANSFORMS = {
    "log": _Function(np.log, np.exp, lambda y: y > 0, "above 0"),
    "log1p": _Function(np.log1p, np.expm1, lambda y: y > -1, "above -1"),
    "sqrt": _Function(np.sqrt, lambda u: np.maximum(u, 0) ** 2, lambda y: y >= 0, "from 0 on"),
}


@dataclass(frozen=True)
class TargetTransform:
    """Nothing is learned: each value depends on itself and on earlier ones.

    Attributes
    ----------
    function : {None, "log", "log1p", "sqrt"}
        What is applied first.
    lags : tuple of int
        Differences that are taken then, one after the other.
    """

    function: str | None
    lags: tuple[int, ...]

    @property
    def n_lost(self) -> int:
        """Steps at the start that have no difference."""
        return sum(self.lags)

    def levels(self, history: History) -> list[np.ndarray]:
        """Return the target before and after each difference, of shape (n_steps, n_targets) each.

        The first entry is the transformed target; where there is no difference is NaN.

        Raises
        ------
        InvalidInputError
            If the function has no value somewhere.
        """
        values = history.y
        if self.function is not None:
            known = TRANSFORMS[self.function]
            bad = np.argwhere(~known.exists(values))
            if len(bad):
                raise InvalidInputError(
                    f"`transform`={self.function!r} needs values {known.domain}; `y` is "
                    f"{values[tuple(bad[0])]:g} at {history.times[bad[0][0]]}."
                )
            values = known.forward(values)
        levels = [values]
        for lag in self.lags:
            change = np.full_like(values, np.nan)
            change[lag:] = levels[-1][lag:] - levels[-1][:-lag]
            levels.append(change)
        return levels

    def undo_differences(
        self, levels: list[np.ndarray], cutoffs: Sequence[int] | np.ndarray, changes: np.ndarray
    ) -> np.ndarray:
        """Add up predicted differences, from what was known at each cutoff.

        Parameters
        ----------
        levels : list of ndarray
            From ``levels``.
        cutoffs : sequence of int
            Last known row of each forecast.
        changes : ndarray of shape (n_cutoffs, horizon, n_targets)
            Predictions of the last entry of ``levels``.

        Returns
        -------
        ndarray of shape (n_cutoffs, horizon, n_targets)
            Predictions of the first entry.
        """
        last = np.asarray(cutoffs)
        for known, lag in zip(levels[-2::-1], self.lags[::-1], strict=True):
            summed = np.empty_like(changes)
            for step in range(changes.shape[1]):
                before = known[last + 1 + step - lag] if step < lag else summed[:, step - lag]
                summed[:, step] = before + changes[:, step]
            changes = summed
        return changes

    def to_values(self, levels: np.ndarray) -> np.ndarray:
        """Undo the function."""
        return levels if self.function is None else TRANSFORMS[self.function].inverse(levels)
