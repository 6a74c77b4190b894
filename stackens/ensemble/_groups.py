"""Groups of rows: splits that keep them whole, and how they reach a stack in another estimator."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from stackens.exceptions import InvalidInputError

__all__ = [
    "choose_splitter",
    "consumes_groups",
    "draw_splits",
    "groups_for",
    "groups_request",
    "is_number_of_folds",
]


def is_number_of_folds(cv: Any) -> bool:
    """Whether ``cv`` leaves the kind of splits to us."""
    return cv is None or isinstance(cv, Integral)


def consumes_groups(splitter: Any) -> bool:
    """Whether a splitter asks for groups, as scikit-learn's do that keep groups whole."""
    return bool(get_routing_for_object(splitter).consumes("split", ["groups"]))


def choose_splitter(cv: Any, y: Any, *, classifier: bool, groups: Any = None) -> Any:
    """Return the splitter that ``cv`` stands for, as a copy; a number of folds keeps groups whole.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As everywhere in scikit-learn.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs) or None
        Target.
    classifier : bool
        Whether ``y`` holds classes; single-label ones are stratified.
    groups : array-like of shape (n_samples,), default=None
        Group of each row.

    Raises
    ------
    InvalidInputError
        If there are fewer groups than folds.
    """
    if groups is None or not is_number_of_folds(cv):
        return check_cv(deepcopy(cv) if hasattr(cv, "split") else cv, y, classifier=classifier)
    n_splits, n_groups = 5 if cv is None else int(cv), len(np.unique(groups))
    if n_groups < n_splits:
        raise InvalidInputError(
            f"{n_splits} folds of whole groups need as many groups; `groups` has {n_groups}. Set "
            "`cv` to a smaller number, or give finer groups."
        )
    stratified = classifier and np.ndim(y) == 1
    return (StratifiedGroupKFold if stratified else GroupKFold)(n_splits)


def draw_splits(splitter: Any, X: Any, y: Any, params: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Ask a splitter once for its splits; groups that are given must be whole in all of them.

    That is looked up in the splits, and not in the kind of the splitter: any splitter will do that
    keeps them whole.

    Parameters
    ----------
    splitter : splitter
        From ``choose_splitter``.
    X, y : array-like of shape (n_samples, ...)
        The data.
    params : dict
        For ``split``, e.g. ``groups``.

    Raises
    ------
    InvalidInputError
        If a group is on both sides of a split, or the splitter needs groups and there are none.
    """
    groups = params.get("groups")
    parameters = inspect.signature(splitter.split).parameters
    if "groups" not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        params = {name: value for name, value in params.items() if name != "groups"}
    try:
        with warnings.catch_warnings():  # an error, if they were ignored
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
            splits = list(splitter.split(X, y, **params))
    except ValueError as error:
        if groups is None and consumes_groups(splitter):
            raise InvalidInputError(
                f"`cv` is {splitter!r}, which needs the group of each row: "
                f"`fit(X, y, groups=…)`. ({error})"
            ) from error
        raise
    if groups is not None:
        _check_groups_are_whole(splits, np.asarray(groups), splitter)
    return splits


def _check_groups_are_whole(
    splits: Sequence[tuple[Any, Any]], groups: np.ndarray, splitter: Any
) -> None:
    names, group = np.unique(groups, return_inverse=True)
    for fold, (train, test) in enumerate(splits):
        common = names[np.intersect1d(group[train], group[test])].tolist()
        if common:
            shown = ", ".join(map(repr, common[:3])) + (", …" if len(common) > 3 else "")
            raise InvalidInputError(
                f"`groups` were given, and split {fold} of `cv` both trains on and holds out rows "
                f"of {len(common)} of them ({shown}): {splitter!r} takes no notice of groups. Use "
                "a number of folds, which holds out whole groups, or a splitter for groups: "
                "GroupKFold, StratifiedGroupKFold, GroupShuffleSplit, LeaveOneGroupOut or "
                "LeavePGroupsOut."
            )


def groups_for(estimator: Any, groups: Any) -> dict[str, Any]:
    """Return the metadata of ``fit`` by which groups reach a stack, where nothing is routed.

    Parameters
    ----------
    estimator : estimator
        Anything; a stack, a search or a student of ours, also behind a Pipeline or below a
        TransformedTargetRegressor, gets them unless it was told not to by
        ``set_fit_request(groups=False)``.
    groups : array-like of shape (n_samples,) or None
        Group of each row.
    """
    prefix = ""
    while isinstance(estimator, Pipeline | TransformedTargetRegressor):
        if isinstance(estimator, Pipeline):
            name, estimator = estimator.steps[-1]
            prefix += f"{name}__"
        else:
            estimator = estimator.regressor
    fit = getattr(estimator, "fit", None)
    if groups is None or fit is None or "groups" not in inspect.signature(fit).parameters:
        return {}
    return {} if groups_request(estimator) is False else {f"{prefix}groups": groups}


def groups_request(estimator: Any) -> Any:
    """Return what ``set_fit_request`` said of groups; None is nothing."""
    if not hasattr(estimator, "_get_metadata_request"):
        return None
    return estimator._get_metadata_request().fit.requests.get("groups")
