"""Arrays by which compiled code walks without looking where it steps: they are checked here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError
from stackens.sklearn_parts._bounds import BOUNDS, check_requests, check_sizes
from stackens.sklearn_parts._types import ESTIMATORS

_MOST_OUTPUTS = 1 << 20
_MOST_FEATURES = 1 << 24
_WITHOUT_PARTS = frozenset({bool, bytes, float, int, str, type(None)})


def check_tree_arrays(
    n_features: int,
    n_classes: np.ndarray,
    n_outputs: int,
    node_count: int,
    nodes: np.ndarray,
    values: np.ndarray,
) -> None:
    """Refuse a tree on which a walk would leave its nodes, or never end.

    Parameters
    ----------
    n_features, n_outputs, node_count : int
        What the tree says of itself.
    n_classes : ndarray of shape (n_outputs,)
        Classes of each output.
    nodes : structured ndarray of shape (node_count,)
        With children and features.
    values : ndarray of shape (node_count, n_outputs, n_classes)
        What nodes predict.

    Raises
    ------
    ArchiveError
        If any of it does not fit.
    """
    if not (0 < n_outputs < _MOST_OUTPUTS and 0 < n_features < 1 << 31):
        raise ArchiveError("A tree in the file has impossible sizes.")
    if n_classes.shape != (n_outputs,) or n_classes.dtype.kind != "i" or (n_classes < 1).any():
        raise ArchiveError("A tree in the file has impossible classes.")
    shape = (node_count, n_outputs, int(n_classes.max()))
    if node_count < 1 or nodes.shape != (node_count,) or values.shape != shape:
        raise ArchiveError("A tree in the file has arrays of other sizes than it says.")
    if not {"left_child", "right_child", "feature"} <= set(nodes.dtype.names or ()):
        raise ArchiveError("A tree in the file has nodes of another kind.")
    is_leaf = nodes["left_child"] == -1
    _check_children(nodes["left_child"], nodes["right_child"], is_leaf)
    if (nodes["right_child"][is_leaf] != -1).any():
        raise ArchiveError("A tree in the file has nodes that do not exist.")
    _check_features(nodes["feature"][~is_leaf], n_features)


def _check_children(left: np.ndarray, right: np.ndarray, is_leaf: np.ndarray) -> None:
    """Children come after their parents, so that a walk ends."""
    numbers = np.arange(len(is_leaf))[~is_leaf]
    for child in (left[~is_leaf].astype(np.int64), right[~is_leaf].astype(np.int64)):
        if (child <= numbers).any() or (child >= len(is_leaf)).any():
            raise ArchiveError("A tree in the file has nodes that do not exist.")


def _check_features(features: np.ndarray, n_features: int) -> None:
    if (features < 0).any() or (features >= n_features).any():
        raise ArchiveError("A tree in the file splits by features that do not exist.")


def walk(value: Any) -> Iterator[Any]:
    """Find everything that an object consists of, once; itself first."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, str | int | float | bytes | None):
            continue
        if isinstance(one, type | FunctionType | ModuleType) or _is_of_keras(one):
            continue
        seen.add(id(one))
        yield one
        parts: Iterable[Any] = ()
        if isinstance(one, np.ndarray) and one.dtype.hasobject:
            parts = one.ravel()
        elif isinstance(one, Mapping):
            parts = one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            parts = one
        state = getattr(one, "__dict__", {}).values()
        todo += [part for part in chain(parts, state) if type(part) not in _WITHOUT_PARTS]


def _is_of_keras(one: Any) -> bool:
    return type(one).__module__.partition(".")[0] in ("keras", "tensorflow")


def check_objects(root: Any) -> None:
    """Refuse estimators whose parts do not fit, or would lead compiled code astray.

    What is known of scikit-learn's is checked here; one of ours that is made of its attributes has
    a method ``_check_loaded``.

    Parameters
    ----------
    root : estimator
        As it was made from a file.

    Raises
    ------
    ArchiveError
        If a tree has other features than its forest, if what should be a tree is none, and the
        like.
    """
    found = list(walk(root))
    for one in found:
        for check in _checks_of(one):
            _run(check, one)
    for one in found:  # these ask the parts, which are sound by now
        if _name(one) in _LATE_CHECKS:
            _run(_LATE_CHECKS[_name(one)], one)


