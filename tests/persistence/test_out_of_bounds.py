"""Numbers out of bounds in files: an error, and neither a crash nor memory for the asking."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomTreesEmbedding,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    MultiTaskLasso,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics.pairwise import linear_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import (
    FunctionTransformer,
    MultiLabelBinarizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM

import stackens
from stackens.exceptions import ArchiveError
from stackens.sklearn_parts import check_objects
from stackens.store import JobStore, KeptFit, get_fit, put_fit
from stackens.text import SequenceTranslator

SCRIPT = Path(__file__).parent / "out_of_bounds.py"
spec = importlib.util.spec_from_file_location("out_of_bounds", SCRIPT)
bounds = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bounds)
TABLE, CLASSES, CATEGORIES = bounds.TABLE, bounds.CLASSES, bounds.CATEGORIES
NUMBERS, LABELS, TEXTS = bounds.NUMBERS, bounds.LABELS, bounds.TEXTS
TWO, BOTH = CLASSES > 0, np.stack([NUMBERS, -NUMBERS], 1)
NAMES = np.array(["a", "b", "c"])[CLASSES]
COLUMNS = CLASSES[:, None] * [1, 2]
SPARSE = scipy.sparse.csr_matrix(TABLE)


def what_went_wrong(*names):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(SCRIPT), *names],
        capture_output=True,
        text=True,
        check=True,
    )
    # Each is a list in JSON; what else is printed is joblib's, of numbers that make it talk.
    return [line for line in done.stdout.splitlines() if line.startswith('["')]


def name_of(estimator):
    return re.sub(r"<function | at 0x\w+>|\s+", "", repr(estimator))[:60]


def test_no_column_of_words_or_categories_is_out_of_bounds():
    """What crashed the interpreter: sparse matrices whose columns are what a file says."""
    assert what_went_wrong("CountVectorizer", "OneHotEncoder", "MultiLabelBinarizer") == []


@pytest.mark.parametrize("name", ["CountVectorizer", "DecisionTreeClassifier", "OneHotEncoder"])
def test_nor_in_an_entry_of_a_store(name):
    assert what_went_wrong("--store", name) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))  # so that several processes share them
def test_no_number_in_any_trusted_type_is_out_of_bounds(part):
    names = [name.rpartition(".")[2] for name in sorted(bounds.ESTIMATORS)]
    assert what_went_wrong(*names[part::6]) == []


@pytest.mark.parametrize("name", sorted(bounds.ESTIMATORS))
def test_every_trusted_type_is_kept_as_it_is(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two iterations are few
        estimator, fitted_on, _ = bounds.make(name)
        stackens.save(estimator.fit(*fitted_on), tmp_path / "some")
        store, kept = JobStore(tmp_path / "store"), KeptFit(None, None, 0.1, estimator)
        # These hold scorers, which are functions; a file takes them apart, or asks.
        has_scorer = name.endswith(("SearchCV", "TunedThresholdClassifierCV"))
        assert put_fit(store, "0" * 64, kept) == (not has_scorer)
        assert has_scorer or type(get_fit(store, "0" * 64).estimator) is type(estimator)


@pytest.mark.parametrize("function", [np.log1p, np.square, expit], ids=lambda f: f.__name__)
def test_usual_functions_need_no_trust(function, tmp_path):
    estimator = FunctionTransformer(function).fit(TABLE)
    stackens.save(estimator, tmp_path / "some")
    found = stackens.load(tmp_path / "some")
    np.testing.assert_array_equal(found.transform(TABLE), estimator.transform(TABLE))


@pytest.mark.parametrize(
    ("estimator", "X", "y"),
    [
        (LogisticRegression(), TABLE, TWO),
        (RidgeClassifier(), TABLE, LABELS),
        (RandomForestClassifier(2), TABLE, COLUMNS),
        (ExtraTreesRegressor(2), TABLE, BOTH),
        (DummyClassifier(), TABLE, COLUMNS),
        (DummyRegressor(), TABLE, BOTH),
        (OneVsRestClassifier(LogisticRegression()), TABLE, LABELS),
        (OneVsRestClassifier(LogisticRegression()), TABLE, TWO),
        (OneHotEncoder(drop="first"), CATEGORIES, None),
        (OneHotEncoder(drop="first", min_frequency=12), CATEGORIES, None),
        (OneHotEncoder(max_categories=2, drop="if_binary"), np.c_[CATEGORIES, TWO], None),
        (OneHotEncoder(), np.array([[1.0], [np.nan], [2.0]]), None),
        (OneHotEncoder(categories=[["z", "a"]]), np.array([["z"], ["a"]], object), None),
        (OrdinalEncoder(max_categories=2), NAMES[:, None].astype(object), None),
        (SGDClassifier(average=True), TABLE, TWO),
        (SGDClassifier(fit_intercept=False), TABLE, CLASSES),
        (SGDRegressor(average=True), TABLE, NUMBERS),
        (LinearRegression(), TABLE, BOTH),
        (Lasso(), TABLE, NUMBERS[:, None]),
        (MultiTaskLasso(), TABLE, BOTH),
        (LinearDiscriminantAnalysis(), TABLE, TWO),
        (LinearSVC(multi_class="crammer_singer"), TABLE, TWO),
        (GradientBoostingClassifier(n_estimators=2, init="zero"), TABLE, CLASSES),
        (GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()), TABLE, CLASSES),
        (GradientBoostingRegressor(n_estimators=2, init=Ridge()), TABLE, NUMBERS),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]), TABLE, TWO),
        (VotingClassifier([("a", LogisticRegression()), ("b", DummyClassifier())]), TABLE, NAMES),
        (BaggingClassifier(n_estimators=2, max_samples=5), TABLE, NAMES),
        (CountVectorizer(vocabulary={"a1": np.int64(0), "c": np.int64(1)}), TEXTS, None),
        (CountVectorizer(max_features=3), TEXTS, None),
        (MultiLabelBinarizer(sparse_output=True), [["b", "a"], ["c"]], None),
        (SVC(probability=True), TABLE, CLASSES),
        (SVC(probability=True), SPARSE, TWO),
        (SVC(kernel="precomputed"), TABLE @ TABLE.T, NAMES),
        (SVC(kernel=linear_kernel), TABLE, TWO),
        (NuSVC(), SPARSE, CLASSES),
        (SVR(epsilon=1e9), TABLE, NUMBERS),
        (SVR(epsilon=1e9), SPARSE, NUMBERS),
        (OneClassSVM(kernel="poly"), SPARSE, None),
        (PolynomialFeatures((2, 3), include_bias=False), TABLE, None),
        (PolynomialFeatures(3, interaction_only=True), SPARSE, None),
        (IsolationForest(n_estimators=2, max_features=2), TABLE, None),
        (RandomTreesEmbedding(2, sparse_output=False), SPARSE, None),
        (KMeans(2), TABLE.astype(np.float32), None),
        (MiniBatchKMeans(2), SPARSE, None),
        (NMF(), TABLE, None),
        (LatentDirichletAllocation(2, learning_method="online"), SPARSE, None),
    ],
    ids=lambda value: name_of(value) if hasattr(value, "fit") else "",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The `probability` parameter was deprecated:FutureWarning")
def test_usual_variants_are_sound(estimator, X, y):
    estimator.fit(X) if y is None else estimator.fit(X, y)
    if hasattr(estimator, "transform"):  # which fills what it keeps for the next time
        estimator.transform(X)
    check_objects(estimator)


def spoiled(estimator, X, y, **state):
    estimator.fit(X, y)
    for name, value in state.items():
        setattr(estimator, name, value)
    return estimator


def boosting_of(y, **options):
    return GradientBoostingClassifier(n_estimators=1, **options).fit(TABLE, y)


def with_parts(estimator, place, **state):
    """Spoil a part of a fitted estimator."""
    vars(estimator.estimators_[place]).update(state)
    return estimator


@pytest.mark.parametrize(
    "estimator",
    [
        spoiled(DummyClassifier(), TABLE, CLASSES, n_classes_=10**9),
        spoiled(DummyRegressor(), TABLE, NUMBERS, n_outputs_=10**9),
        spoiled(RandomForestClassifier(1), TABLE, CLASSES, n_classes_=10**9),
        spoiled(RandomForestClassifier(1), TABLE, CLASSES, n_outputs_=10**9),
        spoiled(SGDClassifier(), TABLE, CLASSES, coef_=np.zeros((3, 1))),
        spoiled(SGDClassifier(), TABLE, CLASSES, intercept_=np.zeros(1)),
        spoiled(SGDRegressor(average=True), TABLE, NUMBERS, _average_coef=np.zeros(1)),
        spoiled(boosting_of(CLASSES), TABLE, CLASSES, init_=DummyClassifier().fit(TABLE, TWO)),
        spoiled(
            boosting_of(CLASSES), TABLE, CLASSES, init_=DummyClassifier().fit(TABLE, np.arange(40))
        ),
        spoiled(boosting_of(TWO), TABLE, TWO, estimators_=boosting_of(CLASSES).estimators_),
        spoiled(boosting_of(CLASSES), TABLE, CLASSES, estimators_=boosting_of(TWO).estimators_),
        with_parts(
            VotingClassifier([("a", LogisticRegression())]).fit(TABLE, CLASSES),
            0,
            classes_=np.array([0, 1, 2 * 10**9]),
        ),
        with_parts(
            OneVsRestClassifier(LogisticRegression()).fit(TABLE, LABELS),
            0,
            coef_=np.zeros((3, 4)),
        ),
        spoiled(SVC(), TABLE, CLASSES, _n_support=np.array([1, 40, -1], np.int32)),
        spoiled(SVC(), TABLE, CLASSES, _n_support=np.zeros(3, np.int32)),
        spoiled(SVC(), TABLE, CLASSES, classes_=np.arange(2)),
        spoiled(SVC(), TABLE, CLASSES, _intercept_=np.zeros(1)),
        spoiled(SVC(), TABLE, CLASSES, _dual_coef_=np.zeros((1, 1))),
        spoiled(SVC(), TABLE, CLASSES, support_vectors_=np.zeros((1, 4))),
        spoiled(SVC(), TABLE, CLASSES, _probA=np.zeros(1), _probB=np.zeros(1)),
        spoiled(SVC(), TABLE, CLASSES, kernel="precomputed", support_=np.full(40, 9999, np.int32)),
        spoiled(SVC(), TABLE, CLASSES, kernel=np.log1p),
        spoiled(SVC(), TABLE, CLASSES, kernel=partial(chi2)),
        spoiled(SVC(), SPARSE, CLASSES, probability=True),
        spoiled(SVC(), SPARSE, CLASSES, kernel="precomputed"),
        spoiled(SVC(), SPARSE, CLASSES, support_vectors_=SPARSE[:1]),
        spoiled(SVC(), SPARSE, CLASSES, _dual_coef_=SPARSE),
        spoiled(SVR(), TABLE, NUMBERS, _impl="c_svc"),
        spoiled(PolynomialFeatures(2), TABLE, None, _n_out_full=10**9),
        spoiled(PolynomialFeatures(2), TABLE, None, _max_degree=3),
        spoiled(KMeans(2), TABLE, None, _n_threads=10**9),
        spoiled(MiniBatchKMeans(2), TABLE, None, _counts=np.zeros(1)),
        spoiled(NMF(2), TABLE, None, components_=np.zeros((2, 1))),
        stackens.SequencePadder(max_length=2 * 10**9),
        stackens.SequenceVectorizer(max_length=2 * 10**9),
        SequenceTranslator(max_length=2 * 10**9),
        SequenceTranslator(beam_width=2 * 10**9),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sizes_that_do_not_fit_are_refused(estimator):
    with pytest.raises(
        ArchiveError, match=r"do(es)? not fit|for other|other sizes|lacks what|at most"
    ):
        check_objects(estimator)
