"""Whether probabilities are what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack, learner_names
from stackens.inspection._matplotlib import make_axes, plain


class OutOfFoldCalibrationDisplay:
    """Draw how often learners and the stack are right, beside how sure they were.

    The curves are those of :class:`sklearn.calibration.CalibrationDisplay`, for rows that the
    models did not see.

    Parameters
    ----------
    y_true : dict of str to ndarray of shape (n_rows,)
        For each learner, or "stack", whether it happened.
    y_prob : dict of str to ndarray of shape (n_rows,)
        The probability that it gave to this.
    what : str
        What "this" is.
    n_bins : int, default=10
        Points of a curve, at most.
    strategy : {"uniform", "quantile"}, default="quantile"
        Bins of equal width, or of equally many rows.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    displays_ : dict of str to sklearn.calibration.CalibrationDisplay
        After ``plot``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import OutOfFoldCalibrationDisplay, StackingClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> stack = StackingClassifier([("bayes", GaussianNB())]).fit(X, y)
    >>> display = OutOfFoldCalibrationDisplay.from_estimator(stack)
    >>> display.what, list(display.y_prob)
    ('class 1', ['bayes', 'stack'])
    """

    def __init__(
        self,
        y_true: dict[str, np.ndarray],
        y_prob: dict[str, np.ndarray],
        what: str,
        *,
        n_bins: int = 10,
        strategy: str = "quantile",
    ) -> None:
        self.y_true = y_true
        self.y_prob = y_prob
        self.what = what
        self.n_bins = n_bins
        self.strategy = strategy

    @classmethod
    def from_estimator(
        cls,
        stack: Any,
        *,
        names: Sequence[str] | None = None,
        label: Any = None,
        n_bins: int = 10,
        strategy: str = "quantile",
    ) -> Self:
        """Collect the out-of-fold probabilities of a stack.

        Parameters
        ----------
        stack : StackingClassifier
            Fitted.
        names : sequence of str, default=None
            Learners, "average" or "stack"; None is all learners with probabilities, and the stack.
        label : default=None
            The class whose probability is drawn; None is the second of two classes, and of more
            classes whichever the model predicts: its confidence, beside how often it is right.
        n_bins : int, default=10
            Points of a curve, at most.
        strategy : {"uniform", "quantile"}, default="quantile"
            Bins of equal width, or of equally many rows.

        Returns
        -------
        OutOfFoldCalibrationDisplay

        Raises
        ------
        InvalidInputError
            If there are no probabilities, or no such class.
        """
        check_stack(stack, "OutOfFoldCalibrationDisplay")
        classes = getattr(stack, "classes_", None)
        if classes is None:
            raise InvalidInputError(
                "OutOfFoldCalibrationDisplay draws probabilities: of a stack "
                f"of classifiers; got {type(stack).__name__}."
            )
        wanted = [*learner_names(stack), "stack"] if names is None else list(names)
        outputs = [stack.out_of_fold(name) for name in wanted]
        without = [o.name for o in outputs if o.y_proba is None]
        if len(without) == len(outputs) or (names is not None and without):
            raise InvalidInputError(f"No probabilities are predicted by {', '.join(without)}.")
        if label is None and len(classes) == 2:
            label = classes[1]
        if label is not None and label not in classes:
            raise InvalidInputError(f"`label` must be one of {classes.tolist()}; got {label!r}.")
        y_true, y_prob = {}, {}
        for o in outputs:
            if o.y_proba is None:
                continue
            if label is None:
                y_true[o.name] = (o.y_pred == o.y_true).astype(int)
                y_prob[o.name] = o.y_proba.max(axis=1)
            else:
                y_true[o.name] = (o.y_true == label).astype(int)
                y_prob[o.name] = o.y_proba[:, list(classes).index(label)]
        what = "predicted class" if label is None else f"class {label}"
        return cls(y_true, y_prob, what, n_bins=n_bins, strategy=strategy)

    def plot(self, ax: Any = None) -> Self:
        """Draw a curve for each.

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
        ax = make_axes("OutOfFoldCalibrationDisplay.plot", ax)
        from sklearn.calibration import CalibrationDisplay

        self.displays_ = {
            name: CalibrationDisplay.from_predictions(
                self.y_true[name],
                np.clip(probabilities, 0, 1),
                n_bins=self.n_bins,
                strategy=self.strategy,
                name=plain(name),
                ax=ax,
                pos_label=1,
            )
            for name, probabilities in self.y_prob.items()
        }
        ax.set(
            xlabel=f"mean probability of the {plain(self.what)}",
            ylabel="how often it was true",
            title="",
        )
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
