"""Which network: enough to build it, and a key that equal networks share."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from stackens.digests import rename_layers
from stackens.training._random import seeded_globals

__all__ = ["Architecture", "freeze", "initial_weights"]


class Architecture:
    """How to build one network, with a key that is equal for equal networks.

    Parameters
    ----------
    build : callable
        ``build(**options) -> keras.Model``, uncompiled.
    options : mapping, default={}
        Its arguments.
    key : hashable, default=None
        What identifies the network; by default ``build`` and ``options``.
    """

    def __init__(
        self,
        build: Callable[..., Any],
        options: Mapping[str, Any] | None = None,
        *,
        key: Hashable = None,
    ) -> None:
        self._build = build
        self.options = dict(options or {})
        self.key: Hashable = key if key is not None else (build, freeze(self.options))

    @classmethod
    def from_model(
        cls, model: Any, *, rebuild: Callable[[], Any] | None = None, origin: Hashable = None
    ) -> Architecture:
        """Describe a model that somebody else built.

        Parameters
        ----------
        model : keras.Model
            The model; its weights are not part of the description.
        rebuild : callable, default=None
            Makes the model anew; None keeps the model itself.
        origin : hashable, default=None
            Where it came from, e.g. the function that built it. Two models with equal
            configurations but other origins may hold functions of one name and other content,
            so that they are not taken for equal.
        """
        return cls(rebuild or (lambda: model), key=(_model_key(model), origin))

    def with_options(self, **changed: Any) -> Architecture:
        """Return what the same function builds of other options."""
        return Architecture(self._build, {**self.options, **changed})

    def build(self) -> Any:
        """Build the network anew (or return the model that it was described from).

        Its weights are of no account; building it leaves the global generators as they were.
        """
        with seeded_globals(0):
            return self._build(**self.options)


def initial_weights(architecture: Architecture, seed: int) -> list[np.ndarray]:
    """Draw initial weights: a function of the network and the seed alone.

    Returns
    -------
    list of ndarray
        In the order of ``keras.Model.get_weights``.
    """
    with seeded_globals(seed):
        weights: list[np.ndarray] = architecture._build(**architecture.options).get_weights()
    return weights


def freeze(value: Any) -> Hashable:
    """Return a hashable stand-in that is equal for equal values."""
    if isinstance(value, Mapping):
        return ("mapping", tuple(sorted((k, freeze(v)) for k, v in value.items())))
    if isinstance(value, (list, tuple)):
        return ("sequence", tuple(freeze(v) for v in value))
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, (bool, int, float)):
        return (type(value).__name__, value)  # 1, 1.0 and True are not the same setting
    if hasattr(value, "get_config"):
        return (type(value), freeze(value.get_config()))
    return value if isinstance(value, Hashable) else ("unique", uuid.uuid4().hex)


def _model_key(model: Any) -> Hashable:
    layers = list(model._flatten_layers())
    shapes = tuple(tuple(v.shape) for v in model.variables)
    try:
        # Automatic names ("dense_7") count up with every model: positions take their place.
        positions = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
        config = freeze(rename_layers(model.get_config(), positions))
    except (NotImplementedError, TypeError, ValueError):  # a subclassed model: only itself
        config = ("unique", uuid.uuid4().hex)
    # A class defined anew in a notebook has the same name, but is another type.
    return (tuple(type(layer) for layer in layers), shapes, config)
