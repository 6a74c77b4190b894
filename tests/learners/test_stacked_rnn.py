"""Stacked RNN estimators: what goes in, what comes out, what they remember."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from stackens import StackedRNNClassifier, StackedRNNRegressor
from stackens.datasets import load_digits_sequences


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def ragged(digits):
    X, y = digits
    lengths = np.random.default_rng(0).integers(1, 9, len(X))
    return [x[:n] for x, n in zip(X, lengths, strict=True)], y


def quick(**parameters):
    settings = {"units": 8, "epochs": 2, "random_state": 0, **parameters}
    return StackedRNNClassifier(**settings)


@pytest.mark.parametrize(
    "parameters",
    [
        {"units": (6, 4), "bidirectional": True},
        {"cell": "gru", "n_layers": 2, "pooling": "attention"},
        {"cell": "simple_rnn", "pooling": "max", "normalization": "batch"},
        {"pooling": "mean", "normalization": "layer", "dropout": 0.2, "l1": 1e-4, "l2": 1e-4},
        {"recurrent_dropout": 0.2, "recurrent__kernel_initializer": "he_normal"},
    ],
    ids=lambda p: "-".join(map(str, p)),
)
def test_every_kind_of_network_predicts_a_row_alone_as_among_others(parameters, ragged):
    X, y = ragged
    learner = quick(**parameters).fit(X, y)
    whole = learner.predict_proba(X)
    assert whole.shape == (300, 10)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-12)
    for row in (0, 17, 299):
        # Up to float32's rounding: on some processors a product of one row takes another kernel.
        alone = learner.predict_proba(X[row : row + 1])
        np.testing.assert_allclose(alone, whole[row : row + 1], rtol=1e-6)
    wrapper = learner.keras_estimator_
    outputs = wrapper.predict_proba(learner.encode_input(X)).astype("float64")
    assert_array_equal(outputs / outputs.sum(axis=1, keepdims=True), whole)
    assert_array_equal(wrapper.predict(learner.encode_input(X)), learner.predict(X))


def test_padding_changes_nothing(ragged):
    X, y = ragged
    learner = quick(bidirectional=True, n_layers=2).fit(X, y)
    short = [x for x in X if len(x) <= 4]
    np.testing.assert_allclose(
        learner.predict_proba(short),
        np.vstack([learner.predict_proba([x]) for x in short]),
        atol=1e-6,
    )
    padded = np.full((len(short), 20, 8), np.nan)
    for row, x in enumerate(short):
        padded[row, : len(x)] = x
    np.testing.assert_allclose(
        learner.predict_proba(padded), learner.predict_proba(short), atol=1e-6
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("labels", ["abc", [5, -1, 7]], ids=["text", "numbers"])
def test_output_shapes_and_labels(digits, n_classes, labels):
    X, y = digits
    keep = y < n_classes
    X, y = X[keep], np.array(list(labels))[y[keep]]
    learner = quick().fit(X, y)
    assert learner.predict(X[:1]).shape == (1,)
    assert learner.predict_proba(X[:1]).shape == (1, n_classes)
    assert set(learner.predict(X)) <= set(y)
    assert_array_equal(learner.classes_, np.unique(y))


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
def test_regressor_output_shapes(digits, n_outputs):
    X, y = digits
    y = y.astype(float) if n_outputs is None else np.repeat(y[:, None], n_outputs, axis=1) * 1.0
    learner = StackedRNNRegressor(8, epochs=1, random_state=0)
    if n_outputs == 1:
        with pytest.warns(match="column-vector"):
            learner.fit(X, y)
    else:
        learner.fit(X, y)
    expected = (1,) if n_outputs in (None, 1) else (1, n_outputs)
    assert learner.predict(X[:1]).shape == expected


def test_the_classic_parameter_counts():
    tokens = np.ones((4, 6), int)
    y = np.array([0, 1, 0, 1])
    settings = {"vocabulary_size": 10_000, "dropout": 0.2, "epochs": 1, "random_state": 0}
    assert StackedRNNClassifier(32, n_layers=3, **settings).fit(tokens, y).n_parameters_ == 344_993
    bidirectional = StackedRNNClassifier(32, bidirectional=True, **settings).fit(tokens, y)
    assert bidirectional.n_parameters_ == 336_705


def test_tokens_of_any_length_and_never_seen_ids():
    rng = np.random.default_rng(0)
    X = [rng.integers(1, 50, n) for n in rng.integers(1, 12, 60)]
    y = np.array([x[0] > 25 for x in X])
    learner = quick(vocabulary_size=100, embedding_dim=4).fit(X, y)
    assert learner.predict([np.array([99, 98]), np.arange(1, 40)]).shape == (2,)


def test_tables_have_one_feature_a_step(digits):
    X, y = digits
    table = X.reshape(len(X), -1)
    learner = quick().fit(table, y)
    assert learner.n_features_in_ == 64
    assert learner.encode_input(table).shape == (300, 64, 1)
    with pytest.raises(ValueError, match="features"):
        learner.predict(table[:, :10])


def test_same_seed_same_network_and_a_random_state_advances(digits):
    X, y = digits
    first, again = quick().fit(X, y), quick().fit(X, y)
    for a, b in zip(first.weights_, again.weights_, strict=True):
        assert_array_equal(a, b)
    rng = np.random.RandomState(0)
    learner = quick(random_state=rng)
    one = learner.fit(X, y).weights_
    two = learner.fit(X, y).weights_
    assert not np.array_equal(one[0], two[0])
    assert learner.random_state is rng


def test_copies_and_pickles_predict_the_same(digits):
    X, y = digits
    learner = quick().fit(X, y)
    assert learner.keras_estimator_ is learner.keras_estimator_
    for other in (pickle.loads(pickle.dumps(learner)), copy.deepcopy(learner)):
        assert_array_equal(other.predict_proba(X), learner.predict_proba(X))


def test_early_stopping_holds_out_rows_and_keeps_the_best_epoch(digits):
    X, y = digits
    learner = quick(
        early_stopping=True, patience=2, epochs=60, learning_rate=0.05, metrics=["accuracy"]
    ).fit(X, y)
    history = learner.history_
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert learner.best_epoch_ == int(np.argmin(history["val_loss"]))
    assert len(history["loss"]) == learner.best_epoch_ + 3


def test_rows_held_out_for_early_stopping_are_stratified_training_rows(digits):
    X, y = digits
    learner = quick(early_stopping=True, validation_fraction=0.2)
    rows = np.arange(0, 300, 2)
    job = learner.plan_job(X, y, rows=rows)
    assert len(np.intersect1d(job.rows, job.validation_rows)) == 0
    assert_array_equal(np.union1d(job.rows, job.validation_rows), rows)
    share = np.bincount(y[job.validation_rows], minlength=10) / np.bincount(y[rows], minlength=10)
    assert share.min() > 0.1
    assert share.max() < 0.3


def test_partial_fit_equals_fit_epoch_by_epoch_of_warm_start(digits):
    X, y = digits
    warm = quick(epochs=1, warm_start=True).fit(X, y)
    cold = quick(epochs=1).partial_fit(X, y)
    assert_array_equal(warm.weights_[0], cold.weights_[0])
    warm.fit(X, y)
    cold.partial_fit(X, y)
    assert_array_equal(warm.weights_[0], cold.weights_[0])
    assert len(cold.history_["loss"]) == 2


def test_partial_fit_takes_classes_that_come_later(digits):
    X, y = digits
    learner = quick().partial_fit(X[y < 2], y[y < 2], classes=np.arange(10))
    assert learner.predict_proba(X).shape == (300, 10)
    with pytest.raises(ValueError, match="lacks"):
        learner.partial_fit(X, y + 5)


def test_class_weight_counts_training_rows_only(digits):
    X, y = digits
    y = (y == 0).astype(int)
    rows = np.arange(100)
    job = quick(class_weight="balanced").plan_job(X, y, rows=rows)
    counts = np.bincount(y[rows])
    np.testing.assert_allclose(
        job.sample_weight[rows], (len(rows) / (2 * counts))[y[rows]], rtol=1e-6
    )


def test_weights_are_not_changed_and_matter(digits):
    X, y = digits
    weight = np.linspace(0, 2, len(y))
    before = weight.copy()
    weighted = quick().fit(X, y, sample_weight=weight)
    assert_array_equal(weight, before)
    assert not np.array_equal(weighted.weights_[0], quick().fit(X, y).weights_[0])


def test_callbacks_are_called_and_change_nothing_else(digits):
    X, y = digits
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    with_callback = quick(callbacks=[callback]).fit(X, y)
    assert seen == [0, 1]
    np.testing.assert_allclose(
        with_callback.predict_proba(X), quick().fit(X, y).predict_proba(X), atol=1e-4
    )


def test_routed_settings_are_parameters_like_others(digits):
    X, y = digits
    learner = quick(optimizer__clipnorm=0.5, loss="categorical_crossentropy")
    learner.set_params(loss__label_smoothing=0.1)
    copied = clone(learner)
    assert copied.get_params()["optimizer__clipnorm"] == 0.5
    assert "loss__label_smoothing=0.1" in repr(copied)
    smooth = copied.fit(X, y).weights_[0]
    assert not np.array_equal(
        smooth, learner.set_params(loss__label_smoothing=0.0).fit(X, y).weights_[0]
    )
    assert not hasattr(quick(), "optimizer__clipnorm")


def test_verbose_shows_a_bar(digits, capfd):
    X, y = digits
    quick(verbose=1).fit(X, y)
    assert "StackedRNNClassifier" in capfd.readouterr().err
    quick().fit(X, y)
    assert "StackedRNNClassifier" not in capfd.readouterr().err


def test_a_hook_sees_every_epoch_and_can_stop_training():
    X, y = load_digits_sequences(return_X_y=True)
    seen = []

    def look(epoch, logs):
        seen.append((epoch, logs["loss"]))
        return epoch == 2

    options = {"random_state": 0, "metrics": ["accuracy"]}
    hooked = StackedRNNClassifier(4, epochs=9, on_epoch_end=look, **options).fit(X[:90], y[:90])
    assert seen == list(enumerate(hooked.history_["loss"]))
    plain = StackedRNNClassifier(4, epochs=3, **options).fit(X[:90], y[:90])
    assert hooked.history_ == plain.history_
    for a, b in zip(hooked.weights_, plain.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_latest_rows_can_be_held_out(monkeypatch):
    X, y = np.zeros((20, 4, 1)), np.arange(20.0)
    learner = StackedRNNRegressor(4, early_stopping=True, validation_rows="latest", random_state=0)
    job = learner.plan_job(X, y, rows=np.arange(15))
    assert job.rows.tolist() == list(range(13))
    assert job.validation_rows.tolist() == [13, 14]
