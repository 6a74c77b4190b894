"""What is said of the epochs of a training on texts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["EpochLog"]


class EpochLog:
    """Observer of a training that logs each epoch.

    Parameters
    ----------
    logger : logging.Logger
        Where.
    n_epochs : int
        How many there will be.
    """

    def __init__(self, logger: logging.Logger, n_epochs: int) -> None:
        self._logger, self._n_epochs = logger, n_epochs

    def training(self) -> AbstractContextManager[None]:
        """Return nothing to train in."""
        return nullcontext()

    def on_epoch_begin(self, epoch: int) -> None:
        """Say nothing."""

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], result: Callable[[], Any]
    ) -> None:
        """Log loss and scores."""
        shown = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        self._logger.info("Epoch %d of %d: %s", epoch + 1, self._n_epochs, shown)
