"""Fitted scikit-learn estimators as bytes without code, by skops, if that is installed."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np

__all__ = ["pack_model", "unpack_model"]


def pack_model(estimator: Any) -> np.ndarray | None:
    """Write an estimator down, if it consists of nothing but trusted types.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    ndarray of uint8 or None
        None without skops, and for what holds functions, compiled trees or classes of the user's:
        to load these would mean to run what a file says.
    """
    if importlib.util.find_spec("skops") is None:
        return None
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = skops.io.dumps(estimator)
        model = np.frombuffer(data, np.uint8)
        return None if unpack_model(model) is None else model
    except Exception:  # whatever the many types in an estimator raise: it is not kept then
        return None


def unpack_model(model: np.ndarray) -> Any:
    """Do the reverse.

    Parameters
    ----------
    model : ndarray of uint8
        From ``pack_model``.

    Returns
    -------
    estimator or None
        None without skops, and if any type in it is not trusted.
    """
    if importlib.util.find_spec("skops") is None:
        return None
    import skops.io

    data = model.tobytes()
    try:
        untrusted = skops.io.get_untrusted_types(data=data)
        own = [name for name in untrusted if name.startswith("stackens.preprocessing.")]
        if len(own) < len(untrusted):
            return None
        return skops.io.loads(data, trusted=own)
    except Exception:  # of another version, or no such file at all
        return None
