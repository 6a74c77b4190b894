"""Searches of networks: scikit-learn's results, with every network trained once."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import sklearn.model_selection
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from stackens import (
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import InvalidInputError
from stackens.model_selection import GridSearchCV, RandomizedSearchCV
from stackens.store import JobStore


@pytest.fixture(scope="module")
def data():
    X, y = load_digits_sequences(return_X_y=True)
    keep = y < 3
    return X[keep][:150], y[keep][:150]


def make_learner(**parameters):
    return StackedRNNClassifier(**{"units": 4, "epochs": 2, "random_state": 0, **parameters})


def scores(search):
    results = search.cv_results_
    return np.array([v for k, v in sorted(results.items()) if k.startswith("split")])


GRID = {"learning_rate": [0.001, 0.01], "dropout": [0.0, 0.3]}


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_results_are_those_of_scikit_learn(data, n_jobs):
    options = {"cv": 3, "return_train_score": True, "scoring": ["accuracy", "neg_log_loss"]}
    options["refit"] = "accuracy"
    expected = sklearn.model_selection.GridSearchCV(make_learner(), GRID, **options).fit(*data)
    search = GridSearchCV(make_learner(), GRID, n_jobs=n_jobs, **options).fit(*data)
    np.testing.assert_array_equal(scores(search), scores(expected))
    assert search.best_params_ == expected.best_params_
    assert set(search.cv_results_) == set(expected.cv_results_)
    np.testing.assert_array_equal(search.predict_proba(data[0]), expected.predict_proba(data[0]))
    assert search.n_jobs == n_jobs


def test_each_network_is_trained_once_and_all_in_one_run(data, trained):
    search = GridSearchCV(make_learner(), GRID, cv=3, refit=False).fit(*data)
    assert len(trained) == 12
    assert (search.cv_results_["mean_fit_time"] > 0).all()


def test_a_random_search_over_a_pipeline_fits_scalers_inside_the_folds(data, trained):
    pipeline = make_pipeline(SequenceScaler(), make_learner())
    space = {"stackedrnnclassifier__learning_rate": loguniform(1e-3, 1e-1)}
    options = {"n_iter": 3, "cv": KFold(3, shuffle=True, random_state=1), "random_state": 0}
    cls = sklearn.model_selection.RandomizedSearchCV
    expected = cls(pipeline, space, **options).fit(*data)
    del trained[:]
    search = RandomizedSearchCV(pipeline, space, **options).fit(*data)
    assert len(trained) == 10
    np.testing.assert_array_equal(scores(search), scores(expected))


def test_without_seeds_one_is_drawn_for_all_candidates(data, trained):
    learner = make_learner(random_state=None)
    cv = StratifiedKFold(3, shuffle=True)
    search = GridSearchCV(learner, {"epochs": [1, 2]}, cv=cv).fit(*data)
    assert len(trained) == 7
    assert (learner.random_state, cv.random_state) == (None, None)
    assert (search.estimator, search.cv) == (learner, cv)
    seed = search.best_estimator_.random_state
    assert search.base_estimator_.random_state == seed
    again = clone(search.best_estimator_).fit(*data)
    np.testing.assert_array_equal(again.predict_proba(data[0]), search.predict_proba(data[0]))


def test_a_stack_among_candidates_trains_what_is_distinct(data, trained):
    learners = [("a", make_learner()), ("b", make_learner(units=3, random_state=1))]
    stack = StackingClassifier(learners, LogisticRegression(), cv=3)
    grid = {"final_estimator__C": [0.01, 0.1, 1, 10]}
    outer = StratifiedKFold(4, shuffle=True, random_state=0)  # no inner fold is an outer one
    search = GridSearchCV(stack, grid, cv=outer, refit=False).fit(*data)
    assert len(trained) == 4 * 2 * 4  # outer folds x learners x (3 folds + refit), not x 4
    expected = sklearn.model_selection.GridSearchCV(stack, grid, cv=outer, refit=False).fit(*data)
    np.testing.assert_array_equal(scores(search), scores(expected))


def test_learners_are_candidates_of_a_step(data, trained):
    pipeline = make_pipeline(SequenceScaler(), make_learner())
    networks = [make_learner(random_state=None), make_learner(cell="gru")]
    grid = {"stackedrnnclassifier": networks}
    search = GridSearchCV(pipeline, grid, cv=3, refit=False).fit(*data)
    assert len(trained) == 6
    assert networks[0].random_state is None
    assert search.cv_results_["params"][0]["stackedrnnclassifier"].random_state is not None


def test_other_estimators_are_searched_as_ever(data):
    X, y = data[0].reshape(len(data[0]), -1), data[1]
    grid = {"max_depth": [1, 3]}
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, grid, cv=3, n_jobs=2).fit(X, y)
    expected = sklearn.model_selection.GridSearchCV(tree, grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(scores(search), scores(expected))


def test_groups_weights_and_regressors(data):
    X, _ = data
    y = X[:, :, 0].sum(axis=1)
    groups = np.arange(len(y)) // 10
    learner = StackedRNNRegressor(units=4, epochs=2, random_state=0)
    params = {"groups": groups, "sample_weight": np.linspace(0, 1, len(y))}
    args = (learner, {"learning_rate": [0.01, 0.1]})
    expected = sklearn.model_selection.GridSearchCV(*args, cv=GroupKFold(3)).fit(X, y, **params)
    search = GridSearchCV(*args, cv=GroupKFold(3)).fit(X, y, **params)
    np.testing.assert_array_equal(scores(search), scores(expected))


def test_a_candidate_that_fails_is_treated_by_the_rules_of_scikit_learn(data):
    grid = {"learning_rate": [0.01], "epochs": [2, 0]}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        search = GridSearchCV(make_learner(), grid, cv=3).fit(*data)
    assert any("fits failed" in str(w.message) for w in seen)
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.best_params_["epochs"] == 2


def test_a_kept_search_is_not_trained_again(data, tmp_path, trained):
    first = GridSearchCV(make_learner(), GRID, cv=3, memory=tmp_path).fit(*data)
    n = len(trained)
    again = GridSearchCV(make_learner(), GRID, cv=3, memory=tmp_path).fit(*data)
    assert len(trained) == n == 13
    np.testing.assert_array_equal(scores(first), scores(again))


def test_the_store_goes_with_the_search(data):
    search = GridSearchCV(make_learner(), GRID, cv=3).fit(*data)
    folder = search.store_.info().location
    assert folder.exists()
    copied = pickle.loads(pickle.dumps(search))
    assert not hasattr(copied, "store_")
    copied = copy.deepcopy(pickle.loads(pickle.dumps(copied)))  # and a copy of a copy
    np.testing.assert_array_equal(copied.predict(data[0]), search.predict(data[0]))
    del search
    assert not folder.exists()


class TestFromSearch:
    def test_only_refits_are_trained(self, data, trained):
        first = GridSearchCV(make_learner(), GRID, cv=3, refit=False).fit(*data)
        second = GridSearchCV(
            make_learner(cell="gru"), {"units": [3, 4, 5]}, cv=3, refit=False, memory=first.store_
        ).fit(*data)
        del trained[:]
        stack = StackingClassifier.from_search([first, second], top=[2, 1]).fit(*data)
        assert [name for name, _ in stack.estimators] == [
            "stackedrnnclassifier1_1",
            "stackedrnnclassifier1_2",
            "stackedrnnclassifier2_1",
        ]
        assert [name.split(", ")[1] for name in trained] == ["refit on all rows"] * 3
        best = first.cv_results_["params"][int(np.argmin(first.cv_results_["rank_test_score"]))]
        learner = make_learner(**best)
        plain = StackingClassifier([("best", learner)], cv=3).fit(*data)
        block = stack.out_of_fold_predictions_.blocks["stackedrnnclassifier1_1"]
        np.testing.assert_array_equal(block, plain.out_of_fold_predictions_.blocks["best"])

    def test_out_of_fold_scores_are_those_of_the_search(self, data):
        search = GridSearchCV(make_learner(), GRID, cv=3).fit(*data)
        stack = StackingClassifier.from_search(search, top=4).fit(*data)
        kept = stack.out_of_fold_predictions_
        found = [
            np.mean(
                [
                    (block[kept.fold == k].argmax(axis=1) == kept.y[kept.fold == k]).mean()
                    for k in range(3)
                ]
            )
            for block in kept.blocks.values()
        ]
        expected = np.sort(search.cv_results_["mean_test_score"])[::-1]
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_a_search_of_scikit_learn_with_memory_will_do(self, data, trained, tmp_path):
        learner = make_learner(memory=JobStore(tmp_path))
        search = sklearn.model_selection.GridSearchCV(learner, GRID, cv=3, refit=False).fit(*data)
        del trained[:]
        StackingClassifier.from_search(search, top=2, final_estimator=LogisticRegression()).fit(
            *data
        )
        assert len(trained) == 2

    def test_what_cannot_be_stacked_is_refused(self, data):
        search = GridSearchCV(make_learner(), {"epochs": [1]}, cv=3, refit=False).fit(*data)
        other = GridSearchCV(make_learner(), {"epochs": [1]}, cv=4, refit=False).fit(*data)
        with pytest.raises(InvalidInputError, match="same splits"):
            StackingClassifier.from_search([search, other])
        with pytest.raises(InvalidInputError, match="`top`"):
            StackingClassifier.from_search([search], top=[1, 2])
        with pytest.raises(InvalidInputError, match="at least one"):
            StackingClassifier.from_search([])


class AtRandom:
    """Splits that nobody can draw again; it counts how often it was asked."""

    n_asked = 0

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y=None, groups=None):
        type(self).n_asked += 1
        for _ in range(2):
            rows = np.random.permutation(len(X))
            yield rows[50:], rows[:50]


class Once(AtRandom):
    def __init__(self):
        self.splits = super().split(np.zeros(150))

    def __deepcopy__(self, memo):
        return self

    def split(self, X, y=None, groups=None):
        return self.splits


@pytest.mark.parametrize("kind", [AtRandom, Once])
def test_a_splitter_is_asked_once(kind, data, trained):
    AtRandom.n_asked = 0
    grid = {"learning_rate": [0.001, 0.01]}
    search = GridSearchCV(make_learner(epochs=1), grid, cv=kind(), refit=False).fit(*data)
    assert AtRandom.n_asked == (kind is AtRandom)  # the other one was asked when it was made
    assert len(trained) == 4  # two candidates on two splits
    assert np.isfinite(scores(search)).all()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_folds_of_whole_groups_are_those_of_the_stack_that_follows(data, trained, early_stopping):
    X, y = data
    groups = np.arange(len(y)) // 10
    grid = {"learning_rate": [0.001, 0.01]}
    learner = make_learner(epochs=1, early_stopping=early_stopping)
    search = GridSearchCV(learner, grid, cv=3, refit=False)
    search.fit(X, y, groups=groups)
    assert (search.cv, type(search.splitter_).__name__) == (3, "StratifiedGroupKFold")
    del trained[:]
    stack = StackingClassifier.from_search(search, predict_with="folds")
    stack.fit(X, y, groups=groups)
    assert not trained


@pytest.mark.parametrize("best", [0, 1])
def test_groups_reach_candidates_that_take_them_and_no_others(data, trained, best):
    X, y = data
    groups = np.arange(len(y)) // 10
    network = make_learner(epochs=1, early_stopping=True)
    tree = make_pipeline(SequenceFlattener(), DecisionTreeClassifier(random_state=0))
    pipeline = Pipeline([("head", SequenceScaler()), ("model", tree)])
    kinds = [{"model": [network]}, {"model": [tree]}, {"model": [clone(network)]}]
    options = {"cv": 3, "error_score": "raise", "refit": lambda results: best}
    search = GridSearchCV(pipeline, kinds, **options).fit(X, y, groups=groups)
    assert len(trained) == 3 + (best == 0)  # and the refit
    expected = [
        scores(GridSearchCV(pipeline, kind, **{**options, "refit": False}).fit(X, y, groups=groups))
        for kind in kinds
    ]
    np.testing.assert_array_equal(scores(search), np.concatenate(expected, axis=1))
    assert type(search.best_estimator_["model"]) is (type(tree) if best else type(network))


def test_a_stack_behind_a_pipeline_trains_ahead_with_groups(data, trained):
    X, y = data
    groups = np.arange(len(y)) // 10
    learner = StackingClassifier([("net", make_learner(epochs=1))], cv=2)
    search = GridSearchCV(
        make_pipeline(SequenceScaler(), learner),
        {"stackingclassifier__final_estimator": [None, LogisticRegression(C=0.1)]},
        cv=2,
        refit=False,
    ).fit(X, y, groups=groups)
    assert len(trained) == 2 * 3  # of each split the folds and the refit, for both candidates
    assert np.isfinite(scores(search)).all()


def test_a_search_that_failed_is_not_fitted(data):
    search = GridSearchCV(make_learner(), GRID, cv=KFold(3))
    with pytest.raises(InvalidInputError, match="takes no notice of groups"):
        search.fit(*data, groups=np.arange(150) % 10)
    with pytest.raises(NotFittedError):
        check_is_fitted(search)
