"""Which networks are trained no further, by what they predicted for held-out rows so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from stackens.ensemble._cross_fit import Probabilities, Values, average, wrap_blocks
from stackens.ensemble._fit import Fit
from stackens.ensemble._out_of_fold import align_classes
from stackens.ensemble._plan import Data, Plan
from stackens.ensemble.meta_learners._super_learner import row_log_losses


def choose_pruned(stack: Any, plan: Plan, data: Data, splits: Sequence[int]) -> dict[str, str]:
    """Say which networks go no further than the splits so far, and why.

    Half of the networks go on, those with the smallest loss, and of these only those that make the
    best learner of all better if they are averaged with it. Two learners stay.

    Parameters
    ----------
    stack : Stack
        Being fitted.
    plan : Plan
        Networks that were left out before are no part of it.
    data : Data
        What is fitted.
    splits : sequence of int
        Those that all networks were fitted on.

    Returns
    -------
    dict of str to str
        Reasons, by name.
    """
    own = {name: plan.fits_of(name) for name in plan.learners}
    done = {
        name: [fits[k] for k in splits]
        for name, fits in own.items()
        if all(k in fits and fits[k].is_done for k in splits)
    }
    networks = [name for name in done if name in plan.networks]
    if not networks:
        return {}
    rows = np.concatenate([plan.splits[k][1] for k in splits])
    outputs = _join(stack, done)
    y = data.y[rows]
    loss, what = _choose_loss(outputs, y)
    weights = np.asarray(data.params.get("sample_weight", np.ones(len(data.y))), float)[rows]
    if not weights.any():
        return {}
    means = {name: np.average(loss(one), weights=weights) for name, one in outputs.items()}
    best = min(means, key=lambda name: means[name])
    so_far = f"after {len(splits)} of {len(plan.splits)} splits"
    ranked = sorted(networks, key=lambda name: -means[name])  # the worst first
    better, is_last = ranked[-1], len(splits) == len(plan.splits)
    pruned = {
        name: f"{so_far} its {what} was {means[name]:.3f}, that of {better} {means[better]:.3f}"
        for name in ranked[: 0 if is_last else len(ranked) // 2]
    }
    for name in ranked[len(pruned) :]:
        if name == best:
            continue
        mixed = np.average(loss(average([outputs[name], outputs[best]])), weights=weights)
        if mixed >= means[best]:
            pruned[name] = (
                f"{so_far} {best}, averaged with it, had a {what} of {mixed:.3f}, and alone of "
                f"{means[best]:.3f}"
            )
    n_spare = max(0, len(done) - 2)  # one learner is no stack
    return dict(list(pruned.items())[:n_spare])


def _join(stack: Any, done: dict[str, list[Fit]]) -> dict[str, Any]:
    """Wrap what each learner predicted for the rows of several splits, one after the other."""
    is_class = is_classifier(stack)
    n_classes = len(stack.classes_) if is_class else 0
    blocks, methods = [], []
    for fits in done.values():
        parts = [
            align_classes(fit.predictions, fit.fitted, n_classes, fit.method)
            if is_class
            else fit.predictions
            for fit in fits
        ]
        blocks.append(np.concatenate([np.reshape(part, (len(part), -1)) for part in parts]))
        methods.append(fits[0].method)
    wrapped = wrap_blocks(blocks, methods, np.arange(n_classes) if is_class else None)
    return dict(zip(done, wrapped, strict=True))


def _choose_loss(outputs: dict[str, Any], y: np.ndarray) -> tuple[Any, str]:
    """Return the loss of each row that all outputs have, and what it is called."""
    if all(isinstance(one, Values) for one in outputs.values()):
        spread = np.where(y.var(axis=0) > 0, y.var(axis=0), 1)
        return lambda one: _mean_columns((one.outputs - y) ** 2 / spread), "squared error"
    if all(isinstance(one, Probabilities) for one in outputs.values()):
        return lambda one: row_log_losses(one.outputs, y), "log-loss"
    return lambda one: (one.predict(None) != y).astype(float), "share of errors"


def _mean_columns(errors: np.ndarray) -> np.ndarray:
    return np.reshape(errors, (len(errors), -1)).mean(axis=1)


def without_weight(final: Any, names: Sequence[str]) -> set[str]:
    """Return the learners to which a final estimator gives no weight; none if it does not say."""
    weights = getattr(getattr(final, "best_estimator_", final), "weights_", None)
    if not isinstance(weights, dict):
        return set()
    return {name for name in names if abs(weights.get(name, 1.0)) < 1e-6}
