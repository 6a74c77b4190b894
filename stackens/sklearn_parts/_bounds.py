"""Numbers by which estimators of scikit-learn index, or ask for memory: they fit what is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError

_MOST_HASHES = 1 << 31
_MOST_UNITS = 1 << 20
# Far beyond what anybody uses; more would be memory for the asking when it predicts.
_MOST = {"beam_width": 1 << 10, "max_length": 1 << 20, "length_": 1 << 20}


def check_sizes(estimator: Any) -> None:
    """Refuse any estimator of scikit-learn that says it has other classes or columns than it has.

    Parameters
    ----------
    estimator : estimator
        As it was made from a file.

    Raises
    ------
    ArchiveError
        If numbers of classes are not those of ``classes_``, coefficients not one for each feature,
        and the like.
    """
    state = vars(estimator)
    if "classes_" in state and "n_classes_" in state:
        _expect(_sizes(state["n_classes_"]) == _numbers_of_classes(state["classes_"]), estimator)
    coefficients = state.get("coef_")
    if getattr(coefficients, "ndim", 0) and "n_features_in_" in state:
        _expect(coefficients.shape[-1] == state["n_features_in_"], estimator)
        _check_training_state(estimator, coefficients)


def check_requests(estimator: Any) -> None:
    """Refuse an estimator of ours that would take memory for the asking.

    Parameters
    ----------
    estimator : estimator
        As it was made from a file.

    Raises
    ------
    ArchiveError
        If it reads or writes longer sequences than anybody has.
    """
    for name, most in _MOST.items():
        value = getattr(estimator, "__dict__", {}).get(name)
        if isinstance(value, int | float | np.number) and value > most:
            raise ArchiveError(
                f"A {type(estimator).__name__} in the file has `{name}`={value}; at most {most} is "
                "kept."
            )


def _check_training_state(estimator: Any, coefficients: Any) -> None:
    """Compiled code goes on from here when `partial_fit` is called."""
    state = vars(estimator)
    if coefficients.ndim == 2 and isinstance(state.get("classes_"), np.ndarray):
        n_classes = len(state["classes_"])
        _expect(coefficients.shape[0] == (1 if n_classes == 2 else n_classes), estimator)
    for name, like in (
        ("_standard_coef", "coef_"),
        ("_average_coef", "coef_"),
        ("_standard_intercept", "intercept_"),
        ("_average_intercept", "intercept_"),
    ):
        if state.get(name) is not None:
            _expect(np.size(state[name]) == np.size(state[like]), estimator)
    if "_standard_coef" in state or "t_" in state:
        n_rows = coefficients.shape[0] if coefficients.ndim == 2 else 1
        _expect(np.size(state["intercept_"]) == n_rows, estimator)


def _sizes(numbers: Any) -> list[int]:
    return [int(n) for n in np.atleast_1d(np.asarray(numbers)).tolist()]


def _numbers_of_classes(classes: Any) -> list[int]:
    if isinstance(classes, list) and all(isinstance(one, np.ndarray) for one in classes):
        return [len(one) for one in classes]  # of several columns
    return [len(classes)]


def _expect(fits: Any, estimator: Any) -> None:
    if not fits:
        raise ArchiveError(
            f"A {type(estimator).__name__} in the file has sizes that do not fit each other."
        )


def _is_number(value: Any, low: int, high: int) -> bool:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_whole and low <= int(value) < high


def _check_vocabulary(estimator: Any) -> None:
    """Numbers of words are columns of a sparse matrix, which nobody asks again."""
    words = vars(estimator).get("vocabulary_")
    if words is None:
        return
    numbers = list(words.values())
    kinds = {type(one) for one in numbers}
    are_whole = all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds)
    if type(words) is not dict or not are_whole or set(numbers) != set(range(len(numbers))):
        raise ArchiveError(
            f"A {type(estimator).__name__} in the file has a vocabulary that is none: each of n "
            "words has one of the numbers from 0 to n - 1."
        )


def _check_hasher(estimator: Any) -> None:
    _expect(_is_number(estimator.n_features, 1, _MOST_HASHES), estimator)


def _check_encoder(estimator: Any) -> None:
    """What a category becomes is a column of a sparse matrix."""
    categories = vars(estimator).get("categories_")
    if categories is None:
        return
    _expect(isinstance(categories, list) and len(categories) == estimator.n_features_in_, estimator)
    is_grouped = bool(getattr(estimator, "_infrequent_enabled", False))
    mappings = estimator._default_to_infrequent_mappings if is_grouped else None
    for number, values in enumerate(categories):
        _expect(isinstance(values, np.ndarray) and values.ndim == 1, estimator)
        if values.dtype.kind in "biuf":  # they are searched by halves
            known = values[:-1] if len(values) and values[-1] != values[-1] else values
            _expect((known[:-1] < known[1:]).all(), estimator)
        if mappings is not None:
            _expect(len(mappings) == len(categories), estimator)
            _check_mapping(estimator, mappings[number], len(values))
    if type(estimator).__name__ == "OneHotEncoder":
        _check_columns(estimator, [len(values) for values in categories], mappings)


def _check_mapping(estimator: Any, mapping: Any, n_values: int) -> None:
    if mapping is not None:
        is_array = isinstance(mapping, np.ndarray) and mapping.dtype.kind in "iu"
        _expect(is_array and mapping.shape == (n_values,), estimator)
        _expect(not ((mapping < 0) | (mapping >= n_values)).any(), estimator)


def _check_columns(estimator: Any, n_values: list[int], mappings: Any) -> None:
    dropped = estimator._drop_idx_after_grouping
    for number, n_codes in enumerate(n_values):
        mapping = None if mappings is None else mappings[number]
        n_codes = n_codes if mapping is None or not len(mapping) else int(mapping.max()) + 1
        drop = None if dropped is None else dropped[number]
        _expect(drop is None or _is_number(drop, 0, n_codes), estimator)
        n_columns = n_codes - (drop is not None)
        _expect(estimator._n_features_outs[number] == n_columns, estimator)


def _check_label_columns(estimator: Any) -> None:
    cached = vars(estimator).get("_cached_dict")
    if cached is not None:
        _expect(cached == dict(zip(estimator.classes_, range(len(cached)), strict=True)), estimator)


def _check_votes(estimator: Any) -> None:
    """Votes are counted in an array as long as the largest of them."""
    for one in vars(estimator).get("estimators_", ()):
        labels = getattr(one, "classes_", None)
        if isinstance(labels, np.ndarray) and len(labels):
            n_classes = len(estimator.le_.classes_)
            _expect(labels.dtype.kind in "iu" and labels.min() >= 0, estimator)
            _expect(labels.max() < n_classes, estimator)


def _check_one_vs_rest(estimator: Any) -> None:
    """What each says of a row is one number, and they are put side by side."""
    for one in vars(estimator).get("estimators_", ()):
        while hasattr(one, "steps") or hasattr(one, "best_estimator_"):
            one = one.steps[-1][1] if hasattr(one, "steps") else one.best_estimator_
        labels, coefficients = getattr(one, "classes_", None), getattr(one, "coef_", None)
        _expect(labels is None or len(labels) <= 2, estimator)
        _expect(coefficients is None or np.ndim(coefficients) < 2 or len(coefficients) == 1, one)


def _check_dummy(estimator: Any) -> None:
    state = vars(estimator)
    if "n_outputs_" not in state:
        return
    if "classes_" in state:
        n_outputs = len(_numbers_of_classes(state["classes_"]))
    else:
        n_outputs = np.atleast_2d(estimator.constant_).shape[1]
    _expect(state["n_outputs_"] == n_outputs, estimator)


_DATA, _TEXT = "sklearn.preprocessing", "sklearn.feature_extraction"
_NETWORK = "sklearn.neural_network._multilayer_perceptron.MLP"


def _check_layers(estimator: Any) -> None:
    """`partial_fit` allocates what these say, whatever the weights are."""
    sizes = np.ravel(estimator.hidden_layer_sizes)
    _expect(all(_is_number(size, 1, _MOST_UNITS) for size in sizes), estimator)


BOUNDS: dict[str, Any] = {
    f"{_TEXT}._dict_vectorizer.DictVectorizer": _check_vocabulary,
    f"{_TEXT}._hash.FeatureHasher": _check_hasher,
    f"{_TEXT}.text.CountVectorizer": _check_vocabulary,
    f"{_TEXT}.text.HashingVectorizer": _check_hasher,
    f"{_TEXT}.text.TfidfVectorizer": _check_vocabulary,
    f"{_DATA}._encoders.OneHotEncoder": _check_encoder,
    f"{_DATA}._encoders.OrdinalEncoder": _check_encoder,
    f"{_DATA}._label.MultiLabelBinarizer": _check_label_columns,
    f"{_DATA}._target_encoder.TargetEncoder": _check_encoder,
    "sklearn.dummy.DummyClassifier": _check_dummy,
    "sklearn.dummy.DummyRegressor": _check_dummy,
    "sklearn.ensemble._voting.VotingClassifier": _check_votes,
    "sklearn.multiclass.OneVsRestClassifier": _check_one_vs_rest,
    f"{_NETWORK}Classifier": _check_layers,
    f"{_NETWORK}Regressor": _check_layers,
}
