"""scikit-learn's own checks of estimators, on every public estimator and its usual variants."""

from __future__ import annotations

import inspect

import keras
import pytest
from public_estimators import CLASSES_OF_ESTIMATORS, LEARNERS
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

import stackens
from stackens import model_selection, text

WEIGHTS = (
    "rows of weight 2 and repeated rows fall into other mini-batches; scikit-learn expects this "
    "of its own mini-batch learners"
)
OF_NETWORKS = {"check_sample_weight_equivalence_on_dense_data": WEIGHTS}


def dense(meta):
    """A network for `build`, at the top of a module so that it can be pickled."""
    activation = "softmax" if "classes_" in meta else None
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(meta["n_classes_" if activation else "n_outputs_"], activation),
        ]
    )


# What learns as much in less time than with the defaults.
SHORTER = {
    "TransformerClassifier": {"d_model": 16, "n_layers": 1, "epochs": 20},
    "TransformerRegressor": {"n_layers": 1},
}


def make_learner(name):
    """A learner by its defaults, with a network for `build` if it takes one."""
    cls, options = CLASSES_OF_ESTIMATORS[name], SHORTER.get(name, {})
    takes_build = "build" in inspect.signature(cls).parameters
    return cls(dense, **options) if takes_build else cls(**options)


def variants(stack, learners):
    """A stack, and the settings that change what is fitted and what predicts."""
    return [
        stack(learners, cv=2),
        stack(learners, cv=2, passthrough=True),
        stack(learners, cv=2, fallback="best"),
        stack(learners, cv=2, predict_with="folds"),
        stack(learners, cv=2, memory="memory", random_state=0),
    ]


CLASSIFIERS = [("logistic", LogisticRegression()), ("ridge", RidgeClassifier())]
REGRESSORS = [("ridge", Ridge()), ("linear", LinearRegression())]
NETWORKS = [
    *(make_learner(name) for name in LEARNERS),
    stackens.StackedRNNClassifier(units=16, n_seeds=2, epochs=30),
    stackens.StackedRNNRegressor(units=16, n_seeds=2, memory="memory", random_state=0),
    stackens.StackingClassifier(
        [("rnn", stackens.StackedRNNClassifier(units=16)), *CLASSIFIERS],
        cv=2,
        predict_with="folds",
        memory="memory",
        random_state=0,
    ),
    stackens.DistilledClassifier(
        stackens.StackingClassifier(CLASSIFIERS, cv=2),
        stackens.StackedRNNClassifier(units=16, epochs=20),
    ),
    stackens.DistilledRegressor(
        stackens.StackingRegressor(REGRESSORS, cv=2), stackens.StackedRNNRegressor()
    ),
]
OTHERS = [
    *variants(stackens.StackingClassifier, CLASSIFIERS),
    *variants(stackens.StackingRegressor, REGRESSORS),
    stackens.ColumnwiseRegressor(Ridge()),
    stackens.ConvexBlendClassifier(),
    stackens.ConvexBlendRegressor(),
    stackens.ConvexBlendRegressor(0.1),
    stackens.DiscreteSuperLearnerClassifier(),
    stackens.DiscreteSuperLearnerRegressor(),
    stackens.EnsembleSelectionClassifier(),
    stackens.EnsembleSelectionRegressor(),
    stackens.HydraConvolutions(3, 4),
    stackens.RandomConvolutions(168),
    stackens.SequenceDifferencer(),
    stackens.SequenceFlattener(),
    stackens.SequenceImputer(),
    stackens.SequencePadder(),
    stackens.SequencePatcher(),
    stackens.SequenceScaler(),
    stackens.SequenceScaler(by="sequence"),
    stackens.SequenceSummarizer(),
    stackens.SlidingWindows(),
    model_selection.GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score="raise"
    ),
    model_selection.RandomizedSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1.0]},
        n_iter=2,
        cv=2,
        error_score="raise",
        random_state=0,
    ),
]
# They take no table of numbers, of which most checks are.
WITHOUT_TABLE = [
    stackens.EmbeddingPretrainer(stackens.StackedRNNClassifier(vocabulary_size=9)),  # tokens
    stackens.NaiveForecaster(),  # y comes first
    stackens.WindowForecaster(Ridge(), 2),
    stackens.SequenceVectorizer(),  # texts
    text.SequenceTranslator(),
    text.StackedRNNLanguageModel(),
    stackens.View(),  # hands on whatever comes
]
CHECKS_WITHOUT_TABLE = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_get_params_invariance",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]


def describe(value):
    """Name a case; scikit-learn's own names hold addresses of functions."""
    if isinstance(value, BaseEstimator):
        return type(value).__name__
    return getattr(getattr(value, "func", value), "__name__", type(value).__name__)


def cases(estimators, expected_to_fail):
    return [
        case
        for estimator in estimators
        for case in estimator_checks_generator(
            estimator, expected_failed_checks=expected_to_fail, mark="xfail"
        )
    ]


@pytest.mark.parametrize(
    ("estimator", "check"), [*cases(NETWORKS, OF_NETWORKS), *cases(OTHERS, {})], ids=describe
)
def test_passes_every_check(estimator, check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where `memory` is
    check(estimator)


@pytest.mark.parametrize("estimator", WITHOUT_TABLE, ids=describe)
@pytest.mark.parametrize("check", CHECKS_WITHOUT_TABLE)
def test_passes_the_checks_that_need_no_table(check, estimator):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_every_public_estimator_is_checked():
    assert {type(e) for e in [*NETWORKS, *OTHERS, *WITHOUT_TABLE]} == set(
        CLASSES_OF_ESTIMATORS.values()
    )
