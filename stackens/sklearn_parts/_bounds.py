"""Numbers by which estimators of scikit-learn index, or ask for memory: they fit what is there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from stackens.exceptions import ArchiveError
from stackens.sklearn_parts._types import FUNCTIONS

_MOST_HASHES = 1 << 31
_MOST_UNITS = 1 << 20
_MOST_COLUMNS = 1 << 24
_MOST_CLASSES = 1 << 15  # libsvm counts pairs of them in 32 bits
_MOST_DEGREE = 1 << 7
_MOST_THREADS = 1 << 10
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
    kinds = set(map(type, numbers))
    are_whole = all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds)
    n_words = len(set(numbers))
    fit = are_whole and (not numbers or (min(numbers) >= 0 and max(numbers) < n_words))
    if type(words) is not dict or not fit or n_words < len(numbers):
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


def _check_libsvm(estimator: Any) -> None:
    """It takes the sizes of most arrays for those that follow from a few."""
    state = vars(estimator)
    if "support_" not in state:
        return
    _expect(not state.keys() & {"_impl", "_sparse_kernels"}, estimator)  # these are of the type
    is_classifier = type(estimator).__name__ in ("NuSVC", "SVC")
    n_classes = len(state["classes_"]) if is_classifier else 2
    n_vectors, n_pairs = len(state["support_"]), n_classes * (n_classes - 1) // 2
    counts = state["_n_support"]
    _expect(1 < n_classes < _MOST_CLASSES and counts.shape == (n_classes,), estimator)
    _expect(state["_intercept_"].shape == (n_pairs,), estimator)
    if is_classifier:
        _expect(not (counts < 0).any() and counts.sum(dtype=np.int64) == n_vectors, estimator)
    # Of a sparse fit they are read by every method if these say so, else by one, which asks.
    flags = [state.get(name) for name in ("probability", "_effective_probability")]
    are_read = state["_sparse"] and any(flag not in (False, None, "deprecated") for flag in flags)
    for odds in (state["_probA"], state["_probB"]):
        _expect(odds.shape == (n_pairs,) or (not are_read and odds.shape == (0,)), estimator)
    size = (n_classes - 1) * n_vectors
    _expect(size < 1 << 31, estimator)
    if state["_sparse"]:
        vectors, weights = state["support_vectors_"], state["_dual_coef_"]
        _expect(vectors.format == weights.format == "csr" and weights.data.size == size, estimator)
        _expect(vectors.shape == (n_vectors, state["n_features_in_"]), estimator)
        _expect(state["kernel"] in ("linear", "poly", "rbf", "sigmoid"), estimator)
    else:
        _expect(state["_dual_coef_"].shape == (n_classes - 1, n_vectors), estimator)
        _check_vectors(estimator, n_vectors)


def _check_vectors(estimator: Any, n_vectors: int) -> None:
    """Of a precomputed kernel they are columns of what comes in, and otherwise rows."""
    kernel, support, n_rows = estimator.kernel, estimator.support_, estimator.shape_fit_[0]
    if kernel in ("linear", "poly", "rbf", "sigmoid"):
        shape = (n_vectors, estimator.n_features_in_)
        _expect(estimator.support_vectors_.shape == shape, estimator)
        return
    if callable(kernel):  # nobody asks what it returns for its columns: only a user's own may say
        while isinstance(kernel, partial):
            kernel = kernel.func
        name = f"{kernel.__module__}.{kernel.__qualname__}" if hasattr(kernel, "__name__") else ""
        _expect(not isinstance(kernel, np.ufunc | type) and name not in FUNCTIONS, estimator)
        _expect(len(estimator._BaseLibSVM__Xfit) == n_rows, estimator)
    else:
        _expect(kernel == "precomputed", estimator)
    _expect(_is_number(n_rows, 1, 1 << 31), estimator)
    _expect(not ((support < 0) | (support >= n_rows)).any(), estimator)


def _check_polynomial(estimator: Any) -> None:
    """It allocates as many columns as it says, and fills as many as follow from degrees."""
    state = vars(estimator)
    if "n_output_features_" not in state:
        return
    low, high, n_features = state["_min_degree"], state["_max_degree"], state["n_features_in_"]
    _expect(_is_number(low, 0, _MOST_DEGREE) and _is_number(high, low, _MOST_DEGREE), estimator)
    _expect(_is_number(n_features, 1, _MOST_COLUMNS), estimator)
    sizes = {"n_features": n_features, "max_degree": high}
    sizes |= {name: getattr(estimator, name) for name in ("interaction_only", "include_bias")}
    for name, least in (("n_output_features_", low), ("_n_out_full", 0)):
        _expect(_is_number(state[name], 0, _MOST_COLUMNS), estimator)
        _expect(state[name] == estimator._num_combinations(min_degree=least, **sizes), estimator)


def _check_centers(estimator: Any) -> None:
    state = vars(estimator)
    if "cluster_centers_" not in state:
        return
    n_clusters, n_features = state["cluster_centers_"].shape
    _expect(n_clusters > 0 and n_features == state["n_features_in_"], estimator)
    _expect(_is_number(state["_n_threads"], 1, _MOST_THREADS), estimator)
    if "_counts" in state:  # `partial_fit` goes on from them
        _expect(state["_counts"].shape == (n_clusters,), estimator)


def _check_components(estimator: Any) -> None:
    """Compiled code takes their sizes for those of what comes in, and of what goes out."""
    state = vars(estimator)
    if "components_" not in state:
        return
    shape = (len(state["components_"]), state["n_features_in_"])
    _expect(shape[0] > 0 and state["components_"].shape == shape, estimator)
    if "exp_dirichlet_component_" in state:
        _expect(state["exp_dirichlet_component_"].shape == shape, estimator)
    else:
        _expect(state["n_components_"] == shape[0], estimator)


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
    f"{_DATA}._polynomial.PolynomialFeatures": _check_polynomial,
    "sklearn.cluster._kmeans.KMeans": _check_centers,
    "sklearn.cluster._kmeans.MiniBatchKMeans": _check_centers,
    "sklearn.decomposition._lda.LatentDirichletAllocation": _check_components,
    "sklearn.decomposition._nmf.NMF": _check_components,
}
BOUNDS |= {
    f"sklearn.svm._classes.{kind}": _check_libsvm
    for kind in ("NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR")
}
