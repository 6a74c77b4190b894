"""Kernels that compete: which one of a group fits best at each timestep, and which one worst.

This is Hydra (Dempster, Schmidt and Webb, Data Mining and Knowledge Discovery, 2023).

Outputs are matrix products, which may be rounded otherwise in another shape, or at another place.
So all are of one shape, and a timestep of a row has its place in one, whoever is beside the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stackens.convolutions._series import lay_out

__all__ = ["N_WEIGHTS", "Groups", "count_wins"]

N_WEIGHTS = 9
_WIDTH = 32  # timesteps of a product
_BLOCK = 1 << 19  # outputs, which stay in the cache


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of kernels, each of one dilation.

    Parameters
    ----------
    orders : ndarray of int of shape (n_groups,)
        0 for kernels on the sequences, 1 on their first differences.
    dilations : ndarray of int of shape (n_groups,)
        Timesteps from one weight of a kernel to the next.
    channels : ndarray of int of shape (n_groups, n_drawn)
        Numbers of those whose sum the kernels of a group read; one may be there twice.
    weights : ndarray of float32 of shape (n_groups, n_kernels, 9)
        Of each kernel, in the order of timesteps. At most 255 kernels.
    """

    orders: np.ndarray
    dilations: np.ndarray
    channels: np.ndarray
    weights: np.ndarray


def count_wins(values: np.ndarray, lengths: np.ndarray, groups: Groups) -> np.ndarray:
    """Describe rows by how often each kernel is the best, and the worst, of its group.

    At each timestep the largest output of a group is added to the sum of its kernel, and the
    kernel of the smallest one is counted; of equal ones the first. Outside a row is 0.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_timesteps, n_channels)
        Padded timesteps hold anything.
    lengths : ndarray of int of shape (n_samples,)
        Timesteps that are no padding.
    groups : Groups
        Of kernels.

    Returns
    -------
    ndarray of float32 of shape (n_samples, n_groups * 2 * n_kernels)
        Group after group, square roots: of sums of largest outputs, 0 if below it, kernel after
        kernel; then of counts. Nothing of a row depends on the others.

    Raises
    ------
    InvalidInputError
        If values are so large that sums of them would overflow.
    """
    n_groups, n_kernels, _ = groups.weights.shape
    wins = np.empty((len(values), n_groups, 2, n_kernels), np.float32)
    kinds, kind_of = np.unique(
        np.stack([groups.orders, groups.dilations], axis=1), axis=0, return_inverse=True
    )
    most = max(1, _BLOCK // (_WIDTH * n_kernels * int(np.bincount(kind_of).max())))  # products
    left = np.argsort(-lengths, kind="stable")
    while len(left):
        longest = int(lengths[left[0]])
        n_rows = max(1, most // -(-longest // _WIDTH))
        rows, left = left[:n_rows], left[n_rows:]
        block = values[rows, :longest]
        series = {order: lay_out(block, lengths[rows], order) for order in set(kinds[:, 0])}
        for kind, (order, dilation) in enumerate(kinds.tolist()):
            chosen = np.flatnonzero(kind_of == kind)
            places = rows[:, np.newaxis], chosen
            weights, channels = groups.weights[chosen], groups.channels[chosen]
            wins[places] = _compete(*series[order], dilation, channels, weights, most)
    return np.sqrt(np.maximum(wins, 0, out=wins), out=wins).reshape(len(values), -1)


def _compete(
    x: np.ndarray,
    lengths: np.ndarray,
    dilation: int,
    channels: np.ndarray,
    weights: np.ndarray,
    most: int,
) -> np.ndarray:
    """Return sums and counts of groups of one kind, shape (n_rows, n_groups, 2, n_kernels).

    ``x`` is (n_channels, n_steps, n_rows); ``most`` products of a row are taken at once.
    """
    n_groups, n_kernels, _ = weights.shape
    n_channels, n_steps, n_rows = x.shape
    is_shared = n_channels == 1
    if is_shared:  # all groups read the same: one product is of all
        channels, weights = channels[:1], weights.swapaxes(0, 1).reshape(1, -1, N_WEIGHTS)
    n_products = -(-n_steps // _WIDTH)
    reach = N_WEIGHTS // 2 * dilation
    padded = np.zeros((n_rows, len(channels), n_products * _WIDTH + 2 * reach), np.float32)
    inside = padded[:, :, reach : reach + n_steps]
    for numbers in channels.T:
        inside += x[numbers].transpose(2, 0, 1)
    counts = np.zeros((n_rows, n_groups, 2, n_kernels + 1))  # the last is of what is outside
    for first in range(0, n_products, most):
        n = min(most, n_products - first)
        copies = np.empty((n_rows, n, len(channels), N_WEIGHTS, _WIDTH), np.float32)
        for place in range(N_WEIGHTS):
            start = first * _WIDTH + place * dilation
            copy = padded[:, :, start : start + n * _WIDTH].reshape(n_rows, -1, n, _WIDTH)
            copies[:, :, :, place] = copy.swapaxes(1, 2)
        outputs = np.empty((n_rows, n, n_kernels, n_groups, _WIDTH), np.float32)
        out = outputs.reshape(n_rows, n, 1, -1, _WIDTH) if is_shared else outputs.swapaxes(2, 3)
        np.matmul(weights, copies, out=out)
        steps = np.arange(first * _WIDTH, (first + n) * _WIDTH).reshape(n, 1, _WIDTH)
        outside = steps >= lengths[:, np.newaxis, np.newaxis, np.newaxis]
        best, numbers = _select(outputs, np.greater, np.maximum, outside)
        counts[:, :, 0] += _tally(numbers, n_kernels + 1, best)
        _, numbers = _select(outputs, np.less, np.minimum, outside)
        counts[:, :, 1] += _tally(numbers, n_kernels + 1)
    return counts[..., :n_kernels]


def _select(
    outputs: np.ndarray, is_better: np.ufunc, better: np.ufunc, outside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best outputs, and numbers of their kernels; one too many for what is outside."""
    n_kernels = outputs.shape[2]
    best = outputs[:, :, 0].copy()
    numbers = np.zeros(best.shape, np.uint8)
    flags = np.empty(best.shape, bool)
    later = flags.view(np.uint8)
    for kernel in range(1, n_kernels):
        output = outputs[:, :, kernel]
        is_better(output, best, out=flags)
        better(best, output, out=best)
        np.multiply(later, np.uint8(kernel), out=later)
        np.maximum(numbers, later, out=numbers)
    np.copyto(numbers, n_kernels, where=outside)
    return best, numbers


def _tally(numbers: np.ndarray, n_numbers: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Count numbers over products and their timesteps, or add up weights, one after the other."""
    n_rows, _, n_groups, _ = numbers.shape
    shape = n_rows, n_groups, n_numbers
    bins = np.arange(0, np.prod(shape), n_numbers).reshape(n_rows, 1, n_groups, 1) + numbers
    weights = None if weights is None else weights.ravel()
    return np.bincount(bins.ravel(), weights, minlength=np.prod(shape)).reshape(shape)
