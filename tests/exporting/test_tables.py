"""scikit-learn's estimators and transformers against their exported forms."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold, chi2
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stackens import export_numpy, load, portable, save

METHODS = ("predict", "predict_proba", "decision_function")


def round_trip(estimator, folder):
    path = folder / "model"
    export_numpy(estimator, path)
    return portable.load(path)


def assert_same(estimator, X, folder):
    predictor = round_trip(estimator, folder)
    for name in METHODS:
        assert hasattr(predictor, name) == (name in predictor.model.methods)
        if hasattr(predictor, name):
            expected, found = getattr(estimator, name)(X), getattr(predictor, name)(X)
            assert found.shape == expected.shape
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
            else:
                np.testing.assert_array_equal(found, expected)
    if hasattr(estimator, "classes_"):
        np.testing.assert_array_equal(predictor.classes_, estimator.classes_)
        if hasattr(estimator, "predict_proba"):
            assert hasattr(predictor, "predict_proba")
    else:
        assert not hasattr(predictor, "classes_")


CLASSIFIERS = [
    LogisticRegression(max_iter=2000),
    LogisticRegressionCV(Cs=2, cv=2, max_iter=2000),
    RidgeClassifier(),
    Perceptron(),
    LinearSVC(),
    SGDClassifier(random_state=0),
    SGDClassifier(loss="log_loss", random_state=0),
    SGDClassifier(loss="modified_huber", random_state=0),
    LinearDiscriminantAnalysis(),
    GaussianNB(),
    DummyClassifier(),
    DummyClassifier(strategy="most_frequent"),
    DecisionTreeClassifier(random_state=0),
    ExtraTreesClassifier(7, random_state=0),
    RandomForestClassifier(7, max_depth=4, random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    MLPClassifier((6, 5), max_iter=1000, tol=1e-2, random_state=0),
]
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    RidgeCV(),
    Lasso(),
    ElasticNet(),
    HuberRegressor(max_iter=1000),
    SGDRegressor(random_state=0),
    LinearSVR(max_iter=100_000),
    DummyRegressor(),
    DecisionTreeRegressor(random_state=0),
    ExtraTreesRegressor(7, random_state=0),
    RandomForestRegressor(7, random_state=0),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(6,), max_iter=2000, tol=1, random_state=0, activation="tanh"),
    TransformedTargetRegressor(Ridge()),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler((-1, 3))),
    TransformedTargetRegressor(Ridge(), transformer=RobustScaler()),
]
MULTI_OUTPUT = [
    LinearRegression(),
    Ridge(),
    RidgeCV(),
    DummyRegressor(),
    DecisionTreeRegressor(random_state=0),
    RandomForestRegressor(7, random_state=0),
    MLPRegressor(hidden_layer_sizes=(6,), max_iter=2000, tol=1, random_state=0),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
]


def name_of(estimator):
    return type(estimator).__name__


# scikit-learn 1.9's LogisticRegressionCV announces other defaults.
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=name_of)
def test_classifiers(estimator, n_classes, tmp_path):
    X, y = make_classification(
        90, 6, n_informative=4, n_classes=n_classes, random_state=0, n_clusters_per_class=1
    )
    labels = np.array(["low", "mid", "up"], dtype=object)[y]
    assert_same(estimator.fit(X, labels), X, tmp_path)


HAS_TEMPERATURE = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"][: 2 + HAS_TEMPERATURE])
@pytest.mark.parametrize(
    "inner",
    [
        LinearSVC(),
        MLPClassifier((6,), max_iter=1000, tol=1e-2, random_state=0),
        RandomForestClassifier(7, max_depth=4, random_state=0),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=name_of,
)
def test_calibrated_classifiers(inner, method, ensemble, n_classes, tmp_path):
    X, y = make_classification(
        90, 6, n_informative=4, n_classes=n_classes, random_state=0, n_clusters_per_class=1
    )
    names = np.array(["low", "mid", "up"])[y]
    model = CalibratedClassifierCV(inner, method=method, ensemble=ensemble, cv=3).fit(X, names)
    beyond = np.vstack([X, 5 * X])  # scores that calibration has not seen
    assert_same(model, beyond, tmp_path)
    save(model, tmp_path / "saved")
    assert_same(load(tmp_path / "saved"), beyond, tmp_path)


def test_a_classifier_that_was_fitted_before_its_calibration(tmp_path):
    X, y = load_iris(return_X_y=True)
    fitted = FrozenEstimator(LogisticRegression(max_iter=2000).fit(X, y))
    assert_same(CalibratedClassifierCV(fitted).fit(X, y), X, tmp_path)


def test_what_is_calibrated_must_have_seen_all_classes(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = CalibratedClassifierCV(GaussianNB(), cv=PredefinedSplit(y), ensemble=True).fit(X, y)
    with pytest.raises(ValueError, match="fold 0 saw 2 of 3 classes; choose a `cv`"):
        export_numpy(model, tmp_path / "model")


@pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)
def test_regressors(estimator, tmp_path):
    X, y = make_regression(90, 6, noise=1.0, random_state=0)
    assert_same(estimator.fit(X, y), X, tmp_path)


@pytest.mark.parametrize("estimator", MULTI_OUTPUT, ids=name_of)
def test_regressors_of_several_columns(estimator, tmp_path):
    X, y = make_regression(90, 6, n_targets=2, noise=1.0, random_state=0)
    assert_same(estimator.fit(X, y), X, tmp_path)


def test_trees_send_missing_values_where_training_did(tmp_path):
    X, y = make_classification(120, 5, random_state=0)
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    for estimator in (
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
    ):
        assert_same(estimator.fit(X, y), X, tmp_path)


@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler((-1, 2), clip=True),
        MaxAbsScaler(),
        RobustScaler(),
        Normalizer("l1"),
        Normalizer("max"),
        Normalizer(),
        PCA(2),
        PCA(2, whiten=True),
        TruncatedSVD(2, random_state=0),
        SelectKBest(k=2),
        VarianceThreshold(0.3),
        FunctionTransformer(),
        make_pipeline(StandardScaler(), PCA(3)),
        FeatureUnion(
            [("scaled", StandardScaler()), ("same", "passthrough"), ("none", "drop")],
            transformer_weights={"scaled": 0.5},
        ),
    ],
    ids=name_of,
)
def test_transformers(transformer, tmp_path):
    X, y = load_iris(return_X_y=True)
    X = np.vstack([X, [[9.0, 0.1, 12.0, 3.0]]])  # beyond what the others hold
    pipeline = make_pipeline(transformer, LogisticRegression(max_iter=2000)).fit(X[:-1], y)
    assert_same(pipeline, X, tmp_path)


def test_missing_values_are_filled(tmp_path):
    X, y = load_iris(return_X_y=True)
    X[::7, 1] = np.nan
    X = np.hstack([X, np.full((len(X), 1), np.nan)])  # a column without a value is left out
    pipeline = make_pipeline(SimpleImputer(strategy="median"), GaussianNB())
    with pytest.warns(UserWarning, match="Skipping features"):
        pipeline.fit(X, y)
    predictor = round_trip(pipeline, tmp_path)
    with pytest.warns(UserWarning, match="Skipping features"):
        expected = pipeline.predict_proba(X)
    np.testing.assert_allclose(predictor.predict_proba(X), expected, rtol=1e-6)


TEXTS = [
    "The cat sat on the mat, naïve and quiet.",
    "A dog! A dog? The DOG barked at cats.",
    "",
    "Über café  mats\tand dogs,\n cat-like 42 déjà vu",
    "mat mat mat",
    "quiet dogs sit",
]
LABELS = [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(stop_words="english", strip_accents="ascii"),
        TfidfVectorizer(strip_accents="unicode", lowercase=False, norm="l1"),
        TfidfVectorizer(use_idf=False, norm=None, binary=True),
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3)),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)),
        TfidfVectorizer(ngram_range=(2, 3), min_df=1, max_features=5),
        CountVectorizer(token_pattern=r"(?u)\b\w+\b"),
        make_pipeline(CountVectorizer(), SelectKBest(chi2, k=4)),
        make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0)),
        make_pipeline(TfidfVectorizer(), MaxAbsScaler()),
        make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(2, 2))),
    ],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'analyzer', '')}",
)
def test_texts(vectorizer, tmp_path):
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, LABELS)
    unseen = [*TEXTS, "an unknown zebra", "The cat's café"]
    assert_same(pipeline, unseen, tmp_path)


def test_naive_bayes_of_counts(tmp_path):
    pipeline = make_pipeline(CountVectorizer(), MultinomialNB()).fit(TEXTS, LABELS)
    assert_same(pipeline, TEXTS, tmp_path)


def test_the_best_of_a_search(tmp_path):
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": [0.1, 1.0]}, cv=2).fit(X, y)
    assert_same(search, X, tmp_path)


def upper(text):
    return text.upper()


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (OneVsRestClassifier(LogisticRegression()), "OneVsRestClassifier"),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), "step 'functiontransformer'"),
        (CalibratedClassifierCV(OneVsRestClassifier(LinearSVC()), cv=2), "fold 1 (OneVsRest"),
        (GradientBoostingClassifier(init=GaussianNB()), "init"),
        (GradientBoostingClassifier(loss="exponential"), "exponential"),
        (HistGradientBoostingClassifier(categorical_features=[0]), "categories"),
        (make_pipeline(SimpleImputer(missing_values=-1), Ridge()), "step 'simpleimputer'"),
        (DummyClassifier(strategy="uniform", random_state=0), "most frequent"),
        (TransformedTargetRegressor(Ridge(), transformer=PCA()), "its target is not only scaled"),
        (
            TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
            "transformer of the target",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_exported_is_named(estimator, named, tmp_path):
    X, y = make_classification(40, 4, random_state=0)
    X[:, 0] = np.abs(X[:, 0]).round()
    estimator.fit(np.abs(X), y)
    with pytest.raises(ValueError, match="nothing was written") as caught:
        export_numpy(estimator, tmp_path / "model")
    assert named in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [{"preprocessor": upper}, {"tokenizer": str.split, "token_pattern": None}, {"analyzer": upper}],
)
def test_functions_in_vectorizers_are_named(options, tmp_path):
    pipeline = make_pipeline(TfidfVectorizer(**options), LogisticRegression()).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=r"step 'tfidfvectorizer' .* code"):
        export_numpy(pipeline, tmp_path / "model")


def test_a_subclass_may_predict_otherwise_and_is_refused(tmp_path):
    class Own(Ridge):
        pass

    X, y = make_regression(20, 3, random_state=0)
    with pytest.raises(ValueError, match="Own"):
        export_numpy(Own().fit(X, y), tmp_path / "model")


def test_labels_that_no_file_can_hold(tmp_path):
    X, y = make_classification(40, 4, random_state=0)
    estimator = GaussianNB().fit(X, y)
    estimator.classes_ = np.array([None, 1], dtype=object)
    with pytest.raises(ValueError, match="class labels are of type object"):
        export_numpy(estimator, tmp_path / "model")
