"""Stacks that the tests of displays and reports share; fitted once."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from stackens import (
    SequenceFlattener,
    StackedRNNClassifier,
    StackingClassifier,
    StackingRegressor,
)
from stackens.datasets import load_digits_sequences


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="session")
def rnn_stack(digits):
    """Two networks, one of which stops early, and a forest, on three folds."""
    learners = [
        ("lstm", StackedRNNClassifier(units=8, epochs=3)),
        ("gru", StackedRNNClassifier(cell="gru", units=8, epochs=4, early_stopping=True)),
        (
            "forest",
            make_pipeline(SequenceFlattener(), RandomForestClassifier(20, random_state=0)),
        ),
    ]
    final = LogisticRegression(max_iter=1000)
    return StackingClassifier(learners, final, cv=3, random_state=0).fit(*digits)


@pytest.fixture(scope="session")
def healthy():
    """Three different learners of two classes, with rows enough."""
    learners = [
        ("linear", make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))),
        ("bayes", GaussianNB()),
        ("forest", RandomForestClassifier(30, random_state=0)),
    ]
    return StackingClassifier(learners, LogisticRegression()).fit(
        *load_breast_cancer(return_X_y=True)
    )


@pytest.fixture(scope="session")
def regression():
    learners = [
        ("ridge", Ridge(0.1)),
        ("neighbors", KNeighborsRegressor(20)),
        ("tree", DecisionTreeRegressor(max_depth=3, random_state=0)),
    ]
    return StackingRegressor(learners).fit(*load_diabetes(return_X_y=True))


@pytest.fixture(scope="session")
def outputs(regression):
    """Two target columns."""
    X, y = load_diabetes(return_X_y=True)
    both = StackingRegressor(
        [("ridge", Ridge(0.1)), ("neighbors", KNeighborsRegressor(20))], Ridge()
    )
    return both.fit(X, y[:, None] ** [1, 2] / [1, 100])
