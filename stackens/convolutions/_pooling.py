"""What is pooled of the outputs of kernels that are above a bias.

Kernels and biases are MiniRocket's (Dempster, Schmidt and Webb, KDD 2021): 84 kernels of nine
weights, three of which are 2 and the others -1. Pooling is MultiRocket's (Tan, Dempster, Bergmeir
and Webb, Data Mining and Knowledge Discovery, 2022).

Arrays are (channels, timesteps, rows): a shifted copy of a series is a slice, and each row goes
through the same additions, whoever is beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from stackens.convolutions._series import lay_out

__all__ = ["N_KERNELS", "POOLING", "Kernels", "Series", "pool_outputs"]

_TAPS = tuple(combinations(range(9), 3))  # where the weight is 2
N_KERNELS = len(_TAPS)
_BLOCK = 1 << 16  # timesteps times rows, whose outputs stay in the cache
_FEWEST_ROWS = 64  # of a block: rows are what goes side by side
_RUN = 255  # what is counted fits a byte
_WIDE = 512  # bytes


@dataclass(frozen=True, eq=False)
class Kernels:
    """Groups of the 84 kernels, each of one dilation; every kernel has one or more biases.

    Parameters
    ----------
    orders : ndarray of int of shape (n_groups,)
        0 for kernels on the sequences, 1 on their first differences.
    dilations : ndarray of int of shape (n_groups,)
        Timesteps from one weight of a kernel to the next.
    n_biases : ndarray of int of shape (n_groups,)
        Biases of each kernel of the group.
    channels : ndarray of bool of shape (n_groups, 84, n_channels)
        Whose sum each kernel reads.
    biases : ndarray of float32 of shape (84 * n_biases.sum(),)
        Group after group, kernel after kernel.
    """

    orders: np.ndarray
    dilations: np.ndarray
    n_biases: np.ndarray
    channels: np.ndarray
    biases: np.ndarray


class Series:
    """Rows of about one length, laid out for convolutions.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_channels)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    order : {0, 1}
        1 takes first differences; of a single timestep it is 0.
    largest_dilation : int
        Of the kernels to come, in timesteps.

    Attributes
    ----------
    lengths : ndarray of int of shape (n_columns,)
        Of what is convolved. There may be more columns than rows.
    n_steps : int
        The longest, in timesteps.

    Raises
    ------
    InvalidInputError
        If values are so large that sums of them would overflow.
    """

    def __init__(
        self, values: np.ndarray, lengths: np.ndarray, order: int, largest_dilation: int
    ) -> None:
        if len(values) == 1:  # NumPy sums up a single column in another order
            values, lengths = np.repeat(values, 2, axis=0), np.repeat(lengths, 2)
        x, self.lengths = lay_out(values, lengths, order)
        self.n_steps = x.shape[1]
        self._reach = min(4 * largest_dilation, self.n_steps)
        self._x = np.pad(x, ((0, 0), (self._reach, self._reach), (0, 0)))
        self._triple = 3 * self._x

    def convolve(self, dilation: int, channels: np.ndarray) -> Iterator[np.ndarray]:
        """Convolve with the 84 kernels, one after the other; outside a row is 0.

        Parameters
        ----------
        dilation : int
            Timesteps from one weight to the next.
        channels : ndarray of bool of shape (84, n_channels)
            Whose sum each kernel reads.

        Yields
        ------
        ndarray of float32 of shape (n_steps, n_columns)
            The caller's until it asks for the next one.
        """
        shifts = np.clip(dilation * np.arange(-4, 5), -self._reach, self._reach)
        steps = [slice(start, start + self.n_steps) for start in (self._reach + shifts).tolist()]
        base = -self._x[:, steps[4]]  # all nine weights as if they were -1
        for place in (0, 1, 2, 3, 5, 6, 7, 8):
            base -= self._x[:, steps[place]]
        if len(base) == 1:
            yield from _add_taps(base[0], [self._triple[0, one] for one in steps])
            return
        for taps, chosen in zip(_TAPS, channels, strict=True):
            numbers = np.flatnonzero(chosen)
            output, triple = _sum(base, numbers), _sum(self._triple, numbers)
            for place in taps:
                output += triple[steps[place]]
            yield output


def _sum(x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    total: np.ndarray = x[numbers[0]].copy()
    for number in numbers[1:]:
        total += x[number]
    return total


def _add_taps(base: np.ndarray, triples: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Add three of nine shifted copies, 84 times; two of them stay the same for a while."""
    pair, output = np.empty_like(base), np.empty_like(base)
    for a, b, c in _TAPS:
        if c == b + 1:
            np.add(base, triples[a], out=pair)
            pair += triples[b]
        np.add(pair, triples[c], out=output)
        yield output


