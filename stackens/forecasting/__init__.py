"""Forecasting: windows that never cross a cutoff, around any regressor."""

from __future__ import annotations

from stackens.forecasting._backtest import BacktestResult
from stackens.forecasting._naive import NaiveForecaster
from stackens.forecasting._window_forecaster import WindowForecaster

__all__ = [
    "BacktestResult",
    "NaiveForecaster",
    "WindowForecaster",
]
