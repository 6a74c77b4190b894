"""Forecasting: windows that never cross a cutoff, around any regressor."""

from __future__ import annotations

from stackens.forecasting._backtest import BacktestResult
from stackens.forecasting._history import History as History
from stackens.forecasting._naive import NaiveForecaster
from stackens.forecasting._target_transform import TargetTransform as TargetTransform
from stackens.forecasting._window_forecaster import TrainedRegressors as TrainedRegressors
from stackens.forecasting._window_forecaster import WindowForecaster
from stackens.forecasting._windows import WindowLayout as WindowLayout
from stackens.forecasting._windows import WindowScale as WindowScale

# The others are for files, which know types by the names of rooms.
__all__ = [
    "BacktestResult",
    "NaiveForecaster",
    "WindowForecaster",
]
