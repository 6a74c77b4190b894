"""Targets, groups, weights and columns that cannot be used are refused before any training."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from public_estimators import (
    CLASSES,
    CLASSES_OF_ESTIMATORS,
    LEARNERS,
    TABLE,
    VALUES,
    data_for,
    make,
)
from sklearn.model_selection import GroupKFold

from stackens.exceptions import InvalidInputError
from stackens.targets import check_rows, read_target

STACKS = ["StackingClassifier", "StackingRegressor", "DistilledClassifier", "DistilledRegressor"]
BLENDS = [n for n in CLASSES_OF_ESTIMATORS if n.startswith(("ConvexBlend", "EnsembleSelection"))]


def test_the_number_of_rows_is_compared_also_for_other_objects():
    check_rows([1, 2], None, np.zeros(2))
    with pytest.raises(InvalidInputError, match=r"\[2, 3\]"):
        check_rows([1, 2], [1, 2, 3])


def with_missing(y, value):
    y = np.asarray(y).astype(object)
    y[3] = value
    return y


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan")])
@pytest.mark.parametrize("name", [*LEARNERS, *STACKS, "EmbeddingPretrainer"])
def test_a_target_that_is_missing_names_the_row(name, missing):
    X, y = data_for(name)
    with pytest.raises(InvalidInputError, match=r"`y` holds (None|<NA>|nan) in row 3"):
        make(name).fit(X, with_missing(y, missing))


@pytest.mark.parametrize("y", [{"y": CLASSES}, 3.0])
@pytest.mark.parametrize("name", [*LEARNERS, *STACKS, "EmbeddingPretrainer"])
def test_a_target_that_has_no_rows_is_refused(name, y):
    with pytest.raises((ValueError, TypeError), match=r"rows|shape|1d|array|label|samples"):
        make(name).fit(data_for(name)[0], y)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["StackingRegressor", "DistilledRegressor"])
def test_a_target_of_a_stack_is_finite(name, missing):
    X, y = data_for(name)
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        make(name).fit(X, np.r_[missing, y[1:]])


@pytest.mark.parametrize("name", STACKS)
def test_a_missing_group_names_the_row(name):
    stack = make(name)
    part = {"cv": GroupKFold(2)} if "Stacking" in name else {"teacher__cv": GroupKFold(2)}
    with pytest.raises(InvalidInputError, match="`groups` holds None in row 3"):
        stack.set_params(**part).fit(*data_for(name), groups=with_missing(["a", "b"] * 12, None))


@pytest.mark.parametrize("weights", [["a"] * 24, ["1"] * 24, np.array(["1"] * 24, object)])
@pytest.mark.parametrize("name", [*LEARNERS, *STACKS, *BLENDS])
def test_weights_that_are_text(name, weights):
    with pytest.raises(InvalidInputError, match=r"`sample_weight` must hold a number.*text"):
        make(name).fit(*data_for(name), sample_weight=weights)


@pytest.mark.parametrize(
    "form",
    [pl.Series, pa.array, lambda w: pd.Series(w, dtype="Float64"), list],
    ids=["polars", "arrow", "nullable", "list"],
)
@pytest.mark.parametrize("name", [*STACKS, *BLENDS, "StackedRNNRegressor"])
def test_weights_of_any_library_are_read(name, form):
    X, y = data_for(name)
    weights = np.linspace(0.5, 2, len(y))
    found, expected = (
        make_seeded(name).fit(X, y, sample_weight=w).predict(X) for w in (form(weights), weights)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["StackingRegressor", "ConvexBlendClassifier"])
def test_a_missing_weight_is_refused(name):
    X, y = data_for(name)
    weights = pd.Series([1.0] * 5 + [None] + [1.0] * (len(y) - 6), dtype="Float64")
    with pytest.raises(ValueError, match=r"(?s)sample_weight.*NaN"):
        make(name).fit(X, y, sample_weight=weights)


TIMES = np.array("2024-01-01", "datetime64[D]") + np.arange(24)
REGRESSORS = [n for n in CLASSES_OF_ESTIMATORS if n.endswith("Regressor")]


@pytest.mark.parametrize(
    "form",
    [np.array, pd.Series, pl.Series, lambda t: t.astype(object), lambda t: t - t[0]],
    ids=["array", "pandas", "polars", "objects", "durations"],
)
@pytest.mark.parametrize("name", REGRESSORS)
def test_times_are_no_target_of_a_regressor(name, form):
    with pytest.raises(InvalidInputError, match=r"`y` holds times, such as .*index"):
        make(name).fit(data_for(name)[0], form(TIMES))


@pytest.mark.parametrize("name", REGRESSORS)
def test_text_is_no_target_of_a_regressor(name):
    y = np.array(["1.5", "high", *["2"] * 22], object)
    with pytest.raises(InvalidInputError, match="numbers; got the text 'high' in row 1"):
        make(name).fit(data_for(name)[0], y)


# ---- rows of several lengths, and sparse targets ----------------------------------------------


def requires_y(cls):
    parameter = inspect.signature(cls.fit).parameters.get("y")
    return parameter is not None and parameter.default is parameter.empty


SEARCHES = ["GridSearchCV", "RandomizedSearchCV"]
TAKING_Y = [n for n, cls in CLASSES_OF_ESTIMATORS.items() if requires_y(cls)] + SEARCHES


def make_seeded(name):
    if name in SEARCHES:
        cls, options = CLASSES_OF_ESTIMATORS[name], {"n_iter": 1} if "Random" in name else {}
        return cls(make("StackedRNNClassifier"), {"units": [1]}, cv=2, **options)
    estimator = make(name)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=0)
    return estimator


def arguments(name, y):
    return (y,) if name.endswith("Forecaster") else (data_for(name)[0], y)


RAGGED = {
    "lists": ([[1.0, 2.0]] * 16 + [[1.0]] * 8, "rows of lengths 2 and 1, first in row 16"),
    "labels": ([["a", "b"]] * 16 + [["a"]] * 8, "rows of lengths 2 and 1, first in row 16"),
    "arrays": ([np.ones(2)] * 16 + [np.ones(3)] * 8, "rows of lengths 2 and 3, first in row 16"),
    "mixed": ([1.0] * 16 + [[1.0, 2.0]] * 8, "rows of lengths 1 and 2, first in row 16"),
    "series": (pd.Series([[1.0, 2.0]] * 16 + [[1.0]] * 8), "rows of lengths 2 and 1, first in row"),
    "cells": (pd.Series([[1.0, 2.0]] * 24), "lists of length 2 for single values"),
}


@pytest.mark.parametrize("kind", RAGGED)
@pytest.mark.parametrize("name", TAKING_Y)
def test_a_ragged_target_is_refused_before_training(name, kind, trained):
    estimator, (y, message) = make_seeded(name), RAGGED[kind]
    before = set(vars(estimator))
    with pytest.raises(InvalidInputError, match=f"`y` must be 1-D or 2-D.*got {message}"):
        estimator.fit(*arguments(name, y))
    assert not trained
    assert set(vars(estimator)) == before


@pytest.mark.parametrize("name", [n for n in TAKING_Y if hasattr(make(n), "partial_fit")])
def test_a_ragged_batch_is_refused(name):
    with pytest.raises(InvalidInputError, match="`y` must be 1-D or 2-D"):
        make(name).partial_fit(TABLE, RAGGED["lists"][0])


def outcome(name, y):
    """Return what is predicted after a fit, or what is said against it."""
    estimator = make_seeded(name)
    rows = () if name.endswith("Forecaster") else (data_for(name)[0],)
    try:
        return np.asarray(estimator.fit(*arguments(name, y)).predict(*rows))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", TAKING_Y)
def test_a_sparse_target_is_its_dense_form(name):
    is_of_numbers = name.endswith(("Regressor", "Forecaster"))
    y = np.column_stack([VALUES, 2 * VALUES] if is_of_numbers else [CLASSES, 1 - CLASSES])
    sparse, dense = outcome(name, scipy.sparse.csr_array(y)), outcome(name, y)
    np.testing.assert_array_equal(sparse, dense)


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_every_sparse_format_is_read(form, kind):
    y = np.eye(3)
    np.testing.assert_array_equal(read_target(getattr(scipy.sparse, f"{form}_{kind}")(y)), y)


@pytest.mark.parametrize("y", [None, 3, ["a", "bc"], [[1, 2], [3, 4]], np.array(["a"], object)])
def test_a_target_of_single_values_is_read_as_it_is(y):
    assert read_target(y) is y


COLUMNS = {
    "times": pd.date_range("2020", periods=24),
    "durations": pd.to_timedelta(np.arange(24), "s"),
    "periods": pd.period_range("2020-01", periods=24, freq="M"),
    "kinds": pd.Categorical(["red", "blue"] * 12),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", [*LEARNERS, "SequenceScaler", "SequenceImputer"])
def test_a_column_that_holds_no_numbers_is_named(name, column):
    frame = pd.DataFrame({"a": VALUES, column: COLUMNS[column]})
    y = VALUES if name.endswith("Regressor") else CLASSES
    advice = "OneHotEncoder" if column == "kinds" else "sequences_from_frame"
    with pytest.raises(InvalidInputError, match=rf"Column '{column}' of `X` holds.*{advice}"):
        make(name).fit(frame, y)


def test_categories_that_are_numbers_are_numbers():
    frame = pd.DataFrame({"a": VALUES, "b": pd.Categorical([1, 2] * 12)})
    assert make("StackedRNNClassifier").fit(frame, CLASSES).n_features_in_ == 2


@pytest.mark.parametrize("name", [*LEARNERS, *STACKS])
def test_a_table_with_a_row_for_each_timestep_is_pointed_to_what_reads_it(name):
    long = pd.DataFrame({"id": np.repeat(np.arange(24), 3), "value": np.arange(72.0)})
    y = VALUES if name.endswith("Regressor") else CLASSES
    with pytest.raises(ValueError, match=r"\[72, 24\].*`sequences_from_frame`"):
        make(name).fit(long, y)
    with pytest.raises(ValueError, match=r"\[24, 23\]\.$"):  # of these it knows nothing
        make(name).fit(TABLE, y[:-1])


@pytest.mark.parametrize(("names", "got"), [(["a", "b", "a"], r"\['a'\] several"), ([], "none")])
@pytest.mark.parametrize("name", [*LEARNERS, "SequenceScaler", "SequenceImputer"])
def test_columns_of_a_frame_have_names_of_their_own(name, names, got):
    frame = pd.DataFrame(np.ones((24, len(names))), columns=names)
    with pytest.raises(InvalidInputError, match=rf"`X` must have columns, .*got {got}"):
        make(name).fit(frame, data_for(name)[1])
