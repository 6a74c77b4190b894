"""Predictions of networks that are served: in a search, the same ones for every candidate."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from stackens.digests import Digester, combine
from stackens.training._architecture import Architecture

__all__ = ["remembered", "remembering_predictions"]

_MOST_BYTES = 64 * 2**20  # of all predictions that are remembered
_IS_WANTED: ContextVar[bool] = ContextVar("stackens_remembering", default=False)


@contextmanager
def remembering_predictions(wanted: bool = True) -> Iterator[None]:
    """Within it, the output of a network for an input is computed once in this process.

    Network and input count by their content. The least recently used outputs are forgotten when
    there are more than 64 MiB.

    Parameters
    ----------
    wanted : bool, default=True
        False changes nothing.
    """
    token = _IS_WANTED.set(wanted or _IS_WANTED.get())
    try:
        yield
    finally:
        _IS_WANTED.reset(token)


def remembered(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    values: np.ndarray,
    compute: Callable[[], np.ndarray],
) -> np.ndarray:
    """Return what ``compute`` returns, or returned for the same network and input."""
    if not _IS_WANTED.get():
        return compute()
    digester = Digester()
    content = combine("output", *(digester.digest_rows(part) for part in (*weights, values)))
    key = (architecture.key, content)
    found = _MEMORY.get(key)
    if found is None:
        found = compute()
        _MEMORY.put(key, found)
    return found.copy()


class _Memory:
    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.n_bytes = most_bytes, 0
        self._outputs: OrderedDict[Any, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> np.ndarray | None:
        with self._lock:
            found = self._outputs.get(key)
            if found is not None:
                self._outputs.move_to_end(key)
            return found

    def put(self, key: Any, output: np.ndarray) -> None:
        with self._lock:
            if key in self._outputs:
                return
            self._outputs[key] = output
            self.n_bytes += output.nbytes
            while self.n_bytes > self.most_bytes:
                self.n_bytes -= self._outputs.popitem(last=False)[1].nbytes


_MEMORY = _Memory(_MOST_BYTES)
