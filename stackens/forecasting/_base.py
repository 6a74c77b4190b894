"""What all forecasters share: reading, updating, intervals, the form of what they return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import InvalidInputError
from stackens.forecasting._backtest import BacktestResult, run_backtest
from stackens.forecasting._history import History, read_history
from stackens.forecasting._residuals import check_coverage, offsets
from stackens.forecasting._windows import cut
from stackens.parameters import all_or_nothing, forget, known_arguments


class Forecaster(BaseEstimator, ABC):
    """Base of the forecasters; a concrete one says what it learns and what it predicts.

    Predictions are made as *levels*, a scale on which residuals are added: the target itself, or
    its logarithm.
    """

    horizon: int

    # ---- what a concrete forecaster supplies ---------------------------------------------------

    @abstractmethod
    def _train(self, history: History) -> None:
        """Learn from a history, which is all that is known."""

    @abstractmethod
    def _out_of_sample_residuals(self, history: History) -> np.ndarray | None:
        """Return residuals of shape (n_forecasts, horizon, n_targets), after ``_train``."""

    @abstractmethod
    def _predict_levels(
        self, history: History, tail: np.ndarray | None, cutoffs: range
    ) -> np.ndarray:
        """Forecast from some rows of a history, of shape (n_cutoffs, horizon, n_targets).

        ``tail`` holds the covariates known in advance, for the steps after the last row.
        """

    def _levels(self, history: History) -> np.ndarray:
        """Return the target on the scale of ``_predict_levels``."""
        return history.y

    def _values(self, levels: np.ndarray) -> np.ndarray:
        """Turn levels into values of the target."""
        return levels

    def _check_params(self) -> None:
        """Refuse parameters that cannot be used."""

    @abstractmethod
    def _baselines(self, *, intervals: bool) -> dict[str, Any]:
        """Return the forecasters, by name, that a backtest sets beside this one."""

    def _update_step(self) -> int:
        """Return how many steps are between the forecasts that give residuals."""
        return 1

    # ---- public --------------------------------------------------------------------------------

    @known_arguments
    @all_or_nothing
    def fit(self, y: Any, X: Any = None) -> Self:
        """Train on a series, whose last row is the cutoff.

        Parameters
        ----------
        y : array-like, Series or DataFrame of shape (n_steps,) or (n_steps, n_targets)
            Target. A pandas object needs a DatetimeIndex or PeriodIndex that leaves nothing out.
        X : array-like or DataFrame of shape (n_steps, n_covariates), default=None
            Covariates at the same times.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the series cannot be used; nothing was trained then.
        """
        forget(self)
        self._check_params()
        history = read_history(y, X, getattr(self, "known_future", ()))
        self._train(history)
        self.residuals_ = self._out_of_sample_residuals(history)
        self._n_scored = len(history) - 1  # the first cutoff whose targets were not trained on
        self._history = history
        return self

    def predict(self, X: Any = None) -> Any:
        """Forecast the steps after the cutoff.

        Parameters
        ----------
        X : array-like or DataFrame of shape (horizon, n_known_future), default=None
            Covariates that are known in advance, for the steps to forecast, and no others.

        Returns
        -------
        ndarray, Series or DataFrame of shape (horizon,) or (horizon, n_targets)
            In the form of the series, with the times that follow the cutoff.

        Raises
        ------
        InvalidInputError
            If covariates are missing, or are not of those times.
        """
        check_is_fitted(self)
        values = self._values(self._forecast(X))
        return self._history.write(values, self._history.next_index(self.horizon))

    def predict_interval(self, X: Any = None, coverage: float = 0.9) -> Any:
        """Forecast intervals, from the residuals of forecasts whose targets were not seen.

        Parameters
        ----------
        X : array-like or DataFrame of shape (horizon, n_known_future), default=None
            As in ``predict``.
        coverage : float in (0, 1), default=0.9
            Share of true values that lie inside, at each step.

        Returns
        -------
        ndarray of shape (horizon, 2) or (horizon, n_targets, 2), or DataFrame
            Lower and upper bounds. The columns of a DataFrame are (target, coverage, "lower") and
            (target, coverage, "upper").

        Raises
        ------
        InvalidInputError
            If there are too few residuals for the coverage, or none.
        """
        check_is_fitted(self)
        check_coverage(coverage)
        lower, upper = self._bounds(self._forecast(X), coverage)
        history = self._history
        if history.index is None:
            both = np.stack([lower, upper], axis=-1)  # (horizon, n_targets, 2)
            return both[:, 0] if history.is_flat else both
        import pandas as pd

        names = pd.MultiIndex.from_product([history.targets, [coverage], ["lower", "upper"]])
        both = np.stack([lower, upper], axis=-1).reshape(self.horizon, -1)
        return pd.DataFrame(both, index=history.next_index(self.horizon), columns=names)

    def update(self, y: Any, X: Any = None) -> Self:
        """Move the cutoff to the end of new rows, without training.

        What was learned stays as it is. Forecasts that can now be compared with the truth add
        their residuals to those that intervals are made of.

        Parameters
        ----------
        y : array-like, Series or DataFrame of shape (n_new,) or (n_new, n_targets)
            Target at the times that follow the cutoff.
        X : array-like or DataFrame of shape (n_new, n_covariates), default=None
            All covariates at those times.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If they do not follow the cutoff, or are not like those of ``fit``; nothing is changed.
        """
        check_is_fitted(self)
        self._move_to(self._history.extend(y, X))
        return self

    def backtest(
        self,
        y: Any,
        X: Any = None,
        *,
        initial_window: int | None = None,
        step_length: int | None = None,
        refit_every: int = 1,
        coverage: float | None = 0.9,
        compare_with: Mapping[str, Any] | None = None,
    ) -> BacktestResult:
        """Forecast from many cutoffs, each time knowing only what came before, beside baselines.

        Parameters
        ----------
        y, X
            As in ``fit``. This forecaster is not changed: copies of it are trained.
        initial_window : int, default=None
            Steps before the first cutoff; None is half of the series.
        step_length : int, default=None
            Steps from a cutoff to the next; None is ``horizon``.
        refit_every : int, default=1
            Train anew at every so many cutoffs, and ``update`` at the others.
        coverage : float in (0, 1), default=0.9
            Of the intervals; None makes none.
        compare_with : dict of str to forecaster, default=None
            Further forecasters of the same ``horizon``, by name: of this package, or your own
            with ``fit(y, X)`` and ``predict(X)``. What has no ``update`` is trained anew at every
            cutoff; what has no ``predict_interval``, or `cv=None`, gets no intervals. ``predict``
            is given the covariates that ``known_future`` names, or None.

        Returns
        -------
        BacktestResult
            One row for each forecaster, cutoff, step and target. The baselines ``naive``,
            ``seasonal_naive`` (if ``sp`` is above 1), ``drift`` and ``linear`` (on the same
            windows) are always among the forecasters.

        Raises
        ------
        InvalidInputError
            If the series is too short or cannot be used.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import Ridge
        >>> from stackens import WindowForecaster
        >>> y = np.sin(np.arange(120) / 6) + 3
        >>> result = WindowForecaster(Ridge(), window=12, horizon=3, cv=None).backtest(
        ...     y, initial_window=90, coverage=None)
        >>> result.rows.shape[0], result.scores().index[0]
        (120, 'forecaster')
        """
        others = compare_with or {}
        for model in (self, *others.values()):
            if isinstance(model, Forecaster):
                model._check_params()
        return run_backtest(
            self,
            others,
            self._baselines(intervals=coverage is not None),
            y,
            X,
            initial_window=initial_window,
            step_length=step_length,
            refit_every=refit_every,
            coverage=coverage,
        )

    @property
    def cutoff(self) -> Any:
        """Time of the last known row; without an index, its number."""
        check_is_fitted(self)
        return self._history.times[-1]

    @property
    def known_(self) -> Any:
        """Series up to the cutoff, as it was given: ndarray, Series or DataFrame."""
        check_is_fitted(self)
        return self._history.series

    def __sklearn_is_fitted__(self) -> bool:
        return "_history" in vars(self)

    # ---- within the package --------------------------------------------------------------------

    def _move_to(self, history: History) -> None:
        """Take a longer history, and the residuals that it tells."""
        levels = self._levels(history)
        if self.residuals_ is not None:
            cutoffs = range(self._n_scored, len(history) - self.horizon, self._update_step())
            if len(cutoffs):
                predicted = self._predict_levels(history, None, cutoffs)
                new = self._targets(levels, cutoffs) - predicted
                self.residuals_ = np.concatenate([self.residuals_, new])
                self._n_scored = cutoffs[-1] + cutoffs.step
        self._history = history

    def _targets(self, levels: np.ndarray, cutoffs: range) -> np.ndarray:
        return cut(levels, cutoffs, 1, self.horizon)

    def _forecast(self, X: Any) -> np.ndarray:
        """Return levels of shape (horizon, n_targets) after the cutoff."""
        history = self._history
        tail = history.read_future(X, self.horizon)
        last = len(history) - 1
        return self._predict_levels(history, tail, range(last, last + 1))[0]

    def _bounds(self, levels: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        residuals = self._recent_residuals()
        if residuals is None:
            raise InvalidInputError(
                "Intervals need residuals, which `cv=None` does not compute; fit with an integer "
                "as `cv`."
            )
        below, above = offsets(residuals, coverage)
        return self._values(levels + below), self._values(levels + above)

    def _recent_residuals(self) -> np.ndarray | None:
        """Return the residuals that make intervals."""
        return self.residuals_
