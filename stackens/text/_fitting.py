"""How fits of texts are kept, and what is said of their epochs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from stackens.training import NoKey, Progress, check_memory, warn_of_no_keys

__all__ = ["find_place", "tell_epochs"]


def find_place(memory: Any, name: str, make_key: Callable[[], str | NoKey]) -> dict[str, Any]:
    """Return where a training is kept, and its key; nothing if it is kept nowhere.

    Parameters
    ----------
    memory : path-like, joblib.Memory, JobStore or None
        As the estimator has it.
    name : str
        What a warning calls the estimator, if there is no key.
    make_key : callable
        Makes the key of everything that the result depends on, if it is wanted.

    Returns
    -------
    dict
        ``store`` and ``key``, or nothing.
    """
    store = check_memory(memory)
    if store is None:
        return {}
    key = make_key()
    if isinstance(key, NoKey):
        warn_of_no_keys([name], [key])
        return {}
    return {"store": store, "key": key}


def tell_epochs(
    progress: Progress, epochs: int, logger: logging.Logger
) -> Callable[[int, Any], None]:
    """Return what a training calls after each epoch: it logs, and moves the bar on."""
    count = progress.counter()

    def on_epoch_end(epoch: int, logs: Any) -> None:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        logger.info("Epoch %d of %d: %s", epoch + 1, epochs, shown)
        if count is not None:  # a training that goes on counts what was done before, too
            count(epoch + 1, epochs, shown)

    return on_epoch_end
