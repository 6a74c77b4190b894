"""Handlers for the layers of transformer encoders and of shared layers."""

from __future__ import annotations

from typing import Any

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts
from stackens.exporting._layers import activation_name, array_of

__all__: list[str] = []


@converts("stackens.DepthEmbedding")
def _depth_embedding(layer: Any, converter: Converter) -> portable.Part:
    depth = converter.call_options.get("depth", 0)
    return portable.DepthEmbedding(array_of(layer.embeddings)[depth])


@converts("stackens.PositionEncoding")
def _position_encoding(layer: Any, converter: Converter) -> portable.Part:
    if converter.call_options.get("first", 0):
        raise CannotExportError("its first position is not 0")
    return portable.PositionEncoding(float(layer.input_scale))


@converts("stackens.LastTimestep")
def _last_timestep(layer: Any, converter: Converter) -> portable.Part:
    return portable.LastTimestep(bool(layer.bidirectional))


@converts("stackens.TransformerEncoderBlock")
def _encoder_block(layer: Any, converter: Converter) -> portable.Part:
    if converter.call_options.get("return_attention_scores"):
        raise CannotExportError("it returns its attention scores as well")
    dense = layer._feed_forward
    norms = [converter.convert(norm, "normalisation") for norm in layer._norms]
    return portable.TransformerEncoderBlock(
        _attention(layer._attention, bool(layer.causal)),
        portable.Dense(
            array_of(dense._first.kernel), array_of(dense._first.bias), activation_name(dense)
        ),
        portable.Dense(array_of(dense._second.kernel), array_of(dense._second.bias)),
        norms[0],
        norms[1],
        bool(layer.norm_first),
    )


def _attention(layer: Any, causal: bool) -> portable.MultiHeadAttention:
    names = [f"{kind}_kernel" for kind in ("query", "key", "value", "output")]
    names += [f"{kind}_bias" for kind in ("query", "value", "output")]
    weights: dict[str, Any] = {name: array_of(getattr(layer, name)) for name in names}
    return portable.MultiHeadAttention(**weights, n_heads=int(layer.num_heads), causal=causal)
