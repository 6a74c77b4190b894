"""Forecasts from many cutoffs, each knowing only what came before, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from stackens.exceptions import InvalidInputError
from stackens.forecasting._history import History, read_history
from stackens.forecasting._residuals import check_coverage
from stackens.parameters import check_count

_SCORES = ["mase", "smape", "covered", "width"]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts of a backtest, and their errors.

    Attributes
    ----------
    rows : pandas.DataFrame
        One row for each forecaster, cutoff, step and target, with the columns ``model``,
        ``cutoff`` and ``time`` (times, or numbers of rows), ``step`` (from 1), ``target``,
        ``y_true``, ``y_pred``, ``lower``, ``upper``, ``refitted`` (whether it was trained at this
        cutoff); ``mase`` is the absolute error divided by the mean absolute seasonal difference
        up to the cutoff; ``smape`` is twice the absolute error, divided by the sum
        of the absolute values of truth and forecast; ``covered``
        whether the interval holds the true value, and ``width`` that of the interval divided as
        in ``mase``. Their means are MASE, sMAPE and the coverage.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import NaiveForecaster
    >>> naive = NaiveForecaster(horizon=2)
    >>> result = naive.backtest(np.arange(40.0), coverage=None)  # 1 and 2 too low
    >>> float(result.scores()["mase"].iloc[0])
    1.5
    """

    rows: Any

    def scores(self) -> Any:
        """Return MASE, sMAPE, coverage and scaled width of intervals of each forecaster.

        Returns
        -------
        pandas.DataFrame
            A row for each forecaster, in the order in which they were given.
        """
        return self._means(["model"])

    def by_step(self) -> Any:
        """Return the scores of each forecaster at each step.

        Returns
        -------
        pandas.DataFrame
            The index holds model and step.
        """
        return self._means(["model", "step"])

    def _means(self, by: list[str]) -> Any:
        means = self.rows.groupby(by, sort=False)[_SCORES].mean()
        return means.rename(columns={"covered": "coverage"})


def run_backtest(
    forecaster: Any,
    others: Mapping[str, Any],
    baselines: Mapping[str, Any],
    y: Any,
    X: Any,
    *,
    initial_window: int | None,
    step_length: int | None,
    refit_every: int,
    coverage: float | None,
) -> BacktestResult:
    """Run what is described at ``Forecaster.backtest``, by what all forecasters have in public."""
    import pandas as pd

    check_count("refit_every", refit_every)
    if coverage is not None:
        check_coverage(coverage)
    models = {"forecaster": forecaster, **others, **baselines}
    _check_names(others, baselines)
    _check_models(models, coverage)
    histories = {
        name: read_history(y, X, getattr(model, "known_future", ()))
        for name, model in models.items()
    }
    history = histories["forecaster"]
    cutoffs = _plan_cutoffs(forecaster, len(history), initial_window, step_length)
    scales = _seasonal_scales(history.y, getattr(forecaster, "sp", 1), cutoffs)
    parts = []
    for name, model in models.items():
        every = refit_every if hasattr(model, "update") else 1
        results = _run(model, histories[name], cutoffs, every, coverage)
        parts.append(_frame(name, histories[name], cutoffs, every, scales, *results))
    return BacktestResult(pd.concat(parts, ignore_index=True))


def _check_names(others: Mapping[str, Any], baselines: Mapping[str, Any]) -> None:
    taken = {"forecaster", *baselines} & set(others)
    if taken:
        raise InvalidInputError(
            f"`compare_with` uses the names {sorted(taken)}, which the backtest gives; choose "
            "others."
        )


def _check_models(models: Mapping[str, Any], coverage: float | None) -> None:
    forecaster = models["forecaster"]
    if coverage is not None and not _has_intervals(forecaster):
        raise InvalidInputError(
            "Intervals need residuals, which `cv=None` does not compute; set `cv`, or pass "
            "`coverage=None`."
        )
    for name, model in models.items():
        can = hasattr(model, "fit") and hasattr(model, "predict")
        if not can or getattr(model, "horizon", None) != forecaster.horizon:
            raise InvalidInputError(
                f"`compare_with` must hold forecasters of `horizon`={forecaster.horizon}; {name!r} "
                f"is {model}. One of your own needs `fit(y, X)`, `predict(X)` and `horizon`."
            )


def _has_intervals(model: Any) -> bool:
    return hasattr(model, "predict_interval") and getattr(model, "cv", 0) is not None


