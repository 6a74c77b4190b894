"""Puts numbers out of bounds into files of every trusted estimator, and loads and uses them.

    python out_of_bounds.py [--store] [NAME ...]

Each number and array of a fitted estimator, one at a time, is made too large, negative, or of
another size, with right checksums; with --store, in entries of a store instead. What comes of it
must be an error of Python, or a prediction: no crash, and no memory for the asking. A process of
its own does so for each estimator; it prints JSON lines of what went wrong.
"""

from __future__ import annotations

import copy
import importlib
import io
import json
import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.linear_model import LogisticRegression, Ridge

import stackens
from stackens.archive import read_archive
from stackens.persistence._decode import Content
from stackens.persistence._trust import Trust
from stackens.sklearn_parts import ESTIMATORS, check_objects
from stackens.sklearn_parts._schema import _nodes
from stackens.store import get_fit

OF_STORE = "--store"
ROOM = 3 << 29  # bytes of address space beyond what libraries take
rng = np.random.default_rng(0)
TABLE = np.abs(rng.normal(size=(40, 4))) + 0.1
TABLE[:, 3] = np.arange(40) % 4
CATEGORIES = np.stack([np.arange(40) % 5 // 2, np.arange(40) % 7 // 3], 1)
CLASSES = np.arange(40) % 3
NUMBERS = TABLE @ np.arange(1.0, 5) + 1
LABELS = np.stack([k == CLASSES for k in range(3)], 1).astype(int)
TEXTS = [f"a{i % 5} b{i % 3} c" for i in range(40)]
DICTS = [{f"k{i % 3}": 1.0, "k": i} for i in range(40)]
WORDS = {"CountVectorizer", "HashingVectorizer", "TfidfVectorizer"}
NAMED = {"DictVectorizer", "FeatureHasher"}
ENCODERS = {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "CategoricalNB"}
OF_LABELS = {"LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"}
TRANSFORMERS = [("scale", "passthrough", [0, 1])]
OPTIONS: dict[str, dict[str, Any]] = {
    "CalibratedClassifierCV": {"estimator": LogisticRegression(), "cv": 2},
    "ClassifierChain": {"estimator": LogisticRegression()},
    "ColumnTransformer": {"transformers": TRANSFORMERS},
    "FeatureHasher": {"n_features": 8},
    "FeatureUnion": {"transformer_list": [("all", "passthrough")]},
    "FixedThresholdClassifier": {"estimator": LogisticRegression()},
    "FrozenEstimator": {"estimator": LogisticRegression().fit(TABLE, CLASSES)},
    "GaussianRandomProjection": {"n_components": 2},
    "GradientBoostingClassifier": {"n_estimators": 2, "max_depth": 2},
    "GradientBoostingRegressor": {"n_estimators": 2, "max_depth": 2},
    "GridSearchCV": {"estimator": Ridge(), "param_grid": {"alpha": [1.0, 2.0]}, "cv": 2},
    "HashingVectorizer": {"n_features": 8},
    "HistGradientBoostingClassifier": {"max_iter": 2, "min_samples_leaf": 2},
    "HistGradientBoostingRegressor": {"max_iter": 2, "min_samples_leaf": 2},
    "IsolationForest": {"n_estimators": 2},
    "KMeans": {"n_clusters": 2, "n_init": 1},
    "LatentDirichletAllocation": {"n_components": 2, "max_iter": 2},
    "MiniBatchKMeans": {"n_clusters": 2, "n_init": 1},
    "MLPClassifier": {"hidden_layer_sizes": (2,), "max_iter": 2},
    "MLPRegressor": {"hidden_layer_sizes": (2,), "max_iter": 2},
    "MultiOutputClassifier": {"estimator": LogisticRegression()},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "NMF": {"n_components": 2},
    "OneHotEncoder": {"max_categories": 2, "handle_unknown": "infrequent_if_exist"},
    "OneVsOneClassifier": {"estimator": LogisticRegression()},
    "OneVsRestClassifier": {"estimator": LogisticRegression()},
    "OrdinalEncoder": {"max_categories": 2},
    "Pipeline": {"steps": [("line", Ridge())]},
    "QuantileTransformer": {"n_quantiles": 5},
    "RFE": {"estimator": Ridge(), "n_features_to_select": 2},
    "RFECV": {"estimator": Ridge(), "cv": 2},
    "RandomTreesEmbedding": {"n_estimators": 2, "max_depth": 2},
    "RandomizedSearchCV": {
        "estimator": Ridge(),
        "param_distributions": {"alpha": [1.0, 2.0]},
        "n_iter": 2,
        "cv": 2,
    },
    "SelectFromModel": {"estimator": Ridge()},
    "SelectKBest": {"k": 2},
    "RegressorChain": {"estimator": Ridge()},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "SequentialFeatureSelector": {"estimator": LogisticRegression(), "cv": 2},
    "StackingClassifier": {"estimators": [("a", LogisticRegression())], "cv": 2},
    "StackingRegressor": {"estimators": [("a", Ridge())], "cv": 2},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression(), "cv": 2},
    "VotingClassifier": {"estimators": [("a", LogisticRegression())]},
    "VotingRegressor": {"estimators": [("a", Ridge())]},
    **{f"{kind}{task}": {"n_estimators": 2} for kind in ("AdaBoost", "Bagging", "ExtraTrees")
       for task in ("Classifier", "Regressor")},
    **{f"RandomForest{task}": {"n_estimators": 2} for task in ("Classifier", "Regressor")},
    **{f"SGD{task}": {"average": True} for task in ("Classifier", "Regressor")},
}  # fmt: skip
METHODS = ("predict", "predict_proba", "decision_function", "transform", "inverse_transform")


def make(name: str) -> tuple[Any, tuple, Any]:
    """Return an estimator of the full name, what it is fitted on, and what it is asked about."""
    module, _, kind = name.rpartition(".")
    estimator = getattr(importlib.import_module(module), kind)(**OPTIONS.get(kind, {}))
    if kind in WORDS:
        return estimator, (TEXTS,), TEXTS
    if kind in NAMED:
        return estimator, (DICTS,), DICTS
    if kind == "MultiLabelBinarizer":
        return estimator, ([[k, 3] for k in CLASSES],), [[0, 3], [1]]
    if kind in OF_LABELS:
        return estimator, (CLASSES,), CLASSES
    if kind == "TfidfTransformer":
        return estimator, (scipy.sparse.csr_array(LABELS),), scipy.sparse.csr_array(LABELS)
    if kind == "KernelCenterer":
        return estimator, (TABLE @ TABLE.T,), TABLE @ TABLE.T
    X = CATEGORIES if kind in ENCODERS else TABLE
    X = TABLE[:, :1] if kind == "IsotonicRegression" else X
    y = CLASSES
    if "Regressor" in kind or kind in ("Ridge", "RidgeCV", "RFE", "RFECV"):
        y = NUMBERS
    if "Threshold" in kind and kind.endswith(("Classifier", "ClassifierCV")):
        y = CLASSES > 0
    if kind in ("MultiOutputClassifier", "ClassifierChain"):
        y = LABELS
    if kind.startswith(("MultiTask", "PLS", "CCA")) or kind in (
        "MultiOutputRegressor",
        "RegressorChain",
    ):
        y = np.stack([NUMBERS, -NUMBERS], 1)
    return estimator, (X, y), X


def changes(meta: Any, arrays: dict) -> Iterator[tuple[str, Callable[[Any, dict], None]]]:
    """Yield what may be put out of bounds, and a function that does so."""
    for number, node in enumerate(meta["objects"]):
        if node["is"] != "skops":
            continue
        root = json.loads(arrays[node["schema"]].tobytes())
        files = {}
        for place, one in enumerate(_nodes(root)):
            if one["__loader__"] == "JsonNode" and type(json.loads(one["content"])) in (int, float):
                value = json.loads(one["content"])
                for other in (2_000_000_000, -5, value + 1, value - 1):
                    yield f"{number}/{place}: {value} {other}", _number(node, place, other)
            elif one.get("file", "").endswith(".npy"):
                files[one["file"]] = place
        for file in files:
            for what, change in ARRAYS.items():
                yield f"{number}/{file}: {what}", _array(node, file, change)


def _number(node: Any, place: int, value: Any) -> Callable:
    def change(meta: Any, arrays: dict) -> None:
        root = json.loads(arrays[node["schema"]].tobytes())
        list(_nodes(root))[place]["content"] = json.dumps(value)
        arrays[node["schema"]] = np.frombuffer(json.dumps(root).encode(), np.uint8)

    return change


def _array(node: Any, file: str, other: Callable) -> Callable:
    def change(meta: Any, arrays: dict) -> None:
        entry = node["entries"][file]
        found = np.load(io.BytesIO(arrays[entry].tobytes()))
        made = io.BytesIO()
        np.save(made, other(found), allow_pickle=False)
        arrays[entry] = np.frombuffer(made.getvalue(), np.uint8)

    return change


def _filled(found: np.ndarray, value: float, only: slice) -> np.ndarray:
    made = np.array(found)
    if made.dtype.names or made.dtype.kind not in "iuf" or not made.size:
        raise LookupError
    fits = np.iinfo(made.dtype) if made.dtype.kind in "iu" else np.finfo(made.dtype)
    made.reshape(-1)[only] = np.clip(value, fits.min, fits.max)
    return made


def _table(found: np.ndarray, axis: int) -> np.ndarray:
    if found.ndim <= axis or found.shape[axis] > 1000:
        raise LookupError
    return np.concatenate([found] * 3, axis)


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all large": lambda found: _filled(found, 2e9, slice(None)),
    "all negative": lambda found: _filled(found, -5, slice(None)),
    "last large": lambda found: _filled(found, 2e9, slice(-1, None)),
    "first negative": lambda found: _filled(found, -5, slice(1)),
    "last beyond": lambda found: _filled(found, found.size, slice(-1, None)),
    "reversed": lambda found: found[::-1] if found.ndim else found,
    "longer": lambda found: _table(found, 0),
    "wider": lambda found: _table(found, 1),
    "shorter": lambda found: found[:-1] if found.ndim else found,
    "narrower": lambda found: found[:, :-1] if found.ndim > 1 else found[:0],
    "flat": lambda found: found.reshape(-1),
    "as integers": lambda found: found.astype(np.int64),
    "as float32": lambda found: found.astype(np.float32),
}


