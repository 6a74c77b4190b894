"""A hold-out split ("blending") is judged as any other: what its learners do is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupShuffleSplit, PredefinedSplit, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from stackens import StackingClassifier, StackingRegressor
from stackens.inspection import diagnose, write_report

KINDS = {
    "classifier": (
        StackingClassifier(
            [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())],
        ),
        load_iris(return_X_y=True),
    ),
    "regressor": (
        StackingRegressor(
            [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))],
            Ridge(),
        ),
        tuple(part[:150] for part in load_diabetes(return_X_y=True)),
    ),
}
GROUPS = np.arange(150) % 3
ENOUGH = {
    "ShuffleSplit": ShuffleSplit(1, test_size=0.3, random_state=0),
    "PredefinedSplit": PredefinedSplit(np.where(np.arange(150) % 4 == 0, 0, -1)),
    "a list": [(np.arange(0, 150, 2), np.arange(1, 150, 2))],
}
TOO_FEW = {  # for an honest score of the final estimator
    "one group": GroupShuffleSplit(1, test_size=0.3, random_state=0),
    "two rows": [(np.arange(2, 148), np.array([0, 148]))],
}


@pytest.fixture(params=KINDS)
def fit(request):
    stack, (X, y) = KINDS[request.param]

    def fit_with(cv):
        groups = {"groups": GROUPS} if isinstance(cv, GroupShuffleSplit) else {}
        return clone(stack).set_params(cv=cv).fit(X, y, **groups), X, y

    return fit_with


@pytest.mark.parametrize("cv", [*ENOUGH.values(), *TOO_FEW.values()], ids=[*ENOUGH, *TOO_FEW])
def test_the_scores_of_the_learners_are_those_on_the_held_out_rows(fit, cv):
    stack, X, y = fit(cv)
    board = stack.leaderboard(X, y)
    ((train, test),) = stack.out_of_fold_predictions_.splits
    for name, learner in stack.estimators:
        score = clone(learner).fit(X[train], y[train]).score(X[test], y[test])
        assert board.loc[name, "out_of_fold"] == pytest.approx(score)
    assert sorted(board.index) == sorted(
        [name for name, _ in stack.estimators] + ["average", "stack"]
    )
    assert board.loc["stack", "test"] == pytest.approx(stack.score(X, y))
    assert list(board.index[board["predicts"]]) == ["stack"]


@pytest.mark.parametrize("cv", ENOUGH.values(), ids=ENOUGH)
def test_the_stack_has_an_honest_score(fit, cv):
    stack, _, _ = fit(cv)
    assert np.isfinite(
        stack.leaderboard().loc["stack", ["out_of_fold", "difference"]].tolist()
    ).all()


@pytest.mark.parametrize("cv", TOO_FEW.values(), ids=TOO_FEW)
def test_of_rows_that_are_too_few_it_is_not_known(fit, cv):
    stack, _, _ = fit(cv)
    board = stack.leaderboard()
    assert board.index[-1] == "stack"
    assert board.loc["stack", ["out_of_fold", "difference", "standard_error"]].isna().all()


@pytest.mark.parametrize("cv", [*ENOUGH.values(), *TOO_FEW.values()], ids=[*ENOUGH, *TOO_FEW])
def test_there_are_a_report_and_a_diagnosis(fit, cv, tmp_path):
    stack, X, y = fit(cv)
    assert "coverage" in [finding.kind for finding in diagnose(stack)]
    page = write_report(stack, tmp_path / "report.html", X, y).read_text()
    is_known = np.isfinite(stack.leaderboard().loc["stack", "out_of_fold"])
    assert ("too few, or of one group" in page) == (not is_known)
    assert "nan" not in page.lower().replace("nance", "")
