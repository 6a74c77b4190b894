"""What each learner adds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.inspection._fitted_stack import check_stack
from stackens.inspection._matplotlib import make_axes, plain


class LearnerContributionDisplay:
    """Draw the score that a stack loses without a learner, and with its columns permuted.

    Parameters
    ----------
    contributions : pandas.DataFrame
        As ``contributions`` of a stack returns it: a row for each learner.
    score : str, default="score"
        What is lost.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from stackens import LearnerContributionDisplay, StackingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> stack = StackingRegressor([("ridge", Ridge()), ("neighbors", KNeighborsRegressor())])
    >>> display = LearnerContributionDisplay.from_estimator(stack.fit(X, y))
    >>> display.contributions.columns.tolist()
    ['drop_one', 'drop_one_error', 'permutation', 'permutation_std']
    """

    def __init__(self, contributions: Any, *, score: str = "score") -> None:
        self.contributions = contributions
        self.score = score

    @classmethod
    def from_estimator(
        cls, stack: Any, *, scoring: Any = None, n_repeats: int = 5, random_state: Any = 0
    ) -> Self:
        """Refit the final estimator without each learner, and permute each learner's columns.

        Parameters
        ----------
        stack : StackingClassifier or StackingRegressor
            Fitted. No learner is trained again.
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        n_repeats : int, default=5
            Permutations.
        random_state : int, RandomState instance or None, default=0
            Of the permutations.

        Returns
        -------
        LearnerContributionDisplay
        """
        check_stack(stack, "LearnerContributionDisplay")
        table = stack.contributions(scoring, n_repeats=n_repeats, random_state=random_state)
        default = "accuracy" if hasattr(stack, "classes_") else "R²"
        return cls(table, score=scoring if isinstance(scoring, str) else default)

    def plot(self, ax: Any = None) -> Self:
        """Draw two bars for each learner, with standard errors and deviations.

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
        ax = make_axes("LearnerContributionDisplay.plot", ax)
        table = self.contributions.iloc[::-1]
        places = np.arange(len(table))
        for offset, column, error, label in (
            (0.2, "drop_one", "drop_one_error", "without the learner"),
            (-0.2, "permutation", "permutation_std", "its predictions permuted"),
        ):
            ax.barh(places + offset, table[column], 0.38, xerr=table[error], label=label, capsize=2)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, list(map(plain, table.index)))
        ax.set(xlabel=f"{self.score} lost")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
