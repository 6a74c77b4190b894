"""The state of a running job in the store, so that a killed one goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from stackens.store._entries import pack_history, pack_list, unpack_history, unpack_list
from stackens.store._job_store import JobStore
from stackens.training import TrainingState


class Checkpoint:
    """The place where one job keeps its state: a ``StateKeeper`` of the room ``training``.

    A state is replaced at once: whenever the process dies, there is the last one or the one
    before. Going on from it gives the same bits as not having stopped.

    Parameters
    ----------
    store : JobStore
        Where.
    key : str
        Of the job.
    every : float, default=None
        Seconds between two states; a job that takes less keeps none. None is what the store says.

    Examples
    --------
    A training loop that goes on where it was:

    >>> import tempfile
    >>> import numpy as np
    >>> from stackens import JobStore
    >>> from stackens.store import Checkpoint
    >>> from stackens.training import TrainingState
    >>> def train(checkpoint, n_epochs):
    ...     state = checkpoint.load()
    ...     for epoch in range(0 if state is None else state.epoch + 1, n_epochs):
    ...         print("epoch", epoch)
    ...         if checkpoint.is_due():
    ...             checkpoint.save(TrainingState(
    ...                 epoch, np.zeros(3), [], [], np.array(epoch), {}, np.inf, -1, None, 0.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(JobStore(folder), "0" * 64, every=0.0)
    ...     train(checkpoint, 2)  # killed after two of three epochs
    ...     train(checkpoint, 3)
    ...     checkpoint.discard()  # when the result is kept, and only then
    epoch 0
    epoch 1
    epoch 2
    """

    def __init__(self, store: JobStore, key: str, *, every: float | None = None) -> None:
        self.store, self.key = store, key
        self.every = store.checkpoint_every if every is None else every
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Say whether the last state (or the start) is long enough ago.

        Returns
        -------
        bool
        """
        return time.monotonic() - self._last >= self.every

    def save(self, state: TrainingState) -> bool:
        """Keep a state in place of the last one.

        Parameters
        ----------
        state : TrainingState
            After an epoch.

        Returns
        -------
        bool
            Whether it was kept; if not, the store has warned.
        """
        arrays, names = pack_history(state.history)
        arrays |= {
            "parameters": state.parameters,
            "step": state.step,
            "best_loss": np.float64(state.best_loss),
            **pack_list("others", state.others),
            **pack_list("slots", state.slots),
        }
        if state.best is not None:
            arrays |= {"best": state.best[0], **pack_list("best_others", state.best[1])}
        meta = {
            "epoch": int(state.epoch),
            "best_epoch": int(state.best_epoch),
            "history": names,
            "n_others": len(state.others),
            "n_slots": len(state.slots),
            "seconds": float(state.seconds),
        }
        self._last = time.monotonic()  # also after a failure: it would only fail again
        return self.store.put_checkpoint(self.key, arrays, meta)

    def load(self) -> TrainingState | None:
        """Return the last state that was kept.

        Returns
        -------
        TrainingState or None
            None if the job begins anew: it never ran, ended, or its state is damaged.
        """
        found = self.store.get_checkpoint(self.key)
        if found is None:
            return None
        try:
            return _unpack(found.arrays, found.meta)
        except (KeyError, TypeError, ValueError) as error:
            self.reject(error)
            return None

    def reject(self, error: Exception) -> None:
        """Remove a state that does not fit the job, with a warning.

        Parameters
        ----------
        error : Exception
            Why it does not.
        """
        self.store.reject_checkpoint(self.key, error)

    def discard(self) -> None:
        """Remove the state: the job has ended, and its result is kept."""
        self.store.discard_checkpoint(self.key)

    def __getstate__(self) -> dict[str, Any]:
        return {"store": self.store, "key": self.key, "every": self.every}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["store"], state["key"], every=state["every"])  # type: ignore[misc]


def _unpack(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> TrainingState:
    best = None
    if "best" in arrays:
        best = (arrays["best"], unpack_list("best_others", arrays, meta["n_others"]))
    return TrainingState(
        epoch=int(meta["epoch"]),
        parameters=arrays["parameters"],
        others=unpack_list("others", arrays, meta["n_others"]),
        slots=unpack_list("slots", arrays, meta["n_slots"]),
        step=arrays["step"],
        history=unpack_history(arrays, meta["history"]),
        best_loss=float(arrays["best_loss"]),
        best_epoch=int(meta["best_epoch"]),
        best=best,
        seconds=float(meta["seconds"]),
    )
