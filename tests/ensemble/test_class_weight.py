"""`class_weight` by label: a stack numbers classes, and whoever weighs them by name is told."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from stackens import StackedRNNClassifier, StackingClassifier, TransformerClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4))
CODES = np.arange(48) % 3
LABELS = {
    "numbers from 1": np.array([1, 2, 3]),
    "strings": np.array(["b", "c", "a"]),
    "upside down": np.array([2, 1, 0]),
}
FAST = {"epochs": 2, "random_state": 0}


def linear(weights):
    return LogisticRegression(class_weight=weights)


LEARNERS = {
    "linear": linear,
    "tree": lambda w: DecisionTreeClassifier(max_depth=2, class_weight=w, random_state=0),
    "pipeline": lambda w: make_pipeline(StandardScaler(), linear(w)),
    "search": lambda w: GridSearchCV(linear(w), {"C": [0.1, 1.0]}, cv=2),
    "search of a pipeline": lambda w: GridSearchCV(
        make_pipeline(StandardScaler(), linear(w)), {"logisticregression__C": [1.0]}, cv=2
    ),
    "calibrated": lambda w: CalibratedClassifierCV(linear(w), cv=2),
    "network": lambda w: StackedRNNClassifier(2, class_weight=w, **FAST),
    "pipeline of a network": lambda w: make_pipeline(
        StandardScaler(), StackedRNNClassifier(2, class_weight=w, **FAST)
    ),
    "transformer": lambda w: TransformerClassifier(4, n_heads=1, class_weight=w, **FAST),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)
def test_a_learner_weighs_in_a_stack_as_it_does_alone(make, labels):
    y, weights = labels[CODES], dict(zip(labels.tolist(), (1.0, 30.0, 5.0), strict=True))
    learner = make(weights)
    stack = StackingClassifier([("one", learner)], linear(None), cv=2).fit(X, y)
    alone = clone(learner).fit(X, y)
    np.testing.assert_array_equal(
        stack.estimators_[0].predict_proba(X), alone.predict_proba(X), strict=True
    )
    unweighted = make(None).fit(X, y)  # the weights are seen at all
    assert np.abs(alone.predict_proba(X) - unweighted.predict_proba(X)).max() > 1e-3


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_a_final_estimator_weighs_by_label(labels):
    y, weights = labels[CODES], dict(zip(labels.tolist(), (1.0, 30.0, 5.0), strict=True))
    inner = StackingClassifier([("tree", DecisionTreeClassifier(random_state=0))], cv=2)
    stack = clone(inner).set_params(final_estimator=linear(weights)).fit(X, y)
    order = np.argsort(labels)  # scikit-learn numbers labels in their order
    numbers = dict(zip(range(3), np.array([1.0, 30.0, 5.0])[order], strict=True))
    again = clone(inner).set_params(final_estimator=linear(numbers))
    again.fit(X, np.argsort(order)[CODES])
    np.testing.assert_allclose(stack.final_estimator_.coef_, again.final_estimator_.coef_)


def test_a_nested_stack_hands_numbers_on():
    y, weights = LABELS["numbers from 1"][CODES], {1: 1.0, 2: 30.0, 3: 5.0}
    inner = StackingClassifier([("linear", linear(weights))], linear(weights), cv=2)
    outer = StackingClassifier([("inner", inner)], linear(None), cv=2).fit(X, y)
    alone = clone(inner).fit(X, y)
    np.testing.assert_allclose(outer.estimators_[0].predict_proba(X), alone.predict_proba(X))


def test_what_is_given_stays_and_an_unknown_label_is_refused_as_alone():
    y = np.array(["a", "b", "c"])[CODES]
    given = {"a": 2.0, "b": 1.0, "d": 9.0}
    learner = linear(given)
    with pytest.raises(ValueError, match="not in class_weight"):
        clone(learner).fit(X, y)
    with pytest.raises(ValueError, match="not in class_weight"):
        StackingClassifier([("linear", learner)], cv=2).fit(X, y)
    assert learner.class_weight is given
    assert given == {"a": 2.0, "b": 1.0, "d": 9.0}


def test_thresholds_and_margins_weigh_by_label_too():
    y = np.where(CODES > 0, "yes", "no")
    for learner in (
        FixedThresholdClassifier(linear({"no": 1.0, "yes": 20.0}), pos_label=None),
        SVC(class_weight={"no": 1.0, "yes": 20.0}),
    ):
        stack = StackingClassifier([("one", learner)], cv=2).fit(X, y)
        numbers = stack.estimators_[0].predict(X)
        np.testing.assert_array_equal(
            np.array(["no", "yes"])[numbers], clone(learner).fit(X, y).predict(X)
        )
