"""Jobs of classifiers whose targets are probabilities: what distillation trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stackens.training._backend import require_keras
from stackens.training._row_job import Job

__all__ = ["with_soft_targets"]


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
    require_keras()
    from stackens.training._soft_target_loss import SoftTargetLoss

    y = np.concatenate([labels, temperature**2 * probabilities], axis=1).astype("float32")
    loss = SoftTargetLoss(temperature)
    members = tuple(replace(member, loss=loss, metrics=()) for member in job.members)
    return replace(job, y=y, loss=loss, metrics=(), members=members)
