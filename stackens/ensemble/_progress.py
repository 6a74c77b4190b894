"""Progress of a stack: one bar for fits, one for epochs."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

__all__ = ["Progress"]


class Progress:
    """Bars that show what a stack is doing; silent unless ``verbose``.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    n_fits : int
        How many fits there are, towers included.
    """

    def __init__(self, verbose: int, n_fits: int) -> None:
        self._verbose, self._n_fits = verbose, n_fits
        self._bar: Any = None

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

    @property
    def epochs(self) -> Any:
        """Callable for the training engine, or None."""
        return self._show_epochs if self._verbose else None

    def _show_epochs(self, done: int, total: int, text: str) -> None:
        self._show(done, total, "epoch", text)

    def fit_done(self, text: str) -> None:
        """Count one plain fit."""
        if self._verbose:
            done = 1 if self._bar is None else self._bar.n + 1
            self._show(done, self._n_fits, "fit", text)

    def _show(self, done: int, total: int, unit: str, text: str) -> None:
        if self._bar is None or self._bar.unit != unit:
            from tqdm.auto import tqdm

            if self._bar is not None:
                self._bar.close()
            self._bar = tqdm(total=total, unit=unit, dynamic_ncols=True)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)
