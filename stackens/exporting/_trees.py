"""Trees, forests and boosting of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts, labels

__all__: list[str] = []


def _join(trees: Sequence[dict[str, np.ndarray]], n_features: int, dtype: str) -> portable.Trees:
    """Write trees one after the other; their nodes count from the first tree's root."""
    sizes = [len(tree["left"]) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    joined = {name: np.concatenate([tree[name] for tree in trees]) for name in trees[0]}
    shift = np.repeat(roots, sizes)
    for side in ("left", "right"):
        below = joined[side]
        joined[side] = np.where(below < 0, -1, below + shift).astype(np.int32)
    return portable.Trees(roots.astype(np.int32), **joined, n_features=int(n_features), dtype=dtype)


def _nodes_of(tree: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "left": tree.children_left,
        "right": tree.children_right,
        "feature": tree.feature.astype(np.int32),
        "threshold": tree.threshold,
        "missing_left": tree.missing_go_to_left.astype(bool),
        "values": values,
    }


def _members(model: Any) -> list[Any]:
    return list(model.estimators_) if hasattr(model, "estimators_") else [model]


@converts(
    "sklearn.DecisionTreeClassifier",
    "sklearn.ExtraTreeClassifier",
    "sklearn.ExtraTreesClassifier",
    "sklearn.RandomForestClassifier",
)
def _classifier(model: Any, converter: Converter) -> portable.Part:
    if model.n_outputs_ != 1:
        raise CannotExportError("it predicts several labels for each row")
    trees = []
    for member in _members(model):
        shares = member.tree_.value[:, 0]
        shares = shares / shares.sum(axis=1, keepdims=True)
        trees.append(_nodes_of(member.tree_, shares))
    joined = _join(trees, model.n_features_in_, "float32")
    return portable.TreesClassifier(joined, labels(model.classes_))


@converts(
    "sklearn.DecisionTreeRegressor",
    "sklearn.ExtraTreeRegressor",
    "sklearn.ExtraTreesRegressor",
    "sklearn.RandomForestRegressor",
)
def _regressor(model: Any, converter: Converter) -> portable.Part:
    trees = [_nodes_of(m.tree_, m.tree_.value[:, :, 0]) for m in _members(model)]
    return portable.TreesRegressor(_join(trees, model.n_features_in_, "float32"))


def _boosted(model: Any) -> tuple[portable.Trees, np.ndarray]:
    if model.init is not None and model.init != "zero":
        raise CannotExportError("it starts from another estimator (`init`)")
    trees = [
        _nodes_of(one.tree_, model.learning_rate * one.tree_.value[:, :, 0])
        for one in model.estimators_.ravel()
    ]
    initial = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]
    return _join(trees, model.n_features_in_, "float32"), np.asarray(initial)


@converts("sklearn.GradientBoostingClassifier")
def _boosting_classifier(model: Any, converter: Converter) -> portable.Part:
    if model.loss != "log_loss":
        raise CannotExportError(f"its loss is {model.loss!r}; only 'log_loss' can be exported")
    return portable.BoostedClassifier(*_boosted(model), labels(model.classes_))


@converts("sklearn.GradientBoostingRegressor")
def _boosting_regressor(model: Any, converter: Converter) -> portable.Part:
    return portable.BoostedRegressor(*_boosted(model))


def _histograms(model: Any) -> tuple[portable.Trees, np.ndarray]:
    trees = []
    for predictor in (p for stage in model._predictors for p in stage):
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise CannotExportError("it splits by categories; encode them as numbers")
        is_leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            {
                "left": np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
                "right": np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
                "feature": nodes["feature_idx"].astype(np.int32),
                "threshold": nodes["num_threshold"].copy(),
                "missing_left": nodes["missing_go_to_left"].astype(bool),
                "values": nodes["value"][:, np.newaxis].copy(),
            }
        )
    if model._preprocessor is not None:
        raise CannotExportError("it splits by categories; encode them as numbers")
    initial = np.ravel(model._baseline_prediction)
    return _join(trees, model.n_features_in_, "float64"), initial


@converts("sklearn.HistGradientBoostingClassifier")
def _histogram_classifier(model: Any, converter: Converter) -> portable.Part:
    return portable.BoostedClassifier(*_histograms(model), labels(model.classes_))


@converts("sklearn.HistGradientBoostingRegressor")
def _histogram_regressor(model: Any, converter: Converter) -> portable.Part:
    if model.loss in ("gamma", "poisson"):
        raise CannotExportError(f"its loss {model.loss!r} predicts logarithms")
    return portable.BoostedRegressor(*_histograms(model))
