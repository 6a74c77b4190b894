"""Windows of a series as rows of a regressor, and what they are scaled by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def cut(values: np.ndarray, cutoffs: range, first: int, last: int) -> np.ndarray:
    """Return the rows ``cutoff + first`` to ``cutoff + last`` for every cutoff, as a view.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_channels)
        A series.
    cutoffs : range
        Last known row of each window.
    first, last : int
        Offsets, both included.

    Returns
    -------
    ndarray of shape (n_cutoffs, last - first + 1, n_channels)
    """
    views = sliding_window_view(values, last - first + 1, axis=0)  # (starts, channels, steps)
    start, stop = cutoffs[0] + first, cutoffs[-1] + first + 1
    return views[start : stop : cutoffs.step].swapaxes(1, 2)


@dataclass(frozen=True, eq=False)
class WindowScale:
    """Means and deviations by which windows are scaled.

    Attributes
    ----------
    input_center, input_scale : ndarray of shape (n_channels,)
        Of the channels of a row.
    target_center, target_scale : ndarray of shape (n_targets,)
        Of what is predicted.
    """

    input_center: np.ndarray
    input_scale: np.ndarray
    target_center: np.ndarray
    target_scale: np.ndarray


@dataclass(frozen=True)
class WindowLayout:
    """What a row of a regressor holds.

    A row has the shape (window, n_channels); its channels are the target columns, the covariates
    known in the past, those known in advance at the same times, and these once more ``n_ahead``
    steps later, so that the last ``n_ahead`` steps of this block are the future.

    Attributes
    ----------
    window : int
        Timesteps.
    n_ahead : int
        Steps that the regressor predicts at once.
    normalization : {None, "last", "seasonal"}
        What is subtracted from a window and from what follows it.
    sp : int
        Seasonal period.
    """

    window: int
    n_ahead: int
    normalization: str | None
    sp: int

    def inputs(
        self,
        target: np.ndarray,
        past: np.ndarray,
        future: np.ndarray,
        cutoffs: range,
        dtype: Any,
    ) -> np.ndarray:
        """Return rows before scaling, of shape (n_cutoffs, window, n_channels).

        Parameters
        ----------
        target : ndarray of shape (n_cutoffs, window, n_targets)
            Windows of the target.
        past, future : ndarray of shape (n_steps, …)
            Series of the covariates; ``future`` reaches ``n_ahead`` steps past the last cutoff.
        cutoffs : range
            Last known row of each window.
        dtype : dtype
            Of the rows.
        """
        first, n_targets = 1 - self.window, target.shape[2]
        blocks = [cut(past, cutoffs, first, 0)] if past.shape[1] else []
        if future.shape[1]:
            ahead = self.n_ahead
            blocks += [cut(future, cutoffs, first, 0), cut(future, cutoffs, first + ahead, ahead)]
        n_channels = n_targets + sum(block.shape[2] for block in blocks)
        rows = np.empty((len(cutoffs), self.window, n_channels), dtype)
        rows[:, :, :n_targets] = target - self._level(target)
        start = n_targets
        for block in blocks:
            rows[:, :, start : start + block.shape[2]] = block
            start += block.shape[2]
        return rows

    def _level(self, target: np.ndarray) -> np.ndarray:
        """Return what is subtracted from each window, of shape (n_cutoffs, 1, n_targets)."""
        if self.normalization == "last":
            return target[:, -1:]
        if self.normalization == "seasonal":
            return target[:, -self.sp :].mean(axis=1, keepdims=True)
        return np.zeros((len(target), 1, target.shape[2]))

    def anchors(self, target: np.ndarray) -> np.ndarray:
        """Return what predictions are counted from, of shape (n_cutoffs, n_ahead, n_targets)."""
        steps = np.arange(self.n_ahead)
        if self.normalization == "last":
            return target[:, np.full(self.n_ahead, -1)]
        if self.normalization == "seasonal":
            return target[:, self.window - self.sp + steps % self.sp]
        return np.zeros((len(target), self.n_ahead, target.shape[2]))

    def learn_scale(
        self, rows: np.ndarray, outputs: np.ndarray, n_targets: int, *, scale: bool
    ) -> WindowScale:
        """Find mean and deviation of channels and of outputs.

        Parameters
        ----------
        rows : ndarray of shape (n_cutoffs, window, n_channels)
            Windows, from ``inputs``.
        outputs : ndarray of shape (n_cutoffs, n_ahead, n_targets)
            What follows them, less the anchors.
        n_targets : int
            Target columns.
        scale : bool
            False scales by nothing.
        """
        n_channels = rows.shape[2]
        if not scale:
            return WindowScale(
                np.zeros(n_channels), np.ones(n_channels), np.zeros(n_targets), np.ones(n_targets)
            )
        center = rows.mean(axis=(0, 1), dtype=np.float64)
        deviation = rows.std(axis=(0, 1), dtype=np.float64)
        return WindowScale(
            center,
            _no_zeros(deviation, center),
            outputs.mean(axis=(0, 1)),
            _no_zeros(outputs.std(axis=(0, 1)), outputs.mean(axis=(0, 1))),
        )


def _no_zeros(deviation: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Leave constant channels as they are: the rounding of float32 is not to be blown up."""
    constant = deviation <= 10 * np.finfo(np.float32).eps * np.abs(center)
    return np.where(constant | (deviation == 0), 1.0, deviation)