def _name(one: Any) -> str:
    return f"{type(one).__module__}.{type(one).__qualname__}"


def _checks_of(one: Any) -> Iterator[Callable[[Any], None]]:
    name = _name(one)
    yield from (table[name] for table in (_CHECKS, BOUNDS) if name in table)
    if name in ESTIMATORS:
        yield check_sizes
    elif name.startswith("stackens."):
        yield check_requests
    if hasattr(type(one), "_check_loaded"):
        yield type(one)._check_loaded
    if hasattr(one, "tocsr") and hasattr(one, "indptr"):
        yield _check_sparse


def _run(check: Callable[[Any], None], one: Any) -> None:
    try:
        check(one)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        name = type(one).__name__
        raise ArchiveError(f"A {name} in the file lacks what it needs: {error}") from error


def _check_sparse(matrix: Any) -> None:
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ArchiveError(f"A sparse matrix in the file is none: {error}") from error


def _check_one_tree(estimator: Any) -> None:
    if "tree_" not in vars(estimator):
        return
    tree = estimator.tree_
    if type(tree).__name__ != "Tree" or tree.n_features != estimator.n_features_in_:
        raise ArchiveError("A tree in the file is for other features than its estimator.")
    if tree.n_outputs != estimator.n_outputs_:
        raise ArchiveError("A tree in the file is for other targets than its estimator.")


def _check_forest(estimator: Any) -> None:
    for member in np.ravel(np.array(getattr(estimator, "estimators_", []), dtype=object)):
        if member.tree_.n_features != estimator.n_features_in_:
            raise ArchiveError("A tree in the file is for other features than its forest.")
        if member.tree_.n_outputs != estimator.n_outputs_:
            raise ArchiveError("A tree in the file is for other targets than its forest.")


def _check_gradient_boosting(estimator: Any) -> None:
    """Compiled code takes the members for regression trees without asking."""
    members = getattr(estimator, "estimators_", None)
    if members is None:
        return
    if not isinstance(members, np.ndarray) or members.ndim != 2 or not members.dtype.hasobject:
        raise ArchiveError("A boosted ensemble in the file has no table of trees.")
    for member in members.ravel():
        is_tree = f"{type(member).__module__}.{type(member).__name__}" == _REGRESSION_TREE
        if not is_tree or type(member.tree_).__name__ != "Tree":
            raise ArchiveError("A boosted ensemble in the file has members that are no trees.")
        shape = (member.tree_.n_features, member.tree_.n_outputs, member.tree_.max_n_classes)
        if shape != (estimator.n_features_in_, 1, 1):
            raise ArchiveError("A boosted ensemble in the file has trees of other sizes.")


def _check_first_predictions(estimator: Any) -> None:
    """Trees add to the columns of these, and write beside them if there are more trees."""
    members = getattr(estimator, "estimators_", None)
    if members is None:
        return
    rows = _rows(2, estimator).astype(np.float32)
    raw = estimator._raw_predict_init(rows)
    if raw.shape != (2, members.shape[1]) or raw.dtype != np.float64:
        raise ArchiveError("A boosted ensemble in the file has trees for other classes.")


def _rows(n_rows: int, estimator: Any) -> np.ndarray:
    if not 0 < estimator.n_features_in_ < _MOST_FEATURES:
        raise ArchiveError("A boosted ensemble in the file has impossible features.")
    return np.zeros((n_rows, estimator.n_features_in_))


