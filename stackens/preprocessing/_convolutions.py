"""Random convolutions of sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from stackens.convolutions import N_KERNELS, POOLING, Kernels, Series, pool_outputs
from stackens.exceptions import ArchiveError, InvalidInputError
from stackens.parameters import all_or_nothing, check_count, draw_seed, stream
from stackens.preprocessing._base import SequenceTransformer, channel_names
from stackens.sequences import SequenceBatch

_MOST_DILATIONS = 32
_MOST_CHANNELS = 9  # of a kernel
_GOLDEN = (np.sqrt(5) + 1) / 2


class RandomConvolutions(SequenceTransformer):
    """Describe every sequence by random convolution kernels, for linear models of tables.

    The kernels are those of MiniRocket: nine weights, three of which are 2 and the others -1, in
    84 ways, spread over the timesteps by dilations that are spaced for the length of the training
    rows. Of several channels a kernel reads the sum of some, drawn at random. A bias is a quantile
    of a kernel's outputs on a training row, drawn at random. What is above it is pooled over the
    timesteps. Put a ``StandardScaler`` and a linear model behind, as ``RidgeClassifierCV``.

    Parameters
    ----------
    n_features : int, default=10_000
        Columns of the result, rounded down to a multiple of 84 times the number of ``pooling``,
        and twice that with ``differences``; at least that many.
    pooling : sequence of str, default=("proportion",)
        What is said of the outputs of a kernel that are above a bias: their "proportion" of all;
        their "mean" distance from the bias; "mean_index", the timestep at which they are on
        average, -1 where there are none; "longest_run", the most of them in a row, in timesteps.
        The first alone is MiniRocket, all four with ``differences`` and ``n_features=50_000`` are
        MultiRocket.
    differences : bool, default=False
        Whether half of the kernels read the changes from one timestep to the next.
    random_state : int, RandomState instance or None, default=None
        Draws training rows for biases, and channels. None draws anew in each ``fit``.

    Attributes
    ----------
    orders_ : ndarray of int of shape (n_groups,)
        Of each group of the 84 kernels: 0 if it reads the sequences, 1 if their differences.
    dilations_ : ndarray of int of shape (n_groups,)
        Timesteps from one weight to the next.
    n_biases_ : ndarray of int of shape (n_groups,)
        Biases of each of its kernels.
    channels_ : ndarray of bool of shape (n_groups, 84, n_channels)
        Whose sum a kernel reads.
    biases_ : ndarray of float32 of shape (n_all_biases,)
        Group after group, kernel after kernel.
    n_features_in_ : int
        Channels; of a table, its timesteps.

    Notes
    -----
    A sequence is 0 before its first and after its last timestep. Every other kernel leaves out the
    outputs that read such zeros, unless that would be all. Dilations are for the median length of
    the training rows. Scale sequences beforehand if their level or size says nothing.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket: a very fast (almost) deterministic
    transform for time series classification", KDD 2021. C. W. Tan, A. Dempster, C. Bergmeir and
    G. I. Webb, "MultiRocket: multiple pooling operators and transformations for fast and effective
    time series classification", Data Mining and Knowledge Discovery, 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifierCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from stackens import RandomConvolutions
    >>> y = np.arange(60) % 2
    >>> X = np.random.default_rng(0).normal(size=(60, 50, 2))
    >>> X[y == 1] += 1.5 * np.sin(np.arange(50))[:, np.newaxis]
    >>> model = make_pipeline(
    ...     RandomConvolutions(1000, random_state=0), StandardScaler(), RidgeClassifierCV()
    ... )
    >>> model.fit(X[:40], y[:40]).score(X[40:], y[40:])
    1.0
    """

    _dtypes = (np.float32,)

    def __init__(
        self,
        n_features: int = 10_000,
        *,
        pooling: Sequence[str] = ("proportion",),
        differences: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_features = n_features
        self.pooling = pooling
        self.differences = differences
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose dilations, draw channels, and learn biases.

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
            If ``pooling`` are no different names that are known, ``n_features`` are too few, or
            values are so large that sums of them would overflow float32.
        """
        n_biases = self._check_parameters()
        batch = self._read(X, reset=True)
        rng = stream(draw_seed(self.random_state), "convolutions")
        groups = [
            group
            for order in range(1 + bool(self.differences))
            for group in _fit_groups(batch, order, n_biases, rng)
        ]
        self.orders_ = np.array([group.order for group in groups])
        self.dilations_ = np.array([group.dilation for group in groups])
        self.n_biases_ = np.array([group.biases.shape[1] for group in groups])
        self.channels_ = np.array([group.channels for group in groups])
        self.biases_ = np.concatenate([group.biases.ravel() for group in groups])
        return self

    def _check_parameters(self) -> int:
        """Return the number of biases of each of the 84 kernels, at all dilations together."""
        names = [] if isinstance(self.pooling, str) else list(self.pooling)
        unknown = [name for name in names if name not in POOLING]
        if unknown or not names or len(set(names)) < len(names):
            raise InvalidInputError(
                f"`pooling` must be a sequence of different names from {list(POOLING)}; "
                f"got {self.pooling!r}."
            )
        fewest = N_KERNELS * len(names) * (1 + bool(self.differences))
        check_count("n_features", self.n_features, least=fewest)
        return int(self.n_features) // fewest

    def transform(self, X: Any) -> np.ndarray:
        """Convolve and pool.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Sequences of any form.

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features_out)
            A row depends on no other row. Pooling after pooling, each for group after group.
        """
        batch = self._read(X, reset=False)
        kernels = Kernels(
            self.orders_, self.dilations_, self.n_biases_, self.channels_, self.biases_
        )
        return pool_outputs(batch.values, batch.lengths, kernels, list(self.pooling))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return a name for each column: pooling, series, dilation, number of kernel and bias.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of channels; they are checked, and not used.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        channel_names(self, input_features)
        groups = zip(self.orders_, self.dilations_, self.n_biases_, strict=True)
        kernels = [
            f"{('value', 'change')[order]}_d{dilation}_k{kernel}_b{bias}"
            for order, dilation, n_biases in groups
            for kernel in range(N_KERNELS)
            for bias in range(n_biases)
        ]
        names = [f"{pooling}_{kernel}" for pooling in self.pooling for kernel in kernels]
        return np.asarray(names, dtype=object)

    def _check_loaded(self) -> None:
        """Refuse numbers of kernels and biases that do not fit each other; see ``soundness``."""
        if not hasattr(self, "biases_"):
            return
        n_groups = len(self.dilations_)
        fit = self.orders_.shape == self.n_biases_.shape == self.dilations_.shape == (n_groups,)
        fit = fit and self.channels_.shape[:2] == (n_groups, N_KERNELS)
        fit = fit and self.biases_.shape == (N_KERNELS * self.n_biases_.sum(),)
        if not fit or min(self.n_biases_) < 1 or min(self.dilations_) < 1:
            raise ArchiveError(
                "A RandomConvolutions in the file has kernels and biases that do not fit."
            )


