"""scikit-learn's own tests, unmodified, on our classes.

The modules ship in scikit-learn's wheel. They are executed from their source while the names that
they import mean our classes, and where they loop over a list of estimators, it is a list of ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
import sklearn.ensemble
import sklearn.model_selection
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

import stackens
from stackens.model_selection import GridSearchCV, RandomizedSearchCV

FOLDER = Path(sklearn.__file__).parent
HAS_CALLBACKS = (FOLDER / "callback").exists()  # since scikit-learn 1.9

# What is not run, and why. Each is the beginning of a test's name, or of its parameters.
LEFT_OUT = {
    "test_random_search_bad_cv_of_search": "a splitter that is wrong about its number of splits; "
    "they are drawn once, and counted",
    "test_default_request_of_metaestimators_metadata_routing[Stacking": "a stack with a "
    "splitter for groups asks for groups itself",
    "test_custom_run_search_of_search": "compares all public attributes with those of a search "
    "that has not the three of ours (base_estimator_, splitter_, store_)",
    "test_logged_values_meta_estimator_of_scoring_monitor[False-": "the same without the outer "
    "tasks; every case fits 36 networks",
    "test_logged_values_meta_estimator_of_scoring_monitor[True-True-neg": "one score of the two "
    "in the next case",
    "test_logged_values_meta_estimator_of_scoring_monitor[True-True-scoring2": "another score",
    "test_logged_values_meta_estimator_of_scoring_monitor[True-False-": "as a list, no frame",
}
PROCESSES = "workers import TensorFlow; one test of processes is enough"
PROCESSES_KEPT = (
    "test_function_no_callback_support_of_callback_support[RecordingCallback-processes-2]"
)


class MaxIterEstimator(stackens.StackedRNNRegressor):
    """A network with the constructor of the estimator that scikit-learn tests callbacks with."""

    def __init__(self, max_iter=20, computation_intensity=0):
        self.max_iter = max_iter
        self.computation_intensity = computation_intensity

    epochs = property(lambda self: self.max_iter)

    def fit(self, X=None, y=None, sample_weight=None):
        X = np.zeros((2, 2)) if X is None else X
        super().fit(X, np.zeros(len(X)) if y is None else y, sample_weight=sample_weight)
        self.n_iter_ = len(self.history_["loss"])
        return self


for name, value in stackens.StackedRNNRegressor(units=1, random_state=0).get_params().items():
    if name != "epochs":
        setattr(MaxIterEstimator, name, value)


def in_our_words(path: Path) -> str:
    """The source of a test, where epochs are called epochs, and nothing is fitted without data."""
    source = path.read_text(encoding="utf-8")
    if path.name == "test_scoring_monitor.py":
        source = source.replace('f"iteration {i}"', '"epoch"').replace('"iteration"', '"epoch"')
        source = source.replace("max_iter=max_iter).fit()", "max_iter=max_iter).fit(X, y)")
        source = source.replace("max_iter=i + 1).fit()", "max_iter=i + 1).fit(X, y)")
    return source


def load_with_ours(path: str):
    """Import a test module while scikit-learn's names mean our classes."""
    name = "stackens_run_of_" + path.removesuffix(".py").replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, FOLDER / path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for room, cls in [
            (sklearn.ensemble, stackens.StackingClassifier),
            (sklearn.ensemble, stackens.StackingRegressor),
            (sklearn.model_selection, GridSearchCV),
            (sklearn.model_selection, RandomizedSearchCV),
        ]:
            patch.setattr(room, cls.__name__, cls)
        if path.startswith("callback"):
            patch.setattr("sklearn.callback.tests._utils.MaxIterEstimator", MaxIterEstimator)
        patch.setattr("sklearn.utils.all_estimators", list)
        sys.modules[name] = module
        exec(compile(in_our_words(Path(spec.origin)), spec.origin, "exec"), vars(module))
    return module


def collect(path: str):
    """Make the tests of a module be collected as if they were written here."""
    module = load_with_ours(path)
    of = Path(path).stem.removeprefix("test_")
    for name, value in vars(module).items():
        if name.startswith("test_"):
            globals()[f"{name}_of_{of}"] = value
    return module


