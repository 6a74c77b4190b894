"""Names of the columns and channels that a stack was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from stackens.ensemble._plan import read_names
from stackens.exceptions import InvalidInputError


def check_names(stack: Any, X: Any) -> None:
    """Refuse other names than in ``fit``, or another order, where a learner goes by place.

    Learners that check names do so themselves, in their way; others predict nonsense.

    Parameters
    ----------
    stack : Stack
        Fitted; without names there is nothing to compare.
    X : array-like of shape (n_samples, ...)
        Rows to predict.

    Raises
    ------
    InvalidInputError
        If there are others.
    """
    known = stack._names_in
    learners = [learner for _, learner in stack.estimators]
    for view, names in read_names(X).items():
        if names == known.get(view, names):
            continue
        if stack.passthrough is False and not _go_by_place(learners, view):
            continue
        of_view = "" if view is None else f" of view {view!r}"
        raise InvalidInputError(
            f"The feature names{of_view} should match those that were passed during fit, in the "
            f"same order; they were {known[view]} and are {names}. Select them by name, in that "
            "order."
        )


def _go_by_place(learners: Sequence[Any], view: str | None) -> bool:
    return any(_goes_by_place(learner, view) for learner in learners)


def _goes_by_place(learner: Any, view: str | None) -> bool:
    """Whether names do not tell it what to take: those who select by name take any order."""
    if isinstance(learner, str | ColumnTransformer):
        return learner == "passthrough"
    if isinstance(learner, Pipeline):
        return _goes_by_place(learner.steps[0][1], view)
    for parts in ("transformer_list", "estimators"):  # of a FeatureUnion, of a stack
        if hasattr(learner, parts):
            return _go_by_place([part for _, part in getattr(learner, parts)], view)
    if hasattr(learner, "timesteps") and hasattr(learner, "columns"):  # a View, which checks places
        takes_all = learner.columns is None and learner.channels is None
        return takes_all and learner.name in (None, view)
    return True
