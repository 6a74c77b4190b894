"""Global random generators, seeded for as long as a network is built."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def seeded_globals(seed: int) -> Iterator[list[int]]:
    """Seed the global generators that Keras and user code draw from, then put them back.

    Keras takes the seeds of initialisers and of dropout from Python's ``random``; a user's
    builder may also draw from ``numpy.random``. Another thread (a cluster's heartbeat, say) that
    draws from ``random`` meanwhile gets what it would have got, and changes nothing here. Where
    a function of ``random`` was imported by its name, all threads draw from the seeded one.

    Yields
    ------
    list of int
        What ``random.randint`` has given since.
    """
    generator = _NotingRandom(seed)
    with _GLOBALS, _own_generator(generator, seed):
        numpy_state = np.random.get_state()
        np.random.seed(seed % 2**32)
        try:
            yield generator.given
        finally:
            np.random.set_state(numpy_state)


class _NotingRandom(random.Random):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.given: list[int] = []

    def randint(self, a: int, b: int) -> int:
        self.given.append(super().randint(a, b))
        return self.given[-1]


@contextlib.contextmanager
def _own_generator(generator: random.Random, seed: int) -> Iterator[None]:
    """Let the functions of ``random`` draw from ``generator`` if this thread calls them.

    Those that somebody has imported by name stay what they are, methods of the shared generator:
    that is seeded, too, and a copy draws for the other threads.
    """
    caller = threading.get_ident()
    shared = random._inst  # whose methods are the functions of the module
    functions = {
        name: function
        for name, function in vars(random).items()
        if getattr(function, "__self__", None) is shared
    }
    others, swapping = shared, threading.RLock()

    def dispatching(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == caller:
                return getattr(generator, name)(*args, **kwargs)
            with swapping:
                return getattr(others, name)(*args, **kwargs)

        return call

    with swapping:
        for name in functions:
            setattr(random, name, dispatching(name))
        others = random.Random()
        others.setstate(shared.getstate())
        shared.seed(f"{seed} by name")  # no number that seeds ``generator``
    try:
        yield
    finally:
        with swapping:
            shared.setstate(others.getstate())
            others = shared
        for name, function in functions.items():
            setattr(random, name, function)


# Towers start in several threads; two that seed the same globals would mix their streams.
_GLOBALS = threading.RLock()
