"""How alike learners are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack, learner_names
from stackens.inspection._matplotlib import make_axes, plain
from stackens.parameters import check_choice


class LearnerCorrelationDisplay:
    """Draw how alike the errors, or the outputs, of learners are on rows that they did not see.

    A stack gains from learners that err in other places: whose errors are little correlated.

    Parameters
    ----------
    correlation : ndarray of shape (n_learners, n_learners)
        Pearson's correlation; NaN where a learner's values are all the same.
    names : list of str
        Of the learners.
    kind : {"errors", "outputs"}, default="errors"
        What is correlated.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.

    Examples
    --------
    >>> from stackens import LearnerCorrelationDisplay
    >>> display = LearnerCorrelationDisplay.from_predictions(
    ...     [1.0, 2.0, 3.0, 4.0], {"a": [1.0, 2.5, 3.0, 4.5], "b": [1.5, 2.0, 3.5, 4.0]})
    >>> display.correlation.round(2)
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    def __init__(self, correlation: np.ndarray, names: list[str], *, kind: str = "errors") -> None:
        self.correlation = correlation
        self.names = names
        self.kind = kind

    @classmethod
    def from_estimator(cls, stack: Any, *, kind: str = "errors") -> Self:
        """Compare the out-of-fold predictions of a stack's learners.

        Parameters
        ----------
        stack : StackingClassifier or StackingRegressor
            Fitted.
        kind : {"errors", "outputs"}, default="errors"
            Errors are prediction minus target; of a classifier the probability that the true class
            lacks, or 0 and 1 where there are only labels. Outputs are predictions, or the
            probabilities of all classes.

        Returns
        -------
        LearnerCorrelationDisplay
        """
        check_stack(stack, "LearnerCorrelationDisplay")
        outputs = [stack.out_of_fold(name) for name in learner_names(stack)]
        predictions = {o.name: o.y_pred if o.y_proba is None else o.y_proba for o in outputs}
        classes = getattr(stack, "classes_", None)
        return cls.from_predictions(outputs[0].y_true, predictions, kind=kind, classes=classes)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        predictions: Mapping[str, Any],
        *,
        kind: str = "errors",
        classes: Any = None,
    ) -> Self:
        """Compare predictions for the same rows.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Target.
        predictions : mapping of str to array-like
            By learner: numbers in the shape of ``y_true``; or labels of shape (n_rows,), or
            probabilities of shape (n_rows, n_classes).
        kind : {"errors", "outputs"}, default="errors"
            What to correlate; see ``from_estimator``.
        classes : array-like of shape (n_classes,), default=None
            Labels in the order of the columns of probabilities; None if the target holds numbers.

        Returns
        -------
        LearnerCorrelationDisplay

        Raises
        ------
        InvalidInputError
            If predictions differ in their number of rows.
        """
        check_choice("kind", kind, ["errors", "outputs"])
        y_true = np.asarray(y_true)
        columns = []
        for name, values in predictions.items():
            if len(values) != len(y_true):
                raise InvalidInputError(
                    f"`predictions` of {name!r} have {len(values)} rows; `y_true` has "
                    f"{len(y_true)}."
                )
            columns.append(_values(y_true, np.asarray(values), kind, classes).ravel())
        with np.errstate(invalid="ignore", divide="ignore"):  # a constant has no correlation
            correlation = np.atleast_2d(np.corrcoef(columns))
        return cls(correlation, list(predictions), kind=kind)

    def plot(self, ax: Any = None, *, cmap: str = "RdBu_r") -> Self:
        """Draw a map with the numbers in it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        cmap : str, default="RdBu_r"
            Colours from -1 to 1.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("LearnerCorrelationDisplay.plot", ax)
        from sklearn.metrics import ConfusionMatrixDisplay  # a labelled map with numbers in it

        drawn = ConfusionMatrixDisplay(
            self.correlation, display_labels=list(map(plain, self.names))
        ).plot(
            ax=ax,
            cmap=cmap,
            values_format=".2f",
            im_kw={"vmin": -1, "vmax": 1},
            xticks_rotation="horizontal" if max(map(len, self.names)) < 9 else 45,
        )
        for text, value in zip(drawn.text_.ravel(), self.correlation.ravel(), strict=True):
            red, green, blue, _ = drawn.im_.cmap(drawn.im_.norm(value))
            is_dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4
            text.set_color("white" if is_dark else "black")
        ax.set(xlabel="", ylabel="", title=f"correlation of {self.kind}")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _values(y_true: np.ndarray, predictions: np.ndarray, kind: str, classes: Any) -> np.ndarray:
    if classes is None:
        return predictions - y_true if kind == "errors" else predictions
    classes = np.asarray(classes)
    if predictions.ndim == 2:
        true_class = np.searchsorted(classes, y_true)
        outputs = predictions
        errors = 1 - predictions[np.arange(len(y_true)), true_class]
    else:
        outputs = (predictions[:, None] == classes).astype(float)
        errors = (predictions != y_true).astype(float)
    return errors if kind == "errors" else outputs
