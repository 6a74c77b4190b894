"""Names of columns, also where learners do not look at them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    SequenceFlattener,
    StackingClassifier,
    StackingRegressor,
    View,
    load,
    make_views,
    save,
)
from stackens.exceptions import InvalidInputError

rng = np.random.default_rng(0)
VALUES = rng.normal(size=(30, 3)) * [1.0, 10.0, 100.0]
CLASSES = (VALUES[:, 0] > 0).astype(int)
PANDAS = pd.DataFrame(VALUES, columns=["a", "b", "c"])
FRAMES = {"pandas": PANDAS, "polars": pl.DataFrame(PANDAS)}


class ByPlace(BaseEstimator):
    """Looks at no names, as learners of other packages."""

    def fit(self, X, y):
        self.model_ = self._model().fit(np.asarray(X), y)
        return self

    def predict(self, X):
        return self.model_.predict(np.asarray(X))


class Classes(ClassifierMixin, ByPlace):
    _model = LogisticRegression

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return super().fit(X, y)

    def predict_proba(self, X):
        return self.model_.predict_proba(np.asarray(X))


class Values(RegressorMixin, ByPlace):
    _model = Ridge


def swapped(frame):
    return frame[["c", "b", "a"]]


def renamed(frame):
    return type(frame)({name: frame[old] for name, old in zip("axc", "abc", strict=True)})


def classifier(*learners, **options):
    named = [(f"l{k}", learner) for k, learner in enumerate(learners or [Classes()])]
    return StackingClassifier(named, cv=3, **options)


@pytest.mark.parametrize("change", [swapped, renamed])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "transform"])
@pytest.mark.parametrize("options", [{}, {"predict_with": "folds"}, {"fallback": "best"}], ids=str)
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_stack_refuses_columns_of_other_names_or_order(frame, options, method, change):
    stack = classifier(**options).fit(frame, CLASSES)
    assert stack.feature_names_in_.tolist() == ["a", "b", "c"]
    getattr(stack, method)(frame)
    with pytest.raises(InvalidInputError, match=r"feature names.*\['a', 'b', 'c'\] and are"):
        getattr(stack, method)(change(frame))


def test_a_frame_of_another_library_with_the_same_names_is_taken():
    stack = StackingRegressor([("v", Values())], cv=3).fit(PANDAS, VALUES[:, 0])
    np.testing.assert_allclose(stack.predict(FRAMES["polars"]), stack.predict(PANDAS))
    with pytest.raises(InvalidInputError, match="feature names"):
        stack.score(swapped(PANDAS), VALUES[:, 0])


def test_a_prefit_stack_refuses_them():
    stack = StackingClassifier([("c", Classes().fit(PANDAS, CLASSES))], cv="prefit")
    stack.fit(PANDAS, CLASSES).predict(PANDAS)
    with pytest.raises(InvalidInputError, match="feature names"):
        stack.predict(swapped(PANDAS))


def test_a_loaded_stack_refuses_them(tmp_path):
    learner = make_pipeline(View("table"), StandardScaler(), LogisticRegression())
    for X, other in (
        (PANDAS, swapped(PANDAS)),
        (make_views(table=PANDAS), make_views(table=swapped(PANDAS))),
    ):
        own = learner if X is not PANDAS else LogisticRegression()
        save(classifier(own).fit(X, CLASSES), tmp_path / "stack.zip")
        loaded = load(tmp_path / "stack.zip")
        loaded.predict(X)
        with pytest.raises(InvalidInputError, match="feature names"):
            loaded.predict(other)


def test_views_of_tables_are_compared_if_a_learner_takes_them_by_place():
    def views(table, other=PANDAS):
        return make_views(table=table, other=other)

    by_place = make_pipeline(View("table"), Classes())
    by_name = make_pipeline(View("other", columns=["b", "a"]), Classes())
    stack = classifier(by_place, by_name).fit(views(PANDAS), CLASSES)
    expected = stack.predict_proba(views(PANDAS))
    found = stack.predict_proba(views(PANDAS, swapped(PANDAS)))
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(InvalidInputError, match="of view 'table'"):
        stack.predict(views(swapped(PANDAS)))


def test_columns_may_come_in_any_order_where_all_learners_select_them_by_name():
    chosen = make_column_transformer((StandardScaler(), ["c", "a"]))
    learners = [make_pipeline(head, Classes()) for head in (chosen, View(columns=["b"]))]
    stack = classifier(*learners).fit(PANDAS, CLASSES)
    expected = stack.predict_proba(PANDAS)
    np.testing.assert_array_equal(stack.predict_proba(swapped(PANDAS).assign(d=1)), expected)
    passing = classifier(*learners, passthrough=True).fit(PANDAS, CLASSES)
    with pytest.raises(InvalidInputError, match="feature names"):
        passing.predict(swapped(PANDAS))


def test_channels_of_a_list_of_frames_are_compared():
    X = [PANDAS[i : i + 3] for i in range(0, 30, 3)]
    y = np.arange(10) % 2

    class Head(SequenceFlattener):
        def transform(self, X):
            return super().transform([np.asarray(x) for x in X])

        def fit(self, X, y=None):
            return super().fit([np.asarray(x) for x in X])

        def fit_transform(self, X, y=None):
            return self.fit(X).transform(X)

    stack = classifier(make_pipeline(Head(), Classes())).fit(X, y)
    stack.predict(X)
    with pytest.raises(InvalidInputError, match="feature names"):
        stack.predict([swapped(x) for x in X])


def test_a_stack_forgets_names_when_it_is_fitted_on_an_array():
    stack = classifier().fit(PANDAS, CLASSES).fit(VALUES, CLASSES)
    assert not hasattr(stack, "feature_names_in_")
    stack.predict(swapped(PANDAS))  # as scikit-learn: nothing is known of names
