"""How far a training is: counted for whoever wants to know, and shown as a bar."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["EpochCounter", "OnProgress", "Progress"]

# ``on_progress(done, total, text)``
OnProgress = Callable[[int, int, str], None]


class EpochCounter:
    """Counts finished epochs, in any thread, and tells who wants to know.

    Parameters
    ----------
    total : int
        How many there will be.
    progress : callable or None
        ``progress(done, total, text)``.
    """

    def __init__(self, total: int, progress: OnProgress | None) -> None:
        self._total, self._done = total, 0
        self._progress = progress
        self._lock = threading.Lock()

    def advance(self, n_epochs: int, text: str) -> None:
        """Count epochs of the job that ``text`` describes."""
        if self._progress is not None and n_epochs:
            with self._lock:
                self._done += n_epochs
                self._progress(self._done, self._total, text)

    def part(self) -> OnProgress | None:
        """Return a callable for one of several trainings, each of which counts from 0."""
        return None if self._progress is None else _by_steps(self.advance)


class Progress:
    """One bar over everything that a fit does; nothing unless ``verbose``.

    Parameters
    ----------
    verbose : int or bool
        0 shows nothing.
    unit : str
        What is counted.
    """

    def __init__(self, verbose: int | bool, *, unit: str) -> None:
        self._is_shown, self._unit = bool(verbose), unit
        self._bar: Any = None
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def extend(self, n_steps: int) -> None:
        """Add to what there is to do; less than 0 takes away."""
        if not self._is_shown:
            return
        with self._lock:
            if self._bar is None:
                self._bar = _bar_class()(total=n_steps, unit=self._unit, dynamic_ncols=True)
            elif n_steps:
                self._bar.total += n_steps
                if hasattr(self._bar, "container"):  # a notebook's widget has its own total
                    self._bar.container.children[1].max = self._bar.total
                self._bar.refresh()

    def describe(self, text: str) -> None:
        """Say what runs now."""
        if self._bar is not None:
            with self._lock:
                self._bar.set_description_str(text)

    def advance(self, n_steps: int, text: str) -> None:
        """Count what is done, and say what it was."""
        if self._bar is not None:
            with self._lock:
                self._bar.set_description_str(text, refresh=False)
                self._bar.update(n_steps)

    def counter(self) -> OnProgress | None:
        """Return a callable for a training that counts its own epochs from 0; None if silent."""
        return _by_steps(self.advance) if self._is_shown else None


def _bar_class() -> Any:
    """Return the widget of a notebook, or the bar of a terminal."""
    with warnings.catch_warnings():  # without ipywidgets a notebook gets a bar of text
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    return tqdm


def _by_steps(advance: Callable[[int, str], None]) -> OnProgress:
    """Turn what is done into what was done since the last call."""
    before = 0

    def on_progress(done: int, total: int, text: str) -> None:
        nonlocal before
        n_steps, before = done - before, done
        advance(n_steps, text)

    return on_progress
