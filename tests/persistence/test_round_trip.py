"""What is loaded predicts what was saved, bit for bit."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV as PlainGridSearchCV
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import stackens
from stackens import (
    ColumnwiseRegressor,
    ConvexBlendClassifier,
    DistilledClassifier,
    EmbeddingPretrainer,
    EnsembleSelectionClassifier,
    KerasNetworkClassifier,
    NaiveForecaster,
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
    TransformerClassifier,
    View,
    WindowForecaster,
    WordVectors,
    make_views,
)
from stackens.exceptions import UntrustedTypesError
from stackens.model_selection import GridSearchCV, RandomizedSearchCV

HERE = Path(__file__).parent
LEARNER = StackedRNNClassifier(units=6, epochs=1, random_state=0)
FLAT_BAYES = make_pipeline(SequenceFlattener(), GaussianNB())


def build(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


@pytest.fixture
def again(tmp_path):
    """Save an estimator, and load it."""

    def save_and_load(estimator, **options):
        path = tmp_path / "some.stackens"
        assert stackens.save(estimator, path) == path.stat().st_size
        return stackens.load(path, **options)

    return save_and_load


def assert_same(found, estimator, X, methods=("predict", "predict_proba", "transform")):
    compared = 0
    for method in methods:
        if hasattr(estimator, method):
            expected, got = getattr(estimator, method)(X), getattr(found, method)(X)
            expected, got = (v.toarray() if hasattr(v, "toarray") else v for v in (expected, got))
            np.testing.assert_array_equal(got, expected, strict=isinstance(expected, np.ndarray))
            compared += 1
    assert compared
    assert type(found) is type(estimator)


# ---- learners -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "gru", "bidirectional": True, "n_layers": 2},
        {"cell": "gru", "recurrent__reset_after": False, "pooling": "attention"},
        {"cell": "simple_rnn", "normalization": "batch", "pooling": "mean"},
        {"units": [6, 3], "normalization": "layer", "pooling": "max", "recurrent__use_bias": False},
        {"convolutions": (3, 2), "kernel_size": [4, 3]},
        {"n_seeds": 2},
        {"warm_start": True, "learning_rate": keras.optimizers.schedules.ExponentialDecay(1, 2, 3)},
        {"loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.1)},
        {"recurrent__kernel_initializer": keras.initializers.HeNormal(seed=1), "dropout": 0.1},
        {"class_weight": {k: 1.0 + k for k in range(10)}, "metrics": ["accuracy"]},
    ],
    ids=lambda options: "-".join(map(str, options)) or "default",
)
def test_a_stacked_network(again, digits, options):
    X, y = digits
    learner = StackedRNNClassifier(**{"units": 5, "epochs": 1, "random_state": 0, **options})
    found = again(learner.fit(X, y))
    assert_same(found, learner, X)
    for name in ("history_", "best_epoch_", "n_parameters_", "n_features_in_"):
        assert getattr(found, name) == getattr(learner, name)
    address = re.compile(" at 0x[0-9a-f]+")
    assert address.sub("", repr(found)) == address.sub("", repr(learner))


@pytest.mark.parametrize(
    "options",
    [{}, {"n_layers": 4, "layer_sharing": "all", "depth_embedding": True, "pooling": "attention"}],
)
def test_a_transformer(again, digits, options):
    X, y = digits
    learner = TransformerClassifier(d_model=8, n_heads=2, epochs=1, random_state=0, **options)
    assert_same(again(learner.fit(X, y)), learner, X)


def test_layers_that_are_shared_stay_shared(again, digits):
    X, y = digits
    learner = clone(LEARNER).set_params(layer_sharing="cycle_rev", n_layers=6, residual=True)
    found = again(learner.fit(X, y))
    assert_same(found, learner, X)
    assert found.n_parameters_ == learner.n_parameters_


def test_a_student_of_a_stack(again, digits):
    X, y = digits
    teacher = StackingClassifier([("net", LEARNER), ("bayes", FLAT_BAYES)], cv=2, random_state=0)
    student = DistilledClassifier(teacher, LEARNER, random_state=0).fit(X, y)
    assert_same(again(student), student, X)


def test_a_network_from_an_embedding_of_others(again):
    texts, y = ["fine food", "poor food", "fine wine", "poor wine"], [1, 0, 1, 0]
    network = StackedRNNClassifier(4, embedding_dim=2, epochs=1, random_state=0)
    vectors = WordVectors(["fine", "poor"], [[1.0, 0.0], [0.0, 1.0]])
    learner = EmbeddingPretrainer(network, vectors=vectors).fit(texts, y)
    assert_same(again(learner), learner, texts)


def test_a_network_goes_on_training_where_it_was(again, digits):
    X, y = digits
    learner = StackedRNNClassifier(units=5, epochs=1, warm_start=True, random_state=0).fit(X, y)
    found = again(learner)
    assert_same(found.fit(X, y), learner.fit(X, y), X)


@pytest.mark.parametrize("labels", [np.array(["a", "b"]), np.array([True, False])], ids=str)
def test_two_classes_of_any_type(again, digits, labels):
    X, y = digits
    learner = StackedRNNClassifier(units=5, epochs=1, random_state=0).fit(X, labels[y % 2])
    found = again(learner)
    assert_same(found, learner, X)
    assert found.classes_.dtype == learner.classes_.dtype


def test_labels_in_columns(again, digits):
    X, y = digits
    learner = StackedRNNClassifier(units=5, epochs=1, random_state=0)
    assert_same(again(learner.fit(X, np.stack([y > 4, y % 2], 1).astype(int))), learner, X)


@pytest.mark.parametrize("n_outputs", [0, 1, 2])
def test_a_regressor(again, digits, n_outputs):
    X, y = digits
    target = y.astype(float) if not n_outputs else np.stack([y, -y], 1)[:, :n_outputs] * 1.0
    learner = StackedRNNRegressor(units=5, epochs=1, random_state=0)
    learner.fit(X, target if n_outputs != 1 else target.ravel())
    assert_same(again(learner), learner, X)


def test_tokens_and_ragged_sequences(again):
    rng = np.random.default_rng(0)
    tokens, y = rng.integers(1, 9, (40, 7)), np.arange(40) % 2
    learner = StackedRNNClassifier(units=4, vocabulary_size=9, embedding_dim=3, random_state=0)
    learner.set_params(epochs=1).fit(tokens, y)
    assert_same(again(learner), learner, tokens)
    ragged = [rng.normal(size=(int(n), 2)) for n in rng.integers(2, 6, 40)]
    learner = StackedRNNClassifier(units=4, epochs=1, random_state=0).fit(ragged, y)
    assert_same(again(learner), learner, ragged)


def test_what_is_not_fitted(again):
    found = again(StackedRNNClassifier(units=[3, 2], optimizer__clipnorm=1.0))
    assert found.get_params() == StackedRNNClassifier([3, 2], optimizer__clipnorm=1.0).get_params()
    assert not found.__sklearn_is_fitted__()


def test_hooks_and_places_are_left_behind(again, digits, tmp_path):
    X, y = digits
    learner = StackedRNNClassifier(
        units=4,
        epochs=1,
        random_state=0,
        memory=tmp_path / "store",
        on_epoch_end=lambda epoch, logs: None,
    ).fit(X, y)
    found = again(learner)
    assert found.memory is None
    assert found.on_epoch_end is None
    assert str(tmp_path).encode() not in (tmp_path / "some.stackens").read_bytes()


# ---- stacks -------------------------------------------------------------------------------------


def make_stack(**options):
    learners = [
        ("lstm", LEARNER),
        ("linear", make_pipeline(SequenceFlattener(), StandardScaler(), LogisticRegression(C=0.1))),
        ("forest", make_pipeline(SequenceSummarizer(), RandomForestClassifier(5))),
    ]
    return StackingClassifier(learners, **{"cv": 2, "random_state": 0, **options})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"predict_with": "folds", "fallback": "best"},
        {"stack_method": "logit", "final_estimator": LogisticRegression(max_iter=2000)},
        {"fallback": "average"},
        {"final_estimator": ConvexBlendClassifier(), "passthrough": False},
        {"final_estimator": EnsembleSelectionClassifier(scoring="accuracy")},
        {"passthrough": "summary", "cv": StratifiedKFold(2)},
        {"prune": True, "cv": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)},
        {"cv": RepeatedKFold(n_splits=2, n_repeats=1, random_state=0)},
    ],
    ids=lambda options: "-".join(map(str, options)) or "default",
)
def test_a_stack(again, digits, options):
    X, y = digits
    stack = make_stack(**options).fit(X, y)
    found = again(stack)
    assert_same(found, stack, X)
    pd.testing.assert_frame_equal(found.leaderboard(X, y), stack.leaderboard(X, y))
    assert found.named_estimators_["forest"] is found.estimators_[-1]
    assert found.get_feature_names_out().tolist() == stack.get_feature_names_out().tolist()


def test_a_stack_of_regressors_with_columns(again, digits):
    X, y = digits
    learners = [
        ("gru", StackedRNNRegressor(units=4, cell="gru", epochs=1)),
        ("ridge", make_pipeline(SequenceScaler(), SequenceFlattener(), Ridge())),
    ]
    final = ColumnwiseRegressor(Ridge(), share=True)
    stack = StackingRegressor(learners, final, cv=2, random_state=0).fit(X, np.stack([y, -y], 1))
    assert_same(again(stack), stack, X)


def test_another_final_estimator_after_loading(again, digits):
    X, y = digits
    stack = make_stack().fit(X, y)
    expected = stack.with_final_estimator(GaussianNB())
    assert_same(again(stack).with_final_estimator(GaussianNB()), expected, X)


def test_views(again, digits):
    X, y = digits
    table = X.mean(axis=1)
    stack = StackingClassifier(
        [
            ("steps", make_pipeline(View("steps"), LEARNER)),
            ("table", make_pipeline(View("table", columns=slice(0, 3)), LogisticRegression())),
        ],
        cv=2,
        random_state=0,
    )
    views = make_views(steps=X, table=table)
    assert_same(again(stack.fit(views, y)), stack, views)


def test_every_weight_is_in_the_file_once(digits, tmp_path):
    X, y = digits
    learner = StackedRNNClassifier(units=64, epochs=1, random_state=0).fit(X, y)
    alone = stackens.save(learner, tmp_path / "alone")
    prefit = StackingClassifier([("a", learner), ("b", learner)], cv="prefit").fit(X, y)
    assert stackens.save(prefit, tmp_path / "both") < alone * 1.3


# ---- scikit-learn -------------------------------------------------------------------------------


TABLES = {
    "logistic": LogisticRegression(max_iter=500),
    "sgd": SGDClassifier(loss="log_loss", random_state=0),
    "forest": RandomForestClassifier(4, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "histogram": HistGradientBoostingClassifier(max_iter=3),
    "adaboost": AdaBoostClassifier(n_estimators=3, random_state=0),
    "bagging": BaggingClassifier(n_estimators=3, random_state=0),
    "mlp": MLPClassifier((5,), max_iter=400, tol=1, random_state=0),
    "rest": OneVsRestClassifier(LogisticRegression(max_iter=500)),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "columns": make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [0, 1])], remainder="passthrough"),
        SelectKBest(k=3),
        FunctionTransformer(np.log1p, check_inverse=False),
        GaussianNB(),
    ),
    "union": FeatureUnion([("a", StandardScaler()), ("b", OneHotEncoder(handle_unknown="ignore"))]),
    "search": PlainGridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, scoring="r2"),
    "target": TransformedTargetRegressor(ExtraTreesRegressor(3), transformer=StandardScaler()),
    "voting": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression(max_iter=500))]),
}


@pytest.mark.parametrize("name", TABLES)
def test_estimators_of_scikit_learn(again, digits, name):
    X, y = digits
    X = np.abs(X).mean(axis=1)
    assert_same(again(TABLES[name].fit(X, y)), TABLES[name], X)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: make_pipeline(SequenceScaler(), LEARNER),
        lambda: VotingClassifier([("a", LEARNER), ("b", LEARNER)], voting="soft"),
        lambda: CalibratedClassifierCV(LEARNER, cv=2),
        lambda: BaggingClassifier(LEARNER, n_estimators=2, random_state=0),
        lambda: OneVsRestClassifier(LEARNER),
    ],
    ids=["pipeline", "voting", "calibrated", "bagging", "rest"],
)
def test_estimators_of_scikit_learn_around_a_network(again, digits, wrap):
    X, y = digits
    X = X[:, :, 0] if "Bagging" in str(wrap()) or "Rest" in str(wrap()) else X
    estimator = wrap().fit(X, y % 3)
    assert_same(again(estimator), estimator, X)


def test_texts(again):
    texts = ["a stack of nets", "nets upon nets", "one net alone", "a stack"] * 6
    y = np.arange(24) % 2
    stack = StackingClassifier(
        [
            ("words", make_pipeline(TfidfVectorizer(), LogisticRegression())),
            (
                "rnn",
                make_pipeline(
                    SequenceVectorizer(max_tokens=20),
                    StackedRNNClassifier(units=4, vocabulary_size=20, epochs=1),
                ),
            ),
        ],
        cv=2,
        random_state=0,
    ).fit(texts, y)
    assert_same(again(stack), stack, texts)


# ---- searches and forecasters -------------------------------------------------------------------


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["accuracy", "f1_macro"]], ids=str)
def test_a_search(again, digits, scoring):
    X, y = digits
    refit = "accuracy" if isinstance(scoring, list) else True
    search = GridSearchCV(LEARNER, {"units": [3, 4]}, cv=2, scoring=scoring, refit=refit).fit(X, y)
    found = again(search)
    assert_same(found, search, X)
    assert found.best_params_ == search.best_params_
    assert found.score(X, y) == search.score(X, y)
    np.testing.assert_equal(found.cv_results_, search.cv_results_)


def test_a_random_search_with_its_distributions(again, digits):
    X, y = digits
    rates = {"learning_rate": loguniform(1e-3, 1e-1)}
    search = RandomizedSearchCV(LEARNER, rates, n_iter=2, cv=2, random_state=0)
    found = again(search.fit(X, y))
    assert_same(found, search, X)
    again_drawn = found.param_distributions["learning_rate"].rvs(3, random_state=0)
    np.testing.assert_array_equal(again_drawn, rates["learning_rate"].rvs(3, random_state=0))


@pytest.mark.parametrize("index", ["numbers", "days", "months", "zone"])
def test_a_forecaster(again, series, index):
    made = {
        "numbers": lambda: series,
        "days": lambda: pd.Series(series, pd.date_range("2024", periods=90, freq="D"), name="y"),
        "months": lambda: pd.Series(series, pd.period_range("2001", periods=90, freq="M")),
        "zone": lambda: pd.Series(series, pd.date_range("2024", periods=90, freq="h", tz="UTC")),
    }[index]()
    regressor = StackedRNNRegressor(units=3, epochs=1, random_state=0)
    forecaster = WindowForecaster(regressor, window=6, horizon=2, difference=1, cv=2).fit(made)
    found = again(forecaster)
    same = np.testing.assert_array_equal if index == "numbers" else pd.testing.assert_series_equal
    same(found.predict(), forecaster.predict())
    lower = found.predict_interval(), forecaster.predict_interval()
    pd.testing.assert_frame_equal(*map(pd.DataFrame, lower))
    more = made[-5:] if index == "numbers" else made.shift(90, freq=made.index.freq).iloc[:5]
    same(found.update(more).predict(), forecaster.update(more).predict())


def test_a_naive_forecaster(again, series):
    forecaster = NaiveForecaster(horizon=4, strategy="drift", sp=10).fit(series)
    np.testing.assert_array_equal(again(forecaster).predict(), forecaster.predict())


# ---- what a user must trust ---------------------------------------------------------------------


def test_a_function_that_builds_a_network_is_trusted_by_name_or_itself(digits, tmp_path):
    X, y = digits
    learner = KerasNetworkClassifier(build, epochs=1, random_state=0).fit(X, y)
    path = tmp_path / "some.stackens"
    stackens.save(learner, path)
    name = f"{build.__module__}.build"
    assert stackens.file_info(path).untrusted_types == (name,)
    with pytest.raises(UntrustedTypesError, match=re.escape(name)) as caught:
        stackens.load(path)
    assert caught.value.names == [name]
    for trusted in ([name], [build]):
        assert_same(stackens.load(path, trusted=trusted, warm_up=True), learner, X)


def test_a_scikeras_learner(digits, tmp_path):
    from scikeras.wrappers import KerasClassifier

    X, y = digits
    theirs = KerasClassifier(build, loss="sparse_categorical_crossentropy", random_state=0)
    stack = StackingClassifier(
        [("theirs", theirs), ("ours", LEARNER)], cv=2, predict_with="folds", random_state=0
    )
    path = tmp_path / "some.stackens"
    stackens.save(stack.fit(X, y), path)
    with pytest.raises(UntrustedTypesError, match="build"):
        stackens.load(path)
    assert_same(stackens.load(path, trusted=[build], warm_up=True), stack, X)


class Doubled(Ridge):
    """An estimator of the user's."""

    def predict(self, X):
        return 2 * super().predict(X)


