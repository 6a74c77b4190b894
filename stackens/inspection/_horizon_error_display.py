"""Errors of a backtest by step."""

from __future__ import annotations

from typing import Any, Self

from stackens.exceptions import InvalidInputError
from stackens.inspection._matplotlib import make_axes


class HorizonErrorDisplay:
    """Draw how the error grows with the step that is forecast, for each forecaster.

    Parameters
    ----------
    errors : pandas.DataFrame of shape (horizon, n_forecasters)
        A score; the index holds steps.
    score : str
        Its name.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        After ``plot``.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import HorizonErrorDisplay, NaiveForecaster
    >>> result = NaiveForecaster(4, sp=7).backtest(np.arange(90) % 7.0 + np.sin(np.arange(90)))
    >>> HorizonErrorDisplay.from_backtest(result).errors.shape
    (4, 4)
    """

    def __init__(self, errors: Any, score: str) -> None:
        self.errors = errors
        self.score = score

    @classmethod
    def from_backtest(cls, result: Any, score: str = "mase") -> Self:
        """Collect a score by step.

        Parameters
        ----------
        result : BacktestResult
            From ``backtest``.
        score : {"mase", "smape", "coverage", "width"}, default="mase"
            What to draw.

        Returns
        -------
        HorizonErrorDisplay

        Raises
        ------
        InvalidInputError
            If there is no such score.
        """
        table = result.by_step()
        if score not in table.columns:
            raise InvalidInputError(f"`score` must be one of {list(table)}; got {score!r}.")
        models = list(table.index.unique("model"))
        return cls(table[score].unstack("model")[models], score)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

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
        ax = make_axes("HorizonErrorDisplay.plot", ax)
        for name, errors in self.errors.items():
            ax.plot(errors.index, errors, marker=".", label=name)
        ax.set(xlabel="step", ylabel=self.score)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
