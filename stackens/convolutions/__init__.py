"""Random convolution kernels over sequences, and what is said of their outputs; NumPy only."""

from __future__ import annotations

from stackens.convolutions._competition import N_WEIGHTS, Groups, count_wins
from stackens.convolutions._pooling import N_KERNELS, POOLING, Kernels, Series, pool_outputs

__all__ = [
    "N_KERNELS",
    "N_WEIGHTS",
    "POOLING",
    "Groups",
    "Kernels",
    "Series",
    "count_wins",
    "pool_outputs",
]
