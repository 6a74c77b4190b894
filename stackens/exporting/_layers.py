"""One handler for each kind of Keras layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts


def array_of(variable: Any) -> Any:
    """Return the values of a variable; None stays None."""
    return None if variable is None else variable.numpy()


def activation_name(layer: Any, parameter: str = "activation") -> str:
    """Return the name of a layer's activation."""
    function = getattr(layer, parameter)
    name = getattr(function, "__name__", type(function).__name__)
    is_own = str(getattr(function, "__module__", "")).startswith("keras.")
    if not is_own or name not in portable.ACTIVATIONS:
        raise CannotExportError(
            f"its {parameter} {name!r} has no NumPy form; it must be one of "
            f"{sorted(portable.ACTIVATIONS)}"
        )
    return str(name)


def _cell_options(layer: Any) -> dict[str, Any]:
    for option in ("return_state", "stateful"):
        if getattr(layer, option):
            raise CannotExportError(f"it has {option}=True")
    cell = layer.cell
    return {
        "kernel": array_of(cell.kernel),
        "recurrent_kernel": array_of(cell.recurrent_kernel),
        "bias": array_of(cell.bias) if cell.use_bias else None,
        "activation": activation_name(layer),
        "return_sequences": bool(layer.return_sequences),
        "go_backwards": bool(layer.go_backwards),
        "zero_output_for_mask": bool(layer.zero_output_for_mask),
    }


@converts("keras.SimpleRNN", "stackens.FusedSimpleRNN")
def _simple_rnn(layer: Any, converter: Converter) -> portable.Part:
    return portable.SimpleRNN(**_cell_options(layer))


@converts("keras.LSTM", "stackens.FusedLSTM")
def _lstm(layer: Any, converter: Converter) -> portable.Part:
    gates = activation_name(layer, "recurrent_activation")
    return portable.LSTM(**_cell_options(layer), recurrent_activation=gates)


@converts("keras.GRU", "stackens.FusedGRU")
def _gru(layer: Any, converter: Converter) -> portable.Part:
    return portable.GRU(
        **_cell_options(layer),
        recurrent_activation=activation_name(layer, "recurrent_activation"),
        reset_after=bool(layer.reset_after),
    )


@converts("keras.Bidirectional")
def _bidirectional(layer: Any, converter: Converter) -> portable.Part:
    if layer.merge_mode is None:
        raise CannotExportError("merge_mode=None gives two outputs")
    forward = converter.convert(layer.forward_layer, "forward layer")
    backward = converter.convert(layer.backward_layer, "backward layer")
    return portable.Bidirectional(forward, backward, layer.merge_mode)


@converts("keras.Masking")
def _masking(layer: Any, converter: Converter) -> portable.Part:
    return portable.Masking(float(layer.mask_value))


@converts("keras.Embedding")
def _embedding(layer: Any, converter: Converter) -> portable.Part:
    return portable.Embedding(array_of(layer.embeddings), bool(layer.mask_zero))


@converts("keras.Dense")
def _dense(layer: Any, converter: Converter) -> portable.Part:
    return portable.Dense(array_of(layer.kernel), array_of(layer.bias), activation_name(layer))


@converts("keras.TimeDistributed")
def _time_distributed(layer: Any, converter: Converter) -> portable.Part | None:
    inner = converter.convert(layer.layer, "inner layer")
    if inner is not None and not isinstance(inner, portable.Dense | portable.Identity):
        raise CannotExportError("only a dense layer can be repeated over timesteps")
    return inner  # works on the last axis alone


@converts("keras.Activation")
def _activation(layer: Any, converter: Converter) -> portable.Part:
    return portable.Activation(activation_name(layer))


@converts("keras.Softmax")
def _softmax(layer: Any, converter: Converter) -> portable.Part:
    if layer.axis != -1:
        raise CannotExportError("its axis is not the last one")
    return portable.Activation("softmax")


@converts("keras.ReLU")
def _relu(layer: Any, converter: Converter) -> portable.Part:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise CannotExportError("it has a maximum, a slope or a threshold")
    return portable.Activation("relu")


@converts("keras.LayerNormalization")
def _layer_normalization(layer: Any, converter: Converter) -> portable.Part:
    if np.ravel(layer.axis).tolist() != [-1] or getattr(layer, "rms_scaling", False):
        raise CannotExportError("its axis is not the last one, or it scales by the mean square")
    return portable.LayerNormalization(
        array_of(layer.gamma), array_of(layer.beta), float(layer.epsilon)
    )


@converts("keras.BatchNormalization")
def _batch_normalization(layer: Any, converter: Converter) -> portable.Part:
    if layer.axis != -1:
        raise CannotExportError("its axis is not the last one")
    return portable.BatchNormalization(
        array_of(layer.moving_mean),
        array_of(layer.moving_variance),
        array_of(layer.gamma) if layer.scale else None,
        array_of(layer.beta) if layer.center else None,
        float(layer.epsilon),
    )


@converts("stackens.ConvolutionBlock")
def _convolutions(layer: Any, converter: Converter) -> portable.Part:
    convolutions = [
        portable.Convolution(array_of(one.kernel), array_of(one.bias)) for one in layer.convolutions
    ]
    norms = [
        portable.SequenceNormalization(array_of(one.gamma), array_of(one.beta), one.epsilon)
        for one in layer.norms
    ]
    return portable.ConvolutionBlock(convolutions, norms, bool(layer.pooled))


@converts("keras.GlobalAveragePooling1D", "keras.GlobalMaxPooling1D")
def _keras_pooling(layer: Any, converter: Converter) -> portable.Part:
    if layer.data_format != "channels_last" or layer.keepdims:
        raise CannotExportError("it keeps its dimensions, or its channels come first")
    if type(layer).__name__ == "GlobalAveragePooling1D":
        return portable.MeanPooling()
    return portable.MaxPooling(uses_mask=False)


@converts("stackens.MaskedMaxPooling1D")
def _max_pooling(layer: Any, converter: Converter) -> portable.Part:
    return portable.MaxPooling()


@converts("stackens.AttentionPooling1D")
def _attention_pooling(layer: Any, converter: Converter) -> portable.Part:
    return portable.AttentionPooling(
        array_of(layer.kernel), array_of(layer.bias), array_of(layer.context)
    )


@converts(
    "keras.ActivityRegularization",
    "keras.AlphaDropout",
    "keras.Dropout",
    "keras.GaussianDropout",
    "keras.GaussianNoise",
    "keras.Identity",
    "keras.SpatialDropout1D",
)
def _identity(layer: Any, converter: Converter) -> portable.Part:
    return portable.Identity(keeps_mask=bool(layer.supports_masking))


@converts("keras.Flatten")
def _flatten(layer: Any, converter: Converter) -> portable.Part:
    if layer.data_format != "channels_last":
        raise CannotExportError("its channels come first")
    return portable.Flatten()


@converts(
    "keras.Add",
    "keras.Average",
    "keras.Maximum",
    "keras.Minimum",
    "keras.Multiply",
    "keras.Subtract",
)
def _merge(layer: Any, converter: Converter) -> portable.Part:
    return portable.Merge(type(layer).__name__.lower())


@converts("keras.Concatenate")
def _concatenate(layer: Any, converter: Converter) -> portable.Part:
    if layer.axis != -1:
        raise CannotExportError("its axis is not the last one")
    return portable.Concatenate()