_stacking = collect("ensemble/tests/test_stacking.py")
_ensembles = collect("ensemble/tests/test_common.py")
_search = collect("model_selection/tests/test_search.py")
_routing = collect("tests/test_metadata_routing.py")
if HAS_CALLBACKS:
    for path in sorted((FOLDER / "callback/tests").glob("test_*.py")):
        collect(f"callback/tests/{path.name}")

# ---- lists of ours, in place of scikit-learn's ---------------------------------------------------

_metaestimators = collect("tests/test_metaestimators.py")
_metaestimators.DELEGATING_METAESTIMATORS[:] = [
    case
    for case in _metaestimators.DELEGATING_METAESTIMATORS
    if case.name in ("GridSearchCV", "RandomizedSearchCV")
]
texts = make_pipeline(TfidfVectorizer(), LogisticRegression())
values = make_pipeline(TfidfVectorizer(), Ridge())
_metaestimators.DATA_VALIDATION_META_ESTIMATORS[:] = [
    GridSearchCV(texts, {"logisticregression__C": [0.1, 1.0]}),
    RandomizedSearchCV(values, {"ridge__alpha": [0.1, 1.0]}, n_iter=2),
    stackens.StackingClassifier([("a", texts), ("b", texts)]),
    stackens.StackingRegressor([("a", values), ("b", values)]),
]

_routed = collect("tests/test_metaestimators_metadata_routing.py")
_routed.METAESTIMATORS[:] = [
    case
    for case in _routed.METAESTIMATORS
    if case["metaestimator"] in (GridSearchCV, RandomizedSearchCV)
]
_routed.groups = np.arange(_routed.N)  # that a split divides groups would be an error of ours


def routed_stack(cls, kind):
    def make(*, learner, **options):
        return cls([("learner", learner)], **options)

    make.__name__ = cls.__name__
    return {
        "metaestimator": make,
        "estimator_name": "learner",
        "estimator": kind,
        "X": _routed.X,
        "y": _routed.y,
        "estimator_routing_methods": ["fit"],
        "preserves_metadata": "subset",
        "cv_name": "cv",
        "cv_routing_methods": ["fit"],
    }


_routed.METAESTIMATORS += [
    routed_stack(stackens.StackingClassifier, "classifier"),
    routed_stack(stackens.StackingRegressor, "regressor"),
]
_routed.METAESTIMATOR_IDS[:] = [case["metaestimator"].__name__ for case in _routed.METAESTIMATORS]

pytestmark = pytest.mark.filterwarnings("default")
enable_slep006 = pytest.fixture(lambda: None)


def reason_to_skip(name: str, parameters: str) -> str | None:
    for start, reason in LEFT_OUT.items():
        if name.startswith(start):
            return reason
    if name.partition("[")[0].endswith("_of_common") and "tack" not in parameters:
        return "not a stacking case"
    in_workers = "processes" in name or "loky" in name
    if "MaxIterEstimator" in parameters or "monitor" in name:
        return PROCESSES if in_workers and name != PROCESSES_KEPT else None
    return None


@pytest.fixture(autouse=True)
def skip_what_is_left_out(request):
    case = getattr(request.node, "callspec", None)
    parameters = [f"{type(v)}{v}" for v in case.params.values()] if case else []
    if reason := reason_to_skip(request.node.name, " ".join(parameters)):
        pytest.skip(reason)


def test_the_suites_are_really_there():
    assert _stacking.StackingClassifier is stackens.StackingClassifier
    assert _search.GridSearchCV is _routed.GridSearchCV is GridSearchCV
    names = [name for name in globals() if name.startswith("test_")]
    for of, least in [("stacking", 25), ("search", 80), ("metaestimators", 2)]:
        assert sum(name.endswith(f"_of_{of}") for name in names) >= least
    assert all(any(start.startswith(name) for name in names) for start in LEFT_OUT if HAS_CALLBACKS)