class _Window:
    """Which outputs of a kernel count: those at least ``margin`` timesteps inside a row.

    Of a row in which there is none, all count.
    """

    def __init__(self, series: Series, margin: int) -> None:
        margins = np.where(series.lengths > 2 * margin, margin, 0)
        start, stop = margins, series.lengths - margins
        self.low, self.high = int(start.min()), int(stop.max())
        self.skipped = (start - self.low).astype(np.float32)  # timesteps
        self.n_steps = (stop - start).astype(np.float32)
        steps = np.arange(self.low, self.high)[:, np.newaxis]
        outside = (steps < start) | (steps >= stop)
        self._outside = outside if outside.any() else None

    def look(self, output: np.ndarray) -> np.ndarray:
        seen = output[self.low : self.high]
        if self._outside is not None:
            np.copyto(seen, -np.inf, where=self._outside)
        return seen


@dataclass(frozen=True, eq=False)
class _Pooled:
    """Outputs of a kernel beside its biases.

    ``is_positive`` is (n_biases, n_timesteps, n_columns), ``count`` says how many of the timesteps.
    """

    outputs: np.ndarray
    biases: np.ndarray
    is_positive: np.ndarray
    count: np.ndarray
    window: _Window

    def mean_of(self, sums: np.ndarray) -> np.ndarray:
        return np.divide(sums, self.count, out=np.zeros_like(sums), where=self.count > 0)


