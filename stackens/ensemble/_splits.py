"""Splits, made once for all learners, and checked: groups are whole in them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from stackens.exceptions import InvalidInputError
from stackens.training import HeldOutRows

Split = tuple[np.ndarray, np.ndarray]


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


def make_splits(
    cv: Any,
    X: Any,
    y: np.ndarray,
    *,
    classifier: bool,
    params: dict[str, Any],
    seed: int | None = None,
) -> list[Split]:
    """Ask a splitter for its splits, once, without changing it.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As everywhere in scikit-learn; an int is stratified for classifiers, and with groups whole
        groups are held out. Splits need not be a partition.
    X, y : array-like of shape (n_samples, ...)
        The data.
    classifier : bool
        Whether ``y`` holds classes.
    params : dict
        For ``split``, e.g. ``groups``.
    seed : int or None, default=None
        For a splitter that shuffles and has no seed of its own.

    Returns
    -------
    list of (ndarray, ndarray)
        Indices of training and of held-out rows.

    Raises
    ------
    InvalidInputError
        If a row, or a group, is in both parts of a split; if hardly any row is held out; or if
        the splitter needs groups and there are none.
    """
    splitter = choose_splitter(cv, y, classifier=classifier, groups=params.get("groups"))
    unseeded = getattr(splitter, "random_state", "has none") is None
    if seed is not None and unseeded and getattr(splitter, "shuffle", True):
        splitter.random_state = seed
    try:
        splits = [
            (np.arange(len(y))[train], np.arange(len(y))[test])
            for train, test in draw_splits(splitter, X, y, params)
        ]
    except IndexError as error:
        raise InvalidInputError(
            f"`cv` names rows that the data does not have ({error}); it must give row numbers "
            f"from 0 to {len(y) - 1}."
        ) from error
    for fold, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            raise InvalidInputError(
                f"Every split of `cv` must train on rows and hold out rows; split {fold} trains on "
                f"{len(train)} and holds out {len(test)}."
            )
        common = np.intersect1d(train, test)
        if len(common):
            raise InvalidInputError(
                f"`cv` must hold out rows that it does not train on; in split {fold} rows "
                f"{common[:10].tolist()}{' …' if len(common) > 10 else ''} are in both parts."
            )
    covered = count_coverage(splits, len(y)) > 0
    if covered.sum() < 2 or (classifier and y.ndim == 1 and len(np.unique(y[covered])) < 2):
        raise InvalidInputError(
            f"`cv` holds out {covered.sum()} of {len(y)} rows"
            f"{', all of one class' if covered.sum() > 1 else ''}; the final estimator cannot "
            "be trained on these. Use a splitter that holds out more rows."
        )
    return splits


def check_decisions(methods: Mapping[str, str], splits: Sequence[Split], y: np.ndarray) -> None:
    """Refuse decision values of a fold with two of more classes: they have one column there.

    Parameters
    ----------
    methods : mapping of str to str
        What each learner predicts with, by its name.
    splits : sequence of (ndarray, ndarray)
        Training and held-out rows.
    y : ndarray of shape (n_samples,)
        Classes.

    Raises
    ------
    InvalidInputError
        If there is such a fold, and a learner that predicts decision values.
    """
    names = [name for name, method in methods.items() if method == "decision_function"]
    n_classes = len(np.unique(y))
    for fold, (train, _) in enumerate(splits if names and n_classes > 2 else []):
        if len(np.unique(y[train])) == 2:
            raise InvalidInputError(
                f"Only 2 of {n_classes} classes are in the training rows of split {fold}, so that "
                f"`decision_function` of {', '.join(names)} has one column there. Use "
                "`stack_method='predict_proba'` or 'predict', or stratified folds."
            )


def check_weights(weights: Any, splits: Sequence[Split]) -> None:
    """Refuse weights that are zero wherever something is trained.

    Parameters
    ----------
    weights : array-like of shape (n_samples,) or None
        Weight of each row.
    splits : sequence of (ndarray, ndarray)
        Training and held-out rows.

    Raises
    ------
    InvalidInputError
        If all training rows of a split, or all rows that are held out, have weight 0.
    """
    if weights is None:
        return
    weights = np.asarray(weights)
    for fold, (train, _) in enumerate(splits):
        if not weights[train].any():
            raise InvalidInputError(
                f"`sample_weight` is zero for every training row of split {fold}; leave these rows "
                "out of the data, or use other splits."
            )
    if not weights[count_coverage(splits, len(weights)) > 0].any():
        raise InvalidInputError(
            "`sample_weight` is zero for every row that is held out, on which the final estimator "
            "is trained; use other splits."
        )


def count_coverage(splits: Iterable[Split], n_rows: int) -> np.ndarray:
    """Count how often each row is held out.

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    counts = np.zeros(n_rows, dtype=int)
    for _, test in splits:
        np.add.at(counts, test, 1)
    return counts


def choose_held_out_rows(
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    classes: Any = None,
    groups: Any = None,
    gap: int = 0,
) -> HeldOutRows | None:
    """Choose the rule by the nature of the splits.

    Whole groups are held out if there are groups; the latest rows if every split trains on rows
    before those that it holds out (of groups, the latest).

    Parameters
    ----------
    splits : sequence of (ndarray, ndarray)
        Training and held-out rows.
    classes : ndarray of shape (n_samples,), default=None
        Class of each row, where rows have one.
    groups : array-like of shape (n_samples,), default=None
        Group of each row.
    gap : int, default=0
        Of the splitter; kept in front of the latest rows, too.

    Returns
    -------
    HeldOutRows or None
        None leaves it to the learner.
    """
    in_time = all(train.max() < test.min() for train, test in splits)
    if groups is not None:
        kind = "latest groups" if in_time else "groups"
    elif in_time:
        kind = "latest"
    else:
        return None
    return HeldOutRows(kind, classes, None if groups is None else np.asarray(groups), gap)
