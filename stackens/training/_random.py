"""Random streams that depend on a seed and a purpose, not on what was drawn before."""

from __future__ import annotations

import contextlib
import random
import threading
import zlib
from collections.abc import Iterator

import numpy as np

__all__ = ["seeded_globals", "stream"]


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of one purpose, e.g. the shuffling of epoch ``index``.

    Parameters
    ----------
    seed : int
        Seed of the job.
    purpose : str
        What the numbers are for; different purposes are independent.
    index : int, default=0
        Which epoch, layer, ….

    Returns
    -------
    numpy.random.Generator
    """
    key = (seed, zlib.crc32(purpose.encode()), index)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


@contextlib.contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed the global generators that Keras and user code draw from, then put them back.

    Keras takes the seeds of initialisers and of dropout from Python's ``random``; a user's
    builder may also draw from ``numpy.random``.
    """
    with _GLOBALS:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


# Towers start in several threads; two that seed the same globals would mix their streams.
_GLOBALS = threading.RLock()
