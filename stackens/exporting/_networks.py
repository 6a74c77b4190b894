"""Keras models as networks of layers that need NumPy only."""

from __future__ import annotations

from typing import Any

import stackens.exporting._layers  # noqa: F401 - registers its handlers
from stackens.exporting._converter import CannotExportError, Converter, converts, qualified_name
from stackens.portable import Network

__all__ = ["convert_network"]

_FLOATS = ("float32", "float64")


@converts("keras.Functional", "keras.Sequential", "keras.Model")
def convert_network(model: Any, converter: Converter) -> Network:
    """Return the network that computes what a Keras model does."""
    if getattr(model, "outputs", None) is None or len(model.outputs) != 1:
        raise CannotExportError(
            "only functional and sequential models with one output can be exported; this one "
            "computes by its own `call`"
        )
    graph = _Graph(model, converter)
    graph.follow(model.outputs[0])
    return Network(graph.layers, graph.calls)


class _Graph:
    """The calls that lead to an output, each after those that it needs."""

    def __init__(self, model: Any, converter: Converter) -> None:
        self._converter = converter
        self._results = {id(tensor): 0 for tensor in model.inputs}
        self._numbers: dict[int, int] = {}
        self.layers: list[Any] = []
        self.calls: list[list[int]] = []

    def follow(self, tensor: Any) -> int:
        """Return the number of the result that a symbolic tensor is."""
        if id(tensor) in self._results:
            return self._results[id(tensor)]
        operation, index, position = tensor._keras_history
        arguments = operation._inbound_nodes[index].arguments
        places = [self.follow(one) for one in _inputs_of(operation, arguments)]
        if position:
            raise CannotExportError(f"layer {operation.name!r} gives several outputs")
        self.calls.append([self._number(operation), *places])
        self._results[id(tensor)] = len(self.calls)
        return len(self.calls)

    def _number(self, layer: Any) -> int:
        if id(layer) not in self._numbers:
            self._numbers[id(layer)] = len(self.layers)
            self.layers.append(self._convert(layer))
        return self._numbers[id(layer)]

    def _convert(self, layer: Any) -> Any:
        kind = getattr(layer, "compute_dtype", "float32")
        if kind not in _FLOATS and qualified_name(layer) not in ("keras.InputLayer",):
            raise CannotExportError(f"layer {layer.name!r} computes in {kind}; train in float32")
        return self._converter.convert(layer, f"layer {layer.name!r}")


def _is_own_mask(mask: Any, tensors: list[Any]) -> bool:
    """Whether Keras itself passed on the masks of the tensors, as the NumPy form does, too."""
    masks = list(mask) if isinstance(mask, list | tuple) else [mask]
    own = [getattr(tensor, "_keras_mask", None) for tensor in tensors]
    return len(masks) == len(own) and all(a is b for a, b in zip(masks, own, strict=True))


def _inputs_of(operation: Any, arguments: Any) -> list[Any]:
    """Return the symbolic tensors that a call takes; refuse one with anything else."""
    first, *others = arguments.args or [None]
    tensors = list(first) if isinstance(first, list | tuple) else [first]
    named = {k: v for k, v in arguments.kwargs.items() if k != "training"}
    if "mask" in named and _is_own_mask(named["mask"], tensors):
        del named["mask"]
    extra = [v for v in (*others, *named.values()) if v is not None]
    if extra or not all(hasattr(tensor, "_keras_history") for tensor in tensors):
        raise CannotExportError(
            f"{operation.name!r} is called with more than its input; only the input can be exported"
        )
    return tensors