def _plan_cutoffs(
    forecaster: Any, n_steps: int, initial_window: int | None, step_length: int | None
) -> range:
    """Return how many rows are known at each cutoff."""
    first = n_steps // 2 if initial_window is None else initial_window
    step = forecaster.horizon if step_length is None else step_length
    check_count("initial_window", first, least=2)
    check_count("step_length", step)
    cutoffs = range(first, n_steps - forecaster.horizon + 1, step)
    if not len(cutoffs):
        raise InvalidInputError(
            f"No cutoff fits: `initial_window`={first} and `horizon`={forecaster.horizon} need "
            f"{first + forecaster.horizon} steps; `y` has {n_steps}."
        )
    sp = getattr(forecaster, "sp", 1)
    if first <= sp:
        raise InvalidInputError(
            f"`initial_window` must be above the seasonal period `sp`={sp}, by which errors are "
            f"scaled; got {first}."
        )
    return cutoffs


def _run(
    model: Any, history: History, cutoffs: range, refit_every: int, coverage: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predictions and bounds, of shape (n_cutoffs, horizon, n_targets) each."""
    shape = model.horizon, history.y.shape[1]
    predicted = np.empty((len(cutoffs), *shape))
    bounds = np.full((len(cutoffs), *shape, 2), np.nan)
    for k, n_known in enumerate(cutoffs):
        if k % refit_every == 0:
            known = history.head(n_known)
            fitted = clone(model, safe=False).fit(known.series, known.covariates)
        else:
            new = history.between(n_known - cutoffs.step, n_known)
            fitted.update(new.series, new.covariates)
        X = history.between(n_known, n_known + model.horizon).future_covariates
        predicted[k] = _read_forecast(fitted.predict(X), shape, model)
        if coverage is not None and _has_intervals(fitted):
            both = fitted.predict_interval(X, coverage)
            bounds[k] = _read_forecast(both, (*shape, 2), model)
    return predicted, bounds[..., 0], bounds[..., 1]


def _read_forecast(values: Any, shape: tuple[int, ...], model: Any) -> np.ndarray:
    if np.size(values) != np.prod(shape):
        raise InvalidInputError(
            f"A forecast must have the shape {shape} (steps, targets and, of an interval, bounds); "
            f"{model} gave one of shape {np.shape(values)}."
        )
    return np.reshape(values, shape)


def _seasonal_scales(y: np.ndarray, sp: int, cutoffs: range) -> np.ndarray:
    """Return the mean absolute seasonal difference up to each cutoff; NaN where it is 0."""
    changes = np.abs(y[sp:] - y[:-sp]).cumsum(axis=0)
    known = np.asarray(cutoffs) - sp
    means = changes[known - 1] / known[:, None]
    return np.where(means > 0, means, np.nan)  # (n_cutoffs, n_targets)


def _frame(
    name: str,
    history: History,
    cutoffs: range,
    refit_every: int,
    scales: np.ndarray,
    predicted: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> Any:
    import pandas as pd

    n_cutoffs, horizon, n_targets = predicted.shape
    known = np.asarray(cutoffs)
    places = known[:, None] + np.arange(horizon)  # (n_cutoffs, horizon)
    true = history.y[places]
    error, size = np.abs(true - predicted), np.abs(true) + np.abs(predicted)
    covered = np.where(np.isnan(lower), np.nan, (lower <= true) & (true <= upper))
    scale = scales[:, None]

    def spread(values: Any, repeats: int, tiles: int = 1) -> np.ndarray:
        return np.tile(np.repeat(np.arange(len(values)), repeats), tiles)

    steps = spread(range(horizon), n_targets, n_cutoffs)
    return pd.DataFrame(
        {
            "model": name,
            "cutoff": history.times[np.repeat(known - 1, horizon * n_targets)],
            "time": history.times[np.repeat(places.ravel(), n_targets)],
            "step": steps + 1,
            "target": np.asarray(history.targets, dtype=object)[
                spread(history.targets, 1, n_cutoffs * horizon)
            ],
            "refitted": np.repeat(np.arange(n_cutoffs) % refit_every == 0, horizon * n_targets),
            "y_true": true.ravel(),
            "y_pred": predicted.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
            "mase": (error / scale).ravel(),
            "smape": np.divide(2 * error, size, out=np.zeros_like(error), where=size > 0).ravel(),
            "covered": covered.ravel(),
            "width": ((upper - lower) / scale).ravel(),
        }
    )
