"""Learners, pipelines and whole stacks: a file predicts what the estimator predicted."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from stackens import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
    DistilledClassifier,
    EmbeddingPretrainer,
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
    KerasNetworkClassifier,
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
    View,
    WordVectors,
    export_numpy,
    make_views,
    portable,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import InvalidInputError
from stackens.exporting import to_numpy

RNG = np.random.default_rng(0)
DIGITS, CLASSES = (part[:150] for part in load_digits_sequences(return_X_y=True))
RAGGED = [x[: RNG.integers(3, 9)] for x in DIGITS]


def assert_same(estimator, X, folder=None):
    """Predictions within 1e-5, classes equal, through a file."""
    if folder is None:
        predictor = to_numpy(estimator)
    else:
        size = export_numpy(estimator, folder / "model", X)
        assert size == (folder / "model").stat().st_size
        predictor = portable.load(folder / "model")
    wanted = {name for name in ("predict", "predict_proba") if hasattr(estimator, name)}
    assert wanted <= set(predictor.model.methods)
    for name in predictor.model.methods:
        expected, found = getattr(estimator, name)(X), getattr(predictor, name)(X)
        assert found.shape == expected.shape
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
            first = getattr(predictor, name)(X[:1])  # one row in, one row out
            np.testing.assert_allclose(first, expected[:1], rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, expected)
    if hasattr(estimator, "classes_"):
        np.testing.assert_array_equal(predictor.classes_, estimator.classes_)
    return predictor


def network(**options):
    return StackedRNNClassifier(5, epochs=1, batch_size=50, **options)


@pytest.fixture(scope="module")
def stack():
    """Networks on ragged sequences, a pipeline of tables, string labels."""
    labels = np.array(["even", "odd"], dtype=object)[CLASSES % 2]
    labels[CLASSES == 9] = "nine"
    learners = [
        ("lstm", make_pipeline(SequenceScaler(), network())),
        ("max", network(pooling="max", n_seeds=2)),
        ("forest", make_pipeline(SequenceFlattener(), RandomForestClassifier(5))),
        ("linear", make_pipeline(SequenceSummarizer(), StandardScaler(), LinearSVC())),
    ]
    final = LogisticRegression(max_iter=1000)
    return StackingClassifier(learners, final, cv=2, random_state=0).fit(RAGGED, labels)


def test_a_stack(stack, tmp_path):
    predictor = assert_same(stack, RAGGED, tmp_path)
    assert repr(predictor).startswith("<PortablePredictor of StackingClassifier: predict")
    unseen = [np.vstack([x, x]) for x in RAGGED[:5]]  # longer than any in training
    np.testing.assert_allclose(
        predictor.predict_proba(unseen), stack.predict_proba(unseen), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "final",
    [
        ConvexBlendClassifier(),
        EnsembleSelectionClassifier(),
        GaussianNB(),
        RandomForestClassifier(5, random_state=0),
        LinearSVC(),
    ],
    ids=lambda final: type(final).__name__,
)
def test_final_estimators(stack, final, tmp_path):
    assert_same(stack.with_final_estimator(final), RAGGED, tmp_path)


def test_every_learner_of_a_stack_that_cannot_be_exported_is_named(tmp_path):
    X, y = DIGITS.reshape(150, -1), CLASSES % 2
    learners = [
        ("svc", SVC()),
        ("fine", GaussianNB()),
        ("near", make_pipeline(StandardScaler(), KNeighborsClassifier())),
    ]
    stack = StackingClassifier(learners, SVC(), cv=2).fit(X, y)
    (tmp_path / "model").write_text("what was there")
    with pytest.raises(InvalidInputError) as caught:
        export_numpy(stack, tmp_path / "model")
    message = str(caught.value)
    assert (
        "StackingClassifier, learner 'svc' (SVC): there is no NumPy form of sklearn.SVC" in message
    )
    assert "learner 'near' (Pipeline), step 'kneighborsclassifier' (KNeighbors" in message
    assert "final estimator (SVC)" in message
    assert "fine" not in message
    assert "Replace these parts" in message
    assert (tmp_path / "model").read_text() == "what was there"


def test_fold_models_logits_and_two_classes(tmp_path):
    learners = [
        ("lstm", network()),
        ("forest", make_pipeline(SequenceFlattener(), RandomForestClassifier(5))),
    ]
    stack = StackingClassifier(
        learners,
        cv=3,
        stack_method="logit",
        predict_with="folds",
        passthrough="summary",
        random_state=0,
    )
    y = np.array([10, 20])[CLASSES % 2]
    assert_same(stack.fit(DIGITS, y), DIGITS, tmp_path)
    blend = stack.with_final_estimator(ConvexBlendClassifier(), DIGITS)
    assert_same(blend, DIGITS, tmp_path)


@pytest.mark.parametrize("fallback", ["best", "average"])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
def test_a_fallback_predicts(fallback, method, tmp_path):
    X, y = DIGITS.reshape(150, -1), CLASSES
    learners = [("one", LogisticRegression(max_iter=5000)), ("other", LinearSVC())]
    if method == "predict_proba":
        learners[1] = ("other", GaussianNB())
    elif method == "decision_function":
        learners[0] = ("one", LogisticRegression(max_iter=5000, C=0.1))
    final = RandomForestClassifier(1, max_depth=1, random_state=0)  # bad enough to be beaten
    stack = StackingClassifier(learners, final, cv=2, stack_method=method, fallback=fallback)
    stack.fit(X, y)
    assert stack.predicts_with_ != "stack"
    assert_same(stack, X, tmp_path)


def test_passthrough_of_a_table_as_a_list(tmp_path):
    X = DIGITS[:, :, 3].tolist()
    learners = [("bayes", make_pipeline(SequenceSummarizer(), GaussianNB()))]
    stack = StackingClassifier(learners, cv=2, passthrough="mean").fit(X, CLASSES)
    assert_same(stack, X, tmp_path)


def test_tables_with_passthrough_and_stacks_in_stacks(tmp_path):
    X, y = DIGITS.reshape(150, -1), CLASSES
    final = LogisticRegression(max_iter=5000)
    inner = StackingClassifier([("bayes", GaussianNB())], final, cv=2, passthrough=True)
    stack = StackingClassifier([("inner", inner), ("linear", LinearSVC())], cv=2)
    assert_same(stack.fit(X, y), X, tmp_path)


def test_prefit_learners(tmp_path):
    X, y = DIGITS.reshape(150, -1), CLASSES
    bayes = GaussianNB().fit(X, y)
    stack = StackingClassifier([("bayes", bayes)], cv="prefit").fit(X, y)
    assert_same(stack, X, tmp_path)


def test_a_function_in_passthrough_is_named(tmp_path):
    stack = StackingClassifier([("bayes", GaussianNB())], cv=2, passthrough=np.abs)
    stack.fit(DIGITS.reshape(150, -1), CLASSES)
    with pytest.raises(InvalidInputError, match="passthrough is a function"):
        export_numpy(stack, tmp_path / "model")


def regression_stack(final, y, **options):
    learners = [
        ("rnn", StackedRNNRegressor(4, cell="simple_rnn", epochs=1, batch_size=50)),
        ("ridge", make_pipeline(SequenceFlattener(), Ridge())),
    ]
    return StackingRegressor(learners, final, cv=2, random_state=0, **options).fit(DIGITS, y)


def test_regressors(tmp_path):
    stack = regression_stack(None, DIGITS.mean(axis=(1, 2)), passthrough="last")
    assert_same(stack, DIGITS, tmp_path)
    for final in (ConvexBlendRegressor(), EnsembleSelectionRegressor(), Ridge()):
        other = stack.with_final_estimator(final, DIGITS)
        predictor = assert_same(other, DIGITS, tmp_path)
        assert not hasattr(predictor, "classes_")


def test_targets_of_several_columns(tmp_path):
    y = DIGITS.mean(axis=1)[:, :3]
    stack = regression_stack(None, y)
    assert_same(stack, DIGITS, tmp_path)
    assert_same(stack.with_final_estimator(ConvexBlendRegressor()), DIGITS, tmp_path)


def test_views_and_texts(tmp_path):
    texts = [" ".join(["up", "down"][int(v > 0.5)] for v in x[:, 3]) for x in DIGITS]
    X = make_views(image=DIGITS, text=texts)
    learners = [
        ("image", make_pipeline(View("image", timesteps=(1, None)), network(cell="gru"))),
        (
            "text",
            make_pipeline(
                View("text"),
                SequenceVectorizer(max_tokens=6),
                network(vocabulary_size=6, embedding_dim=3),
            ),
        ),
    ]
    stack = StackingClassifier(learners, cv=2, random_state=0).fit(X, CLASSES % 2)
    predictor = assert_same(stack, X, tmp_path)
    by_name = predictor.predict_proba({"image": DIGITS, "text": texts})
    np.testing.assert_array_equal(by_name, predictor.predict_proba(X))


def test_several_labels(tmp_path):
    y = np.column_stack([CLASSES % 2, CLASSES > 4])
    assert_same(network(random_state=0).fit(DIGITS, y), DIGITS, tmp_path)


def test_tables_and_tokens(tmp_path):
    table = DIGITS[:, :, 2]
    assert_same(network(random_state=0).fit(table, CLASSES), table, tmp_path)
    tokens = RNG.integers(1, 9, size=(150, 6))
    tokens[::2, 4:] = 0
    learner = network(vocabulary_size=9, random_state=0).fit(tokens, CLASSES)
    predictor = assert_same(learner, tokens, tmp_path)
    for wrong, message in [
        ([[9, 1]], "from 0 to 8"),
        ([[1, 0, 1]], "Token 0 is padding"),
        ([[1.5]], "whole numbers"),
        ([[[1]]], "token ids of shape"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            predictor.predict(wrong)


def build(meta):
    return keras.Sequential(
        [
            keras.Input((None, 8)),
            keras.layers.Masking(meta["padding_value"])
            if "padding_value" in meta
            else keras.layers.Dropout(0.1),
            keras.layers.Bidirectional(keras.layers.LSTM(3)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def test_networks_of_the_users_own(tmp_path):
    learner = KerasNetworkClassifier(build, epochs=1, random_state=0).fit(RAGGED, CLASSES)
    assert_same(learner, RAGGED, tmp_path)


def test_scikeras_in_a_stack_and_alone(tmp_path):
    from scikeras.wrappers import KerasClassifier

    wrapper = KerasClassifier(
        lambda meta: build({}), loss="sparse_categorical_crossentropy", verbose=0, random_state=0
    )
    X = DIGITS.astype("float32")
    stack = StackingClassifier([("keras", wrapper)], cv=2).fit(X, CLASSES)
    assert_same(stack, X, tmp_path)
    wrapper.fit(X, CLASSES)
    predictor = to_numpy(wrapper)
    np.testing.assert_allclose(
        predictor.predict_proba(X), wrapper.predict_proba(X), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(InvalidInputError, match="Expected an array of shape"):
        predictor.predict(X[:, :, :3])


def test_what_is_not_fitted_or_does_not_predict(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        export_numpy(LogisticRegression(), tmp_path / "model")
    with pytest.raises(InvalidInputError, match="must predict; SequenceScaler only transforms"):
        export_numpy(SequenceScaler().fit(DIGITS), tmp_path / "model")


def test_predictions_that_differ_are_noticed_before_anything_is_written(tmp_path):
    model = GaussianNB().fit(DIGITS.reshape(150, -1), CLASSES)
    model.predict_proba = lambda X: np.zeros((len(X), 10))
    with pytest.raises(InvalidInputError, match="differs from the estimator's"):
        export_numpy(model, tmp_path / "model", DIGITS.reshape(150, -1))
    assert list(tmp_path.iterdir()) == []


def test_students_of_stacks(tmp_path):
    network = StackedRNNClassifier(4, epochs=2, random_state=0)
    bayes = make_pipeline(SequenceFlattener(), GaussianNB())
    stack = StackingClassifier([("net", network), ("bayes", bayes)], cv=2, random_state=0)
    student = DistilledClassifier(stack, network, random_state=0).fit(DIGITS, CLASSES.astype(str))
    assert_same(student, DIGITS, tmp_path)


def test_networks_from_an_embedding_of_others(tmp_path):
    texts, y = ["fine food", "poor food", "fine wine", "poor wine"], [1, 0, 1, 0]
    vectors = WordVectors(["fine", "poor"], [[1.0, 0.0], [0.0, 1.0]])
    network = StackedRNNClassifier(4, embedding_dim=2, epochs=1, random_state=0)
    assert_same(EmbeddingPretrainer(network, vectors=vectors).fit(texts, y), texts, tmp_path)
