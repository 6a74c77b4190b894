"""What the final estimator makes of the learners."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack, learner_names
from stackens.inspection._matplotlib import make_axes, plain

_ADVICE = "LearnerContributionDisplay shows what each learner adds to any final estimator."


class LearnerWeightsDisplay:
    """Draw how much weight the final estimator gives to each learner.

    Parameters
    ----------
    weights : dict of str to float
        By learner.
    kind : str
        What they are: "weight" (of a blend: at least 0, with sum 1), "coefficient" (a learner has
        one column, and the target, too), "share of coefficients" (the absolute coefficients of all
        columns of a learner, each times the column's standard deviation, as part of the sum), or
        "share of importance" (of trees).

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    bars_ : matplotlib.container.BarContainer
        After ``plot``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import ConvexBlendClassifier, LearnerWeightsDisplay, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("linear", LogisticRegression(max_iter=1000)), ("dummy", DummyClassifier())]
    >>> stack = StackingClassifier(learners, ConvexBlendClassifier()).fit(X, y)
    >>> {k: round(v, 2) for k, v in LearnerWeightsDisplay.from_estimator(stack).weights.items()}
    {'linear': 1.0, 'dummy': 0.0}
    """

    def __init__(self, weights: dict[str, float], kind: str) -> None:
        self.weights = weights
        self.kind = kind

    @classmethod
    def from_estimator(cls, stack: Any) -> Self:
        """Read the weights of a stack's final estimator.

        Parameters
        ----------
        stack : StackingClassifier or StackingRegressor
            Fitted, with a final estimator that has ``weights_``, ``coef_`` or
            ``feature_importances_``; it may be the last step of a Pipeline, or the best estimator
            of a search.

        Returns
        -------
        LearnerWeightsDisplay

        Raises
        ------
        InvalidInputError
            If the final estimator has no weights.
        """
        check_stack(stack, "LearnerWeightsDisplay")
        names = learner_names(stack)
        if stack.predicts_with_ == "average":
            return cls(dict.fromkeys(names, 1 / len(names)), "weight")
        if stack.predicts_with_ != "stack":
            return cls({name: float(name == stack.predicts_with_) for name in names}, "weight")
        kept = stack.out_of_fold_predictions_
        final = getattr(stack.final_estimator_, "best_estimator_", stack.final_estimator_)
        if isinstance(getattr(final, "weights_", None), dict):
            return cls({name: float(final.weights_[name]) for name in names}, "weight")
        if hasattr(final, "share"):  # one regressor for each target column
            return cls._from_columns(final.estimators_, kept)
        matrix = kept.matrix
        if hasattr(final, "steps"):
            matrix, final = _through(final, matrix), final.steps[-1][1]
        blocks = np.repeat(names, list(kept.widths.values()))
        return cls(*_read_final(final, matrix, blocks, names))

    @classmethod
    def _from_columns(cls, finals: list[Any], kept: Any) -> Self:
        names, n_outputs = list(kept.blocks), len(finals)
        found = [
            _read_final(final, kept.matrix[:, k::n_outputs], np.asarray(names), names)
            for k, final in enumerate(finals)
        ]
        weights = {name: float(np.mean([part[name] for part, _ in found])) for name in names}
        return cls(weights, f"mean {found[0][1]}")

    def plot(self, ax: Any = None) -> Self:
        """Draw a bar for each learner.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("LearnerWeightsDisplay.plot", ax)
        names = list(self.weights)[::-1]
        self.bars_ = ax.barh(list(map(plain, names)), [self.weights[name] for name in names])
        ax.bar_label(self.bars_, fmt="%.3g", padding=3)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.margins(x=0.15)
        ax.set(xlabel=self.kind)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _through(pipeline: Any, matrix: np.ndarray) -> np.ndarray:
    """Return the columns as the last step sees them."""
    for _, step in pipeline.steps[:-1]:
        if step not in (None, "passthrough"):
            matrix = np.asarray(step.transform(matrix))
    return matrix


def _read_final(
    final: Any, matrix: np.ndarray, blocks: np.ndarray, names: list[str]
) -> tuple[dict[str, float], str]:
    """Return the weight of each learner, and what it is; ``blocks`` names each column's learner."""
    if hasattr(final, "coef_"):
        coefficients = np.atleast_2d(final.coef_)
        kind = "share of coefficients"
    elif hasattr(final, "feature_importances_"):
        coefficients = np.atleast_2d(final.feature_importances_)
        kind = "share of importance"
    else:
        raise InvalidInputError(
            f"The final estimator {type(final).__name__} has no `weights_`, `coef_` or "
            f"`feature_importances_`. {_ADVICE}"
        )
    n_columns = len(blocks)  # columns of passthrough come after those of the learners
    if coefficients.shape[1] < n_columns or matrix.shape[1] != n_columns:
        raise InvalidInputError(
            f"The final estimator has {coefficients.shape[1]} coefficients for {n_columns} columns "
            f"of the learners, so that no learner has its own. {_ADVICE}"
        )
    coefficients = coefficients[:, :n_columns]
    if kind == "share of coefficients" and coefficients.shape == (1, len(names)):
        return dict(zip(blocks.tolist(), coefficients[0].tolist(), strict=True)), "coefficient"
    size = np.abs(coefficients).sum(axis=0)
    if kind == "share of coefficients":
        size = size * matrix.std(axis=0)
    total = size.sum() or 1.0
    return {name: float(size[blocks == name].sum() / total) for name in names}, kind
