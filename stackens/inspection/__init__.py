"""Displays: what fitted estimators and results look like."""

from __future__ import annotations

from stackens.inspection._forecast_display import ForecastDisplay
from stackens.inspection._horizon_error_display import HorizonErrorDisplay

__all__ = [
    "ForecastDisplay",
    "HorizonErrorDisplay",
]
