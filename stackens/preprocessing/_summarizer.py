"""Statistics of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.parameters import all_or_nothing
from stackens.preprocessing._base import SequenceTransformer, channel_names
from stackens.sequence_statistics import STATISTICS


class SequenceSummarizer(SequenceTransformer):
    """Describe every sequence by statistics of its channels, for estimators of tables.

    Parameters
    ----------
    statistics : sequence of str, default=("mean", "std", "min", "max", "first", "last", "slope")
        Of each channel, padding left out; "slope" is per timestep, "length" is in timesteps.

    Attributes
    ----------
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Examples
    --------
    >>> from stackens import SequenceSummarizer
    >>> SequenceSummarizer(["mean", "last"]).fit_transform([[[1.0], [3.0]], [[5.0]]])
    array([[2., 3.],
           [5., 5.]])
    """

    def __init__(
        self,
        statistics: Sequence[str] = ("mean", "std", "min", "max", "first", "last", "slope"),
    ) -> None:
        self.statistics = statistics

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the number of channels.

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
            If ``statistics`` are no different names that are known.
        """
        names = [] if isinstance(self.statistics, str) else list(self.statistics)
        unknown = [name for name in names if name not in STATISTICS]
        if unknown or not names or len(set(names)) < len(names):
            raise InvalidInputError(
                f"`statistics` must be a sequence of different names from {list(STATISTICS)}; "
                f"got {self.statistics!r}."
            )
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the statistics.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            Statistic after statistic, each for all channels.
        """
        batch = self._read(X, reset=False)
        with np.errstate(over="ignore"):  # of the padding value, which is masked
            parts = [STATISTICS[name](batch) for name in self.statistics]
        return np.hstack(parts).astype(batch.values.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each column: channel and statistic.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of channels; a table's column names are checked, and not used.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        channels = channel_names(self, input_features)
        if self._input_kind == "table":
            channels = np.array(["series"], dtype=object)
        names = [
            "length" if statistic == "length" else f"{channel}_{statistic}"
            for statistic in self.statistics
            for channel in (channels[:1] if statistic == "length" else channels)
        ]
        return np.asarray(names, dtype=object)
