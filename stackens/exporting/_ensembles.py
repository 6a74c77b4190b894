"""Pipelines, searches, stacks, averages of fold models, calibration, and final estimators."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts, labels

__all__: list[str] = []

_SUMMARIES = {
    "last": ["last"],
    "mean": ["mean"],
    "summary": ["mean", "std", "min", "max", "last"],
}
# As the fallback averages them: decision values are votes for the largest.
_BLOCK_KINDS = {
    "predict_proba": "probability",
    "decision_function": "winner",
    "logit": "decision",
    "predict": "vote",
}


@converts("sklearn.Pipeline")
def _pipeline(pipeline: Any, converter: Converter) -> portable.Part:
    parts = [
        converter.convert(step, f"step {name!r}")
        for name, step in pipeline.steps
        if step is not None and step != "passthrough"
    ]
    if not parts or pipeline.steps[-1][1] == "passthrough" or _only_transforms(parts[-1]):
        return portable.Chain(parts)
    return portable.Pipeline(parts[:-1], parts[-1])


def _only_transforms(part: Any) -> bool:
    return part is not None and not hasattr(part, "predict")


@converts(
    "sklearn.GridSearchCV",
    "sklearn.HalvingGridSearchCV",
    "sklearn.HalvingRandomSearchCV",
    "sklearn.RandomizedSearchCV",
    "stackens.GridSearchCV",
    "stackens.RandomizedSearchCV",
)
def _search(search: Any, converter: Converter) -> portable.Part:
    if not hasattr(search, "best_estimator_"):
        raise CannotExportError("it has no best estimator; search with `refit`")
    return converter.convert(search.best_estimator_, "best estimator")


@converts(
    "sklearn.StackingClassifier",
    "sklearn.StackingRegressor",
    "stackens.StackingClassifier",
    "stackens.StackingRegressor",
)
def _stack(stack: Any, converter: Converter) -> portable.Part:
    classes = getattr(stack, "classes_", None)
    if isinstance(classes, list):
        raise CannotExportError("it predicts several labels for each row")
    passthrough = _passthrough(stack.passthrough)
    learners = [
        converter.convert(learner, f"learner {name!r}")
        for name, learner in stack.named_estimators_.items()
        if not isinstance(learner, str)
    ]
    return portable.Stack(
        learners,
        list(stack.stack_method_),
        converter.convert(stack.final_estimator_, "final estimator"),
        None if classes is None else labels(classes),
        getattr(stack, "stack_method", None) == "logit",
        passthrough,
    )


def _passthrough(how: Any) -> portable.SummaryTable | bool:
    if isinstance(how, str):
        return portable.SummaryTable(_SUMMARIES[how])
    if callable(how):
        raise CannotExportError(
            "its passthrough is a function, which is code; use True or one of "
            f"{', '.join(map(repr, _SUMMARIES))}"
        )
    return bool(how)


@converts("stackens.FoldAverage")
def _fold_average(average: Any, converter: Converter) -> portable.Part:
    parts = [converter.convert(one, f"fold {fold}") for fold, one in enumerate(average.estimators)]
    classes = None if average.classes is None else labels(average.classes)
    return portable.FoldAverage(parts, classes)


@converts("sklearn.FrozenEstimator")
def _frozen(frozen: Any, converter: Converter) -> portable.Part:
    return converter.convert(frozen.estimator, "frozen")


@converts("sklearn.CalibratedClassifierCV")
def _calibrated(model: Any, converter: Converter) -> portable.Part:
    members = [
        _calibrated_member(member, f"fold {fold}", converter)
        for fold, member in enumerate(model.calibrated_classifiers_)
    ]
    return portable.CalibratedClassifier(members, labels(model.classes_))


def _calibrated_member(member: Any, place: str, converter: Converter) -> portable.CalibratedMember:
    if len(member.estimator.classes_) != len(member.classes):
        raise CannotExportError(
            f"its {place} saw {len(member.estimator.classes_)} of {len(member.classes)} classes; "
            "choose a `cv` whose training rows have all"
        )
    method = "decision_function"  # as scikit-learn prefers it
    if not hasattr(member.estimator, method):
        method = "predict_proba"
    estimator = converter.convert(member.estimator, place)
    if estimator is not None and method not in estimator.methods:
        raise CannotExportError(f"there is no NumPy form of `{method}` of its {place}")
    return portable.CalibratedMember(estimator, method, _calibration(member, method))


def _calibration(member: Any, method: str) -> portable.Part:
    fitted = member.calibrators
    if member.method == "sigmoid":
        slope, intercept = np.array([(one.a_, one.b_) for one in fitted], dtype=float).T
        return portable.SigmoidCalibration(slope, intercept)
    if member.method == "isotonic":
        return portable.IsotonicCalibration(
            [one.X_thresholds_ for one in fitted], [one.y_thresholds_ for one in fitted]
        )
    if member.method == "temperature":
        return portable.TemperatureCalibration(float(fitted[0].beta_), method == "predict_proba")
    raise CannotExportError(f"its method {member.method!r} is not known; use 'sigmoid'")


@converts("sklearn.TransformedTargetRegressor")
def _scaled_target(model: Any, converter: Converter) -> portable.Part:
    scaler = converter.convert(model.transformer_, "transformer of the target")
    regressor = converter.convert(model.regressor_, "regressor")
    if isinstance(scaler, portable.Chain) and not scaler.steps:  # as it is
        return regressor
    if scaler is not None and not isinstance(scaler, portable.Scaler):
        raise CannotExportError("its target is not only scaled")
    return portable.ScaledTarget(regressor, scaler, model._training_dim == 1)


@converts("stackens.ColumnwiseRegressor")
def _columnwise(model: Any, converter: Converter) -> portable.Part:
    shared = {id(one): one for one in model.estimators_}
    parts = {key: converter.convert(one, "column") for key, one in shared.items()}
    return portable.ColumnwiseRegressor([parts[id(e)] for e in model.estimators_], model._is_flat)


@converts("stackens.DiscreteSuperLearnerClassifier", "stackens.DiscreteSuperLearnerRegressor")
def _super_learner(chosen: Any, converter: Converter) -> portable.Part:
    return converter.convert(chosen.best_estimator_, "chosen final estimator")


@converts("stackens.ConvexBlendClassifier", "stackens.EnsembleSelectionClassifier")
def _blend_classifier(blend: Any, converter: Converter) -> portable.Part:
    blocks = [
        portable.BlendBlock(int(columns.start), int(columns.stop), kind, not declared)
        for columns, kind, declared in blend._forms
    ]
    weights = list(blend.weights_.values())
    return portable.Blend(blocks, weights, labels(blend.classes_), int(blend.n_features_in_))


@converts("stackens.ConvexBlendRegressor", "stackens.EnsembleSelectionRegressor")
def _blend_regressor(blend: Any, converter: Converter) -> portable.Part:
    blocks = [
        portable.BlendBlock(int(b.start), int(b.stop), "value") for b in blend.blocks_.values()
    ]
    weights = list(blend.weights_.values())
    return portable.Blend(blocks, weights, None, int(blend.n_features_in_), blend._y_ndim == 1)


@converts("stackens.AveragingClassifier")
def _class_average(final: Any, converter: Converter) -> portable.Part:
    blocks = [
        portable.BlendBlock(start, stop, _BLOCK_KINDS[method])
        for (start, stop), method in zip(final.columns, final.methods, strict=True)
    ]
    return _equal_weights(blocks, labels(final.classes_))


@converts("stackens.AveragingRegressor")
def _value_average(final: Any, converter: Converter) -> portable.Part:
    blocks = [portable.BlendBlock(start, stop, "value") for start, stop in final.columns]
    return _equal_weights(blocks, None)


def _equal_weights(blocks: list[portable.BlendBlock], classes: np.ndarray | None) -> portable.Blend:
    width = blocks[0].stop - blocks[0].start
    weights = [1 / len(blocks)] * len(blocks)
    return portable.Blend(blocks, weights, classes, None, width == 1)
