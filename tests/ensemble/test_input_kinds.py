"""Kinds of input that scikit-learn's estimators take, and what learners may predict as."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf
from public_estimators import (
    CLASSES,
    LEARNERS,
    TABLE,
    VALUES,
    data_for,
    make,
)
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from stackens import ColumnwiseRegressor, StackingClassifier, StackingRegressor, View, make_views
from stackens.exceptions import InvalidInputError
from stackens.views import with_rows


class OnlyArray:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


KINDS = {
    **{
        f"{form} {kind.__name__}": lambda values, kind=kind, form=form: kind(values).asformat(form)
        for form in ("bsr", "coo", "csc", "dia", "dok", "lil")
        for kind in (scipy.sparse.csr_matrix, scipy.sparse.csr_array)
    },
    "only __array__": OnlyArray,
    "tensor": tf.constant,
}


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_takes_what_its_learners_take(kind, passthrough):
    X = KINDS[kind](TABLE)
    options = {"cv": 3, "passthrough": passthrough, "final_estimator": LogisticRegression(C=0.1)}
    learners = [("linear", LogisticRegression())]
    expected = StackingClassifier(learners, **options).fit(TABLE, CLASSES).predict_proba(TABLE)
    found = StackingClassifier(learners, **options).fit(X, CLASSES).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["only __array__", "tensor"])
@pytest.mark.parametrize("name", ["GridSearchCV", "View", "SequenceScaler", "DistilledRegressor"])
def test_others_take_them_too(name, kind):
    _, y = data_for(name)
    fitted, expected = make(name).fit(KINDS[kind](TABLE), y), make(name).fit(TABLE, y)
    method = "predict" if hasattr(fitted, "predict") else "transform"
    found = getattr(fitted, method)(KINDS[kind](TABLE))
    np.testing.assert_allclose(found, getattr(expected, method)(TABLE))


def test_a_sparse_view_beside_a_table():
    coo = scipy.sparse.coo_array(TABLE)
    X = make_views(words=coo, number=TABLE[:, :1])
    np.testing.assert_array_equal(View("words").fit_transform(X[3:5]).toarray(), TABLE[3:5])
    assert with_rows(TABLE) is TABLE


SEVERAL = {
    "list": [np.zeros((24, 5, 2)), TABLE],
    "tuple": (TABLE, TABLE),
    "frames": [pd.DataFrame(TABLE), pd.DataFrame(TABLE)],
    "dict": {"a": TABLE, "b": TABLE.tolist()},
}


@pytest.mark.parametrize("several", SEVERAL)
@pytest.mark.parametrize("name", [*LEARNERS, "StackingClassifier", "DistilledRegressor"])
def test_several_inputs_name_what_puts_them_together(name, several):
    y = VALUES if name.endswith("Regressor") else CLASSES
    with pytest.raises(InvalidInputError, match=r"`make_views\(name=…, other=…\)`"):
        make(name).fit(SEVERAL[several], y)


FORMS = {
    "list": lambda values: values.tolist(),
    "Series": lambda values: (pd.Series if values.ndim == 1 else pd.DataFrame)(
        values, index=np.arange(len(values)) + 100
    ),
    "tensor": tf.constant,
}


class _Gives(BaseEstimator):
    def __init__(self, form=None):
        self.form = form

    def _give(self, values):
        return values if self.form is None else FORMS[self.form](values)

    def predict(self, X):
        return self._give(self.model_.predict(X))


class GivesClasses(ClassifierMixin, _Gives):
    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self._give(self.model_.predict_proba(X))


class GivesValues(RegressorMixin, _Gives):
    def fit(self, X, y):
        self.model_ = Ridge().fit(X, y)
        return self


@pytest.mark.parametrize("options", [{}, {"predict_with": "folds"}, {"fallback": "best"}])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "logit"])
@pytest.mark.parametrize("form", FORMS)
def test_classifiers_may_predict_as_they_like(form, method, options):
    def stack(form):
        learners = [("own", GivesClasses(form)), ("tree", GaussianNB())]
        return StackingClassifier(learners, cv=3, stack_method=method, **options)

    found, expected = (stack(f).fit(TABLE, CLASSES) for f in (form, None))
    np.testing.assert_allclose(found.predict_proba(TABLE), expected.predict_proba(TABLE))
    boards = [s.leaderboard(TABLE, CLASSES)["test"].to_dict() for s in (found, expected)]
    assert boards[0] == boards[1]


@pytest.mark.parametrize("predict_with", ["refit", "folds"])
@pytest.mark.parametrize("y", [VALUES, TABLE[:, :2]], ids=["one", "two"])
@pytest.mark.parametrize("form", FORMS)
def test_regressors_may_predict_as_they_like(form, y, predict_with):
    def stack(form):
        return StackingRegressor([("own", GivesValues(form))], cv=3, predict_with=predict_with)

    found, expected = (stack(f).fit(TABLE, y).predict(TABLE) for f in (form, None))
    np.testing.assert_allclose(found, expected)
    column = ColumnwiseRegressor(GivesValues(form)).fit(TABLE, VALUES).predict(TABLE)
    assert isinstance(column, np.ndarray)


def test_a_score_that_raises_is_raised():
    stack = StackingClassifier([("linear", LogisticRegression())], cv=3).fit(TABLE, CLASSES)

    def score(estimator, X, y):
        return estimator.of_a_typo

    with pytest.raises(AttributeError, match="of_a_typo"):
        stack.leaderboard(scoring=score)
