"""Forecasts by any regressor of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit

from stackens.exceptions import InvalidInputError
from stackens.forecasting._base import Forecaster
from stackens.forecasting._history import History
from stackens.forecasting._naive import naive_baselines
from stackens.forecasting._regressors import (
    chain_forward,
    fit_regressors,
    held_out_predictions,
    is_stack_without_splits,
    needs_splits,
    predict_columns,
    prepare,
    window_dtype,
)
from stackens.forecasting._target_transform import TRANSFORMS, TargetTransform
from stackens.forecasting._windows import WindowLayout, WindowScale, cut
from stackens.parameters import check_choice, check_count


@dataclass(frozen=True, eq=False)
class TrainedRegressors:
    """Regressors and the scale of the windows that they were trained on."""

    regressors: list[Any]
    scale: WindowScale
    dtype: Any


class WindowForecaster(Forecaster):
    """Forecast the steps after a window of a series by any regressor.

    Every row that the regressor sees is a window of ``window`` timesteps, of shape
    (window, n_channels). Its channels are the target columns, the covariates known in the past,
    those of ``known_future`` at the same times, and these once more shifted by the steps that are
    predicted at once, so that their last steps are the future. A regressor of tables, such as
    those of scikit-learn, gets the windows flattened. Rows are float32 if every learner reads
    sequences itself, and float64 otherwise.

    No window reaches past the cutoff: what is fitted, the scale of the windows included, depends
    on the rows given to ``fit`` alone.

    Parameters
    ----------
    regressor : estimator
        A learner, a stack, or any scikit-learn regressor or Pipeline. A stack whose ``cv`` is
        None or an integer holds out windows in the order of time instead (see ``cv``); learners
        with ``early_stopping`` hold out the latest training windows.
    window : int
        Timesteps of a window.
    horizon : int, default=1
        Steps to forecast.
    strategy : {"direct", "recursive"}, default="direct"
        "direct" predicts all steps at once: by one regressor of ``horizon * n_targets`` columns,
        or, if it takes only one column, by a clone for each. "recursive" predicts one step, and
        takes it for known to predict the next; it cannot use covariates known only in the past,
        unless the horizon is 1.
    known_future : sequence, default=()
        Names of the covariates (positions, in an array) that are known in advance, such as
        holidays. All others are known in the past only, and are never read after a cutoff.
    sp : int, default=1
        Seasonal period in steps: for "seasonal" normalisation, the seasonal naive baseline and
        MASE.
    transform : {None, "log", "log1p", "sqrt"}, default=None
        Function of the target that is modelled, and undone in forecasts and intervals, which are
        medians and quantiles rather than means then.
    difference : int or sequence of int, default=None
        Lags at which the target is differenced first, e.g. ``(1, 12)``; None does not.
    normalization : {None, "last", "seasonal"}, default=None
        "last" subtracts the last value of a window from it and from what follows; "seasonal"
        subtracts the mean of the last season from the window, and the last season, repeated, from
        what follows: the regressor then mends the naive or the seasonal naive forecast.
    scale : bool, default=True
        Whether to scale channels and target to mean 0 and deviation 1. For a stack, the scale
        comes from the steps before its first held-out window, as later ones are held out.
    step_length : int, default=1
        Steps from a training window to the next.
    cv : int, default=5
        Parts of the later half of the training windows that are forecast by models of the
        windows before them (without those whose targets reach into the part), which gives
        the residuals of intervals. A direct stack has these forecasts already, but for the
        first part, before which its final estimator knows nothing (on a short series, its
        learners' average predicts that); every other regressor is trained ``cv`` times more. None
        makes no intervals; a stack then still chains 5 parts.
    n_residuals : int, default=None
        How many of the latest residuals make an interval, for series whose errors change with the
        season or over the years; None is all.

    Attributes
    ----------
    regressor_ : estimator or list of estimators
        Fitted; a list has one for each step and target.
    residuals_ : ndarray of shape (n_forecasts, horizon, n_targets) or None
        True less predicted values (after ``transform``) of forecasts whose targets the
        model had not seen: held-out windows in the order of time, then those that ``update`` adds.
    cutoff : timestamp, period or int
        Last known time.

    See Also
    --------
    NaiveForecaster : The baselines.
    StackingRegressor : Combines several learners.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from stackens import WindowForecaster
    >>> y = 10 + np.sin(np.arange(100) * np.pi / 6)
    >>> forecaster = WindowForecaster(Ridge(alpha=1e-6), window=12, horizon=3).fit(y)
    >>> forecaster.predict().round(2)
    array([10.87, 10.5 , 10.  ])
    >>> forecaster.update([10.87]).predict().round(1)
    array([10.5, 10. ,  9.5])
    """

    def __init__(
        self,
        regressor: Any,
        window: int,
        horizon: int = 1,
        strategy: str = "direct",
        *,
        known_future: Sequence[Any] = (),
        sp: int = 1,
        transform: str | None = None,
        difference: int | Sequence[int] | None = None,
        normalization: str | None = None,
        scale: bool = True,
        step_length: int = 1,
        cv: int | None = 5,
        n_residuals: int | None = None,
    ) -> None:
        self.regressor = regressor
        self.window = window
        self.horizon = horizon
        self.strategy = strategy
        self.known_future = known_future
        self.sp = sp
        self.transform = transform
        self.difference = difference
        self.normalization = normalization
        self.scale = scale
        self.step_length = step_length
        self.cv = cv
        self.n_residuals = n_residuals

    # ---- before training -----------------------------------------------------------------------

    def _check_params(self) -> None:
        for name in ("window", "horizon", "sp", "step_length"):
            check_count(name, getattr(self, name))
        check_choice("strategy", self.strategy, ("direct", "recursive"))
        check_choice("transform", self.transform, (None, *TRANSFORMS))
        check_choice("normalization", self.normalization, (None, "last", "seasonal"))
        _read_lags(self.difference)
        if self.cv is not None:
            check_count("cv", self.cv, least=2)
        if self.n_residuals is not None:
            check_count("n_residuals", self.n_residuals)
        if not (hasattr(self.regressor, "fit") and is_regressor(self.regressor)):
            raise InvalidInputError(f"`regressor` must be a regressor; got {self.regressor!r}.")
        if self.normalization == "seasonal" and self.window < self.sp:
            raise InvalidInputError(
                f"Seasonal normalisation needs a season in every window: `window`={self.window} "
                f"is below `sp`={self.sp}."
            )

    def _check_history(self, history: History) -> None:
        if history.future_names and self.window < self._layout.n_ahead:
            raise InvalidInputError(
                f"With `known_future` the window must be as long as the horizon, whose covariates "
                f"it holds; got `window`={self.window} and `horizon`={self.horizon}."
            )
        if history.past_names and self.strategy == "recursive" and self.horizon > 1:
            raise InvalidInputError(
                f"The recursive strategy would need the covariates {history.past_names} after the "
                "cutoff, where they are not known. Use `strategy='direct'`, leave them out, or "
                "name them in `known_future` if they are known in advance."
            )
        needed = self._transform.n_lost + self.window + self.horizon
        if len(history) < needed + 1:
            raise InvalidInputError(
                f"`window`={self.window} is longer than the history allows: with `horizon`="
                f"{self.horizon} and differences over {self._transform.n_lost} steps, `y` must "
                f"have at least {needed + 1} steps; it has {len(history)}."
            )

    # ---- training ------------------------------------------------------------------------------

    def _train(self, history: History) -> None:
        n_ahead = self.horizon if self.strategy == "direct" else 1
        self._transform = TargetTransform(self.transform, _read_lags(self.difference))
        self._layout = WindowLayout(self.window, n_ahead, self.normalization, self.sp)
        self._check_history(history)
        self._gap = -(-n_ahead // self.step_length) - 1  # windows whose targets reach a cutoff
        cutoffs = self._training_cutoffs(history)
        if self.cv is not None:
            self._chain(cutoffs)  # an error before, not after, the training
        self._trained = self._fit_windows(history, cutoffs)
        fitted = self._trained.regressors
        self.regressor_ = fitted[0] if len(fitted) == 1 else fitted

    def _training_cutoffs(self, history: History) -> range:
        first = self._transform.n_lost + self.window - 1
        last = len(history) - 1 - self._layout.n_ahead
        return range(first + (last - first) % self.step_length, last + 1, self.step_length)

    def _chain(self, cutoffs: range) -> TimeSeriesSplit:
        return chain_forward(len(cutoffs), self.cv or 5, self._gap)

    def _fit_windows(self, history: History, cutoffs: range) -> TrainedRegressors:
        """Fit on the windows of some cutoffs."""
        layout, splitter, n_known = self._layout, None, len(cutoffs)
        if needs_splits(self.regressor):  # its folds share the scale
            splitter = self._chain(cutoffs)
            n_known = len(next(splitter.split(cutoffs))[0])
        regressor = prepare(self.regressor, splitter)
        z = self._transform.levels(history)[-1]
        windows = cut(z, cutoffs, 1 - self.window, 0)
        rows = layout.inputs(
            windows, history.past, history.future, cutoffs, window_dtype(regressor)
        )
        outputs = cut(z, cutoffs, 1, layout.n_ahead) - layout.anchors(windows)
        scale = layout.learn_scale(
            rows[:n_known], outputs[:n_known], z.shape[1], scale=bool(self.scale)
        )
        columns = (outputs - scale.target_center) / scale.target_scale
        rows = _scaled(rows, scale)
        return TrainedRegressors(
            fit_regressors(regressor, rows, columns.reshape(len(rows), -1)), scale, rows.dtype
        )

    def _out_of_sample_residuals(self, history: History) -> np.ndarray | None:
        if self.cv is None:
            return None
        cutoffs = self._training_cutoffs(history)
        levels = self._transform.levels(history)
        if self._layout.n_ahead == self.horizon and is_stack_without_splits(self.regressor):
            return self._stack_residuals(levels, cutoffs)
        parts = []
        n_whole = sum(c < len(history) - self.horizon for c in cutoffs)  # recursive: fewer
        for train, test in self._chain(cutoffs).split(cutoffs):
            test = test[test < n_whole]
            if len(test):
                known = cutoffs[: int(train[-1]) + 1]
                held_out = cutoffs[int(test[0]) : int(test[-1]) + 1]
                seen = history.head(known[-1] + self._layout.n_ahead + 1)
                trained = self._fit_windows(seen, known)
                predicted = self._levels_by(trained, history, history.future, held_out)
                parts.append(self._targets(levels[0], held_out) - predicted)
        return np.concatenate(parts)

    def _stack_residuals(self, levels: list[np.ndarray], cutoffs: range) -> np.ndarray:
        """Take the residuals from what the stacks predicted for windows that they did not see."""
        rows, outputs = held_out_predictions(self._trained.regressors)
        windows = cut(levels[-1], cutoffs, 1 - self.window, 0)[rows]
        changes = self._unscaled(outputs, windows, self._trained.scale)
        predicted = self._transform.undo_differences(levels, np.asarray(cutoffs)[rows], changes)
        return self._targets(levels[0], cutoffs)[rows] - predicted

    def _baselines(self, *, intervals: bool) -> dict[str, Any]:
        linear = clone(self).set_params(regressor=Ridge(), cv=self.cv if intervals else None)
        return {**naive_baselines(self.horizon, self.sp), "linear": linear}

    # ---- prediction ----------------------------------------------------------------------------

    def _recent_residuals(self) -> np.ndarray | None:
        if self.residuals_ is None or self.n_residuals is None:
            return self.residuals_
        return self.residuals_[-self.n_residuals :]

    def _levels(self, history: History) -> np.ndarray:
        return self._transform.levels(history)[0]

    def _values(self, levels: np.ndarray) -> np.ndarray:
        return self._transform.to_values(levels)

    def _update_step(self) -> int:
        return int(self.step_length)

    def _predict_levels(
        self, history: History, tail: np.ndarray | None, cutoffs: range
    ) -> np.ndarray:
        future = history.future if tail is None else np.concatenate([history.future, tail])
        return self._levels_by(self._trained, history, future, cutoffs)

    def _levels_by(
        self, trained: TrainedRegressors, history: History, future: np.ndarray, cutoffs: range
    ) -> np.ndarray:
        levels = self._transform.levels(history)
        windows = cut(levels[-1], cutoffs, 1 - self.window, 0)
        parts = []
        for step in range(0, self.horizon, self._layout.n_ahead):  # once, if direct
            moved = range(cutoffs.start + step, cutoffs.stop + step, cutoffs.step)
            rows = self._layout.inputs(windows, history.past, future, moved, trained.dtype)
            outputs = predict_columns(trained.regressors, _scaled(rows, trained.scale))
            parts.append(self._unscaled(outputs, windows, trained.scale))
            windows = np.concatenate([windows, parts[-1]], axis=1)[:, -self.window :]
        changes = np.concatenate(parts, axis=1)  # (n_cutoffs, horizon, n_targets)
        return self._transform.undo_differences(levels, cutoffs, changes)

    def _unscaled(self, outputs: np.ndarray, windows: np.ndarray, scale: WindowScale) -> np.ndarray:
        """Turn what regressors predict into values of the (differenced) target."""
        shaped = outputs.reshape(len(outputs), self._layout.n_ahead, -1)
        return shaped * scale.target_scale + scale.target_center + self._layout.anchors(windows)


def _scaled(rows: np.ndarray, scale: WindowScale) -> np.ndarray:
    """Scale rows in place: they are copies of ours."""
    rows -= scale.input_center.astype(rows.dtype)
    rows /= scale.input_scale.astype(rows.dtype)
    return rows


def _read_lags(difference: Any) -> tuple[int, ...]:
    """Return the lags of differences as a tuple."""
    lags = () if difference is None else difference
    lags = (lags,) if isinstance(lags, Integral) else tuple(lags)
    for lag in lags:
        check_count("difference", lag)
    return tuple(int(lag) for lag in lags)
