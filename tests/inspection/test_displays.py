"""Displays draw what can be computed by hand, and say what they need."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import stackens
from stackens import (
    ConvexBlendClassifier,
    CostAccuracyDisplay,
    LearnerContributionDisplay,
    LearnerCorrelationDisplay,
    LearnerWeightsDisplay,
    OutOfFoldCalibrationDisplay,
    OutOfFoldConfusionDisplay,
    TrainingCurvesDisplay,
)
from stackens.exceptions import InvalidInputError, MissingExtraError

plt = pytest.importorskip("matplotlib.pyplot")

OF_A_STACK = [
    TrainingCurvesDisplay,
    LearnerCorrelationDisplay,
    LearnerWeightsDisplay,
    LearnerContributionDisplay,
    OutOfFoldCalibrationDisplay,
    OutOfFoldConfusionDisplay,
    CostAccuracyDisplay,
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


# ---- what all of them promise ----------------------------------------------------------------


@pytest.mark.parametrize("display", OF_A_STACK, ids=lambda cls: cls.__name__)
def test_each_draws_into_given_axes_or_a_new_figure(display, rnn_stack):
    _, (ax, untouched) = plt.subplots(1, 2)
    drawn = display.from_estimator(rnn_stack)
    assert not hasattr(drawn, "ax_")
    assert drawn.plot(ax=ax) is drawn
    assert drawn.ax_ is ax
    assert drawn.figure_ is ax.figure
    assert ax.has_data()
    assert not untouched.has_data()
    assert drawn.plot().ax_ is not ax
    drawn.figure_.canvas.draw()


@pytest.mark.parametrize("display", OF_A_STACK, ids=lambda cls: cls.__name__)
def test_each_names_the_extra_without_matplotlib(display, rnn_stack, monkeypatch):
    drawn = display.from_estimator(rnn_stack)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=rf'{display.__name__}.*"stackens\[plot\]"'):
        drawn.plot()


@pytest.mark.parametrize("display", OF_A_STACK, ids=lambda cls: cls.__name__)
def test_each_refuses_what_is_no_fitted_stack(display, rnn_stack, digits):
    with pytest.raises(InvalidInputError, match=f"{display.__name__} draws a stack.* got Ridge"):
        display.from_estimator(Ridge())
    with pytest.raises(ValueError, match="not fitted"):
        display.from_estimator(clone(rnn_stack))
    X, y = digits
    table = X.reshape(len(X), -1)
    learner = KNeighborsClassifier().fit(table, y)
    prefit = stackens.StackingClassifier([("a", learner)], cv="prefit").fit(table, y)
    with pytest.raises(InvalidInputError, match=f"{display.__name__} needs out-of-fold"):
        display.from_estimator(prefit)


def test_every_display_of_the_room_is_a_top_level_name():
    displays = {name for name in stackens.inspection.__all__ if name.endswith("Display")}
    assert displays <= set(stackens.__all__)
    assert set(OF_A_STACK) <= {getattr(stackens, name) for name in displays}


# ---- one by one ------------------------------------------------------------------------------


def test_training_curves_are_the_histories(rnn_stack):
    display = TrainingCurvesDisplay.from_estimator(rnn_stack).plot()
    drawn = [line.get_ydata() for line in display.lines_ if line.get_linestyle() == "-"]
    expected = [h["loss"] for parts in rnn_stack.histories_.values() for h in parts.values()]
    assert len(drawn) == len(expected) == 8
    for line, losses in zip(drawn, expected, strict=True):
        assert_array_equal(line, losses)
    dashed = [line.get_ydata() for line in display.lines_ if line.get_linestyle() == "--"]
    watched = [h["val_loss"] for h in rnn_stack.histories_["gru"].values() if "val_loss" in h]
    assert [line.tolist() for line in dashed] == watched
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["lstm", "gru"]


def test_training_curves_of_some_learners_or_of_one(rnn_stack):
    display = TrainingCurvesDisplay.from_estimator(rnn_stack, learners=["gru"])
    assert list(display.curves) == ["gru"]
    lstm = rnn_stack.named_estimators_["lstm"]
    alone = TrainingCurvesDisplay.from_estimator(lstm)
    assert_array_equal(alone.curves["StackedRNNClassifier"]["fit"], lstm.history_["loss"])
    with pytest.raises(InvalidInputError, match=r"networks of the stack.*got 'forest'"):
        TrainingCurvesDisplay.from_estimator(rnn_stack, learners=["forest"])
    with pytest.raises(InvalidInputError, match=r"recorded 'auc'; recorded were \['loss', 'val_l"):
        TrainingCurvesDisplay.from_estimator(rnn_stack, metric="auc")


def test_training_curves_need_networks(regression):
    with pytest.raises(InvalidInputError, match="it has no networks"):
        TrainingCurvesDisplay.from_estimator(regression)


@pytest.mark.parametrize("kind", ["errors", "outputs"])
def test_correlation_of_numbers(regression, kind):
    kept = regression.out_of_fold_predictions_
    columns = kept.matrix - kept.y[:, None] if kind == "errors" else kept.matrix
    display = LearnerCorrelationDisplay.from_estimator(regression, kind=kind).plot()
    assert_allclose(display.correlation, np.corrcoef(columns.T))
    texts = {text.get_text() for text in display.ax_.texts}
    assert {f"{value:.2f}" for value in display.correlation.ravel()} == texts


def test_correlation_of_classes(rnn_stack):
    kept = rnn_stack.out_of_fold_predictions_
    lacking = [1 - block[np.arange(len(kept.y)), kept.y] for block in kept.blocks.values()]
    errors = LearnerCorrelationDisplay.from_estimator(rnn_stack)
    assert_allclose(errors.correlation, np.corrcoef(lacking))
    outputs = LearnerCorrelationDisplay.from_estimator(rnn_stack, kind="outputs")
    flat = [block.ravel() for block in kept.blocks.values()]
    assert_allclose(outputs.correlation, np.corrcoef(flat))


def test_correlation_of_labels_and_of_a_learner_that_never_errs():
    y = np.array(["a", "b", "a", "b"])
    predictions = {"x": ["a", "a", "a", "b"], "y": ["b", "a", "a", "b"], "right": y}
    display = LearnerCorrelationDisplay.from_predictions(y, predictions, classes=["a", "b"])
    assert display.correlation[0, 1] == pytest.approx(np.corrcoef([0, 1, 0, 0], [1, 1, 0, 0])[0, 1])
    assert np.isnan(display.correlation[2]).all()
    display.plot().figure_.canvas.draw()
    with pytest.raises(InvalidInputError, match="`predictions` of 'z' have 1 rows; `y_true` has 4"):
        LearnerCorrelationDisplay.from_predictions(y, {"z": ["a"]}, classes=["a", "b"])


def test_weights_of_a_blend_and_of_coefficients(healthy, regression):
    blended = healthy.with_final_estimator(ConvexBlendClassifier())
    display = LearnerWeightsDisplay.from_estimator(blended).plot()
    assert display.weights == blended.final_estimator_.weights_
    assert display.kind == "weight"
    widths = [bar.get_width() for bar in display.bars_]
    assert widths == list(display.weights.values())[::-1]
    display = LearnerWeightsDisplay.from_estimator(regression)
    assert list(display.weights.values()) == regression.final_estimator_.coef_.tolist()
    assert display.kind == "coefficient"


def test_weights_of_several_columns_are_shares(rnn_stack):
    kept, coefficients = rnn_stack.out_of_fold_predictions_, rnn_stack.final_estimator_.coef_
    size = (np.abs(coefficients) * kept.matrix.std(axis=0)).sum(axis=0)
    expected = size.reshape(3, 10).sum(axis=1) / size.sum()
    display = LearnerWeightsDisplay.from_estimator(rnn_stack)
    assert_allclose(list(display.weights.values()), expected)
    scaled = rnn_stack.with_final_estimator(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    )
    size = np.abs(scaled.final_estimator_[-1].coef_).sum(axis=0)  # of columns of deviation 1
    expected = size.reshape(3, 10).sum(axis=1) / size.sum()
    display = LearnerWeightsDisplay.from_estimator(scaled)
    assert_allclose(list(display.weights.values()), expected)


def test_weights_of_trees_columns_and_fallbacks(regression, outputs):
    tree = regression.with_final_estimator(DecisionTreeRegressor(max_depth=3, random_state=0))
    display = LearnerWeightsDisplay.from_estimator(tree)
    assert_allclose(list(display.weights.values()), tree.final_estimator_.feature_importances_)
    display = LearnerWeightsDisplay.from_estimator(outputs)
    coefficients = [final.coef_ for final in outputs.final_estimator_.estimators_]
    assert_allclose(list(display.weights.values()), np.mean(coefficients, axis=0))
    bad = clone(regression.final_estimator_).set_params(alphas=[1e9])
    fallback = regression.with_final_estimator(bad)
    fallback.set_params(fallback="average")
    fallback = fallback.with_final_estimator(bad)
    assert fallback.predicts_with_ == "average"
    weights = LearnerWeightsDisplay.from_estimator(fallback).weights
    assert list(weights.values()) == [1 / 3] * 3


def test_a_final_estimator_without_weights_says_so(healthy):
    neighbors = healthy.with_final_estimator(KNeighborsClassifier())
    with pytest.raises(InvalidInputError, match=r"KNeighborsClassifier has no .*Contribution"):
        LearnerWeightsDisplay.from_estimator(neighbors)


def test_contributions_are_drawn_as_the_table_says(regression):
    display = LearnerContributionDisplay.from_estimator(regression).plot()
    table = regression.contributions()
    drop_one, permuted = (
        [bar.get_width() for bar in container]
        for container in display.ax_.containers
        if hasattr(container, "patches")
    )
    assert_allclose(drop_one, table["drop_one"].iloc[::-1])
    assert_allclose(permuted, table["permutation"].iloc[::-1])
    assert display.ax_.get_xlabel() == "R² lost"


def test_calibration_is_that_of_scikit_learn(healthy):
    display = OutOfFoldCalibrationDisplay.from_estimator(healthy).plot()
    assert list(display.displays_) == ["linear", "bayes", "forest", "stack"]
    kept = healthy.out_of_fold_predictions_
    for name, block in kept.blocks.items():
        true, mean = calibration_curve(kept.y, block[:, 0], n_bins=10, strategy="quantile")
        assert_array_equal(display.displays_[name].prob_true, true)
        assert_allclose(display.displays_[name].prob_pred, mean)


def test_calibration_of_many_classes_is_that_of_the_predicted_one_or_of_a_label(rnn_stack):
    kept = rnn_stack.out_of_fold_predictions_
    display = OutOfFoldCalibrationDisplay.from_estimator(rnn_stack, names=["lstm"])
    block = kept.blocks["lstm"]
    assert_array_equal(display.y_prob["lstm"], block.max(axis=1))
    assert_array_equal(display.y_true["lstm"], block.argmax(axis=1) == kept.y)
    display = OutOfFoldCalibrationDisplay.from_estimator(rnn_stack, names=["lstm"], label=3)
    assert_array_equal(display.y_prob["lstm"], block[:, 3])
    assert_array_equal(display.y_true["lstm"], kept.y == 3)
    with pytest.raises(InvalidInputError, match=r"`label` must be one of .* got 10"):
        OutOfFoldCalibrationDisplay.from_estimator(rnn_stack, label=10)


def test_confusion_is_that_of_scikit_learn(rnn_stack):
    kept = rnn_stack.out_of_fold_predictions_
    expected = confusion_matrix(kept.y, kept.blocks["gru"].argmax(axis=1))
    display = OutOfFoldConfusionDisplay.from_estimator(rnn_stack, "gru").plot()
    assert_array_equal(display.confusion_matrix, expected)
    assert_array_equal(display.display_.confusion_matrix, expected)
    y_pred = kept.blocks["gru"].argmax(axis=1)
    again = OutOfFoldConfusionDisplay.from_predictions(kept.y, y_pred, normalize="true").plot()
    assert_allclose(again.confusion_matrix, expected / expected.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("display", [OutOfFoldConfusionDisplay, OutOfFoldCalibrationDisplay])
def test_pictures_of_classes_need_classes(display, regression):
    with pytest.raises(InvalidInputError, match="of a stack of classifiers; got StackingRegressor"):
        display.from_estimator(regression)


@pytest.mark.parametrize("cost", ["seconds", "parameters"])
def test_cost_and_accuracy_are_those_of_the_leaderboard(rnn_stack, digits, cost):
    X, y = digits
    board = rnn_stack.leaderboard(X[:50], y[:50]).drop(index="average")
    display = CostAccuracyDisplay.from_estimator(rnn_stack, X[:50], y[:50], cost=cost).plot()
    points = {
        text.get_text(): collection.get_offsets()[0].tolist()
        for text, collection in zip(display.ax_.texts, display.ax_.collections, strict=True)
    }
    known = board[np.isfinite(board[cost])]
    assert points == {name: [row[cost], row["test"]] for name, row in known.iterrows()}
    assert ("forest" in points) == (cost == "seconds")


def test_without_networks_there_is_no_number_of_parameters(regression):
    display = CostAccuracyDisplay.from_estimator(regression, cost="parameters")
    with pytest.raises(InvalidInputError, match="tells its number of parameters"):
        display.plot()


def test_names_are_no_formulas():
    X = np.random.default_rng(0).normal(size=(80, 2))
    learners = [("$x_$", Ridge()), ("$\\bad{$", DecisionTreeRegressor(max_depth=2))]
    stack = stackens.StackingRegressor(learners).fit(X, X[:, 0])
    written = {"\\$x_\\$", "\\$\\bad{\\$"}  # as matplotlib wants what is no formula
    for display in (LearnerCorrelationDisplay, LearnerWeightsDisplay, LearnerContributionDisplay):
        drawn = display.from_estimator(stack).plot()
        drawn.figure_.canvas.draw()  # a formula that is none would be an error
        assert {label.get_text() for label in drawn.ax_.get_yticklabels()} == written
    drawn = CostAccuracyDisplay.from_estimator(stack).plot()
    drawn.figure_.canvas.draw()
    assert written <= {text.get_text() for text in drawn.ax_.texts}