def read_file(meta: Any, arrays: dict) -> Any:
    """Return the estimator, if its types are trusted."""
    content = Content(meta["objects"], arrays)
    if content.unknown(Trust()):
        return None
    estimator = content.make(Trust())
    check_objects(estimator)
    return estimator


def read_entry(meta: Any, arrays: dict) -> Any:
    """Return the estimator, if the store does so."""
    fit = {"is_list": False, "n_values": 0, "seconds": 0.0, "estimator": meta["objects"][0]}
    with tempfile.TemporaryDirectory() as folder:
        store = stackens.JobStore(folder)
        store.put("0" * 64, arrays, fit, kind="fit")
        return get_fit(store, "0" * 64).estimator


def use(estimator: Any, fitted_on: tuple, X: Any) -> None:
    """Call what an estimator has."""
    for method in METHODS:
        if hasattr(estimator, method):
            try:
                found = getattr(estimator, method)(X)
                if method == "transform":
                    found.toarray() if hasattr(found, "toarray") and found.shape[1] < 1000 else 0
                    found @ np.ones(found.shape[1]) if found.shape[1] < 1000 else None
                    if hasattr(estimator, "inverse_transform"):
                        estimator.inverse_transform(found)
            except MemoryError:
                raise
            except Exception:
                continue
    if hasattr(estimator, "partial_fit"):
        estimator.partial_fit(*fitted_on)


