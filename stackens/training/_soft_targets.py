"""Jobs of classifiers whose targets are probabilities: what distillation trains, and its loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stackens.training._row_job import Job

_LEAST = 1e-7  # probabilities below count as this, as in Keras


def with_soft_targets(
    job: Job, labels: np.ndarray, probabilities: np.ndarray, *, temperature: float
) -> Job:
    """Return the job of a classifier with other targets: the network stays what it is.

    Parameters
    ----------
    job : Job
        What a classifier planned; its outputs are probabilities. Its loss and metrics, which
        compare with labels, are not used.
    labels, probabilities : ndarray of shape (n_samples, n_classes)
        Targets of each row, multiplied by their weights; a row of zeros counts for nothing.
        ``probabilities`` are softened already.
    temperature : float
        At which the network is compared with ``probabilities``. That part of the loss is multiplied
        by its square, so that its gradients keep their size (Hinton et al., 2015).

    Returns
    -------
    Job
    """
    y = np.concatenate([labels, temperature**2 * probabilities], axis=1).astype("float32")
    loss = SoftTargetLoss(temperature)
    members = tuple(replace(member, loss=loss, metrics=()) for member in job.members)
    return replace(job, y=y, loss=loss, metrics=(), members=members)


@dataclass(frozen=True)
class SoftTargetLoss:
    """Cross-entropies of each row with two targets at once: labels, and softened probabilities.

    The target holds both of its parts side by side, each of shape (n_samples, n_classes) and
    multiplied by its weight. The network gives probabilities: of every class, or of the second of
    two. Losses of one temperature are equal, so that they share a program.

    Parameters
    ----------
    temperature : float
        The logits of the network are divided by it before they meet the second target.
    """

    temperature: float

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a row."""
        from keras import ops

        if y_pred.shape[-1] == 1:
            y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
        logarithms = ops.log(ops.clip(y_pred, _LEAST, 1.0))
        softened = ops.log_softmax(logarithms / self.temperature, axis=-1)
        return -ops.sum(y_true * ops.concatenate([logarithms, softened], axis=-1), axis=-1)
