"""Our stacking against scikit-learn's, and what is ours alone."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import sklearn.ensemble
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from stackens import (
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.datasets import load_digits_sequences
from stackens.ensemble import FoldAverage
from stackens.exceptions import InvalidInputError, MissingClassWarning

iris = load_iris(return_X_y=True)


def members():
    return [
        ("forest", RandomForestClassifier(10, random_state=0)),
        ("linear", make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))),
        ("svm", make_pipeline(StandardScaler(), LinearSVC())),
    ]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:240], y[:240]


def rnn(**parameters):
    return StackedRNNClassifier(**{"units": 8, "epochs": 2, **parameters})


def mixed_stack(**parameters):
    learners = [
        ("rnn", rnn()),
        ("linear", make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=500))),
        ("summary", make_pipeline(SequenceSummarizer(), GaussianNB(var_smoothing=1e-3))),
        ("piped", make_pipeline(SequenceFlattener(), rnn(epochs=1))),
    ]
    final = LogisticRegression(max_iter=500)
    return StackingClassifier(learners, final, **{"cv": 3, "random_state": 0, **parameters})


# ---- against scikit-learn --------------------------------------------------------------------


@pytest.mark.parametrize("data", [iris, load_breast_cancer(return_X_y=True)], ids=["3", "2"])
@pytest.mark.parametrize(
    "cv",
    [4, StratifiedKFold(3, shuffle=True, random_state=1), KFold(7, shuffle=True, random_state=0)],
)
def test_level_one_equals_cross_val_predict_and_predictions_equal_scikit_learn(data, cv):
    X, y = data
    final = LogisticRegression(max_iter=500)
    ours = StackingClassifier(members(), final, cv=cv).fit(X, y)
    theirs = sklearn.ensemble.StackingClassifier(members(), final, cv=cv).fit(X, y)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    for (name, learner), method in zip(members(), ours.stack_method_, strict=True):
        expected = cross_val_predict(learner, X, y, cv=cv, method=method)
        expected = expected.reshape(len(y), -1)
        if method == "predict_proba" and expected.shape[1] == 2:
            expected = expected[:, 1:]
        assert_array_equal(ours.out_of_fold_predictions_.blocks[name], expected)


def test_regressor_equals_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    learners = [("a", Ridge()), ("b", Ridge(10.0))]
    ours = StackingRegressor(learners).fit(X, y)
    theirs = sklearn.ensemble.StackingRegressor(learners).fit(X, y)
    assert_array_equal(ours.predict(X), theirs.predict(X))


# ---- splits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cv", "covered"),
    [
        (TimeSeriesSplit(4, gap=2), 120),
        (RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), 150),
        (ShuffleSplit(3, test_size=0.2, random_state=0), None),
        (PredefinedSplit(np.r_[np.full(50, -1), np.arange(100) % 4]), 100),
        ([(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))], 100),
    ],
    ids=["time", "repeated", "shuffle", "predefined", "list"],
)
def test_splitters_that_are_no_partition(cv, covered):
    X, y = iris
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    stack = StackingClassifier(members(), LogisticRegression(max_iter=500), cv=cv).fit(X, y)
    splits = list(cv if isinstance(cv, list) else cv.split(X, y))
    counts = np.bincount(np.concatenate([test for _, test in splits]), minlength=150)
    assert_array_equal(stack.coverage_, counts)
    kept = stack.out_of_fold_predictions_
    assert_array_equal(kept.row_index, np.flatnonzero(counts))
    assert covered in (None, len(kept.y))
    assert np.isfinite(kept.matrix).all()
    total = np.zeros((150, 3))
    for train, test in splits:
        total[test] += clone(members()[0][1]).fit(X[train], y[train]).predict_proba(X[test])
    rows = kept.row_index
    np.testing.assert_allclose(kept.blocks["forest"], total[rows] / counts[rows, None])


def test_generators_are_used_once_and_the_splitter_is_not_changed():
    X, y = iris
    expected = StackingClassifier(members(), cv=StratifiedKFold(3)).fit(X, y)
    generator = StratifiedKFold(3).split(X, y)
    ours = StackingClassifier(members(), cv=generator).fit(X, y)
    assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))
    state = np.random.RandomState(3)
    before = state.get_state()[1].copy()
    StackingClassifier(members(), cv=KFold(3, shuffle=True, random_state=state)).fit(X, y)
    assert_array_equal(state.get_state()[1], before)


def test_groups_reach_the_splitter(digits):
    X, y = digits
    groups = np.arange(240) % 6
    stack = mixed_stack(cv=GroupKFold(3)).fit(X, y, groups=groups)
    for train, test in stack.out_of_fold_predictions_.splits:
        assert not set(groups[train]) & set(groups[test])


# ---- leakage ---------------------------------------------------------------------------------


class RowMemory(ClassifierMixin, BaseEstimator):
    """Predicts perfectly what it has seen, and nothing else."""

    def fit(self, X, y):
        self.seen_ = dict(zip(map(bytes, X), y, strict=True))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.array([self.seen_.get(bytes(x), -1) for x in X])


def test_no_row_sees_its_own_label():
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    stack = StackingClassifier([("rows", RowMemory())], cv=5).fit(X, y)
    assert (stack.out_of_fold_predictions_.blocks["rows"] == -1).all()
    assert_array_equal(stack.estimators_[0].predict(X), y)  # the refit has seen all


def test_random_labels_score_at_chance_out_of_fold(digits):
    X, _ = digits
    y = np.random.default_rng(0).integers(2, size=len(X))
    stack = StackingClassifier(
        [("rnn", rnn(units=32, epochs=100, learning_rate=0.01))], cv=4, random_state=0
    ).fit(X, y)
    assert abs(stack.leaderboard().loc["rnn", "out_of_fold"] - 0.5) < 4 * 0.5 / np.sqrt(len(y))
    assert stack.estimators_[0].score(X, y) > 0.8  # so it could have cheated


def test_a_pipeline_before_a_network_is_fitted_on_training_rows_alone(digits):
    X, y = digits
    X = X.reshape(len(X), -1)
    learner = make_pipeline(StandardScaler(), rnn())
    stack = StackingClassifier([("rnn", learner)], cv=3, predict_with="folds", random_state=0)
    stack.fit(X, y)
    splits = stack.out_of_fold_predictions_.splits
    for model, (train, _) in zip(stack.estimators_[0].estimators, splits, strict=True):
        np.testing.assert_allclose(model[0].mean_, X[train].mean(axis=0))


# ---- networks at level 0 ---------------------------------------------------------------------


def test_out_of_fold_predictions_of_networks_equal_cross_val_predict(digits):
    X, y = digits
    stack = mixed_stack().fit(X, y)
    for name in ("rnn", "piped"):
        learner = clone(stack.named_estimators_[name])
        expected = cross_val_predict(learner, X, y, cv=3, method="predict_proba")
        assert_array_equal(stack.out_of_fold_predictions_.blocks[name], expected)
        refit = learner.fit(X, y)
        assert_array_equal(refit.predict_proba(X), stack.named_estimators_[name].predict_proba(X))
    assert stack.predict(X[:1]).shape == (1,)


def test_weights_of_rows_reach_networks_in_folds_and_refits(digits):
    X, y = digits
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    learner, final = rnn(random_state=0), LogisticRegression(max_iter=500)
    stack = StackingClassifier([("rnn", learner)], final, cv=3).fit(X, y, sample_weight=weights)
    train, test = stack.out_of_fold_predictions_.splits[1]
    fold = clone(learner).fit(X[train], y[train], sample_weight=weights[train])
    found = stack.out_of_fold_predictions_.blocks["rnn"][test]
    assert_array_equal(found, fold.predict_proba(X[test]))
    refit = clone(learner).fit(X, y, sample_weight=weights)
    assert_array_equal(stack.estimators_[0].predict_proba(X), refit.predict_proba(X))


@pytest.mark.parametrize("is_late", [False, True], ids=["all at once", "pruned"])
def test_weights_of_rows_are_for_the_last_step_of_a_pipeline(digits, is_late):
    X, y = digits
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    nested = make_pipeline(SequenceFlattener(), make_pipeline(StandardScaler(), Ridge()))
    learners = {
        "rnn": make_pipeline(SequenceScaler(), StackedRNNRegressor(8, epochs=2, random_state=0)),
        "nested": nested,
        "scaled": TransformedTargetRegressor(nested, transformer=StandardScaler()),
    }
    final = make_pipeline(StandardScaler(), Ridge())
    stack = StackingRegressor([*learners.items()], final, cv=3, prune=is_late)
    stack.fit(X, y * 1.0, sample_weight=weights)
    names = {
        "rnn": "stackedrnnregressor__sample_weight",
        "nested": "pipeline__ridge__sample_weight",
        "scaled": "pipeline__ridge__sample_weight",
    }
    for name in stack.out_of_fold_predictions_.blocks:  # "rnn" is none, if pruned
        learner = learners[name]
        alone = clone(learner).fit(X, y * 1.0, **{names[name]: weights})
        found = stack.named_estimators_[name]
        if not isinstance(found, FoldAverage):  # which stands for what gets no weight, if pruned
            assert_array_equal(found.predict(X), alone.predict(X))
        train, test = stack.out_of_fold_predictions_.splits[1]
        fold = clone(learner).fit(X[train], y[train] * 1.0, **{names[name]: weights[train]})
        assert_array_equal(
            np.ravel(stack.out_of_fold_predictions_.blocks[name][test]), fold.predict(X[test])
        )
    table = stack.out_of_fold_predictions_.matrix
    last = clone(final).fit(table, y * 1.0, ridge__sample_weight=weights)
    assert_allclose(stack.final_estimator_[-1].coef_, last[-1].coef_)


def test_a_pipeline_whose_last_step_takes_no_weights_is_said_before_training():
    X, y = load_iris(return_X_y=True)
    learners = [("never", NeverFitted()), ("near", make_pipeline(KNeighborsClassifier()))]
    with pytest.raises(TypeError, match=r"KNeighborsClassifier \('near'\) does not support"):
        StackingClassifier(learners).fit(X, y, sample_weight=np.ones(150))


@pytest.mark.slow
def test_same_seed_same_result_also_in_two_processes(digits):
    X, y = digits
    one = mixed_stack().fit(X, y)
    two = mixed_stack(n_jobs=2).fit(X, y)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert_array_equal(one.out_of_fold_predictions_.matrix, two.out_of_fold_predictions_.matrix)
    other = mixed_stack(random_state=1).fit(X, y)
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_learners_of_the_user_are_not_changed(digits):
    X, y = digits
    stack = mixed_stack()
    before = repr(stack.estimators)
    X_before, y_before = X.copy(), y.copy()
    stack.fit(X, y)
    assert repr(stack.estimators) == before
    assert not hasattr(stack.estimators[0][1], "weights_")
    assert_array_equal(X, X_before)
    assert_array_equal(y, y_before)


def test_fold_models_predict_without_refits(digits):
    X, y = digits
    stack = mixed_stack(predict_with="folds").fit(X, y)
    models = stack.named_estimators_["rnn"].estimators
    assert len(models) == 3
    mean = np.mean([m.predict_proba(X) for m in models], axis=0)
    np.testing.assert_allclose(stack.transform(X)[:, :10], mean)
    assert_array_equal(
        stack.out_of_fold_predictions_.matrix,
        mixed_stack().fit(X, y).out_of_fold_predictions_.matrix,
    )


def test_ragged_rows_texts_and_missing_classes():
    texts = ["red green", "blue blue sky", "green", "sky red", "blue", "red sky"] * 6
    y = np.array(["a", "b", "c"] * 12)
    stack = StackingClassifier(
        [
            ("rnn", make_pipeline(SequenceVectorizer(20), rnn(vocabulary_size=20, epochs=1))),
            ("tfidf", make_pipeline(TfidfVectorizer(), LogisticRegression())),
        ],
        cv=3,
        random_state=0,
    ).fit(texts, y)
    assert set(stack.predict(["red", "blue"])) <= set("abc")
    ragged = [np.ones((n % 5 + 1, 2)) * n for n in range(36)]
    y = np.r_[np.zeros(17, int), np.ones(17, int), 2, 2]
    cv = [(np.arange(34), np.array([34, 35])), (np.arange(2, 36), np.array([0, 1]))]
    with pytest.warns(MissingClassWarning, match=r"rnn, fold 0 lack the classes \[2\]"):
        stack = StackingClassifier([("rnn", rnn())], cv=cv, random_state=0).fit(ragged, y)
    assert (stack.out_of_fold_predictions_.blocks["rnn"][2:, 2] == 0).all()


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_the_columns_of_a_fold_without_a_class_are_those_of_the_others(absent):
    X, y = iris
    others = np.flatnonzero(y != absent)
    train, test = others[::2], np.r_[others[1::2], np.flatnonzero(y == absent)]
    cv = [(train, test), (test, train)]
    with pytest.warns(MissingClassWarning, match=rf"bayes, fold 0 lack the classes \[{absent}\]"):
        stack = StackingClassifier([("bayes", GaussianNB())], cv=cv).fit(X, y)
    found = stack.out_of_fold_predictions_.blocks["bayes"][test]
    expected = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    assert_array_equal(np.delete(found, absent, axis=1), expected)
    assert not found[:, absent].any()


@pytest.mark.slow
def test_copies_searches_and_wrappers(digits):
    X, y = digits
    stack = mixed_stack().fit(X, y)
    for other in (pickle.loads(pickle.dumps(stack)), copy.deepcopy(stack)):
        assert_array_equal(other.predict_proba(X), stack.predict_proba(X))
    small = StackingClassifier([("rnn", rnn(random_state=0))], cv=2)
    grid = {
        "rnn__units": [4, 8],
        "rnn__optimizer__weight_decay": [None, 0.01],
        "final_estimator__C": [0.1, 1.0],
    }
    small.set_params(final_estimator=LogisticRegression(max_iter=300))
    search = GridSearchCV(small, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    draws = {"rnn__n_layers": [1, 2], "rnn__dropout": [0.0, 0.2]}
    RandomizedSearchCV(
        make_pipeline(clone(small)),
        {f"stackingclassifier__{k}": v for k, v in draws.items()},
        n_iter=2,
        cv=2,
        random_state=0,
    ).fit(X, y)
    binary = (y > 4).astype(int)
    assert cross_val_score(rnn(), X, binary, cv=2, scoring="roc_auc").shape == (2,)
    VotingClassifier([("a", rnn()), ("b", rnn(cell="gru"))], voting="soft").fit(X, y).predict(X)
    CalibratedClassifierCV(rnn(), cv=2).fit(X, y).predict_proba(X)
    BaggingClassifier(rnn(), n_estimators=2).fit(X.reshape(len(X), -1), y)
    nested = StackingClassifier([("stack", small), ("rnn", rnn())], cv=2, random_state=0).fit(X, y)
    assert nested.predict(X[:1]).shape == (1,)
    assert "StackingClassifier" in stack._repr_html_()
    assert repr(stack).startswith("StackingClassifier(")
    frame = mixed_stack().set_output(transform="pandas").fit(X, y).transform(X)
    assert frame.columns[0] == "stackingclassifier_rnn0"


def test_regressor_with_networks(digits):
    X, y = digits
    stack = StackingRegressor(
        [
            ("rnn", StackedRNNRegressor(8, epochs=3)),
            ("ridge", make_pipeline(SequenceFlattener(), Ridge())),
        ],
        cv=3,
        random_state=0,
    ).fit(X, y)
    board = stack.leaderboard(X, y)
    assert set(board.index) == {"rnn", "ridge", "average", "stack"}
    expected = cross_val_predict(stack.estimators[1][1], X, y, cv=3)
    assert_array_equal(stack.out_of_fold_predictions_.blocks["ridge"][:, 0], expected)


# ---- the leaderboard -------------------------------------------------------------------------


def test_leaderboard_scores_are_what_they_say():
    X, y = load_breast_cancer(return_X_y=True)
    stack = StackingClassifier(members(), LogisticRegression(max_iter=500), cv=4).fit(
        X[:400], y[:400]
    )
    board = stack.leaderboard(X[400:], y[400:])
    for name, learner in members():
        expected = cross_val_predict(learner, X[:400], y[:400], cv=4)
        assert board.loc[name, "out_of_fold"] == pytest.approx((expected == y[:400]).mean())
        fitted = stack.named_estimators_[name]
        assert board.loc[name, "test"] == pytest.approx(
            (fitted.predict(X[400:]) == stack._label_encoder.transform(y[400:])).mean()
        )
    assert board.loc["stack", "test"] == pytest.approx(stack.score(X[400:], y[400:]))
    matrix = stack.out_of_fold_predictions_.matrix
    honest = cross_val_predict(stack.final_estimator, matrix, y[:400], cv=StratifiedKFold(4))
    assert board.loc["stack", "out_of_fold"] == pytest.approx((honest == y[:400]).mean())
    assert board["predicts"].sum() == 1
    assert board.loc["stack", "predicts"]
    best = board.loc[[n for n, _ in members()], "out_of_fold"].idxmax()
    other = next(n for n, _ in members() if n != best)
    right = {
        n: cross_val_predict(dict(members())[n], X[:400], y[:400], cv=4) == y[:400]
        for n in (best, other)
    }
    gap = right[other].astype(float) - right[best]
    assert board.loc[other, "difference"] == pytest.approx(gap.mean())
    assert board.loc[other, "standard_error"] == pytest.approx(gap.std(ddof=1) / 20)


@pytest.mark.parametrize("method", ["leaderboard", "contributions", "report"])
@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("acuracy", r"get_scorer_names.*'acuracy'.*mean `accuracy`\?"),
        ("acc", r"get_scorer_names.*mean `accuracy`\?"),
        (["accuracy", "roc_auc"], "must be one score.*list of 2.*once for each"),
        ({"a": "accuracy"}, "must be one score.*dict of 1"),
    ],
)
def test_scores_that_are_none_or_several(method, scoring, message, tmp_path):
    stack = StackingClassifier([("bayes", GaussianNB())]).fit(*load_iris(return_X_y=True))
    given = [tmp_path / "file.html"] if method == "report" else []
    with pytest.raises(InvalidInputError, match=message):
        getattr(stack, method)(*given, scoring=scoring)


def test_leaderboard_takes_any_score():
    X, y = iris
    stack = StackingClassifier(members(), LogisticRegression(max_iter=500)).fit(X, y)
    losses = stack.leaderboard(scoring="neg_log_loss")
    assert np.isnan(losses.loc["svm", "out_of_fold"])  # has decision values only
    assert (losses["out_of_fold"].dropna() < 0).all()
    assert stack.leaderboard(scoring="f1_macro")["out_of_fold"].between(0.8, 1).all()


# ---- bad input -------------------------------------------------------------------------------

X_BAD, Y_BAD = np.zeros((20, 5, 3)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({}, (X_BAD[:0], Y_BAD[:0]), "0 sample"),
        ({}, (X_BAD, Y_BAD[:10]), "20, 10|inconsistent"),
        ({}, (X_BAD, np.zeros(20)), "1 class"),
        ({"passthrough": True}, (X_BAD, Y_BAD), "passthrough"),
        ({"passthrough": True}, ([np.zeros((n, 3)) for n in range(1, 21)], Y_BAD), "passthrough"),
        ({"predict_with": "all"}, (X_BAD, Y_BAD), "refit"),
        ({"stack_method": "decision_function"}, (X_BAD, Y_BAD), "decision_function"),
        ({"cv": [(np.arange(10), np.arange(8, 20))]}, (X_BAD, Y_BAD), r"rows \[8, 9\]"),
        ({"cv": [(np.arange(19), np.array([19]))]}, (X_BAD, Y_BAD), "1 of 20 rows"),
    ],
)
def test_bad_input_is_refused_before_training(parameters, data, message, monkeypatch):
    monkeypatch.setattr("stackens.store.train_with_memory", pytest.fail)
    stack = StackingClassifier([("rnn", rnn())], **parameters)
    with pytest.raises(ValueError, match=message):
        stack.fit(*data)
    with pytest.raises(NotFittedError):
        check_is_fitted(stack)


def test_groups_of_the_wrong_length():
    with pytest.raises(ValueError, match="inconsistent"):
        StackingClassifier([("rnn", rnn())], cv=GroupKFold(2)).fit(X_BAD, Y_BAD, groups=[1, 2])


def test_after_an_error_there_is_nothing_of_the_fit_and_all_of_before():
    X, y = iris
    stack = StackingClassifier(members(), LogisticRegression(max_iter=500))
    with sklearn.config_context(enable_metadata_routing=True):
        stack.set_fit_request(groups=False).set_output(transform="pandas")
    before = {name: copy.deepcopy(vars(stack)[name]) for name in vars(stack)}
    stack.fit(X, y)
    stack.set_params(linear=LogisticRegression(C=-1.0))
    with pytest.raises(ValueError, match="The 'C' parameter"):
        stack.fit(X, y)
    assert list(vars(stack)) == list(before)
    assert stack._metadata_request.fit.requests == before["_metadata_request"].fit.requests
    assert stack._sklearn_output_config == {"transform": "pandas"}
    # A search sets things on what it fits, and takes them away again.
    with pytest.raises(ValueError, match="The 'C' parameter"):
        GridSearchCV(stack, {"cv": [3]}, cv=2, error_score="raise").fit(X, y)


def test_an_error_says_which_learner_raised_it():
    X = X_BAD.copy()
    X[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="row 3") as caught:
        StackingClassifier([("first", rnn())]).fit(X, Y_BAD)
    assert "learner 'first', fold 0" in caught.value.__notes__[0]


def early_learner(**options):
    settings = {"epochs": 12, "early_stopping": True, "patience": 2, "learning_rate": 0.05}
    return StackedRNNClassifier(4, random_state=5, **settings, **options)


@pytest.mark.parametrize("inside", ["alone", "pipeline"])
def test_a_learner_that_stops_early_is_refitted_for_the_median_of_its_best_epochs(inside):
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:150], np.where(np.arange(150) % 3, y[:150] % 3, np.arange(150) % 2)  # noisy
    cv = StratifiedKFold(3)
    best = [early_learner().fit(X[train], y[train]).best_epoch_ + 1 for train, _ in cv.split(X, y)]
    epochs = int(np.median(best))
    assert len(set(best)) > 1
    expected = early_learner().set_params(early_stopping=False, epochs=epochs).fit(X, y)
    learner = early_learner() if inside == "alone" else make_pipeline(early_learner())
    stack = StackingClassifier([("lstm", learner)], cv=cv).fit(X, y)
    fitted = stack.estimators_[0] if inside == "alone" else stack.estimators_[0][-1]
    assert len(fitted.history_["loss"]) == epochs
    for a, b in zip(fitted.weights_, expected.weights_, strict=True):
        np.testing.assert_array_equal(a, b)
    own = StackingClassifier([("lstm", learner)], cv=cv, refit_epochs="early_stopping").fit(X, y)
    fitted = own.estimators_[0] if inside == "alone" else own.estimators_[0][-1]
    assert "val_loss" in fitted.history_


def test_early_stopping_never_sees_the_held_out_rows():
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:150], y[:150] % 3
    splits = list(StratifiedKFold(3).split(X, y))
    test = splits[1][1]

    def predicted(y):
        stack = StackingClassifier([("lstm", early_learner())], cv=splits).fit(X, y)
        return stack.out_of_fold_predictions_.matrix[test]

    changed = y.copy()
    changed[test] = (changed[test] + 1) % 3
    np.testing.assert_array_equal(predicted(y), predicted(changed))


@pytest.fixture
def planned(monkeypatch):
    """All jobs that are handed over to be trained."""
    seen = []
    from stackens import store

    def watch(jobs, *others, **options):
        seen.extend(jobs)
        return real(jobs, *others, **options)

    real = store.train_with_memory
    monkeypatch.setattr(store, "train_with_memory", watch)
    return seen


def test_learners_share_one_copy_of_the_data(planned):
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:60].astype("float64"), y[:60] % 2  # every learner makes float32 of it
    learners = [(f"lstm{n}", StackedRNNClassifier(n, epochs=1)) for n in (2, 3)]
    StackingClassifier(learners, random_state=0).fit(X, y)
    assert len(planned) == 12
    assert len({id(job.X) for job in planned}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rows_at_once", [7, 10**6])
def test_a_memory_map_is_trained_on_and_predicted_without_a_copy(
    tmp_path, monkeypatch, planned, rows_at_once
):
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:90].astype("float32"), y[:90] % 2
    mapped = np.memmap(tmp_path / "X.dat", "float32", "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    mapped = np.memmap(tmp_path / "X.dat", "float32", "r", shape=X.shape)
    stack = StackingClassifier([("lstm", StackedRNNClassifier(4, epochs=2))], random_state=0)
    expected = stack.fit(X, y).predict_proba(X)
    held_out = stack.out_of_fold_predictions_.matrix
    planned.clear()
    monkeypatch.setattr("stackens.ensemble._fit._ROWS_BYTES", rows_at_once * X[:1].nbytes)
    assert_array_equal(stack.fit(mapped, y).predict_proba(mapped), expected)
    assert_array_equal(stack.out_of_fold_predictions_.matrix, held_out)
    assert len(planned) == 6
    assert all(np.shares_memory(job.X, mapped) for job in planned)


class CountingScaler(StandardScaler):
    """Writes a line for every fit, in whatever process."""

    def __init__(self, log=None):
        super().__init__()
        self.log = log

    def fit(self, X, y=None):
        with Path(self.log).open("a") as lines:
            lines.write("fit\n")
        return super().fit(X, y)


def test_the_memory_of_a_pipeline_that_ends_in_a_network_is_used(tmp_path):
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], y[:100]
    scaler = CountingScaler(str(tmp_path / "log"))
    learners = [
        (
            name,
            make_pipeline(
                scaler,
                StackedRNNClassifier(2, epochs=1, random_state=seed),
                memory=str(tmp_path / "cache"),
            ),
        )
        for seed, name in enumerate(["a", "b"])
    ]
    StackingClassifier(learners, cv=3).fit(X, y)
    fits = (tmp_path / "log").read_text().splitlines()
    assert len(fits) == 4  # three folds and the refit, once for both learners


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_weight": np.r_[-1.0, np.ones(99)]}, r"negative; got -1.0 in row 0"),
        ({"sample_weight": np.zeros(100)}, "zero for every row"),
        ({"sample_weight": np.ones(99)}, "inconsistent numbers of samples"),
        ({"groups": np.ones(99)}, "inconsistent numbers of samples"),
    ],
)
def test_weights_and_groups_that_cannot_be_are_refused_before_training(params, message):
    X, y = load_iris(return_X_y=True)
    stack = StackingClassifier([("never", NeverFitted())])
    with pytest.raises(ValueError, match=message):
        stack.fit(X[:100], y[:100], **params)


def test_a_final_estimator_that_takes_no_weights_is_said_before_training():
    X, y = load_iris(return_X_y=True)
    stack = StackingClassifier([("never", NeverFitted())], KNeighborsClassifier())
    with pytest.raises(TypeError, match="'final_estimator'"):
        stack.fit(X, y, sample_weight=np.ones(150))


class NeverFitted(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("it was trained")

    def predict_proba(self, X):
        raise AssertionError("it was trained")


def test_averages_of_fold_models_are_classifiers_or_regressors():
    X, y = load_iris(return_X_y=True)
    stack = StackingClassifier([("tree", DecisionTreeClassifier())], predict_with="folds")
    assert is_classifier(stack.fit(X, y).estimators_[0])
    stack = StackingRegressor([("ridge", Ridge())], predict_with="folds")
    assert is_regressor(stack.fit(X, y).estimators_[0])
