"""From fitted estimators to predictors that need NumPy only."""

from __future__ import annotations

from stackens.exporting._export import export_numpy, to_numpy

__all__ = ["export_numpy", "to_numpy"]
