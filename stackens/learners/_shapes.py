"""Shapes of the weights of our networks, by arithmetic: nothing is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackens.layer_sharing import resolve_layer_sharing

_N_GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
_Shape = tuple[int, ...]


def stacked_rnn_shapes(options: Mapping[str, Any]) -> list[_Shape]:
    """Return the shape of each array of weights, in the order of ``keras.Model.get_weights``.

    Parameters
    ----------
    options : mapping
        Arguments of ``stackens.networks.build_stacked_rnn``, all of them.

    Returns
    -------
    list of tuple of int
        Weights that are trained and statistics of batches, layer by layer.
    """
    units, n_directions = options["units"], 2 if options["bidirectional"] else 1
    n_inputs, shapes = _input_shapes(options, options.get("embedding_dim"))
    filters: Sequence[int] = options.get("convolutions") or []
    block: list[_Shape] = []
    beside = bool(filters) and options["convolution_place"] == "beside"
    if filters:
        block = _convolution_shapes(n_inputs, filters, options["kernel_sizes"])
        if not beside:
            n_inputs, shapes = filters[-1], shapes + block
    sharing, residual = options.get("layer_sharing", "none"), options.get("residual", False)
    if sharing != "none" or residual or options.get("depth_embedding"):
        width = units[0] * n_directions
        shapes += _projection_shapes(n_inputs, width) if n_inputs != width else []
        n_inputs = width
    shapes += _depth_shapes(options, len(units), n_inputs)
    unique = options.get("n_unique_layers")
    order = resolve_layer_sharing(sharing, len(units), n_unique_layers=unique)
    for depth in (order.index(layer) for layer in range(max(order) + 1)):
        for _ in range(n_directions):
            shapes += _cell_shapes(
                options["cell"], n_inputs, units[depth], options["recurrent_options"]
            )
        n_inputs = units[depth] * n_directions
        shapes += [(n_inputs,)] * {None: 0, "layer": 2, "batch": 4}[options["normalization"]]
    pooling, head = _pooling_shapes(options, n_inputs), options["output_units"]
    if beside:
        pooling, n_inputs = pooling + block, n_inputs + filters[-1]
    return [*shapes, *pooling, *_projection_shapes(n_inputs, head)]


def transformer_shapes(options: Mapping[str, Any]) -> list[_Shape]:
    """Return the shape of each array of weights, in the order of ``keras.Model.get_weights``.

    Parameters
    ----------
    options : mapping
        Arguments of ``stackens.networks.build_transformer_encoder``, all of them.

    Returns
    -------
    list of tuple of int
        Layer by layer.
    """
    width = options["d_model"]
    n_inputs, shapes = _input_shapes(options, options["embedding_dim"] or width)
    if options["vocabulary_size"] is None or n_inputs != width:
        shapes += _projection_shapes(n_inputs, width)
    shapes += _depth_shapes(options, options["n_layers"], width)
    order = resolve_layer_sharing(
        options["layer_sharing"],
        options["n_layers"],
        n_unique_layers=options.get("n_unique_layers"),
    )
    hidden = options["feed_forward_dim"] or 4 * width
    block = [
        *[(width, width)] * 4,  # of queries, keys, values and outputs; keys have no bias
        *[(width,)] * 3,
        *_projection_shapes(width, hidden),
        *_projection_shapes(hidden, width),
        *[(width,)] * 4,  # two normalisations
    ]
    shapes += block * (max(order) + 1)
    shapes += [(width,)] * 2 if options["norm_first"] else []
    head = _projection_shapes(width, options["output_units"])
    return [*shapes, *_pooling_shapes(options, width), *head]


def _input_shapes(options: Mapping[str, Any], embedding_dim: Any) -> tuple[int, list[_Shape]]:
    """Return the width of what the first layer gets, and the embedding, if any."""
    if options["vocabulary_size"] is None:
        return options["n_features"], []
    return embedding_dim, [(options["vocabulary_size"], embedding_dim)]


def _projection_shapes(n_inputs: int, n_outputs: int) -> list[_Shape]:
    return [(n_inputs, n_outputs), (n_outputs,)]


def _depth_shapes(options: Mapping[str, Any], n_layers: int, width: int) -> list[_Shape]:
    return [(n_layers, width)] if options.get("depth_embedding") else []


def _pooling_shapes(options: Mapping[str, Any], width: int) -> list[_Shape]:
    attention = [*_projection_shapes(width, width), (width, 1)]
    return attention if options["pooling"] == "attention" else []


def _convolution_shapes(
    n_inputs: int, filters: Sequence[int], kernel_sizes: Sequence[int]
) -> list[_Shape]:
    shapes: list[_Shape] = []
    for n, size in zip(filters, kernel_sizes, strict=True):
        shapes += [(size, n_inputs, n), *[(n,)] * 3]  # kernel; bias and normalisation
        n_inputs = n
    return shapes


def _cell_shapes(
    cell: str, n_inputs: int, units: int, options: Mapping[str, Any]
) -> Iterator[_Shape]:
    width = units * _N_GATES[cell]
    yield (n_inputs, width)
    yield (units, width)
    if options.get("use_bias", True):
        resets_after = cell == "gru" and options.get("reset_after", True)
        yield (2, width) if resets_after else (width,)
