"""The same network of Keras's own layers, which other programs can read and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from stackens.exceptions import InvalidInputError
from stackens.layers import (
    AttentionPooling1D,
    ConvolutionBlock,
    DepthEmbedding,
    FeedForward,
    FusedGRU,
    FusedLSTM,
    FusedSimpleRNN,
    LastTimestep,
    MaskedMaxPooling1D,
    MultiHeadAttention,
    PositionEncoding,
    TransformerEncoderBlock,
)

# What stands for a layer that is several of Keras.
Expansion = Callable[..., KerasTensor]

_LOWEST = -1e9  # as in the layers: its exponential is 0


def make_plain(model: keras.Model) -> keras.Model:
    """Build a model of Keras's own layers and operations with the weights of another one.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential; layers of this package may be anywhere in it.

    Returns
    -------
    keras.Model
        The same values up to rounding. Layers that are used several times are so here, too.

    Raises
    ------
    InvalidInputError
        If it has layers of this package that nothing of Keras computes.
    """
    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer | Expansion:
        if type(layer) in _EXPANSIONS:
            return _EXPANSIONS[type(layer)](layer)
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return make_plain(layer)
        made = _copy_layer(layer)
        copies.append((layer, made))
        return made

    # Of a sequential one, too. `model.input` of a model inside of another is the other's tensor.
    ends = [ends[0] if len(ends) == 1 else ends for ends in (model.inputs, model.outputs)]
    graph = keras.Model(*ends, name=model.name)
    plain = keras.models.clone_model(graph, clone_function=copy)
    left = _of_this_package(plain)
    if left:
        raise InvalidInputError(f"Keras has no layers that compute what {', '.join(left)} does.")
    for layer, made in copies:
        if isinstance(layer, keras.layers.Layer):
            made.set_weights(layer.get_weights())
    return plain


def refuse_foreign_exports(model: keras.Model) -> None:
    """Let a model with layers of this package be exported for TensorFlow only.

    Parameters
    ----------
    model : keras.Model
        Its ``export`` is replaced: what other programs cannot run is refused by name.
    """
    export, ours = model.export, _of_this_package(model)

    def checked(filepath: Any, format: str = "tf_saved_model", **options: Any) -> Any:  # noqa: A002
        if ours and format != "tf_saved_model":
            raise InvalidInputError(
                f"This model has layers of stackens ({', '.join(ours)}), whose operations nothing "
                f"but TensorFlow runs; got `format`={format!r}. Export the same network of Keras's "
                "own layers: learner.to_keras().export(...)."
            )
        return export(filepath, format=format, **options)

    model.export = checked


def _of_this_package(model: keras.Model) -> list[str]:
    types = {type(layer) for layer in model._flatten_layers()}
    return sorted(t.__name__ for t in types if t.__module__.partition(".")[0] == "stackens")


_PLAIN = {
    FusedGRU: keras.layers.GRU,
    FusedLSTM: keras.layers.LSTM,
    FusedSimpleRNN: keras.layers.SimpleRNN,
}
_PLAIN_NAMES = {f"stackens>{ours.__name__}": plain.__name__ for ours, plain in _PLAIN.items()}


def _copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = _plain_config(layer.get_config())
    if type(layer) not in _PLAIN:
        return type(layer).from_config(config)
    config.pop("right_padded", None)
    return _PLAIN[type(layer)].from_config(config)


def _plain_config(node: Any) -> Any:
    """Replace layers inside of others, as a direction of ``Bidirectional``."""
    if isinstance(node, (list, tuple)):
        return type(node)(_plain_config(value) for value in node)
    if not isinstance(node, dict):
        return node
    node = {key: _plain_config(value) for key, value in node.items()}
    name = _PLAIN_NAMES.get(node.get("registered_name"))
    if name is None:
        return node
    config = {k: v for k, v in node["config"].items() if k != "right_padded"}
    plain = {"module": "keras.layers", "class_name": name, "registered_name": None}
    return {**node, **plain, "config": config}


# ---- layers that are several of Keras ----------------------------------------------------------


def _dense(weights: list[Any], name: str, activation: Any = None) -> keras.layers.Dense:
    kernel = weights[0]
    layer = keras.layers.Dense(kernel.shape[1], activation, use_bias=len(weights) == 2, name=name)
    layer.build((None, kernel.shape[0]))
    layer.set_weights([np.asarray(w) for w in weights])
    return layer


def _expand_attention_pooling(layer: AttentionPooling1D) -> Expansion:
    project = _dense([layer.kernel, layer.bias], f"{layer.name}_projection", "tanh")
    score = _dense([layer.context], f"{layer.name}_score")

    def call(sequences: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        scores = score(project(sequences))
        if mask is not None:
            scores = ops.where(ops.expand_dims(mask, -1), scores, _LOWEST)
        return ops.sum(ops.softmax(scores, axis=1) * sequences, axis=1)

    return call


def _expand_max_pooling(layer: MaskedMaxPooling1D) -> Expansion:
    def call(sequences: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        if mask is not None:
            lowest = float(np.finfo("float32").min)
            sequences = ops.where(ops.expand_dims(mask, -1), sequences, lowest)
        return ops.max(sequences, axis=1)

    return call


def _expand_last_timestep(layer: LastTimestep) -> Expansion:
    def last(sequences: KerasTensor, mask: KerasTensor | None) -> KerasTensor:
        if mask is None:
            return sequences[:, -1]
        mask = ops.cast(mask, "int32")
        position = ops.cumsum(ops.ones_like(mask), axis=1)
        length = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1)
        is_last = ops.expand_dims(ops.equal(position, length), -1)
        return ops.sum(ops.where(is_last, sequences, 0.0), axis=1)

    def call(sequences: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        found = last(sequences, mask)
        if not layer.bidirectional:
            return found
        n_forward = sequences.shape[-1] // 2
        return ops.concatenate([found[:, :n_forward], sequences[:, 0, n_forward:]], axis=1)

    return call


def _expand_position_encoding(layer: PositionEncoding) -> Expansion:
    def call(sequences: KerasTensor) -> KerasTensor:
        n_features = sequences.shape[-1]
        column = np.arange(n_features)
        rate = (10_000.0 ** -(column // 2 * 2 / n_features)).astype("float32")
        phase = (column % 2 * (np.pi / 2)).astype("float32")
        position = ops.cumsum(ops.ones_like(sequences[:, :, :1]), axis=1) - 1.0
        return sequences * layer.input_scale + ops.sin(position * rate + phase)

    return call


def _expand_convolutions(layer: ConvolutionBlock) -> Expansion:
    convolutions, scalings = [], []
    for number, (part, norm) in enumerate(zip(layer.convolutions, layer.norms, strict=True), 1):
        config = {**part.get_config(), "name": f"{layer.name}_convolution_{number}"}
        convolution = keras.layers.Conv1D.from_config(config)
        convolution.build((None, None, part.kernel.shape[1]))
        convolution.set_weights(part.get_weights())
        scaling = keras.layers.DepthwiseConv1D(1, name=f"{layer.name}_scale_and_shift_{number}")
        scaling.build((None, None, part.filters))
        scaling.set_weights([np.reshape(norm.gamma, (1, -1, 1)), norm.beta.numpy()])
        convolutions.append(convolution)
        scalings.append(scaling)

    def call(sequences: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        valid = None if mask is None else ops.expand_dims(ops.cast(mask, "float32"), -1)
        for convolution, norm, scaling in zip(convolutions, layer.norms, scalings, strict=True):
            values = convolution(sequences if valid is None else sequences * valid)
            sequences = ops.relu(scaling(norm.standardize(values, valid)))
        return layer.pool(sequences, valid) if layer.pooled else sequences

    return call


def _expand_depth_embedding(layer: DepthEmbedding) -> Expansion:
    n_features = layer.embeddings.shape[1]
    embedding = keras.layers.Embedding(layer.n_layers, n_features, name=layer.name)
    embedding.build((None, 1))
    embedding.set_weights(layer.get_weights())

    def call(sequences: KerasTensor, depth: int = 0) -> KerasTensor:
        rows = ops.cast(ops.zeros_like(sequences[:, :1, 0]), "int32")
        return sequences + embedding(rows + depth)

    return call


def _expand_feed_forward(layer: FeedForward, name: str = "") -> Expansion:
    name = name or layer.name
    first = _dense(layer._first.weights, f"{name}_first", layer.activation)
    second = _dense(layer._second.weights, f"{name}_second")
    drop = keras.layers.Dropout(layer.dropout, name=f"{name}_dropout")
    return lambda sequences: second(drop(first(sequences)))


def _expand_attention(layer: MultiHeadAttention, name: str = "") -> Expansion:
    n_heads, width = layer.num_heads, layer.key_dim
    n_features, n_source = layer.query_kernel.shape[0], layer.key_kernel.shape[0]
    attention = keras.layers.MultiHeadAttention(
        n_heads, width, dropout=layer.dropout, name=name or layer.name
    )
    attention.build((None, None, n_features), (None, None, n_source))
    kernels = [
        np.reshape(kernel, (-1, n_heads, width))
        for kernel in (layer.query_kernel, layer.key_kernel, layer.value_kernel)
    ]
    biases = [
        np.reshape(bias, (n_heads, width))
        for bias in (layer.query_bias, np.zeros(n_heads * width, "float32"), layer.value_bias)
    ]
    pairs = zip(kernels, biases, strict=True)
    output = np.reshape(layer.output_kernel, (n_heads, width, -1))
    weights = [array for pair in pairs for array in pair]
    attention.set_weights([*weights, output, np.asarray(layer.output_bias)])

    def call(
        query: KerasTensor,
        source: KerasTensor | None = None,
        attention_mask: KerasTensor | None = None,
        **options: Any,
    ) -> KerasTensor:
        source = query if source is None else source
        return attention(query, source, attention_mask=attention_mask, **options)

    return call


def _expand_encoder_block(layer: TransformerEncoderBlock) -> Expansion:
    attend = _expand_attention(layer._attention, f"{layer.name}_attention")
    transform = _expand_feed_forward(layer._feed_forward, f"{layer.name}_feed_forward")
    drop = keras.layers.Dropout(layer.dropout, name=f"{layer.name}_dropout")
    norms = []
    for norm in layer._norms:
        config = {**norm.get_config(), "name": f"{layer.name}_{norm.name}"}
        copied = keras.layers.LayerNormalization.from_config(config)
        copied.build((None, None, norm.gamma.shape[0]))
        copied.set_weights(norm.get_weights())
        norms.append(copied)

    def add(sequences: KerasTensor, norm: keras.layers.Layer, part: Expansion) -> KerasTensor:
        if layer.norm_first:
            return sequences + drop(part(norm(sequences)))
        return norm(sequences + drop(part(sequences)))

    def call(sequences: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        allowed = None
        if mask is not None:  # (batch, timesteps, timesteps)
            allowed = ops.expand_dims(mask, 1) & ops.ones_like(ops.expand_dims(mask, 2))

        def look(queries: KerasTensor) -> KerasTensor:
            return attend(queries, attention_mask=allowed, use_causal_mask=layer.causal)

        return add(add(sequences, norms[0], look), norms[1], transform)

    return call


_EXPANSIONS: dict[type, Callable[[Any], Expansion]] = {
    AttentionPooling1D: _expand_attention_pooling,
    ConvolutionBlock: _expand_convolutions,
    DepthEmbedding: _expand_depth_embedding,
    FeedForward: _expand_feed_forward,
    LastTimestep: _expand_last_timestep,
    MaskedMaxPooling1D: _expand_max_pooling,
    MultiHeadAttention: _expand_attention,
    PositionEncoding: _expand_position_encoding,
    TransformerEncoderBlock: _expand_encoder_block,
}
