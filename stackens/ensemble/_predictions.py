"""What estimators predict, as arrays: some give lists, Series, frames or tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_arrays"]


def as_arrays(predictions: Any) -> Any:
    """Return predictions as an array, or as a list of one for each label of a row.

    Parameters
    ----------
    predictions : array-like, sparse matrix, or list of array-like
        As an estimator gives them; a list of tables has one for each label.
    """
    if hasattr(predictions, "toarray"):
        return predictions
    first = predictions[0] if isinstance(predictions, list) and predictions else None
    if len(getattr(first, "shape", ())) > 1:
        return [np.asarray(part) for part in predictions]
    return np.asarray(predictions)
