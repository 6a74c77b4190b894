"""Random convolution kernels that compete."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.convolutions import N_WEIGHTS, Groups, count_wins
from stackens.exceptions import ArchiveError
from stackens.parameters import all_or_nothing, check_count, draw_seed, stream
from stackens.preprocessing._base import SequenceTransformer, channel_names

_MOST_KERNELS = 255  # of a group; a winner's number fits a byte
_MOST_CHANNELS = 8  # of a group


class HydraConvolutions(SequenceTransformer):
    """Describe every sequence by random convolution kernels that compete, for linear models.

    Kernels of nine random weights stand in groups, and groups at each dilation: 1, 2, 4, …, as far
    as a kernel fits into the training rows. At each timestep the kernels of a group compete. To
    the one with the largest output this output is added; that with the smallest one is counted.
    Features are the square roots of what each kernel has got so. Half of the groups read the
    changes from one timestep to the next. Of several channels a group reads the sum of some, drawn
    at random. Put a ``StandardScaler`` and a linear model behind, as ``RidgeClassifierCV``.

    Parameters
    ----------
    n_kernels : int, default=8
        Kernels of a group, from 2 to 255.
    n_groups : int, default=64
        Groups at each dilation.
    random_state : int, RandomState instance or None, default=None
        Draws weights, and channels. None draws anew in each ``fit``.

    Attributes
    ----------
    orders_ : ndarray of int of shape (n_all_groups,)
        Of each group, of all dilations: 0 if it reads the sequences, 1 if their differences.
    dilations_ : ndarray of int of shape (n_all_groups,)
        Timesteps from one weight to the next.
    channels_ : ndarray of int of shape (n_all_groups, n_drawn)
        Numbers of those whose sum a group reads: half of them all, at least 2 and at most 8, one
        perhaps twice; of a single channel, 0.
    weights_ : ndarray of float32 of shape (n_all_groups, n_kernels, 9)
        Of each kernel: normal, of sum 0, their absolute values of sum 1.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    See Also
    --------
    RandomConvolutions : Kernels whose outputs are compared with biases.

    Notes
    -----
    A sequence is 0 before its first and after its last timestep. Dilations are for the median
    length of the training rows; nothing else is learnt from them. Level does not matter within a
    sequence, but at its ends, and size does: scale sequences beforehand if they say nothing. Where
    sums of largest outputs are below 0, the feature is 0.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "Hydra: competing convolutional kernels for fast and
    accurate time series classification", Data Mining and Knowledge Discovery, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifierCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from stackens import HydraConvolutions
    >>> y = np.arange(60) % 2
    >>> X = np.random.default_rng(0).normal(size=(60, 50, 2))
    >>> X[y == 1] += 1.5 * np.sin(np.arange(50))[:, np.newaxis]
    >>> model = make_pipeline(
    ...     HydraConvolutions(n_groups=16, random_state=0), StandardScaler(), RidgeClassifierCV()
    ... )
    >>> model.fit(X[:40], y[:40]).score(X[40:], y[40:])
    1.0
    """

    _dtypes = (np.float32,)

    def __init__(
        self,
        n_kernels: int = 8,
        n_groups: int = 64,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_kernels = n_kernels
        self.n_groups = n_groups
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose dilations, and draw weights and channels.

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
            If ``n_kernels`` or ``n_groups`` are out of bounds.
        """
        check_count("n_kernels", self.n_kernels, least=2, most=_MOST_KERNELS)
        check_count("n_groups", self.n_groups)
        batch = self._read(X, reset=True)
        rng = stream(draw_seed(self.random_state), "competing convolutions")
        dilations = _choose_dilations(int(np.median(batch.lengths)))
        n_changes = self.n_groups // 2
        orders = np.repeat([0, 1], [self.n_groups - n_changes, n_changes])
        self.orders_ = np.tile(orders, len(dilations))
        self.dilations_ = np.repeat(dilations, self.n_groups)
        n_all, n_channels = len(self.orders_), batch.n_features
        n_drawn = 1 if n_channels == 1 else min(max(n_channels // 2, 2), _MOST_CHANNELS)
        self.channels_ = rng.integers(n_channels, size=(n_all, n_drawn))
        weights = rng.normal(size=(n_all, self.n_kernels, N_WEIGHTS))
        weights -= weights.mean(axis=2, keepdims=True)
        weights /= np.abs(weights).sum(axis=2, keepdims=True)
        self.weights_ = weights.astype(np.float32)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Convolve, and let kernels compete.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features_out)
            A row depends on no other row. Group after group: of its largest outputs, kernel after
            kernel, then of its smallest ones.

        Raises
        ------
        InvalidInputError
            If values are so large that sums of them would overflow float32.
        """
        batch = self._read(X, reset=False)
        groups = Groups(self.orders_, self.dilations_, self.channels_, self.weights_)
        return count_wins(batch.values, batch.lengths, groups)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each column: what won, series, dilation, number of group and kernel.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of channels; they are checked, and not used.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        channel_names(self, input_features)
        n_groups, n_kernels, _ = self.weights_.shape
        per_dilation = n_groups // len(np.unique(self.dilations_))
        names = [
            f"{best}_{('value', 'change')[order]}_d{dilation}_g{group % per_dilation}_k{kernel}"
            for group, (order, dilation) in enumerate(
                zip(self.orders_, self.dilations_, strict=True)
            )
            for best in ("max", "min")
            for kernel in range(n_kernels)
        ]
        return np.asarray(names, dtype=object)

    def _check_loaded(self) -> None:
        """Refuse numbers of groups and channels that do not fit each other; see ``soundness``."""
        if not hasattr(self, "weights_"):
            return
        n_groups, n_kernels, _ = self.weights_.shape
        n_channels = 1 if self._input_kind == "table" else self.n_features_in_
        fit = self.orders_.shape == self.dilations_.shape == (n_groups,)
        fit = fit and self.weights_.shape[2] == N_WEIGHTS and n_kernels <= _MOST_KERNELS
        fit = fit and len(self.channels_) == n_groups > 0 < min(self.dilations_)
        if not fit or self.channels_.min() < 0 or self.channels_.max() >= n_channels:
            raise ArchiveError(
                "A HydraConvolutions in the file has groups and kernels that do not fit."
            )


def _choose_dilations(length: int) -> np.ndarray:
    """Return powers of two at which a kernel spans at most ``length``; at least one."""
    spans = max((length - 1) // (N_WEIGHTS - 1), 1)
    return 2 ** np.arange(spans.bit_length())
