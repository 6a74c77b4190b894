"""Progress of a single fit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

__all__ = ["epoch_printer"]


@contextlib.contextmanager
def epoch_printer(
    name: str, verbose: int | bool
) -> Iterator[Callable[[int, int, str], None] | None]:
    """Yield a callable that shows finished epochs in a bar; None if ``verbose`` is 0."""
    if not verbose:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(desc=name, unit="epoch") as bar:

        def show(done: int, total: int, text: str) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
