"""Each finding is there in a stack that was made to show it, and absent in a healthy one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, recall_score
from sklearn.model_selection import ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from stackens import (
    ConvexBlendClassifier,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.exceptions import InvalidInputError, LearnerDroppedWarning
from stackens.inspection import diagnose


def found_in(stack):
    return {finding.kind: finding.text for finding in diagnose(stack)}


class Fails(LogisticRegression):
    """Raises an error in ``fit``."""

    def fit(self, X, y, sample_weight=None):
        raise ValueError("no luck")


def test_nothing_is_found_in_a_healthy_stack(healthy, regression):
    assert diagnose(healthy) == []
    assert diagnose(regression) == []


def test_few_rows_are_covered(healthy):
    X, y = load_breast_cancer(return_X_y=True)
    cv = ShuffleSplit(2, test_size=0.2, random_state=0)
    stack = clone(healthy).set_params(cv=cv).fit(X, y)
    n_covered = np.count_nonzero(stack.coverage_)
    text = found_in(stack)["coverage"]
    assert f"{n_covered} of {len(y)} rows ({n_covered / len(y):.0%})" in text


def test_few_rows_for_the_columns():
    X, y = load_iris(return_X_y=True)
    rows = np.arange(0, 150, 4)
    learners = [
        ("linear", LogisticRegression(max_iter=1000)),
        ("bayes", GaussianNB()),
        ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
    ]
    stack = StackingClassifier(learners, cv=3).fit(X[rows], y[rows])
    assert "from 38 rows what to do with 9 columns" in found_in(stack)["few_rows"]
    assert "few_rows" not in found_in(stack.with_final_estimator(ConvexBlendClassifier()))


def test_learners_are_nearly_identical(healthy):
    X, y = load_breast_cancer(return_X_y=True)
    linear = dict(healthy.estimators)["linear"]
    twin = clone(linear).set_params(logisticregression__C=0.98)
    stack = StackingClassifier([*healthy.estimators, ("twin", twin)]).fit(X, y)
    kept = stack.out_of_fold_predictions_
    errors = [np.abs(block[:, 0] - kept.y) for block in kept.blocks.values()]
    expected = np.corrcoef(errors)[0, 3]
    assert expected > 0.95
    assert f"twin and linear ({expected:.2f})" in found_in(stack)["alike"]
    assert "bayes" not in found_in(stack)["alike"]


def test_folds_overfit():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 6, 3)), np.arange(60) % 2  # there is nothing to be learnt
    learner = StackedRNNClassifier(units=24, epochs=40, learning_rate=0.02, batch_size=8)
    learners = [("keen", learner), ("dull", clone(learner).set_params(epochs=1))]
    stack = StackingClassifier(learners, cv=2, random_state=0).fit(X, y)
    text = found_in(stack)["overfitting"]
    assert text.startswith("keen in 2 of 2 folds")
    assert "dull" not in text
    parts = stack.histories_["keen"]
    train = np.mean([parts[f"fold {k}"]["loss"][-1] for k in (0, 1)])
    outputs = stack.out_of_fold("keen")
    clipped = np.clip(outputs.y_proba, 1e-7, 1)
    test = np.mean(
        [log_loss(y[outputs.fold == k], clipped[outputs.fold == k], labels=[0, 1]) for k in (0, 1)]
    )
    assert f"mean loss {train:.3g} on the rows" in text
    assert test > 4 * train


def test_folds_of_numbers_overfit():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 6, 3)), random.normal(size=60)
    learner = StackedRNNRegressor(units=24, epochs=60, learning_rate=0.02, batch_size=8)
    stack = StackingRegressor([("keen", learner)], cv=2, random_state=0).fit(X, y)
    assert "keen in 2 of 2 folds" in found_in(stack)["overfitting"]
    other = StackingRegressor(
        [("keen", clone(learner).set_params(loss="mean_absolute_error"))], cv=2, random_state=0
    )
    assert "overfitting" not in found_in(other.fit(X, y))  # another loss than is computed here


def test_a_class_is_carried_by_one_learner():
    random = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(150) % 3]
    X = random.normal(size=(150, 2))
    X[:, 0] += 6 * (y == "a")
    X[:, 1] += 6 * (y == "b")
    blind = make_column_transformer(("passthrough", [0]))  # to what tells b from c
    learners = [
        ("seeing", LogisticRegression()),
        ("blind", make_pipeline(blind, DecisionTreeClassifier(max_depth=1, random_state=0))),
    ]
    stack = StackingClassifier(learners).fit(X, y)
    text = found_in(stack)["carried_class"]
    carried = []
    for label in "abc":
        recalls = [
            recall_score(y, stack.out_of_fold(name).y_pred, labels=[label], average=None)[0]
            for name in ("seeing", "blind")
        ]
        assert (f"class {label} by seeing" in text) == (recalls[0] - recalls[1] >= 0.25)
        carried += [label] * (f"class {label}" in text)
    assert carried
    assert "a" not in carried


def test_learners_are_missing():
    X, y = load_iris(return_X_y=True)
    learners = [("linear", LogisticRegression(max_iter=1000)), ("broken", Fails())]
    with pytest.warns(LearnerDroppedWarning):
        stack = StackingClassifier(learners, on_failure="drop").fit(X, y)
    assert "broken: ValueError in fold 0: no luck" in found_in(stack)["dropped"]


def test_the_final_estimator_loses_what_the_learners_know(healthy):
    stack = healthy.with_final_estimator(DummyClassifier())
    text = found_in(stack)["final_estimator"]
    board = stack.leaderboard()
    gap = board["difference"].max() - board.loc["stack", "difference"]
    assert f"better than the stack by {gap:.3g}" in text
    assert str(board["difference"].idxmax()) in text


def test_a_fallback_predicts(healthy):
    stack = healthy.with_final_estimator(DummyClassifier())
    stack = stack.set_params(fallback="average").with_final_estimator(DummyClassifier())
    assert list(found_in(stack)) == ["fallback"]
    assert "The average of all learners predicts" in found_in(stack)["fallback"]


def test_what_is_no_stack_is_refused():
    with pytest.raises(InvalidInputError, match=r"diagnose draws a stack.*got Ridge"):
        diagnose(Ridge())
