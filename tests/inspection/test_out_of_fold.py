"""What a stack tells of rows that its models did not see."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import TimeSeriesSplit, cross_val_predict
from sklearn.svm import LinearSVC

from stackens import ConvexBlendClassifier, StackingClassifier
from stackens.exceptions import InvalidInputError


def test_outputs_of_learners_are_those_of_cross_val_predict(healthy):
    X, y = load_breast_cancer(return_X_y=True)
    for name, learner in healthy.estimators:
        outputs = healthy.out_of_fold(name)
        expected = cross_val_predict(learner, X, y, method="predict_proba")
        assert_allclose(outputs.y_proba, expected, atol=1e-12)
        assert_array_equal(outputs.y_pred, expected.argmax(axis=1))
        assert_array_equal(outputs.y_true, y)
        assert_array_equal(outputs.row_index, np.arange(len(y)))


def test_outputs_of_the_stack_are_those_of_a_cross_fitted_final_estimator(regression):
    kept = regression.out_of_fold_predictions_
    expected = cross_val_predict(regression.final_estimator_, kept.matrix, kept.y)
    outputs = regression.out_of_fold()
    assert_allclose(outputs.y_pred, expected)
    assert outputs.y_proba is None


def test_scores_of_outputs_are_those_of_the_leaderboard(rnn_stack):
    board = rnn_stack.leaderboard()
    for name in ("lstm", "gru", "forest", "average", "stack"):
        outputs = rnn_stack.out_of_fold(name)
        score = accuracy_score(outputs.y_true, outputs.y_pred)
        assert board.loc[name, "out_of_fold"] == pytest.approx(score)


def test_rows_that_no_final_estimator_can_predict_are_left_out():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    learners = [("linear", LogisticRegression(max_iter=1000)), ("svm", LinearSVC())]
    stack = StackingClassifier(learners, cv=TimeSeriesSplit(4)).fit(X[order], y[order])
    assert_array_equal(stack.out_of_fold("svm").row_index, np.arange(30, 150))
    outputs = stack.out_of_fold("stack")
    assert_array_equal(outputs.row_index, np.arange(60, 150))
    assert_array_equal(outputs.y_true, y[order][60:])
    assert stack.out_of_fold("svm").y_proba is None


def test_nobody_else_can_be_asked(healthy):
    with pytest.raises(InvalidInputError, match=r"one of \['linear', .*'stack'\]; got 'lstm'"):
        healthy.out_of_fold("lstm")
    X, y = load_breast_cancer(return_X_y=True)
    fitted = LogisticRegression(max_iter=5000).fit(X, y)
    prefit = StackingClassifier([("linear", fitted)], cv="prefit").fit(X, y)
    with pytest.raises(InvalidInputError, match="`out_of_fold` needs out-of-fold predictions"):
        prefit.out_of_fold()


# ---- contributions ---------------------------------------------------------------------------


def test_dropping_a_learner_refits_the_final_estimator_without_it(regression):
    kept = regression.out_of_fold_predictions_
    found = regression.contributions()
    final = clone(regression.final_estimator_)
    whole = r2_score(kept.y, cross_val_predict(final, kept.matrix, kept.y))
    for k, name in enumerate(kept.blocks):
        without = cross_val_predict(final, np.delete(kept.matrix, k, axis=1), kept.y)
        expected = whole - r2_score(kept.y, without)
        assert found.loc[name, "drop_one"] == pytest.approx(expected, abs=1e-9)


def test_permutation_keeps_the_final_estimators(regression):
    kept = regression.out_of_fold_predictions_
    name, random = "ridge", np.random.RandomState(3)
    only = regression.contributions("neg_mean_absolute_error", n_repeats=1, random_state=3)
    predicted = np.empty(len(kept.y))
    whole = np.empty(len(kept.y))
    for train, test in kept.splits:
        final = clone(regression.final_estimator_).fit(kept.matrix[train], kept.y[train])
        shuffled = kept.matrix[test].copy()
        shuffled[:, 0] = shuffled[random.permutation(len(test)), 0]
        predicted[test], whole[test] = final.predict(shuffled), final.predict(kept.matrix[test])
    expected = np.abs(predicted - kept.y).mean() - np.abs(whole - kept.y).mean()
    assert only.loc[name, "permutation"] == pytest.approx(expected)
    assert np.isnan(only.loc[name, "permutation_std"])


def test_who_knows_nothing_adds_nothing():
    X, y = load_breast_cancer(return_X_y=True)
    learners = [("linear", LogisticRegression(max_iter=5000)), ("dummy", DummyClassifier())]
    found = StackingClassifier(learners, ConvexBlendClassifier()).fit(X, y).contributions()
    assert found.loc["dummy", ["drop_one", "permutation"]].tolist() == [0, 0]
    assert found.loc["linear", "drop_one"] > 0.3
    assert found.loc["linear", "permutation"] > 0.3


def test_an_only_learner_cannot_be_dropped():
    X, y = load_iris(return_X_y=True)
    stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
    found = stack.contributions()
    assert np.isnan(found.loc["linear", "drop_one"])
    assert found.loc["linear", "permutation"] > 0.3


def test_several_target_columns_have_contributions(outputs):
    found = outputs.contributions()
    kept = outputs.out_of_fold_predictions_
    columns = [cross_val_predict(Ridge(), kept.matrix[:, k::2], kept.y[:, k]) for k in (0, 1)]
    alone = [cross_val_predict(Ridge(), kept.blocks["ridge"][:, [k]], kept.y[:, k]) for k in (0, 1)]
    folds = [test for _, test in kept.splits]
    expected = np.mean(
        [
            r2_score(kept.y[rows], np.transpose(columns)[rows])
            - r2_score(kept.y[rows], np.transpose(alone)[rows])
            for rows in folds
        ]
    )
    assert found.loc["neighbors", "drop_one"] == pytest.approx(expected)


def test_the_same_seed_gives_the_same_numbers(rnn_stack):
    first, again = (rnn_stack.contributions(random_state=1) for _ in range(2))
    assert first.equals(again)
    with pytest.raises(ValueError, match="`n_repeats` must be an integer >= 1; got 0"):
        rnn_stack.contributions(n_repeats=0)


# ---- histories -------------------------------------------------------------------------------


def test_histories_are_those_of_the_networks(rnn_stack, digits):
    assert list(rnn_stack.histories_) == ["lstm", "gru"]
    refit = rnn_stack.histories_["lstm"]["refit"]
    assert refit == rnn_stack.named_estimators_["lstm"].history_
    X, y = digits
    train, _ = rnn_stack.out_of_fold_predictions_.splits[1]
    alone = clone(rnn_stack.named_estimators_["lstm"]).fit(X[train], y[train])
    assert_allclose(rnn_stack.histories_["lstm"]["fold 1"]["loss"], alone.history_["loss"])
    assert {"loss", "val_loss"} == set(rnn_stack.histories_["gru"]["fold 0"])


def test_a_regression_without_networks_has_no_histories(regression):
    X, _ = load_diabetes(return_X_y=True)
    assert regression.histories_ == {}
    assert regression.predict(X[:2]).shape == (2,)
