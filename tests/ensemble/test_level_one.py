"""The level-one matrix against others who make it: scikit-learn, mlxtend, vecstack."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.ensemble
from scipy.special import logit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier

from stackens import ConvexBlendClassifier, StackingClassifier, StackingRegressor
from stackens.exceptions import InvalidInputError

CLASSIFIERS = [
    ("bayes", GaussianNB()),
    ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
    ("forest", RandomForestClassifier(5, random_state=0)),
]
REGRESSORS = [("ridge", Ridge()), ("forest", RandomForestRegressor(5, random_state=0))]
SPLITS = {
    "stratified": StratifiedKFold(4, shuffle=True, random_state=0),
    "plain": KFold(3),
    "list": list(KFold(3, shuffle=True, random_state=1).split(np.zeros(150))),
    "predefined": PredefinedSplit(np.arange(150) % 3),
}


@pytest.mark.parametrize("cv", list(SPLITS))
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_it_is_that_of_cross_val_predict(cv, n_jobs):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    stack = StackingClassifier(CLASSIFIERS, cv=SPLITS[cv], n_jobs=n_jobs).fit(X, y)
    for name, learner in CLASSIFIERS:
        expected = cross_val_predict(clone(learner), X, y, cv=SPLITS[cv], method="predict_proba")
        np.testing.assert_array_equal(stack.out_of_fold_predictions_.blocks[name], expected)
    theirs = sklearn.ensemble.StackingClassifier(CLASSIFIERS, cv=SPLITS[cv]).fit(X, y)
    ours = clone(stack).set_params(final_estimator=LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


def test_a_generator_is_materialised_once_for_all_learners():
    X, y = load_diabetes(return_X_y=True)
    stack = StackingRegressor(REGRESSORS, cv=(s for s in KFold(3).split(X))).fit(X, y)
    expected = StackingRegressor(REGRESSORS, cv=KFold(3)).fit(X, y)
    np.testing.assert_array_equal(
        stack.out_of_fold_predictions_.matrix, expected.out_of_fold_predictions_.matrix
    )


@pytest.mark.parametrize(
    "cv",
    [
        TimeSeriesSplit(4, gap=3),
        RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
        ShuffleSplit(4, test_size=0.2, random_state=0),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_splits_that_are_no_partition_by_hand(cv):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:200], y[:200]
    total, count = np.zeros(200), np.zeros(200, int)
    for train, test in cv.split(X, y):
        model = GaussianNB().fit(X[train], y[train])
        total[test] += model.predict_proba(X[test])[:, 1]
        count[test] += 1
    stack = StackingClassifier([("bayes", GaussianNB())], cv=cv).fit(X, y)
    np.testing.assert_array_equal(stack.coverage_, count)
    kept = stack.out_of_fold_predictions_
    np.testing.assert_array_equal(kept.row_index, np.flatnonzero(count))
    expected = total[count > 0] / count[count > 0]
    np.testing.assert_allclose(kept.blocks["bayes"][:, 0], expected, rtol=1e-12)


def test_groups_are_those_of_the_splitter():
    X, y = load_iris(return_X_y=True)
    groups = np.arange(150) % 7
    stack = StackingClassifier(CLASSIFIERS, cv=GroupKFold(3)).fit(X, y, groups=groups)
    for name, learner in CLASSIFIERS:
        expected = cross_val_predict(
            learner, X, y, groups=groups, cv=GroupKFold(3), method="predict_proba"
        )
        np.testing.assert_array_equal(stack.out_of_fold_predictions_.blocks[name], expected)


def test_a_stack_of_stacks_flows_as_cross_val_predict_does():
    X, y = load_iris(return_X_y=True)
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    final = LogisticRegression(max_iter=500)
    inner = StackingClassifier(CLASSIFIERS[:2], final, cv=cv)
    outer = StackingClassifier([("inner", inner), CLASSIFIERS[2]], final, cv=cv).fit(X, y)
    theirs = sklearn.ensemble.StackingClassifier(CLASSIFIERS[:2], final, cv=cv)
    expected = cross_val_predict(theirs, X, y, cv=cv, method="predict_proba")
    np.testing.assert_allclose(
        outer.out_of_fold_predictions_.blocks["inner"], expected, rtol=1e-9, atol=1e-12
    )


def test_it_is_that_of_mlxtend():
    # Older ones pass scikit-learn an argument that it no longer takes.
    pytest.importorskip("mlxtend", minversion="0.24")
    from mlxtend.classifier import StackingCVClassifier

    X, y = load_iris(return_X_y=True)
    cv = KFold(5, shuffle=True, random_state=3)
    theirs = StackingCVClassifier(
        [learner for _, learner in CLASSIFIERS],
        LogisticRegression(max_iter=500),
        use_probas=True,
        cv=cv,
        store_train_meta_features=True,
        shuffle=False,
        stratify=False,
    ).fit(X, y)
    stack = StackingClassifier(CLASSIFIERS, LogisticRegression(max_iter=500), cv=cv).fit(X, y)
    np.testing.assert_allclose(
        theirs.train_meta_features_, stack.out_of_fold_predictions_.matrix, rtol=1e-12
    )


@pytest.mark.parametrize("regression", [False, True])
def test_it_is_that_of_vecstack(regression):
    vecstack = pytest.importorskip("vecstack")
    X, y = (load_diabetes if regression else load_iris)(return_X_y=True)
    learners = REGRESSORS if regression else CLASSIFIERS
    theirs, _ = vecstack.stacking(
        [learner for _, learner in learners],
        X,
        y,
        X,
        regression=regression,
        needs_proba=not regression,
        n_folds=4,
        shuffle=True,
        stratified=not regression,
        random_state=5,
        mode="oof",
    )
    cls, kind = (StackingRegressor, KFold) if regression else (StackingClassifier, StratifiedKFold)
    stack = cls(learners, cv=kind(4, shuffle=True, random_state=5)).fit(X, y)
    np.testing.assert_allclose(theirs, stack.out_of_fold_predictions_.matrix, rtol=1e-12)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_logits_are_those_of_the_probabilities(load):
    X, y = load(return_X_y=True)
    learners = [CLASSIFIERS[1], ("svc", SVC()), ("tree", DecisionTreeClassifier(max_depth=3))]
    learners[2][1].set_params(random_state=0)
    stack = StackingClassifier(
        [learners[0], learners[2]], LogisticRegression(max_iter=500), stack_method="logit"
    ).fit(X, y)
    plain = clone(stack).set_params(stack_method="predict_proba").fit(X, y)
    for name, block in plain.out_of_fold_predictions_.blocks.items():
        found = stack.out_of_fold_predictions_.blocks[name]
        p = np.clip(block, 1e-9, 1 - 1e-9)
        if block.shape[1] == 1:
            np.testing.assert_allclose(found, logit(p), atol=1e-6)
        else:
            np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-9)
            np.testing.assert_allclose(
                found[:, 0] - found[:, 1], np.log(p[:, 0] / p[:, 1]), atol=1e-6
            )
    # Whoever needs probabilities gets them back.
    ours, theirs = stack.leaderboard(X, y), plain.leaderboard(X, y)
    for name in ("linear", "tree", "average"):
        assert ours.loc[name, "test"] == theirs.loc[name, "test"]
        assert ours.loc[name, "out_of_fold"] == pytest.approx(theirs.loc[name, "out_of_fold"])
    blend = stack.with_final_estimator(ConvexBlendClassifier())
    expected = plain.with_final_estimator(ConvexBlendClassifier())
    np.testing.assert_allclose(blend.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_logits_of_learners_that_are_fitted_already():
    X, y = load_iris(return_X_y=True)
    fitted = [(name, clone(learner).fit(X, y)) for name, learner in CLASSIFIERS[:2]]
    stack, plain = (
        StackingClassifier(fitted, ConvexBlendClassifier(), cv="prefit", stack_method=method)
        for method in ("logit", "predict_proba")
    )
    stack.fit(X, y)
    plain.fit(X, y)
    np.testing.assert_allclose(stack.predict_proba(X), plain.predict_proba(X), atol=1e-6)
    assert stack.stack_method_ == ["predict_proba"] * 2


def test_rows_that_are_not_there_are_refused_before_training():
    X, y = load_iris(return_X_y=True)
    cv = [(np.arange(100), np.arange(100, 151))]
    with pytest.raises(InvalidInputError, match=r"index 150 .* from 0 to 149"):
        StackingClassifier(CLASSIFIERS[:1], cv=cv).fit(X, y)


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_labels_predicted_several_times_are_put_to_the_vote(kind):
    X, y = load_iris(return_X_y=True)
    y = {"multiclass": y, "binary": (y == 1) * 1, "multilabel": np.c_[y == 1, X[:, 0] > 6] * 1}[
        kind
    ]
    cv = RepeatedKFold(n_splits=3, n_repeats=4, random_state=0)
    learner = DecisionTreeClassifier(max_depth=2, random_state=0)
    final = DecisionTreeClassifier(random_state=0)
    stack = StackingClassifier([("tree", learner)], final, cv=cv, stack_method="predict").fit(X, y)
    repeats = np.zeros((4, *y.shape))
    for k, (train, test) in enumerate(cv.split(X)):
        repeats[k // 3, test] = clone(learner).fit(X[train], y[train]).predict(X[test])
    expected = scipy.stats.mode(repeats, axis=0).mode  # of several the smallest
    assert (repeats.mean(axis=0) != expected).any()
    found = stack.out_of_fold_predictions_.blocks["tree"]
    np.testing.assert_array_equal(found, expected.reshape(len(y), -1))
    if kind != "multilabel":
        np.testing.assert_array_equal(stack.out_of_fold("tree").y_pred, expected)


@pytest.mark.parametrize("is_classifier", [True, False])
def test_a_default_stack_is_a_learner_of_a_stack(is_classifier):
    X, y = load_iris(return_X_y=True)
    if is_classifier:
        Stack, learner, method = (
            StackingClassifier,
            LogisticRegression(max_iter=500),
            "predict_proba",
        )
        methods = ["predict", "predict_proba", "decision_function"]
    else:
        Stack, learner, method = StackingRegressor, LinearRegression(), "predict"
        methods = ["predict"]
    inner = Stack([("linear", learner)], cv=3)
    assert all(hasattr(inner, name) for name in methods)
    assert not hasattr(Stack([("linear", learner)], LinearSVR()), "predict_proba")
    with pytest.raises(NotFittedError):
        getattr(inner, method)(X)
    piped = make_pipeline(StandardScaler(), inner)
    outer = Stack([("inner", inner), ("piped", piped)], cv=KFold(3, shuffle=True, random_state=0))
    outer.fit(X, y)
    assert outer.stack_method_ == [method] * 2
    for name, own in [("inner", inner), ("piped", piped)]:
        expected = cross_val_predict(own, X, y, cv=outer.cv, method=method).reshape(len(y), -1)
        np.testing.assert_array_equal(outer.out_of_fold_predictions_.blocks[name], expected)
