"""What scikit-learn expects of every estimator: attributes, names, output, what changes nothing."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection
from public_estimators import (
    CLASSES,
    CLASSES_OF_ESTIMATORS,
    LEARNERS,
    TABLE,
    TEXTS,
    TRANSFORMERS,
    data_for,
    make,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from stackens import SequenceFlattener, StackingClassifier, View, load, make_views, save

ON_TABLES = [n for n in CLASSES_OF_ESTIMATORS if data_for(n)[0] is TABLE]
NAMING = [n for n, cls in CLASSES_OF_ESTIMATORS.items() if hasattr(cls, "get_feature_names_out")]
SEARCHES = [n for n in CLASSES_OF_ESTIMATORS if n.endswith("SearchCV")]
COLUMNS = [f"column {i}" for i in range(TABLE.shape[1])]


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value is other[name] or pickle.dumps(value) == pickle.dumps(other[name]), name


@pytest.mark.parametrize("name", LEARNERS)
def test_predictions_of_several_networks_change_nothing(name):
    learner = make(name).set_params(n_seeds=2).fit(*data_for(name))
    for one in (learner, copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))):
        before = dict(vars(one))
        expected = one.predict(TABLE)
        same(before, vars(one))
        np.testing.assert_array_equal(expected, learner.predict(TABLE))


def test_predictions_of_loaded_networks_change_nothing(tmp_path):
    learner = make("StackedRNNClassifier").set_params(n_seeds=2).fit(TABLE, CLASSES)
    save(learner, tmp_path / "file")
    loaded = load(tmp_path / "file")
    before = dict(vars(loaded))
    np.testing.assert_array_equal(loaded.predict_proba(TABLE), learner.predict_proba(TABLE))
    same(before, vars(loaded))


@pytest.mark.parametrize("name", LEARNERS)
def test_several_networks_do_not_claim_partial_fit(name):
    learner = make(name)
    assert hasattr(learner, "partial_fit")
    assert not hasattr(learner.set_params(n_seeds=2), "partial_fit")


@pytest.mark.parametrize("name", ON_TABLES)
def test_fitted_on_a_frame_an_estimator_knows_its_columns(name):
    X, y = data_for(name)
    fitted = make(name).fit(pd.DataFrame(X, columns=COLUMNS), y)
    assert fitted.n_features_in_ == len(COLUMNS)
    assert list(fitted.feature_names_in_) == COLUMNS
    unfitted = clone(fitted)
    assert not hasattr(unfitted, "n_features_in_")
    assert not hasattr(unfitted, "feature_names_in_")


@pytest.mark.parametrize("name", NAMING)
def test_names_of_columns_need_a_fit_and_the_right_names(name):
    with pytest.raises(NotFittedError):
        make(name).get_feature_names_out()
    with pytest.raises(NotFittedError):
        make(name).get_feature_names_out(COLUMNS)
    X, y = data_for(name)
    fitted = make(name).fit(pd.DataFrame(X, columns=COLUMNS), y)
    fitted.get_feature_names_out(COLUMNS)
    with pytest.raises(ValueError, match=r"feature_names_in_|input_features"):
        fitted.get_feature_names_out(COLUMNS[::-1])
    fitted = make(name).fit(X, y)
    with pytest.raises(ValueError, match="input_features should have length equal"):
        fitted.get_feature_names_out(COLUMNS[1:])


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_transformer_takes_an_output(name):
    data = TEXTS if name == "SequenceVectorizer" else TABLE[:, :, np.newaxis]
    for transformer in (make(name), make(name).fit(data)):
        assert transformer.set_output(transform="pandas") is transformer
        assert clone(transformer).set_output(transform=None).fit(data) is not None
        pipeline = make_pipeline(transformer, SequenceFlattener())
        pipeline.set_output(transform="pandas")
    plain = make(name).fit_transform(data)
    found = make(name).set_output(transform="pandas").fit_transform(data)
    np.testing.assert_array_equal(np.asarray(found), plain)


def test_a_pipeline_with_sequences_inside_ends_in_a_frame():
    steps = (make("SequencePadder"), make("SequenceDifferencer"), make("SequenceFlattener"))
    pipeline = make_pipeline(*steps).set_output(transform="pandas")
    assert isinstance(pipeline.fit_transform(TABLE), pd.DataFrame)


@pytest.mark.parametrize(
    ("X", "width"),
    [
        (TABLE, 6),
        (TABLE.tolist(), 6),
        (np.zeros((24, 5, 2)), 2),
        ([np.zeros((n, 3)) for n in (2, 4)], 3),
        ([[1.0], [1.0, 2.0]], 1),
        (TEXTS, None),
        (make_views(a=TABLE, b=TABLE), None),
    ],
)
def test_a_view_counts_what_it_was_fitted_on(X, width):
    view = View("a" if hasattr(X, "dtype") and X.dtype == object else None).fit(X)
    assert getattr(view, "n_features_in_", None) == width


def test_a_view_of_columns_by_number_refuses_another_order():
    frame = pd.DataFrame(TABLE, columns=COLUMNS)
    with pytest.raises(ValueError, match="must be in the same order"):
        View(columns=[0, 1]).fit(frame).transform(frame[COLUMNS[::-1]])
    with pytest.raises(ValueError, match="5 features"):
        View(columns=[0, 1]).fit(TABLE).transform(TABLE[:, 1:])
    by_name = View(columns=COLUMNS[:2]).fit(frame)
    assert by_name.transform(frame[COLUMNS[::-1]]).equals(frame[COLUMNS[:2]])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("final", [LogisticRegression(), LinearSVC(), GaussianNB()])
@pytest.mark.parametrize("fallback", ["best", "average"])
def test_a_stack_with_a_fallback_predicts_as_it_says(final, fallback, n_classes):
    y = np.arange(24) % n_classes
    learners = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]
    stack = StackingClassifier(learners, final, cv=2, fallback=fallback)
    methods = [m for m in ("predict_proba", "decision_function") if hasattr(stack, m)]
    assert methods == [m for m in ("predict_proba", "decision_function") if hasattr(final, m)]
    X = np.random.default_rng(1).normal(size=(24, 3))  # nothing to learn: the fallback may win
    stack.fit(X, y)
    for method in methods:  # a fallback may have more
        values = getattr(stack, method)(X)
        codes = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        assert values.shape == ((24,) if method[0] == "d" and n_classes == 2 else (24, n_classes))
        if stack.predicts_with_ != "stack":
            np.testing.assert_array_equal(codes, stack.predict(X))


@pytest.mark.parametrize("name", SEARCHES)
def test_every_parameter_of_a_search_has_its_constraint(name):
    search = make(name)
    assert search.get_params(deep=False).keys() == search._parameter_constraints.keys()
    base = getattr(sklearn.model_selection, name)
    assert base._parameter_constraints.items() <= search._parameter_constraints.items()
    with pytest.raises(ValueError, match="memory"):
        search.set_params(memory=3).fit(TABLE, CLASSES)
