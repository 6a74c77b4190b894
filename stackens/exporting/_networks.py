"""Keras models as networks of layers that need NumPy only."""

from __future__ import annotations

from typing import Any

import stackens.exporting._layers
import stackens.exporting._transformer_layers  # noqa: F401 - both register their handlers
from stackens.exporting._converter import CannotExportError, Converter, converts, qualified_name
from stackens.portable import Network

_FLOATS = ("float32", "float64")
# Numbers that a layer may be called with; each call is then a layer of its own.
_CALL_OPTIONS = {
    "stackens.DepthEmbedding": {"depth"},
    "stackens.PositionEncoding": {"first"},
    "stackens.TransformerEncoderBlock": {"return_attention_scores"},
}


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
        self._numbers: dict[Any, int] = {}
        self.layers: list[Any] = []
        self.calls: list[list[int]] = []

    def follow(self, tensor: Any) -> int:
        """Return the number of the result that a symbolic tensor is."""
        if id(tensor) in self._results:
            return self._results[id(tensor)]
        operation, index, position = tensor._keras_history
        arguments = operation._inbound_nodes[index].arguments
        tensors, options = _inputs_of(operation, arguments)
        places = [self.follow(one) for one in tensors]
        if position:
            raise CannotExportError(f"layer {operation.name!r} gives several outputs")
        self.calls.append([self._number(operation, options), *places])
        self._results[id(tensor)] = len(self.calls)
        return len(self.calls)

    def _number(self, layer: Any, options: dict[str, Any]) -> int:
        key = (id(layer), *sorted(options.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self.layers)
            self.layers.append(self._convert(layer, options))
        return self._numbers[key]

    def _convert(self, layer: Any, options: dict[str, Any]) -> Any:
        kind = getattr(layer, "compute_dtype", "float32")
        if kind not in _FLOATS:
            raise CannotExportError(f"layer {layer.name!r} computes in {kind}; train in float32")
        return self._converter.convert(layer, f"layer {layer.name!r}", call_options=options)


def _is_own_mask(mask: Any, tensors: list[Any]) -> bool:
    """Whether Keras itself passed on the masks of the tensors, as the NumPy form does, too."""
    masks = list(mask) if isinstance(mask, list | tuple) else [mask]
    own = [getattr(tensor, "_keras_mask", None) for tensor in tensors]
    return len(masks) == len(own) and all(a is b for a, b in zip(masks, own, strict=True))


def _inputs_of(operation: Any, arguments: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the symbolic tensors and the numbers that a call takes; refuse anything else."""
    first, *others = arguments.args or [None]
    tensors = list(first) if isinstance(first, list | tuple) else [first]
    named = {k: v for k, v in arguments.kwargs.items() if k != "training"}
    if "mask" in named and _is_own_mask(named["mask"], tensors):
        del named["mask"]
    known = _CALL_OPTIONS.get(qualified_name(operation), set())
    options = {k: named.pop(k) for k in list(named) if k in known}
    extra = [v for v in (*others, *named.values()) if v is not None]
    if extra or not all(hasattr(tensor, "_keras_history") for tensor in tensors):
        raise CannotExportError(
            f"{operation.name!r} is called with more than its input; only the input can be exported"
        )
    return tensors, options