def _preprocessed(row: np.ndarray, preprocessor: Any) -> np.ndarray:
    """Transform a row whose categories are some that were learnt: they may be strings."""
    row = row.astype(object)
    for _, part, columns in preprocessor.transformers_:
        if hasattr(part, "categories_"):
            row[0, columns] = [categories[0] for categories in part.categories_]
    with warnings.catch_warnings():  # this row has no names of columns
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        transformed: np.ndarray = preprocessor.transform(row)
    return transformed


def _check_histogram_boosting(estimator: Any) -> None:
    stages = getattr(estimator, "_predictors", None)
    if stages is None:
        return
    n_features, categorical = (
        estimator._n_features,
        np.asarray(estimator._bin_mapper.is_categorical_),
    )
    row = _rows(1, estimator)
    if getattr(estimator, "_preprocessor", None) is not None:  # columns are not what came in
        row = _preprocessed(row, estimator._preprocessor)
    if row.shape[1] != n_features or categorical.shape != (n_features,):
        raise ArchiveError("A boosted ensemble in the file has impossible features.")
    if any(len(stage) != estimator.n_trees_per_iteration_ for stage in stages):
        raise ArchiveError("A boosted ensemble in the file has trees for other classes.")
    for predictor in (one for stage in stages for one in stage):
        if type(predictor).__name__ != "TreePredictor":
            raise ArchiveError("A boosted ensemble in the file has members that are no trees.")
        nodes, bitsets = predictor.nodes, predictor.raw_left_cat_bitsets
        if not isinstance(nodes, np.ndarray) or nodes.ndim != 1 or len(nodes) < 1:
            raise ArchiveError("A boosted ensemble in the file has a tree without nodes.")
        is_leaf = nodes["is_leaf"].astype(bool)
        _check_children(nodes["left"], nodes["right"], is_leaf)
        _check_features(nodes["feature_idx"][~is_leaf].astype(np.int64), n_features)
        by_category = nodes["is_categorical"].astype(bool) & ~is_leaf
        features = nodes["feature_idx"][by_category]
        if not np.all(categorical[features]):
            raise ArchiveError("A boosted ensemble in the file has categories of numbers.")
        if (nodes["bitset_idx"][by_category] >= len(bitsets)).any():
            raise ArchiveError("A boosted ensemble in the file has categories that do not exist.")
        if bitsets.ndim != 2 or bitsets.shape[1] != 8:
            raise ArchiveError("A boosted ensemble in the file has impossible categories.")


def _check_vectorizer(estimator: Any) -> None:
    if estimator.input != "content":  # it would open the files that texts name
        raise ArchiveError(
            f"A {type(estimator).__name__} in the file reads files (`input={estimator.input!r}`), "
            "which no file may ask for."
        )


_REGRESSION_TREE = "sklearn.tree._classes.DecisionTreeRegressor"
_BOOSTING = "sklearn.ensemble._gb.GradientBoosting"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
_TEXT = "sklearn.feature_extraction.text"
_CHECKS: dict[str, Any] = {
    f"{_BOOSTING}Classifier": _check_gradient_boosting,
    f"{_BOOSTING}Regressor": _check_gradient_boosting,
}
_CHECKS |= {
    f"sklearn.ensemble._forest.{kind}{task}": _check_forest
    for kind in ("ExtraTrees", "RandomForest")
    for task in ("Classifier", "Regressor")
}
_CHECKS["sklearn.ensemble._forest.RandomTreesEmbedding"] = _check_forest
_CHECKS |= {
    f"sklearn.tree._classes.{kind}{task}": _check_one_tree
    for kind in ("DecisionTree", "ExtraTree")
    for task in ("Classifier", "Regressor")
}
_CHECKS |= {
    f"{_TEXT}.{kind}Vectorizer": _check_vectorizer for kind in ("Count", "Hashing", "Tfidf")
}
_LATE_CHECKS = {
    f"{_BOOSTING}Classifier": _check_first_predictions,
    f"{_BOOSTING}Regressor": _check_first_predictions,
    f"{_HISTOGRAM}Classifier": _check_histogram_boosting,
    f"{_HISTOGRAM}Regressor": _check_histogram_boosting,
}
