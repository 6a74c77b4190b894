"""Shapes of the weights of a stacked recurrent network, by arithmetic: nothing is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["stacked_rnn_shapes"]

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
    n_inputs = options["n_features"]
    shapes: list[_Shape] = []
    if options["vocabulary_size"] is not None:
        n_inputs = options["embedding_dim"]
        shapes.append((options["vocabulary_size"], n_inputs))
    n_directions = 2 if options["bidirectional"] else 1
    for units in options["units"]:
        for _ in range(n_directions):
            shapes += _cell_shapes(options["cell"], n_inputs, units, options["recurrent_options"])
        n_inputs = units * n_directions
        shapes += [(n_inputs,)] * {None: 0, "layer": 2, "batch": 4}[options["normalization"]]
    if options["pooling"] == "attention":
        shapes += [(n_inputs, n_inputs), (n_inputs,), (n_inputs, 1)]
    n_outputs = options["output_units"]
    return [*shapes, (n_inputs, n_outputs), (n_outputs,)]


def _cell_shapes(
    cell: str, n_inputs: int, units: int, options: Mapping[str, Any]
) -> Iterator[_Shape]:
    width = units * _N_GATES[cell]
    yield (n_inputs, width)
    yield (units, width)
    if options.get("use_bias", True):
        resets_after = cell == "gru" and options.get("reset_after", True)
        yield (2, width) if resets_after else (width,)
