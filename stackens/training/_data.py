"""Rows on their way to a tower: kept as tensors, or read piece by piece."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from stackens.sequences import is_memory_map
from stackens.training._architecture import initial_weights
from stackens.training._job import Trainable

__all__ = ["ArrayPool", "RowSource", "Shared"]

# Inputs up to this size become one tensor that all towers share; larger ones, and memory maps,
# stay where they are and are read in pieces.
_RESIDENT_BYTES = 64 * 2**20
_PIECE_BYTES = 16 * 2**20


class Shared:
    """What jobs have in common: one tensor for each distinct array, initial weights."""

    def __init__(self) -> None:
        self._tensors: dict[tuple[int, str], tuple[np.ndarray, Any]] = {}
        self._weights: dict[Any, list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """Return an array as a tensor, the same one every time."""
        import tensorflow as tf

        with self._lock:
            key = (id(array), dtype)
            if key not in self._tensors:  # the array is kept, so that its id stays its own
                self._tensors[key] = (array, tf.constant(array, dtype))
            return self._tensors[key][1]

    def initial_weights(self, job: Trainable) -> list[np.ndarray]:
        """Return the weights that a job starts from; folds of one seed have one start."""
        if job.initial_weights is not None:
            return job.initial_weights
        with self._lock:
            key = (job.architecture.key, job.seed)
            if key not in self._weights:
                self._weights[key] = initial_weights(job.architecture, job.seed)
            return self._weights[key]


class ArrayPool:
    """Keeps one of several equal arrays."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []

    def share(self, array: np.ndarray) -> np.ndarray:
        """Return the array that was given before if it is equal, else this one."""
        for known in self._arrays:
            if _is_same(known, array):
                return known
        self._arrays.append(array)
        return array


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.ctypes.data == b.ctypes.data and a.strides == b.strides:
        return True
    return not is_memory_map(a) and np.array_equal(a, b)


class RowSource:
    """The rows of one job, as tensors.

    Parameters
    ----------
    job : Job
        Whose arrays.
    program : TowerProgram
        Whose types.
    shared : Shared
        Where whole arrays are kept.
    """

    def __init__(self, job: Any, program: Any, shared: Shared) -> None:
        self._job, self._program, self._shared = job, program, shared
        self.is_resident = not is_streamed(job.X)
        row_bytes = max(1, job.X[:1].nbytes)
        batches = max(1, _PIECE_BYTES // (row_bytes * job.batch_size))
        self._piece = batches * job.batch_size

    def tensors(self) -> tuple[Any, Any, Any]:
        """Return all rows of x, y and the weights, if they are resident."""
        job, program, shared = self._job, self._program, self._shared
        return (
            shared.tensor(job.X, program.input_dtype),
            shared.tensor(job.y, job.y.dtype.name),
            shared.tensor(self._weights(), program.layout.dtype),
        )

    def _weights(self) -> np.ndarray:
        weights = self._job.sample_weight
        return self._program.unit_weights(len(self._job.X)) if weights is None else weights

    def pieces(self, rows: np.ndarray) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
        """Yield (x, y, weights) and positions in them, which together are ``rows`` in order."""
        if self.is_resident:
            yield self.tensors(), rows
            return
        import tensorflow as tf

        job, program, weights = self._job, self._program, self._weights()
        for start in range(0, len(rows), self._piece):
            part = rows[start : start + self._piece]
            sorter = np.argsort(part)  # a file is read from front to back
            positions = np.empty_like(sorter)
            positions[sorter] = np.arange(len(part))
            chosen = part[sorter]
            data = (
                tf.constant(job.X[chosen], program.input_dtype),
                tf.constant(job.y[chosen]),
                tf.constant(weights[chosen], program.layout.dtype),
            )
            yield data, positions


def is_streamed(array: np.ndarray) -> bool:
    """Tell whether an array is read in pieces: a memory map, or a large one."""
    return array.nbytes > _RESIDENT_BYTES or is_memory_map(array)
