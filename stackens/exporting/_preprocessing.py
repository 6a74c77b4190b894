"""Transformers of sequences and tables."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from stackens import portable
from stackens.convolutions import Groups, Kernels
from stackens.exporting._converter import CannotExportError, Converter, converts, with_names

__all__: list[str] = []


def _form(transformer: Any) -> tuple[bool, int]:
    return transformer._input_kind == "table", int(transformer.n_features_in_)


@converts("stackens.SequenceScaler")
def _sequence_scaler(scaler: Any, converter: Converter) -> portable.Part:
    if scaler.by == "sequence":
        return portable.OwnScaler(*_form(scaler), scaler.method)
    return portable.SequenceScaler(*_form(scaler), scaler.center_, scaler.scale_)


@converts("stackens.SequenceImputer")
def _sequence_imputer(imputer: Any, converter: Converter) -> portable.Part:
    return portable.SequenceImputer(*_form(imputer), imputer.strategy, imputer.statistics_)


@converts("stackens.SequencePadder")
def _sequence_padder(padder: Any, converter: Converter) -> portable.Part:
    return portable.SequencePadder(*_form(padder), padder.length_, padder.truncation)


@converts("stackens.SequenceDifferencer")
def _sequence_differencer(differencer: Any, converter: Converter) -> portable.Part:
    lag, appends = int(differencer.lag), bool(differencer.append)
    return portable.SequenceDifferencer(*_form(differencer), lag, appends)


@converts("stackens.SequencePatcher")
def _sequence_patcher(patcher: Any, converter: Converter) -> portable.Part:
    stride = int(patcher.stride or patcher.size)
    return portable.SequencePatcher(*_form(patcher), int(patcher.size), stride)


@converts("stackens.SequenceFlattener")
def _sequence_flattener(flattener: Any, converter: Converter) -> portable.Part:
    fill = float(flattener.fill_value)
    return portable.SequenceFlattener(*_form(flattener), flattener.length_, fill)


@converts("stackens.SequenceSummarizer")
def _sequence_summarizer(summarizer: Any, converter: Converter) -> portable.Part:
    return portable.SequenceSummarizer(*_form(summarizer), list(summarizer.statistics))


@converts("stackens.RandomConvolutions")
def _random_convolutions(convolutions: Any, converter: Converter) -> portable.Part:
    learnt = [getattr(convolutions, f"{one.name}_") for one in fields(Kernels)]
    return portable.RandomConvolutions(*_form(convolutions), list(convolutions.pooling), *learnt)


@converts("stackens.HydraConvolutions")
def _hydra_convolutions(convolutions: Any, converter: Converter) -> portable.Part:
    drawn = [getattr(convolutions, f"{one.name}_") for one in fields(Groups)]
    return portable.HydraConvolutions(*_form(convolutions), *drawn)


@converts("stackens.SlidingWindows")
def _sliding_windows(windows: Any, converter: Converter) -> portable.Part:
    raise CannotExportError("windows change the number of rows: cut them before the predictor")


@converts("stackens.View")
def _view(view: Any, converter: Converter) -> portable.Part:
    steps = view.timesteps
    steps = slice(*steps) if isinstance(steps, tuple | list) else steps
    indices = [_index(one) for one in (view.channels, steps, view.columns)]
    names = getattr(view, "_part_names", None)  # of what is taken by number
    if names is None:
        return portable.View(view.name, *indices)
    part = with_names(portable.View(None, *indices), names)
    return portable.Chain([portable.View(view.name), part])


def _index(index: Any) -> Any:
    """Return JSON that says the same as an index."""
    if isinstance(index, slice):
        if isinstance(index.start, str) or isinstance(index.stop, str):
            raise CannotExportError("it names columns of a data frame; give their numbers")
        return {"start": index.start, "stop": index.stop, "step": index.step}
    if index is None or isinstance(index, int | np.integer):
        return None if index is None else int(index)
    index = np.asarray(index)
    if index.dtype == bool:
        index = np.flatnonzero(index)
    if index.dtype.kind not in "iu":
        raise CannotExportError("it names columns of a data frame; give their numbers")
    return index.tolist()


@converts("sklearn.StandardScaler")
def _standard_scaler(scaler: Any, converter: Converter) -> portable.Part:
    center = scaler.mean_ if scaler.with_mean else None
    return _scaler(scaler, center, scaler.scale_ if scaler.with_std else None)


@converts("sklearn.RobustScaler")
def _robust_scaler(scaler: Any, converter: Converter) -> portable.Part:
    return _scaler(scaler, scaler.center_, scaler.scale_)


@converts("sklearn.MaxAbsScaler")
def _max_abs_scaler(scaler: Any, converter: Converter) -> portable.Part:
    part = _scaler(scaler, None, scaler.scale_)
    clips = getattr(scaler, "clip", False)  # new in scikit-learn 1.8
    return portable.Scaler(part.center, part.scale, part.n_features, [-1.0, 1.0] if clips else None)


@converts("sklearn.MinMaxScaler")
def _min_max_scaler(scaler: Any, converter: Converter) -> portable.Part:
    clip = [float(bound) for bound in scaler.feature_range] if scaler.clip else None
    center = -scaler.min_ / scaler.scale_
    return portable.Scaler(center, scaler.scale_, int(scaler.n_features_in_), clip)


def _scaler(scaler: Any, center: Any, divisor: Any) -> portable.Scaler:
    scale = None if divisor is None else 1 / divisor
    return portable.Scaler(center, scale, int(scaler.n_features_in_))


@converts("sklearn.Normalizer")
def _normalizer(normalizer: Any, converter: Converter) -> portable.Part:
    return portable.Normalizer(normalizer.norm)


@converts("sklearn.SimpleImputer")
def _simple_imputer(imputer: Any, converter: Converter) -> portable.Part:
    if imputer.add_indicator or imputer.missing_values == imputer.missing_values:
        raise CannotExportError("only missing values that are NaN, without indicators, are filled")
    if np.asarray(imputer.statistics_).dtype.kind != "f":
        raise CannotExportError("it fills something other than numbers")
    return portable.SimpleImputer(np.asarray(imputer.statistics_))


@converts("sklearn.PCA")
def _pca(pca: Any, converter: Converter) -> portable.Part:
    components = pca.components_
    if pca.whiten:
        deviation = np.sqrt(pca.explained_variance_)
        tiny = np.finfo(deviation.dtype).eps
        components = components / np.maximum(deviation, tiny)[:, np.newaxis]
    return portable.Projection(components, pca.mean_)


@converts("sklearn.TruncatedSVD")
def _truncated_svd(svd: Any, converter: Converter) -> portable.Part:
    return portable.Projection(svd.components_)


@converts(
    "sklearn.SelectFdr",
    "sklearn.SelectFpr",
    "sklearn.SelectFromModel",
    "sklearn.SelectKBest",
    "sklearn.SelectPercentile",
    "sklearn.VarianceThreshold",
)
def _selector(selector: Any, converter: Converter) -> portable.Part:
    kept = selector.get_support()
    return portable.ColumnSelector(np.flatnonzero(kept), len(kept))


@converts("sklearn.FunctionTransformer")
def _function(transformer: Any, converter: Converter) -> portable.Part:
    if transformer.func is not None:
        raise CannotExportError("a function is code; only arrays can be exported")
    return portable.Chain([])


@converts("sklearn.FeatureUnion")
def _feature_union(union: Any, converter: Converter) -> portable.Part:
    pairs = [(name, one) for name, one in union.transformer_list if one != "drop"]
    parts = [
        portable.Chain([]) if one == "passthrough" else converter.convert(one, f"part {name!r}")
        for name, one in pairs
    ]
    weights = union.transformer_weights
    given = None if weights is None else [float(weights.get(name, 1.0)) for name, _ in pairs]
    return portable.FeatureUnion(parts, given)
