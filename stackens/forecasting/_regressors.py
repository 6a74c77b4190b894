"""Any regressor, made to predict the steps that follow a window."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags

from stackens.exceptions import InvalidInputError
from stackens.preprocessing import SequenceFlattener

_ENOUGH = 19  # residuals that make an interval of 90 %, which is the default coverage


def chain_forward(n_rows: int, n_splits: int, gap: int) -> TimeSeriesSplit:
    """Return a splitter of windows in the order of time.

    The first half of the rows only trains; the second half is held out in turn, each part by
    models of the rows before it, without the ``gap`` rows whose targets reach into it.

    Parameters
    ----------
    n_rows : int
        Windows.
    n_splits : int
        Parts that are held out.
    gap : int
        Rows to leave out before each part.

    Raises
    ------
    InvalidInputError
        If there are too few windows.
    """
    test_size = max(1, n_rows // (2 * n_splits))
    n_first = n_rows - n_splits * test_size - gap
    if n_first < 2:
        raise InvalidInputError(
            f"`cv`={n_splits} needs more than the {n_rows} windows that the series has: after "
            f"{n_splits} held-out parts and {gap} windows that reach into them, {max(n_first, 0)} "
            "are left for the first training. Give a longer series, a smaller `window` or "
            "`horizon`, or `cv=None`, which makes no intervals."
        )
    return TimeSeriesSplit(n_splits, test_size=test_size, gap=gap)


def _stacks(regressor: Any) -> Iterator[tuple[str, Any]]:
    """Find the stacks in a regressor whose splits are not the user's own: name of `cv`, value."""
    params = regressor.get_params(deep=True)
    for name, value in params.items():
        prefix = name.removesuffix("cv")
        is_stack = f"{prefix}final_estimator" in params and f"{prefix}estimators" in params
        if name.endswith("cv") and is_stack and (value is None or isinstance(value, int)):
            yield name, value


def needs_splits(regressor: Any) -> bool:
    """Whether a regressor is, or holds, a stack without a splitter of its own."""
    return any(True for _ in _stacks(regressor))


def is_stack_without_splits(regressor: Any) -> bool:
    """Whether a regressor is such a stack, whose forecasts of held-out windows can be had."""
    return (
        any(name == "cv" for name, _ in _stacks(regressor))
        and not regressor.passthrough
        and hasattr(regressor, "predict_with")  # scikit-learn's keeps no such forecasts
    )


def prepare(regressor: Any, splitter: Any) -> Any:
    """Return an unfitted copy that respects the order of time.

    Stacks in it hold out by ``splitter`` unless they have a splitter of their own; networks that
    stop early hold out the latest windows; what reads tables gets flat windows.

    Parameters
    ----------
    regressor : estimator
        Not changed.
    splitter : splitter or None
        From ``chain_forward``; None if there is no such stack.
    """
    prepared = clone(regressor)
    changes: dict[str, Any] = {name: splitter for name, _ in _stacks(prepared)}
    for name in prepared.get_params(deep=True):
        if name.split("__")[-1] == "validation_rows":
            changes[name] = "latest"
    prepared.set_params(**changes)
    if not _reads_sequences(prepared):
        return make_pipeline(SequenceFlattener(), prepared)
    return prepared


def _reads_sequences(estimator: Any) -> bool:
    if isinstance(estimator, Pipeline):
        return _reads_sequences(estimator.steps[0][1])
    members = getattr(estimator, "estimators", None)
    if isinstance(members, list):
        return any(_reads_sequences(e) for _, e in members if not isinstance(e, str))
    if type(estimator).__module__.startswith("scikeras"):  # has no tags of its own
        return True
    tags = get_tags(estimator)
    return bool(tags.input_tags.three_d_array or tags.no_validation)


def window_dtype(regressor: Any) -> Any:
    """Return float32 for networks, and float64 where linear algebra might follow."""
    members = getattr(regressor, "estimators", None)
    if isinstance(members, list):
        learners = [e for _, e in members if not isinstance(e, str)]
        return np.result_type(np.float32, *(window_dtype(e) for e in learners))
    is_network = not isinstance(regressor, Pipeline) and _reads_sequences(regressor)
    return np.dtype(np.float32 if is_network else np.float64)


def _takes_columns(regressor: Any) -> bool:
    if isinstance(regressor, Pipeline):
        return _takes_columns(regressor.steps[-1][1])
    return bool(get_tags(regressor).target_tags.multi_output)


def fit_regressors(regressor: Any, X: np.ndarray, y: np.ndarray) -> list[Any]:
    """Fit one regressor for all target columns, or a clone for each if it takes but one.

    Parameters
    ----------
    regressor : estimator
        From ``prepare``; it is cloned.
    X : ndarray of shape (n_windows, window, n_channels)
        Windows.
    y : ndarray of shape (n_windows, n_columns)
        Targets.

    Returns
    -------
    list of estimators
        Fitted.
    """
    if y.shape[1] == 1 or not _takes_columns(regressor):
        return [clone(regressor).fit(X, column) for column in y.T]
    return [clone(regressor).fit(X, y)]


def predict_columns(regressors: list[Any], X: np.ndarray) -> np.ndarray:
    """Predict, as an array of shape (n_windows, n_columns)."""
    parts = [np.reshape(regressor.predict(X), (len(X), -1)) for regressor in regressors]
    return np.concatenate(parts, axis=1).astype(np.float64)


def held_out_predictions(regressors: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return what stacks predicted for windows that neither their learners nor they have seen.

    The final estimators that predict here knew held-out windows of earlier parts only. Where they
    predict too few for an interval, the average of the learners, which is fitted on nothing,
    predicts the others.

    Parameters
    ----------
    regressors : list of estimators
        Fitted by ``fit_regressors``, and ``is_stack_without_splits``.

    Returns
    -------
    rows : ndarray of int of shape (n_held_out,)
        Windows.
    predictions : ndarray of shape (n_held_out, n_columns)
    """
    found = [_held_out(r.steps[-1][1] if isinstance(r, Pipeline) else r) for r in regressors]
    rows = reduce(np.intersect1d, [own for own, _ in found])
    return rows, np.column_stack([values[np.isin(own, rows)] for own, values in found])


def _held_out(stack: Any) -> tuple[np.ndarray, np.ndarray]:
    average = stack.out_of_fold("average")
    rows, values = average.row_index, average.y_pred.copy()
    try:
        own = stack.out_of_fold(stack.predicts_with_)
    except InvalidInputError:  # no final estimator can be fitted on earlier windows
        return rows, values
    if len(own.row_index) >= _ENOUGH:
        return own.row_index, own.y_pred
    values[np.isin(rows, own.row_index)] = own.y_pred
    return rows, values
