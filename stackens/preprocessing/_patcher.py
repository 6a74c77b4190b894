"""Several timesteps as one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import all_or_nothing, check_count
from stackens.preprocessing._base import SequenceTransformer, to_sequences


class SequencePatcher(SequenceTransformer):
    """Write a few timesteps side by side as one: fewer and wider steps for a network to walk.

    A network over patches of 5 takes a fifth of the time, and has a fifth of the way to remember.
    Speech recognition calls it stacking of frames, transformers of series patches. Each sequence
    stays one sequence; :class:`~stackens.SlidingWindows` makes many of it.

    Parameters
    ----------
    size : int, default=4
        Timesteps of a patch.
    stride : int, default=None
        Timesteps from one patch to the next; None is ``size``, so that none is in two patches.
        Not above ``size``, so that none is left out. The last patch, and one of a sequence that
        is shorter than it, is filled by repeating the sequence's last timestep.

    Attributes
    ----------
    n_features_in_ : int
        Channels; of a table, its timesteps.

    References
    ----------
    H. Sak et al., *Fast and accurate recurrent neural network acoustic models for speech
    recognition*, 2015; Y. Nie et al., *A time series is worth 64 words*, 2023.

    Examples
    --------
    >>> from stackens import SequencePatcher
    >>> SequencePatcher(2).fit_transform([[[1.0], [2.0], [3.0]], [[4.0], [5.0]]])
    array([array([[1., 2.],
                  [3., 3.]]), array([[4., 5.]])], dtype=object)
    """

    def __init__(self, size: int = 4, *, stride: int | None = None) -> None:
        self.size = size
        self.stride = stride

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check ``X``; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If ``size`` or ``stride`` is no such number.
        """
        check_count("size", self.size)
        check_count("stride", self.stride, most=self.size, or_none=True)
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Write timesteps side by side.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_patches, size * n_channels)
            Timestep after timestep. A sequence of T timesteps has
            ``1 + ceil(max(0, T - size) / stride)`` patches. Of ragged input, a 1-D object array; a
            table is a sequence of one channel.
        """
        batch = self._read(X, reset=False)
        size, stride = int(self.size), int(self.stride or self.size)
        lengths = 1 + -(-np.maximum(0, batch.lengths - size) // stride)
        n_patches = 1 + -(-max(0, batch.n_timesteps - size) // stride)
        steps = stride * np.arange(n_patches)[:, np.newaxis] + np.arange(size)
        wanted = np.minimum(steps, batch.lengths[:, np.newaxis, np.newaxis] - 1)
        values = batch.values[np.arange(batch.n_samples)[:, np.newaxis, np.newaxis], wanted]
        return to_sequences(batch, values.reshape(*wanted.shape[:2], -1), lengths)
