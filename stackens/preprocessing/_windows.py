"""Recordings cut into windows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError, warn_user
from stackens.parameters import all_or_nothing, check_choice, check_count
from stackens.preprocessing._base import SequenceTransformer
from stackens.sequences import Kind, SequenceBatch, to_container


class SlidingWindows(SequenceTransformer):
    """Cut recordings into windows of one length; no window crosses two recordings.

    Windows of one recording are alike, so that cross-validation must keep them together:
    ``split`` returns the recording of each window as its group, for ``GroupKFold`` and its
    relatives. As it changes the number of rows, it comes before a Pipeline rather than in it.

    Parameters
    ----------
    window : int, default=None
        Timesteps of a window; None is the whole recording, one window each.
    step : int, default=None
        Timesteps from the start of a window to that of the next; None is ``window``, which makes
        no overlap.
    short : {"drop", "keep", "raise"}, default="drop"
        What becomes of a recording shorter than a window: "drop" leaves it out, with a warning;
        "keep" makes one shorter window of it.

    Attributes
    ----------
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import SlidingWindows
    >>> recordings = [np.zeros((10, 3)), np.zeros((7, 3))]
    >>> X, y, groups = SlidingWindows(4, step=2).split(recordings, ["walk", "run"])
    >>> X.shape, groups.tolist()
    ((6, 4, 3), [0, 0, 0, 0, 1, 1])
    """

    def __init__(
        self, window: int | None = None, *, step: int | None = None, short: str = "drop"
    ) -> None:
        self.window = window
        self.step = step
        self.short = short

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters, and learn the number of channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Recordings: sequences of any form.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter cannot be used, such as a ``step`` without a ``window``.
        """
        check_choice("short", self.short, ("drop", "keep", "raise"))
        check_count("window", self.window, or_none=True)
        check_count("step", self.step, or_none=True)
        if self.window is None and self.step is not None:
            raise InvalidInputError("`step` needs a `window`; got `window`=None.")
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Cut recordings into windows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Recordings.

        Returns
        -------
        ndarray of shape (n_windows, window, n_features)
            (n_windows, window) of a table; a 1-D object array where windows differ in length.
        """
        batch = self._read(X, reset=False)
        return self._cut(batch, *self._places(batch))

    def split(self, X: Any, y: Any = None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Fit, and return windows with the target and the recording of each.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Recordings.
        y : array-like of shape (n_recordings, ...), default=None
            Target of each recording.

        Returns
        -------
        windows : ndarray of shape (n_windows, window, n_features)
            As from ``transform``.
        y : ndarray of shape (n_windows, ...) or None
            Target of each window's recording.
        groups : ndarray of int of shape (n_windows,)
            Row of ``X`` that a window is from. With groups of recordings, such as the speaker,
            ``speaker[groups]`` is the group of each window.

        Raises
        ------
        InvalidInputError
            If there is not one entry of ``y`` for each recording, or no recording is long enough.
        """
        batch = self.fit(X)._read(X, reset=False)
        if y is not None and len(y) != batch.n_samples:
            raise InvalidInputError(
                f"`X` has {batch.n_samples} recordings and `y` has {len(y)} entries; give one each."
            )
        rows, starts = self._places(batch)
        target = None if y is None else np.asarray(y)[rows]
        return self._cut(batch, rows, starts), target, rows

    def _places(self, batch: SequenceBatch) -> tuple[np.ndarray, np.ndarray]:
        """Return recording and first timestep of every window."""
        if self.window is None:
            return np.arange(batch.n_samples), np.zeros(batch.n_samples, int)
        short = np.flatnonzero(batch.lengths < self.window)
        self._report_short(short, batch)
        step = self.step or self.window
        starts = [np.arange(0, n - self.window + 1, step) for n in batch.lengths]
        if self.short == "keep":
            for row in short:
                starts[row] = np.zeros(1, int)
        rows = np.repeat(np.arange(batch.n_samples), [len(s) for s in starts])
        return rows, np.concatenate(starts).astype(int)

    def _report_short(self, short: np.ndarray, batch: SequenceBatch) -> None:
        if not len(short) or self.short == "keep":
            return
        text = (
            f"{len(short)} of {batch.n_samples} recordings are shorter than `window`="
            f"{self.window} timesteps, the first is row {short[0]} with {batch.lengths[short[0]]}"
        )
        if self.short == "raise" or len(short) == batch.n_samples:
            raise InvalidInputError(f"{text}. Choose a smaller window, or `short`='keep'.")
        warn_user(f"{text}; they are left out.", UserWarning)

    def _cut(self, batch: SequenceBatch, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        if self.window is None:
            # Copied, so that no later step can write into the caller's recordings.
            return to_container(batch.with_values(batch.values.copy()))
        steps = starts[:, None] + np.arange(self.window)
        steps = np.minimum(steps, batch.n_timesteps - 1)
        lengths = np.minimum(batch.lengths[rows] - starts, self.window)
        kind: Kind = "table" if batch.kind == "table" else "array"
        if (lengths < self.window).any():
            kind = "ragged"
        return to_container(SequenceBatch(batch.values[rows[:, None], steps], lengths, kind))
