"""One clear error before any training, and an estimator that stays unfitted."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import stackens.learners.base
from stackens import (
    KerasNetworkClassifier,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.exceptions import InvalidInputError, TrainingDivergedError
from stackens.learners.base import NetworkLearner

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 5, 3))
y = np.arange(20) % 2


def with_value(value):
    changed = X.copy()
    changed[7, 2, 1] = value
    return changed


DATA = {
    "one dimension": (np.zeros(20), y, "[Rr]eshape"),
    "four dimensions": (np.zeros((20, 2, 2, 2)), y, r"\(20, 2, 2, 2\)"),
    "no rows": (X[:0], y[:0], "0 sample|at least one|rows"),
    "no timesteps": (X[:, :0], y, "timestep|0 feature|empty"),
    "a sequence without a timestep": ([*X[:19], X[19, :0]], y, "Row 19"),
    "NaN inside": (with_value(np.nan), y, "row 7"),
    "infinity": (with_value(np.inf), y, "row 7"),
    "lengths that differ": (X, y[:19], "20.*19|inconsistent"),
    "one class": (X, np.zeros(20), "1 class|one class"),
    "text": (np.array(["good", "bad"] * 10), y, "SequenceVectorizer"),
    "objects": ([object()] * 20, y, "number|sequence"),
    "rows with other channels": ([*X[:19], X[19, :, :2]], y, "19|channels|features"),
    "no target": (X, None, "requires y"),
}


@pytest.mark.parametrize("case", DATA)
def test_data_that_cannot_be_used(case, monkeypatch):
    data, target, message = DATA[case]
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    learner = StackedRNNClassifier()
    with pytest.raises((ValueError, TypeError), match=message):
        learner.fit(data, target)
    with pytest.raises(NotFittedError):
        check_is_fitted(learner)


def test_sparse_input():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        StackedRNNClassifier().fit(scipy.sparse.eye(20).tocsr(), y)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([[1, 9]] * 20, "row 0.*9|9.*row 0"),
        ([[1, -2]] * 20, "negative|-2"),
        ([[0, 0]] * 20, "Row 0"),
    ],
)
def test_token_ids_outside_the_table(tokens, message):
    with pytest.raises(ValueError, match=message):
        StackedRNNClassifier(vocabulary_size=5).fit(tokens, y)


def small_network(meta):
    """Build a network of sequences of any length, of one number or token a timestep."""
    n_tokens = meta["vocabulary_size"]
    inputs = keras.Input((None, 1) if n_tokens is None else (None,))
    values = inputs if n_tokens is None else keras.layers.Embedding(n_tokens, 2)(inputs)
    pooled = keras.layers.GlobalMaxPool1D()(values)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(pooled))


def make_learners():
    """Every learner that takes sequences, as small as it can be."""
    options = {"units": 2, "d_model": 2, "n_heads": 1, "build": small_network, "epochs": 1}
    for kind in (getattr(stackens, name) for name in stackens.__all__):
        if isinstance(kind, type) and issubclass(kind, NetworkLearner):
            known = inspect.signature(kind).parameters
            yield kind(**{name: value for name, value in options.items() if name in known})


TEXTS = ["a b c", "b", "c a"] * 6 + ["c", "b a"]
LEARNERS = {type(learner).__name__: learner for learner in make_learners()}
all_learners = pytest.mark.parametrize("learner", list(LEARNERS.values()), ids=list(LEARNERS))


@all_learners
def test_ids_of_a_vectorizer_need_the_size_of_its_vocabulary(learner):
    message = r"token ids.*`vocabulary_size=9`"
    pipeline = make_pipeline(SequenceVectorizer(max_tokens=9), learner)
    with pytest.raises(InvalidInputError, match=message):
        clone(pipeline).fit(TEXTS, y)
    stacking = StackingClassifier if is_classifier(learner) else StackingRegressor
    for stack in (
        stacking([("a", pipeline)], cv=2),
        make_pipeline(SequenceVectorizer(max_tokens=9), stacking([("a", learner)], cv=2)),
    ):
        with pytest.raises(InvalidInputError, match=message):
            stack.fit(TEXTS, y)


@all_learners
def test_texts_may_be_longer_than_those_of_fit(learner):
    learner = clone(learner).set_params(vocabulary_size=9)
    pipeline = make_pipeline(SequenceVectorizer(max_tokens=9), learner).fit(TEXTS, y)
    assert pipeline.predict(["a b c a b a", "b"]).shape == (2,)


@all_learners
def test_integers_that_look_like_padded_tokens_are_warned_of(learner):
    ids = keras.utils.pad_sequences([[3, 1, 2], [4], [5, 6]] * 6 + [[1], [2]], padding="post")
    with pytest.warns(UserWarning, match=r"looks like token ids.*`vocabulary_size`"):
        clone(learner).fit(ids, y)
    clone(learner).fit(ids.astype(float), y)


@all_learners
def test_channels_in_another_order_are_refused_through_whatever_holds_the_learner(learner):
    frames = [pd.DataFrame({"c": x}) for x in X[:, :, 0]]
    renamed = [frame.rename(columns={"c": "d"}) for frame in frames]
    is_class = is_classifier(learner)
    stack = (StackingClassifier if is_class else StackingRegressor)([("a", clone(learner))], cv=2)
    search = GridSearchCV(make_pipeline(clone(learner)), {}, cv=2)
    for estimator in (clone(learner), stack, search):
        estimator.fit(frames, y)
        assert estimator.predict(frames).shape == (20,)
        assert estimator.feature_names_in_.tolist() == ["c"]
        with pytest.raises(InvalidInputError, match="feature names"):
            estimator.predict(renamed)


@pytest.mark.parametrize("passthrough", [True, "last"])
def test_token_ids_are_not_passed_through_as_numbers(passthrough, monkeypatch):
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    rnn = StackedRNNClassifier(2, epochs=1, vocabulary_size=9)
    stack = StackingClassifier([("rnn", rnn)], cv=2, passthrough=passthrough)
    with pytest.raises(InvalidInputError, match="token ids"):
        make_pipeline(SequenceVectorizer(max_tokens=9), stack).fit(TEXTS, y)


PARAMETERS = {
    "units": (0, "units"),
    "n_layers": (0, "n_layers"),
    "cell": ("lstmm", "gru"),
    "pooling": ("sum", "attention"),
    "optimizer": ("adm", "adamw"),
    "loss": ("cross", "binary_crossentropy"),
    "normalization": ("group", "layer"),
    "dropout": (1.5, "dropout"),
    "epochs": (0, "epochs"),
    "batch_size": (-1, "batch_size"),
    "learning_rate": (-1.0, "learning_rate"),
    "optimizer__lerning_rate": (0.1, "beta_1"),
    "optimizer__learning_rate": (0.1, "spelled `learning_rate`"),
    "recurrent__units": (3, "spelled `units`"),
    "recurrent__nonsense": (3, "kernel_initializer"),
    "unitz": (3, "no parameter `unitz`"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_unknown_names_and_values_out_of_range(name, monkeypatch):
    value, message = PARAMETERS[name]
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    with pytest.raises((ValueError, TypeError), match=message):
        StackedRNNClassifier(**{name: value}).fit(X, y)


def test_units_that_contradict_the_number_of_layers():
    with pytest.raises(ValueError, match=r"2 layers.*n_layers"):
        StackedRNNClassifier((4, 4), n_layers=3).fit(X, y)


def test_another_number_of_channels_at_predict():
    learner = StackedRNNClassifier(4, epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"2 features.*expecting 3"):
        learner.predict(X[:, :, :2])
    assert learner.predict(X[:, :2]).shape == (20,)  # other lengths are fine


def test_a_failed_fit_leaves_a_fitted_learner_unfitted():
    learner = StackedRNNClassifier(4, epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="1 class"):
        learner.fit(X, np.zeros(20))
    with pytest.raises(NotFittedError):
        learner.predict(X)


@pytest.mark.parametrize("weight", [np.zeros(20), -np.ones(20), np.ones(3)])
def test_weights_that_cannot_be_used(weight):
    with pytest.raises(ValueError, match=r"weight|[Nn]egative"):
        StackedRNNClassifier().fit(X, y, sample_weight=weight)


def test_early_stopping_without_rows_to_spare():
    with pytest.raises(ValueError, match="early_stopping"):
        StackedRNNClassifier(early_stopping=True).fit(X[:3], [0, 1, 1])


def small(units, activation="softmax"):
    return keras.Sequential(
        [keras.Input((5, 3)), keras.layers.Flatten(), keras.layers.Dense(units, activation)]
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda meta: None, "NoneType"),
        (lambda meta: small(7), "7"),
        (lambda meta: keras.Sequential([keras.layers.Dense(2)]), "keras.Input"),
        (lambda meta: _compiled(), "uncompiled"),
    ],
)
def test_builders_that_return_no_suitable_model(build, message):
    with pytest.raises(ValueError, match=message):
        KerasNetworkClassifier(build).fit(X, y)


def _compiled():
    model = small(2)
    model.compile("sgd", "mse")
    return model


def test_a_loss_that_diverges_names_the_learner_and_the_epoch():
    learner = StackedRNNRegressor(4, optimizer="sgd", learning_rate=1e30, random_state=0)
    with pytest.raises(TrainingDivergedError, match=r"StackedRNNRegressor.*epoch"):
        learner.fit(X, X[:, 0, 0] * 1e10)


def test_another_backend_is_refused():
    code = (
        "from stackens import StackedRNNClassifier as C\n"
        "import numpy as np\n"
        "try: C().fit(np.zeros((4, 3)), [0, 1, 0, 1])\n"
        "except RuntimeError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "KERAS_BACKEND=tensorflow" in result.stdout


def pairs_of_steps(n_timesteps):
    return lambda meta: keras.Sequential(
        [
            keras.Input((n_timesteps, 3)),
            keras.layers.Cropping1D((1, 0)),
            keras.layers.Reshape((-1, 6)),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )


@pytest.mark.parametrize(
    ("build", "n_timesteps", "message"),
    [
        (lambda meta: small(2), 7, r"rows of shape \(5, 3\); got \(7, 3\)"),
        (lambda meta: small(2), 4, r"rows of shape \(5, 3\); got \(4, 3\)"),
        (pairs_of_steps(None), 4, r"cannot compute rows of shape \(4, 3\)"),
    ],
)
def test_rows_of_a_shape_that_a_users_network_cannot_take(build, n_timesteps, message):
    learner = KerasNetworkClassifier(build, epochs=1, random_state=0).fit(X, y)
    expected = learner.predict_proba(X)
    with pytest.raises(InvalidInputError, match=message):
        learner.predict(np.ones((4, n_timesteps, 3)))
    np.testing.assert_array_equal(learner.predict_proba(X), expected)


def test_a_network_for_rows_of_another_shape_is_refused_before_training(monkeypatch):
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    learner = KerasNetworkClassifier(pairs_of_steps(9))
    with pytest.raises(InvalidInputError, match=r"shape \(9, 3\); got \(5, 3\)"):
        learner.fit(X, y)


@pytest.mark.parametrize(
    ("loss", "units", "message"),
    [
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, "from_logits"),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), 2, "from_logits"),
        (keras.losses.Hinge(), 1, "hinge"),
        (keras.losses.squared_hinge, 1, "hinge"),
        ("sparse_categorical_crossentropy", 1, "one output for each class"),
        (keras.losses.CategoricalCrossentropy(name="mine"), 1, "one output for each class"),
    ],
)
def test_losses_that_do_not_suit_the_outputs(loss, units, message, monkeypatch):
    monkeypatch.setattr(stackens.learners.base, "train_alone", pytest.fail)
    with pytest.raises(InvalidInputError, match=message):
        KerasNetworkClassifier(lambda meta: small(units, "sigmoid"), loss=loss).fit(X, y)