def test_an_estimator_of_the_users(digits, tmp_path):
    X, y = digits
    stack = StackingRegressor(
        [("own", make_pipeline(SequenceFlattener(), Doubled()))], Ridge(), cv=2
    ).fit(X, y)
    path = tmp_path / "some.stackens"
    stackens.save(stack, path)
    name = f"{Doubled.__module__}.Doubled"
    assert stackens.file_info(path).untrusted_types == (name,)
    with pytest.raises(UntrustedTypesError, match=re.escape(name)):
        stackens.load(path)
    assert_same(stackens.load(path, trusted=[Doubled]), stack, X)


# ---- processes and memory -----------------------------------------------------------------------


def test_another_process_predicts_the_same(digits, tmp_path):
    X, y = digits
    stack = make_stack().fit(X, y)
    stackens.save(stack, tmp_path / "stack.stackens")
    np.save(tmp_path / "X.npy", X)
    code = f"""
        import numpy as np, stackens
        folder = {str(tmp_path)!r}
        stack = stackens.load(folder + "/stack.stackens", warm_up=True)
        np.save(folder + "/found.npy", stack.predict_proba(np.load(folder + "/X.npy")))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=300)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), stack.predict_proba(X))


def test_weights_stay_in_the_file(digits, tmp_path):
    X, y = digits
    learner = StackedRNNClassifier(units=5, epochs=1, random_state=0).fit(X, y)
    stackens.save(learner, tmp_path / "some.stackens")
    found = stackens.load(tmp_path / "some.stackens", mmap=True)
    assert all(isinstance(array, np.memmap) for array in found.weights_)
    assert_same(found, learner, X)


def test_equal_estimators_make_equal_files(digits, tmp_path):
    X, y = digits
    for name in ("one", "two"):
        forest = RandomForestClassifier(3, random_state=0)
        stackens.save(make_pipeline(SequenceFlattener(), forest).fit(X, y), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
