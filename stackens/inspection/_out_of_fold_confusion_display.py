"""Which classes are taken for which."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.utils.multiclass import unique_labels

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack
from stackens.inspection._matplotlib import make_axes, plain


class OutOfFoldConfusionDisplay:
    """Draw which classes a stack, or one of its learners, takes for which, on unseen rows.

    The picture is that of :class:`sklearn.metrics.ConfusionMatrixDisplay`.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Rows are true classes, columns predicted ones.
    display_labels : ndarray of shape (n_classes,)
        Classes.
    name : str, default=""
        Who predicted.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.
    display_ : sklearn.metrics.ConfusionMatrixDisplay
        After ``plot``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import OutOfFoldConfusionDisplay, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> stack = StackingClassifier([("bayes", GaussianNB())]).fit(X, y)
    >>> OutOfFoldConfusionDisplay.from_estimator(stack, "bayes").confusion_matrix
    array([[50,  0,  0],
           [ 0, 47,  3],
           [ 0,  4, 46]])
    """

    def __init__(
        self, confusion_matrix: np.ndarray, display_labels: Any, *, name: str = ""
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.display_labels = display_labels
        self.name = name

    @classmethod
    def from_estimator(
        cls, stack: Any, name: str = "stack", *, normalize: str | None = None
    ) -> Self:
        """Count the out-of-fold predictions of a stack.

        Parameters
        ----------
        stack : StackingClassifier
            Fitted.
        name : str, default="stack"
            A learner, "average" or "stack".
        normalize : {"true", "pred", "all"}, default=None
            As in scikit-learn; None counts rows.

        Returns
        -------
        OutOfFoldConfusionDisplay

        Raises
        ------
        InvalidInputError
            If the stack is of regressors, or has no such learner.
        """
        check_stack(stack, "OutOfFoldConfusionDisplay")
        if not hasattr(stack, "classes_"):
            raise InvalidInputError(
                "OutOfFoldConfusionDisplay draws classes: of a stack of "
                f"classifiers; got {type(stack).__name__}."
            )
        outputs = stack.out_of_fold(name)
        matrix = confusion_matrix(
            outputs.y_true, outputs.y_pred, labels=stack.classes_, normalize=normalize
        )
        return cls(matrix, stack.classes_, name=name)

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, *, normalize: str | None = None, name: str = ""
    ) -> Self:
        """Count predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_rows,)
            True and predicted classes.
        normalize : {"true", "pred", "all"}, default=None
            As in scikit-learn; None counts rows.
        name : str, default=""
            Who predicted.

        Returns
        -------
        OutOfFoldConfusionDisplay
        """
        return cls(
            confusion_matrix(y_true, y_pred, normalize=normalize),
            unique_labels(y_true, y_pred),
            name=name,
        )

    def plot(self, ax: Any = None, *, cmap: str = "Blues") -> Self:
        """Draw a map with the numbers in it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        cmap : str, default="Blues"
            Colours.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("OutOfFoldConfusionDisplay.plot", ax)
        from sklearn.metrics import ConfusionMatrixDisplay

        is_counted = np.issubdtype(np.asarray(self.confusion_matrix).dtype, np.integer)
        longest = max(len(str(label)) for label in self.display_labels)
        self.display_ = ConfusionMatrixDisplay(
            self.confusion_matrix, display_labels=list(map(plain, self.display_labels))
        )
        self.display_.plot(
            ax=ax,
            cmap=cmap,
            values_format="d" if is_counted else ".2f",
            xticks_rotation="horizontal" if longest < 5 else 45,
        )
        ax.set(xlabel="predicted", ylabel="true", title=plain(self.name))
        self.ax_, self.figure_ = ax, ax.figure
        return self
