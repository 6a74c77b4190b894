"""Learners of the package, and SciKeras's estimators."""

from __future__ import annotations

from typing import Any

import stackens.exporting._networks  # noqa: F401 - registers its handlers
from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts, labels
from stackens.sequences import PADDING_VALUE

__all__: list[str] = []


@converts("stackens.NetworkClassifier")
def _classifier(learner: Any, converter: Converter) -> portable.Part:
    return portable.NetworkClassifier(
        converter.convert(learner._build_model(), "network"),
        _source_of(learner),
        labels(learner.classes_),
        learner._target.is_multilabel,
    )


@converts("stackens.NetworkRegressor")
def _regressor(learner: Any, converter: Converter) -> portable.Part:
    network = converter.convert(learner._build_model(), "network")
    return portable.NetworkRegressor(network, _source_of(learner), learner._target.is_flat)


def _source_of(learner: Any) -> portable.TokenInput | portable.SequenceInput:
    if learner.vocabulary_size is not None:
        return portable.TokenInput(int(learner.vocabulary_size))
    is_table = learner._input_kind == "table"
    return portable.SequenceInput(is_table, int(learner.n_features_in_), PADDING_VALUE)


@converts("stackens.EmbeddingPretrainer")
def _pretrained(learner: Any, converter: Converter) -> portable.Part:
    vectorizer = converter.convert(learner.vectorizer_, "vectorizer")
    return portable.Pipeline([vectorizer], converter.convert(learner.estimator_, "network"))


@converts("stackens.DistilledClassifier", "stackens.DistilledRegressor")
def _student(distilled: Any, converter: Converter) -> portable.Part:
    return converter.convert(distilled.student_, "student")


@converts("stackens.SciKerasClassifier", "stackens.SciKerasRegressor")
def _adapted(learner: Any, converter: Converter) -> portable.Part:
    return converter.convert(learner.keras_estimator_, "SciKeras")


@converts("scikeras.KerasClassifier")
def _scikeras_classifier(wrapper: Any, converter: Converter) -> portable.Part:
    if wrapper.target_type_ not in ("binary", "multiclass"):
        raise CannotExportError(f"its target is {wrapper.target_type_}, not one class a row")
    return portable.NetworkClassifier(
        converter.convert(wrapper.model_, "network"), _array_of(wrapper), labels(wrapper.classes_)
    )


@converts("scikeras.KerasRegressor")
def _scikeras_regressor(wrapper: Any, converter: Converter) -> portable.Part:
    network = converter.convert(wrapper.model_, "network")
    return portable.NetworkRegressor(network, _array_of(wrapper), wrapper.y_ndim_ == 1)


def _array_of(wrapper: Any) -> portable.ArrayInput:
    if type(wrapper.feature_encoder_).__name__ != "FunctionTransformer":
        raise CannotExportError("it encodes its features by a transformer of its own")
    shape = [None if size is None else int(size) for size in wrapper.model_.input_shape[1:]]
    return portable.ArrayInput(shape, str(wrapper.X_dtype_))