def try_all(name: str, start: int, report: int) -> None:
    """Go through the changes from a number on; write the number of each before it is tried."""
    warnings.simplefilter("ignore")
    estimator, fitted_on, X = make(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        stackens.save(estimator.fit(*fitted_on), path)
        archive = read_archive(path, kind="estimator")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    size = int(status["VmSize"].split()[0]) * 1024
    for number, (what, change) in enumerate(changes(archive.meta, archive.arrays)):
        if number < start:
            continue
        meta, arrays = copy.deepcopy(archive.meta), dict(archive.arrays)
        try:
            change(meta, arrays)
        except (LookupError, OverflowError, TypeError, ValueError):
            continue
        os.write(report, f"{number} {what}\n".encode())
        resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, resource.RLIM_INFINITY))
        try:
            read = read_entry if OF_STORE in sys.argv else read_file
            use(read(meta, arrays), fitted_on, X)
        except MemoryError as error:
            os.write(report, f"{number} {what}: MemoryError {error}\n".encode())
        except Exception:
            pass
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


def run(name: str) -> Iterator[str]:
    """Try everything of one estimator in processes of its own; yield what went wrong."""
    start, died = 0, 0
    while died < 5:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            code = 1
            try:
                try_all(name, start, writing)
                code = 0
            except Exception as error:
                os.write(writing, f"0 {type(error).__name__}: {error}\n".encode())
            os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as file:
            lines = file.read().splitlines()
        _, status = os.waitpid(child, 0)
        yield from (line for line in lines if "MemoryError" in line)
        if status == 0:
            yield "" if lines or start else "nothing was tried"
            return
        if os.WIFEXITED(status):
            yield lines[-1]
            return
        died += 1
        yield f"died by signal {os.WTERMSIG(status)} at {lines[-1] if lines else 'the start'}"
        start = int(lines[-1].split()[0]) + 1


if __name__ == "__main__":
    names = set(sys.argv[1:]) - {OF_STORE}
    assert names <= {name.rpartition(".")[2] for name in ESTIMATORS}, sys.argv
    with Path(os.devnull).open("wb") as nowhere:  # imports what each process would by itself
        try_all("sklearn.preprocessing.StandardScaler", 0, nowhere.fileno())
    for name in sorted(ESTIMATORS):
        if not names or name.rpartition(".")[2] in names:
            for wrong in run(name):
                if wrong:
                    print(json.dumps([name, wrong]), flush=True)
