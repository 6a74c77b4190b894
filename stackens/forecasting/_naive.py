"""Forecasts that learn nothing, which others have to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.exceptions import InvalidInputError
from stackens.forecasting._base import Forecaster
from stackens.forecasting._history import History
from stackens.parameters import check_choice, check_count


class NaiveForecaster(Forecaster):
    """Forecast the last value, the last season, or a straight line; covariates are ignored.

    Parameters
    ----------
    horizon : int, default=1
        Steps to forecast.
    strategy : {"last", "drift"}, default="last"
        "last" repeats the last season of ``sp`` steps; "drift" goes on along the line through the
        first and the last value.
    sp : int, default=1
        Seasonal period, in steps; 1 repeats the last value. Not used by "drift".

    Attributes
    ----------
    residuals_ : ndarray of shape (n_forecasts, horizon, n_targets)
        Of forecasts from all earlier cutoffs.
    cutoff : timestamp, period or int
        Last known time.

    See Also
    --------
    WindowForecaster : Forecasts by any regressor.

    Examples
    --------
    >>> from stackens import NaiveForecaster
    >>> NaiveForecaster(4, sp=2).fit([1.0, 2.0, 3.0, 5.0, 7.0]).predict()
    array([5., 7., 5., 7.])
    """

    def __init__(self, horizon: int = 1, *, strategy: str = "last", sp: int = 1) -> None:
        self.horizon = horizon
        self.strategy = strategy
        self.sp = sp

    def _check_params(self) -> None:
        check_count("horizon", self.horizon)
        check_count("sp", self.sp)
        check_choice("strategy", self.strategy, ("last", "drift"))

    def _train(self, history: History) -> None:
        needed = self._first_cutoff() + 1
        if len(history) < needed:
            raise InvalidInputError(
                f"The strategy {self.strategy!r} with `sp`={self.sp} needs at least {needed} "
                f"steps; `y` has {len(history)}."
            )

    def _out_of_sample_residuals(self, history: History) -> np.ndarray:
        cutoffs = range(self._first_cutoff(), len(history) - self.horizon)
        if not len(cutoffs):
            return np.empty((0, self.horizon, history.y.shape[1]))
        predicted = self._predict_levels(history, None, cutoffs)
        return self._targets(history.y, cutoffs) - predicted

    def _predict_levels(self, history: History, tail: Any, cutoffs: range) -> np.ndarray:
        last, steps = np.asarray(cutoffs), np.arange(self.horizon)
        if self.strategy == "drift":
            slope = (history.y[last] - history.y[0]) / last[:, None]
            return history.y[last][:, None] + slope[:, None] * (steps + 1)[:, None]
        wanted = last[:, None] + 1 - self.sp + steps % self.sp  # (n_cutoffs, horizon)
        return history.y[wanted]

    def _first_cutoff(self) -> int:
        return 1 if self.strategy == "drift" else self.sp - 1

    def _forecast(self, X: Any) -> np.ndarray:
        return super()._forecast(None)

    def _baselines(self, *, intervals: bool) -> dict[str, Any]:
        return naive_baselines(self.horizon, self.sp)


def naive_baselines(horizon: int, sp: int) -> dict[str, Any]:
    """Return the naive forecasters, by name; the seasonal one where there are seasons."""
    seasonal = {"seasonal_naive": NaiveForecaster(horizon, sp=sp)} if sp > 1 else {}
    drift = NaiveForecaster(horizon, strategy="drift")
    return {"naive": NaiveForecaster(horizon), **seasonal, "drift": drift}
