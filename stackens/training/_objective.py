"""Losses and metrics by the names that Keras gives them."""

from __future__ import annotations

from typing import Any

import keras


def make_loss(loss: Any) -> keras.losses.Loss:
    """Return a loss object from a name, a function or an object."""
    if isinstance(loss, keras.losses.Loss):
        return loss
    function = keras.losses.get(loss)
    if isinstance(function, keras.losses.Loss):
        return function
    return _FunctionLoss(function)


class _FunctionLoss(keras.losses.Loss):
    """Mean of what a function gives for each row, as ``Model.compile`` makes of it."""

    def __init__(self, function: Any) -> None:
        name = getattr(function, "__name__", "loss")
        super().__init__(name=name if name.isidentifier() else "loss")  # a lambda's is none
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a row."""
        # The losses of Keras align (n,) and (n, 1) in their own classes, not in the functions.
        if y_pred.shape.rank == 2 and y_pred.shape[-1] == 1 and y_true.shape.rank == 1:
            y_true = keras.ops.expand_dims(y_true, -1)
        return self.function(y_true, y_pred)


def make_metric(metric: Any, loss: keras.losses.Loss, y_shape: tuple[int, ...]) -> Any:
    """Return a fresh metric object.

    Parameters
    ----------
    metric : str or keras.metrics.Metric
        A name; "accuracy" means the kind that fits the target, as in ``Model.compile``.
    loss : keras.losses.Loss
        Tells whether a target of one column holds class indices.
    y_shape : tuple of int
        Shape of the target.
    """
    if isinstance(metric, keras.metrics.Metric):
        return metric.__class__.from_config(metric.get_config())
    if metric in ("accuracy", "acc"):
        name = getattr(loss, "name", "")
        if "sparse" in name:
            return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        if "binary" in name or len(y_shape) == 1 or y_shape[-1] == 1:
            return keras.metrics.BinaryAccuracy(name="accuracy")
        return keras.metrics.CategoricalAccuracy(name="accuracy")
    found = keras.metrics.get(metric)
    if isinstance(found, keras.metrics.Metric):
        return found
    return keras.metrics.MeanMetricWrapper(found, name=getattr(found, "__name__", str(metric)))
