"""The out-of-fold table: rows by their labels, columns by their classes or targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

import stackens
from stackens import StackingClassifier, StackingRegressor

N = 30
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.array(["sitting", "walking", "lying"])[np.arange(N) % 3]
PEOPLE = [f"person {i}" for i in range(N)]
INDICES = {
    "strings": pd.Index(PEOPLE),
    "numbers": pd.Index(np.arange(N)[::-1] + 100),
    "times": pd.date_range("2024-01-01", periods=N),
    "durations": pd.to_timedelta(np.arange(N), unit="h"),
    "several levels": pd.MultiIndex.from_product([range(10), list("abc")]),
}


def classifier(**options):
    learners = [("linear", LogisticRegression()), ("tree", DecisionTreeClassifier(random_state=0))]
    return StackingClassifier(learners, cv=3, random_state=0, **options)


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.parametrize("carrier", ["X", "y"])
def test_rows_have_the_labels_they_came_with(case, carrier, tmp_path):
    index = INDICES[case]
    data, target = X, Y
    if carrier == "X":
        data = pd.DataFrame(X, columns=list("abc"), index=index)
    else:
        target = pd.Series(Y, index=index)
    stack = classifier().fit(data, target)
    table = stack.out_of_fold_predictions_.to_frame()
    assert table.index.tolist() == index.tolist()
    assert table["y"].tolist() == Y.tolist()
    stackens.save(stack, tmp_path / "stack")
    again = stackens.load(tmp_path / "stack").out_of_fold_predictions_.to_frame()
    assert again.index.tolist() == index.tolist()
    assert list(again.columns) == list(table.columns)


def test_times_of_a_zone_are_the_same_instants():
    index = pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin")
    stack = classifier().fit(X, pd.Series(Y, index=index))
    table = stack.out_of_fold_predictions_.to_frame()
    assert (table.index.tz_localize("UTC") == index).all()


def test_labels_that_no_file_holds_are_strings(tmp_path):
    levels = [pd.date_range("2024-01-01", periods=10), list("abc")]
    for index in (
        pd.period_range("2024-01", periods=N, freq="M"),
        pd.MultiIndex.from_product(levels),
    ):
        stack = classifier().fit(X, pd.Series(Y, index=index))
        labels = stack.out_of_fold_predictions_.to_frame().index
        assert [str(label).split("'")[0] for label in labels[:1]] in (["2024-01"], ["("])
        stackens.save(stack, tmp_path / "stack")


def test_only_rows_that_were_held_out_are_labelled():
    cv = ShuffleSplit(1, test_size=0.5, random_state=0)
    stack = classifier().set_params(cv=cv).fit(X, pd.Series(Y, index=PEOPLE))
    kept = stack.out_of_fold_predictions_
    assert kept.to_frame().index.tolist() == [PEOPLE[i] for i in kept.row_index]


def test_without_labels_rows_are_numbered():
    assert classifier().fit(X, Y).out_of_fold_predictions_.to_frame().index.tolist() == [*range(N)]


@pytest.mark.parametrize("method", ["auto", "predict_proba", "logit"])
def test_columns_are_named_by_class(method):
    table = classifier(stack_method=method).fit(X, Y).out_of_fold_predictions_.to_frame()
    classes = ["lying", "sitting", "walking"]
    names = [f"{learner}_{name}" for learner in ("linear", "tree") for name in classes]
    assert list(table.columns) == ["fold", "y", *names]
    if method != "logit":
        assert table["tree_walking"].dtype == float
        np.testing.assert_allclose(table[names[:3]].sum(axis=1), 1)


def test_single_columns_have_the_name_of_the_learner():
    table = classifier(stack_method="predict").fit(X, Y).out_of_fold_predictions_.to_frame()
    assert list(table.columns) == ["fold", "y", "linear", "tree"]
    table = classifier().fit(X, Y == "lying").out_of_fold_predictions_.to_frame()
    assert list(table.columns) == ["fold", "y", "linear", "tree"]


@pytest.mark.parametrize(("named", "suffixes"), [(True, ["_low", "_high"]), (False, ["0", "1"])])
def test_several_targets_are_named_by_their_columns(named, suffixes):
    y = pd.DataFrame(X[:, :2] + 1, columns=["low", "high"])
    stack = StackingRegressor([("linear", LinearRegression())], cv=3)
    kept = stack.fit(X, y if named else y.to_numpy()).out_of_fold_predictions_
    ends = [f"_{suffix.strip('_')}" for suffix in suffixes]
    expected = ["fold", *(f"y{s}" for s in suffixes), *(f"linear{end}" for end in ends)]
    assert list(kept.to_frame().columns) == expected
    np.testing.assert_array_equal(kept.y, y)
