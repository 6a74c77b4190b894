"""What accuracy costs."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.inspection._fitted_stack import check_stack
from stackens.inspection._matplotlib import make_axes, plain
from stackens.parameters import check_choice

_COSTS = {"seconds": "training time in seconds", "parameters": "number of parameters"}


class CostAccuracyDisplay:
    """Draw the score of each learner and of the stack beside what it costs.

    Parameters
    ----------
    costs, scores : ndarray of shape (n_rows,)
        One value for each learner and the stack; a cost of NaN is not drawn.
    names : list of str
        Who that is.
    cost : {"seconds", "parameters"}, default="seconds"
        What the cost is.
    score : str, default="score"
        What the score is.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from stackens import CostAccuracyDisplay, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> stack = StackingClassifier([("linear", LogisticRegression(max_iter=1000))]).fit(X, y)
    >>> CostAccuracyDisplay.from_estimator(stack).names
    ['linear', 'stack']
    """

    def __init__(
        self,
        costs: Any,
        scores: Any,
        names: list[str],
        *,
        cost: str = "seconds",
        score: str = "score",
    ) -> None:
        self.costs = costs
        self.scores = scores
        self.names = names
        self.cost = cost
        self.score = score

    @classmethod
    def from_estimator(
        cls, stack: Any, X: Any = None, y: Any = None, *, scoring: Any = None, cost: str = "seconds"
    ) -> Self:
        """Read the leaderboard of a stack.

        Parameters
        ----------
        stack : StackingClassifier or StackingRegressor
            Fitted.
        X, y : array-like of shape (n_samples, ...), default=None
            Test data; without them the scores are out-of-fold ones.
        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy for classifiers and R² for regressors.
        cost : {"seconds", "parameters"}, default="seconds"
            Time that training took (of a learner that of all its fits, of the stack its wall
            time), or number of parameters, which networks have.

        Returns
        -------
        CostAccuracyDisplay
        """
        check_stack(stack, "CostAccuracyDisplay")
        check_choice("cost", cost, list(_COSTS))
        board = stack.leaderboard(X, y, scoring)
        default = "accuracy" if hasattr(stack, "classes_") else "R²"
        score = scoring if isinstance(scoring, str) else default
        return cls.from_leaderboard(board, cost=cost, score=score)

    @classmethod
    def from_leaderboard(cls, board: Any, *, cost: str = "seconds", score: str = "score") -> Self:
        """Read a leaderboard.

        Parameters
        ----------
        board : pandas.DataFrame
            As ``leaderboard`` of a stack returns it; test scores are taken if there are any.
        cost : {"seconds", "parameters"}, default="seconds"
            Which of its columns.
        score : str, default="score"
            What the scores are.

        Returns
        -------
        CostAccuracyDisplay
        """
        board = board.drop(index="average")  # costs what the stack costs
        column = "test" if "test" in board else "out_of_fold"
        return cls(
            board[cost].to_numpy(float),
            board[column].to_numpy(float),
            list(board.index),
            cost=cost,
            score=f"{score} ({column.replace('_', '-')})",
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw a point for each, with its name; the cost has a logarithmic scale.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If no cost is known.
        MissingExtraError
            If matplotlib is not installed.
        """
        ax = make_axes("CostAccuracyDisplay.plot", ax)
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        known = np.isfinite(self.costs) & (np.asarray(self.costs) > 0) & np.isfinite(self.scores)
        if not known.any():
            raise InvalidInputError(f"No learner tells its {_COSTS[self.cost]}.")
        middle = np.sqrt(np.nanmin(self.costs[known]) * np.nanmax(self.costs[known]))
        for k in np.flatnonzero(known):
            marker = "*" if self.names[k] == "stack" else "o"
            ax.scatter(self.costs[k], self.scores[k], marker=marker, s=80)
            is_left = self.costs[k] <= middle
            ax.annotate(
                plain(self.names[k]),
                (self.costs[k], self.scores[k]),
                xytext=(8 if is_left else -8, 4),
                ha="left" if is_left else "right",
                textcoords="offset points",
            )
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set(xlabel=_COSTS[self.cost], ylabel=self.score)
        ax.margins(0.15)
        ax.grid(alpha=0.3)
        self.ax_, self.figure_ = ax, ax.figure
        return self