def _count(is_positive: np.ndarray) -> np.ndarray:
    """Return how many of the timesteps are True, shape (n_biases, n_columns), float32."""
    flags = is_positive.view(np.uint8)
    n_biases, n_steps, n_columns = flags.shape
    kind = np.min_scalar_type(n_steps)
    # NumPy adds up bytes fast along columns, if there are many: timesteps lie side by side.
    beside = min(max(1, _WIDE // n_columns), n_steps)
    n_whole = n_steps // beside
    counts = np.add.reduce(flags[:, n_whole * beside :], axis=1, dtype=kind)
    for start in range(0, n_whole, _RUN):
        run = flags[:, start * beside : min(start + _RUN, n_whole) * beside]
        wide = run.reshape(n_biases, -1, beside * n_columns)
        sums = np.add.reduce(wide, axis=1, dtype=np.uint8).reshape(n_biases, beside, n_columns)
        counts += np.add.reduce(sums, axis=1, dtype=kind)
    return counts.astype(np.float32)


def _proportion(pooled: _Pooled) -> np.ndarray:
    return pooled.count / pooled.window.n_steps


def _mean(pooled: _Pooled) -> np.ndarray:
    sums = np.zeros_like(pooled.count)
    for total, bias in zip(sums, pooled.biases, strict=True):
        excess = pooled.outputs - bias
        np.maximum(excess, 0, out=excess)
        # Short sums round little; they begin at the same timesteps in whatever company a row is.
        for start in range(-(pooled.window.low % _RUN), len(excess), _RUN):
            total += np.add.reduce(excess[max(0, start) : start + _RUN], axis=0)
    return pooled.mean_of(sums)


def _mean_index(pooled: _Pooled) -> np.ndarray:
    steps = np.arange(len(pooled.outputs), dtype=np.float64)
    sums = np.stack([steps @ flags for flags in pooled.is_positive])  # whole numbers: exact
    found = pooled.mean_of(sums) - pooled.window.skipped
    found[pooled.count == 0] = -1
    return found


def _longest_run(pooled: _Pooled) -> np.ndarray:
    n_biases, n_steps, n_columns = pooled.is_positive.shape
    kind = np.min_scalar_type(n_steps)
    steps = np.arange(1, n_steps + 1, dtype=kind)[:, np.newaxis, np.newaxis]
    gaps = np.empty((n_steps, n_biases, n_columns), kind)  # the last one, up to each timestep
    np.multiply(~pooled.is_positive.swapaxes(0, 1), steps, out=gaps)
    for before, gap in pairwise(gaps):
        np.maximum(before, gap, out=gap)
    np.subtract(steps, gaps, out=gaps)
    return np.max(gaps, axis=0)


POOLING: dict[str, Callable[[_Pooled], np.ndarray]] = {
    "proportion": _proportion,
    "mean": _mean,
    "mean_index": _mean_index,
    "longest_run": _longest_run,
}


def pool_outputs(
    values: np.ndarray, lengths: np.ndarray, kernels: Kernels, pooling: Sequence[str]
) -> np.ndarray:
    """Describe rows by what is pooled of the outputs of kernels.

    Every other kernel's outputs are taken only where all of its weights are inside the row; of a
    row that is shorter than the kernel, all are.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_channels)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    kernels : Kernels
        With their biases.
    pooling : sequence of str
        Names of `POOLING`.

    Returns
    -------
    ndarray of float32 of shape (n_samples, len(pooling) * len(kernels.biases))
        Pooling after pooling; nothing of a row depends on the others.

    Raises
    ------
    InvalidInputError
        If values are so large that sums of them would overflow.
    """
    features = np.empty((len(values), len(pooling), len(kernels.biases)), np.float32)
    left = np.argsort(lengths, kind="stable")
    while len(left):
        n_rows = max(_FEWEST_ROWS, _BLOCK // int(lengths[left[0]]))
        rows, left = left[:n_rows], left[n_rows:]
        block = values[rows, : lengths[rows[-1]]]
        for place, found in _pool_block(block, lengths[rows], kernels, pooling):
            features[rows, :, place] = found[:, :, : len(rows)].transpose(2, 0, 1)
    return features.reshape(len(values), -1)


def _pool_block(
    values: np.ndarray, lengths: np.ndarray, kernels: Kernels, pooling: Sequence[str]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield features of shape (n_pooling, n_biases, n_columns) of each group, and which."""
    largest = int(kernels.dilations.max())
    orders = np.unique(kernels.orders).tolist()
    series = {order: Series(values, lengths, order, largest) for order in orders}
    start = 0
    for group, dilation in enumerate(kernels.dilations.tolist()):
        x = series[int(kernels.orders[group])]
        n_biases = int(kernels.n_biases[group])
        windows = [_Window(x, margin) for margin in (0, 4 * dilation)]
        found = np.empty((len(pooling), N_KERNELS, n_biases, len(x.lengths)), np.float32)
        biases = kernels.biases[start : start + N_KERNELS * n_biases].reshape(N_KERNELS, -1)
        for kernel, output in enumerate(x.convolve(dilation, kernels.channels[group])):
            window = windows[(group + kernel) % 2]
            seen = window.look(output)
            is_positive = seen > biases[kernel, :, np.newaxis, np.newaxis]
            pooled = _Pooled(seen, biases[kernel], is_positive, _count(is_positive), window)
            for place, name in enumerate(pooling):
                found[place, kernel] = POOLING[name](pooled)
        yield slice(start, start + biases.size), found.reshape(len(pooling), biases.size, -1)
        start += biases.size
