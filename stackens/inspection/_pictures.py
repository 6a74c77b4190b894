"""The pictures of a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError, MissingExtraError
from stackens.inspection._cost_accuracy_display import CostAccuracyDisplay
from stackens.inspection._html import format_number
from stackens.inspection._learner_contribution_display import LearnerContributionDisplay
from stackens.inspection._learner_correlation_display import LearnerCorrelationDisplay
from stackens.inspection._learner_weights_display import LearnerWeightsDisplay
from stackens.inspection._matplotlib import make_axes
from stackens.inspection._out_of_fold_calibration_display import OutOfFoldCalibrationDisplay
from stackens.inspection._out_of_fold_confusion_display import OutOfFoldConfusionDisplay
from stackens.inspection._training_curves_display import TrainingCurvesDisplay


@dataclass(frozen=True)
class Picture:
    """One picture of a report.

    Attributes
    ----------
    title : str
        Of the figure.
    text : str
        What is to be seen, in words with numbers.
    source : str
        A data URI of an SVG; empty if it cannot be drawn, and ``text`` says why.
    """

    title: str
    text: str
    source: str


def draw_pictures(stack: Any, board: Any, scoring: Any) -> list[Picture]:
    """Draw what there is to draw of a stack.

    Parameters
    ----------
    stack : StackingClassifier or StackingRegressor
        Fitted.
    board : pandas.DataFrame
        Its leaderboard.
    scoring : str or callable
        Of the leaderboard.

    Returns
    -------
    list of Picture
    """
    is_classifier = hasattr(stack, "classes_")
    score = scoring if isinstance(scoring, str) else "accuracy" if is_classifier else "R²"
    makers: dict[str, Callable[[Any], str]] = {
        "Training curves": lambda ax: _curves(stack, ax),
        "Correlation of the learners' errors": lambda ax: _correlation(stack, "errors", ax),
        "Correlation of the learners' outputs": lambda ax: _correlation(stack, "outputs", ax),
        "Weights of the final estimator": lambda ax: _weights(stack, ax),
        "What each learner adds": lambda ax: _contributions(stack, scoring, ax),
        "Cost and score": lambda ax: _cost(board, score, ax),
    }
    if is_classifier:
        makers["Calibration"] = lambda ax: _calibration(stack, ax)
        makers["Confusion of classes"] = lambda ax: _confusion(stack, ax)
    else:
        makers["Predicted and true values"] = lambda ax: _prediction_error(stack, ax)
    return [_draw(title, make, stack) for title, make in makers.items()]


def _draw(title: str, make: Callable[[Any], str], stack: Any) -> Picture:
    with _plain_style():
        from matplotlib.figure import Figure

        n_classes = len(stack.classes_) if title.startswith("Confusion") else 0
        side = max(4.2, 0.42 * n_classes)
        figure = Figure(figsize=(max(6.0, side), side), layout="constrained")
        try:
            text = make(figure.subplots())
        except InvalidInputError as error:
            return Picture(title, str(error), "")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return Picture(title, text, f"data:image/svg+xml;base64,{encoded}")


@contextmanager
def _plain_style() -> Iterator[None]:
    """Draw as matplotlib does by default, the same bytes for the same stack."""
    try:
        import matplotlib.style
    except ImportError as error:
        raise MissingExtraError(
            'report needs matplotlib; install it with: pip install "stackens[plot]"'
        ) from error
    own = {"svg.hashsalt": "stackens", "svg.fonttype": "path"}
    with matplotlib.style.context(["default", own]):
        yield


def _curves(stack: Any, ax: Any) -> str:
    display = TrainingCurvesDisplay.from_estimator(stack).plot(ax)
    ends = [
        f"{name} {format_number(float(np.mean([curve[-1] for curve in parts.values()])), 3)}"
        for name, parts in display.curves.items()
    ]
    return f"Training loss of each fold and of the refit; mean loss at the end: {', '.join(ends)}."


def _correlation(stack: Any, kind: str, ax: Any) -> str:
    display = LearnerCorrelationDisplay.from_estimator(stack, kind=kind)
    n = len(display.names)
    pairs = [(display.correlation[i, j], i, j) for i in range(n) for j in range(i)]
    pairs = [pair for pair in pairs if np.isfinite(pair[0])]
    if not pairs:
        raise InvalidInputError("There are no two learners to compare.")
    display.plot(ax)
    value, i, j = max(pairs)
    return (
        f"Correlation of {kind} on held-out rows; the most alike are {display.names[j]} and "
        f"{display.names[i]} with {value:.2f}."
    )


def _weights(stack: Any, ax: Any) -> str:
    display = LearnerWeightsDisplay.from_estimator(stack).plot(ax)
    parts = [f"{name} {format_number(weight, 3)}" for name, weight in display.weights.items()]
    return f"{display.kind.capitalize()} of each learner: {', '.join(parts)}."


def _contributions(stack: Any, scoring: Any, ax: Any) -> str:
    display = LearnerContributionDisplay.from_estimator(stack, scoring=scoring).plot(ax)
    table = display.contributions
    parts = [
        f"{name} {format_number(float(value), 3) or 'unknown'}"
        for name, value in table["drop_one"].items()
    ]
    return (
        f"{display.score.capitalize()} that the stack loses if its final estimator is fitted "
        f"without the learner: {', '.join(parts)}; and if the learner's predictions are permuted."
    )


def _cost(board: Any, score: str, ax: Any) -> str:
    display = CostAccuracyDisplay.from_leaderboard(board, score=score).plot(ax)
    parts = [
        f"{name} {format_number(float(s), 3)} in {format_number(float(c), 1)} s"
        for name, c, s in zip(display.names, display.costs, display.scores, strict=True)
    ]
    return f"{display.score.capitalize()} and training time: {', '.join(parts)}."


def _calibration(stack: Any, ax: Any) -> str:
    display = OutOfFoldCalibrationDisplay.from_estimator(stack).plot(ax)
    said = {name: np.mean(probability) for name, probability in display.y_prob.items()}
    true = {name: np.mean(happened) for name, happened in display.y_true.items()}
    parts = [f"{name} says {said[name]:.0%} and {true[name]:.0%} are true" for name in said]
    return f"Probabilities of the {display.what} on held-out rows, on average: {'; '.join(parts)}."


def _confusion(stack: Any, ax: Any) -> str:
    display = OutOfFoldConfusionDisplay.from_estimator(stack).plot(ax)
    wrong = np.array(display.confusion_matrix)
    n_rows, n_right = int(wrong.sum()), int(np.trace(wrong))
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return f"The stack recognises all of {n_rows} held-out rows."
    true, predicted = np.unravel_index(int(wrong.argmax()), wrong.shape)
    labels = display.display_labels
    return (
        f"Of {n_rows} held-out rows the stack recognises {n_right}; its most frequent error takes "
        f"class {labels[true]} for {labels[predicted]}, {wrong.max()} times."
    )


def _prediction_error(stack: Any, ax: Any) -> str:
    make_axes("report", ax)
    from sklearn.metrics import PredictionErrorDisplay

    outputs = stack.out_of_fold("stack")
    y_true, y_pred = np.ravel(outputs.y_true), np.ravel(outputs.y_pred)
    PredictionErrorDisplay.from_predictions(
        y_true, y_pred, kind="actual_vs_predicted", random_state=0, ax=ax
    )
    error = format_number(float(np.mean(np.abs(y_true - y_pred))), 3)
    return f"Held-out rows, as the stack predicts them; the mean absolute error is {error}."