@dataclass(frozen=True, eq=False)
class _Group:
    """The 84 kernels at one dilation; ``biases`` are (84, biases of each)."""

    order: int
    dilation: int
    channels: np.ndarray
    biases: np.ndarray


def _fit_groups(
    batch: SequenceBatch, order: int, n_biases: int, rng: np.random.Generator
) -> Iterator[_Group]:
    lengths = np.maximum(batch.lengths - order, 1)
    dilations, numbers = _choose_dilations(int(np.median(lengths)), n_biases)
    levels = np.arange(1, N_KERNELS * n_biases + 1) * _GOLDEN % 1  # evenly spread, in any piece
    place = 0
    for dilation, number in zip(dilations.tolist(), numbers.tolist(), strict=True):
        channels = _choose_channels(batch.n_features, rng)
        drawn = batch.take(rng.integers(batch.n_samples, size=N_KERNELS))  # a row for each kernel
        series = Series(drawn.values, drawn.lengths, order, dilation)
        outputs = series.convolve(dilation, channels)
        own = np.stack([output[:, kernel].copy() for kernel, output in enumerate(outputs)])
        wanted = levels[place : place + N_KERNELS * number].reshape(N_KERNELS, number)
        yield _Group(order, dilation, channels, _quantiles(own, series.lengths, wanted))
        place += wanted.size


def _choose_dilations(length: int, n_biases: int) -> tuple[np.ndarray, np.ndarray]:
    """Return dilations that span at most ``length``, and the biases of a kernel at each."""
    n_dilations = min(n_biases, _MOST_DILATIONS)
    largest = max(0.0, np.log2(max(length - 1, 1) / 8))
    spaced = np.logspace(0, largest, n_dilations, base=2).astype(np.int64)
    dilations, counts = np.unique(spaced, return_counts=True)
    numbers = (counts * (n_biases / n_dilations)).astype(np.int64)
    numbers[: n_biases - numbers.sum()] += 1
    return dilations, numbers


def _choose_channels(n_channels: int, rng: np.random.Generator) -> np.ndarray:
    """Draw few channels more often than many; shape (84, n_channels)."""
    most = min(n_channels, _MOST_CHANNELS)
    n_chosen = (2 ** rng.uniform(0, np.log2(most + 1), N_KERNELS)).astype(np.int64)
    ranks = rng.random((N_KERNELS, n_channels)).argsort(axis=1).argsort(axis=1)
    return ranks < n_chosen[:, np.newaxis]


def _quantiles(outputs: np.ndarray, lengths: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles of the first ``lengths`` numbers of each row, by linear interpolation."""
    outputs[np.arange(outputs.shape[1]) >= lengths[:, np.newaxis]] = np.inf
    outputs.sort(axis=1)
    places = levels * (lengths - 1)[:, np.newaxis]
    below = places.astype(np.int64)
    above = np.minimum(below + 1, (lengths - 1)[:, np.newaxis])
    low = np.take_along_axis(outputs, below, axis=1).astype(np.float64)
    high = np.take_along_axis(outputs, above, axis=1).astype(np.float64)
    return (low + (places - below) * (high - low)).astype(np.float32)
