"""Changes from step to step."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import check_count
from stackens.preprocessing._base import SequenceTransformer, to_sequences

__all__ = ["SequenceDifferencer"]


class SequenceDifferencer(SequenceTransformer):
    """Give every timestep the change since an earlier one, as further channels.

    A recurrent network can find changes by itself; where rows are few, it need not. Speech
    recognition calls them deltas.

    Parameters
    ----------
    lag : int, default=1
        How many timesteps earlier. The change of the first ``lag`` timesteps is 0: no sequence
        gets shorter.
    append : bool, default=True
        Keep the values, with the changes after them; False gives the changes alone.

    Attributes
    ----------
    n_features_in_ : int
        Channels; of a table, its timesteps.

    References
    ----------
    S. Furui, *Speaker-independent isolated word recognition using dynamic features of speech
    spectrum*, 1986.

    Examples
    --------
    >>> from stackens import SequenceDifferencer
    >>> SequenceDifferencer().fit_transform([[[1.0], [3.0], [2.0]]])[0]
    array([[ 1.,  0.],
           [ 3.,  2.],
           [ 2., -1.]])
    """

    def __init__(self, lag: int = 1, *, append: bool = True) -> None:
        self.lag = lag
        self.append = append

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
        """
        check_count("lag", self.lag)
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Subtract.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels_out)
            ``n_channels_out`` is twice the number of channels, or as many with ``append=False``.
            Of ragged input, a 1-D object array of (T_i, n_channels_out) sequences; a table is a
            sequence of one channel.
        """
        batch = self._read(X, reset=False)
        values = batch.values
        changes = np.zeros_like(values)
        with np.errstate(over="ignore"):  # of padding, which is put back
            np.subtract(values[:, self.lag :], values[:, : -self.lag], out=changes[:, self.lag :])
        result = np.concatenate([values, changes], axis=2) if self.append else changes
        return to_sequences(batch, result, batch.lengths)
