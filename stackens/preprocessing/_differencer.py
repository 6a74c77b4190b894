"""Changes from step to step."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.parameters import all_or_nothing, check_choice, check_count
from stackens.preprocessing._base import SequenceTransformer, channel_names, to_sequences


# Nothing is wrapped: no data frame holds 3-D output.
class SequenceDifferencer(SequenceTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
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
        """
        check_count("lag", self.lag)
        check_choice("append", self.append, (True, False))
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
        n_kept = batch.n_features if self.append else 0
        result = np.zeros((*values.shape[:2], n_kept + batch.n_features), values.dtype)
        result[:, :, :n_kept] = values[:, :, :n_kept]
        lag = int(self.lag)
        with np.errstate(over="ignore"):  # of padding; what overflows elsewhere is refused later
            np.subtract(values[:, lag:], values[:, :-lag], out=result[:, lag:, n_kept:])
        return to_sequences(batch, result, batch.lengths)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each channel: those of the input, and with ``_change`` of the changes.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of channels. A table has one channel, ``value``.

        Returns
        -------
        ndarray of str of shape (n_channels_out,)
        """
        names = channel_names(self, input_features)
        if self._input_kind == "table":
            names = np.asarray(["value"], dtype=object)
        changes = np.asarray([f"{name}_change" for name in names], dtype=object)
        return np.concatenate([names, changes]) if self.append else changes
