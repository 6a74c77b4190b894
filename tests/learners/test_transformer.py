"""Transformer estimators: what goes in, what comes out, what they looked at."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from stackens import (
    StackedRNNClassifier,
    StackingClassifier,
    TransformerClassifier,
    TransformerRegressor,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import InvalidInputError
from stackens.layers import AttentionPooling1D, PositionEncoding, TransformerEncoderBlock
from stackens.model_selection import GridSearchCV
from stackens.training import train

WIDTH, HEADS, HIDDEN = 8, 2, 12
BLOCK = 4 * WIDTH**2 + 3 * WIDTH + 2 * WIDTH * HIDDEN + HIDDEN + WIDTH + 4 * WIDTH
AROUND = (8 + 1) * WIDTH + 2 * WIDTH + (WIDTH + 1) * 10  # projection, last norm, head


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:120], y[:120]


@pytest.fixture(scope="module")
def ragged(digits):
    X, y = digits
    lengths = np.random.default_rng(0).integers(1, 9, len(X))
    return [x[:n] for x, n in zip(X, lengths, strict=True)], y


@pytest.fixture(scope="module")
def fitted(ragged):
    """Depth 3 of two blocks, on sequences of 1 to 8 timesteps, pooled by attention."""
    settings = {"layer_sharing": (0, 1, 0), "depth_embedding": True, "pooling": "attention"}
    return quick(**settings).fit(*ragged)


def quick(**parameters):
    settings = {
        "d_model": WIDTH,
        "n_heads": HEADS,
        "feed_forward_dim": HIDDEN,
        "epochs": 1,
        "random_state": 0,
        **parameters,
    }
    return TransformerClassifier(**settings)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def test_a_prediction_is_that_of_the_layers_one_after_the_other(fitted, ragged):
    # The layers themselves are compared with NumPy and Keras in tests/layers.
    X, _ = ragged
    kernel, bias, table, *rest = fitted.weights_
    blocks = [TransformerEncoderBlock(HEADS, HIDDEN) for _ in range(2)]
    for block in blocks:
        block.build((None, None, WIDTH))
        taken, rest = rest[: len(block.weights)], rest[len(block.weights) :]
        block.set_weights(taken)
    gamma, beta, *pooling_weights, head, head_bias = rest
    pooling = AttentionPooling1D()
    pooling.build((None, None, WIDTH))
    pooling.set_weights(pooling_weights)
    found = fitted.predict_proba(X)
    for row in (0, 1, 2, 50):
        hidden = PositionEncoding()(X[row][None].astype("float32") @ kernel + bias)
        for depth, index in enumerate((0, 1, 0)):
            hidden = blocks[index](hidden + table[depth])
        hidden = np.asarray(hidden)
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        hidden = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6) * gamma + beta
        expected = softmax(np.asarray(pooling(hidden))[0] @ head + head_bias)
        np.testing.assert_allclose(found[row], expected, atol=2e-6)


def test_a_row_alone_and_padding_change_nothing(fitted, ragged):
    X, _ = ragged
    whole = fitted.predict_proba(X)
    for row in (0, 17, 119):
        np.testing.assert_allclose(fitted.predict_proba(X[row : row + 1])[0], whole[row], atol=1e-6)
    padded = np.full((len(X), 20, 8), np.nan)
    for row, x in enumerate(X):
        padded[row, : len(x)] = x
    np.testing.assert_allclose(fitted.predict_proba(padded), whole, atol=1e-6)
    turned = fitted.predict_proba(X[:40][::-1])
    np.testing.assert_allclose(fitted.predict_proba(X[:40])[::-1], turned, atol=1e-6)


def test_keras_copies_and_pickles_predict_the_same(fitted, ragged):
    X, _ = ragged
    expected = fitted.predict_proba(X)
    outputs = fitted.keras_estimator_.predict_proba(fitted.encode_input(X))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)  # TensorFlow fuses other operations
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    assert fitted.keras_estimator_.model_.count_params() == fitted.n_parameters_


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"n_layers": 1}, AROUND + BLOCK),
        ({"n_layers": 24, "layer_sharing": "all"}, AROUND + BLOCK),
        ({"n_layers": 3}, AROUND + 3 * BLOCK),
        ({"layer_sharing": "cycle_rev", "n_layers": 6}, AROUND + 3 * BLOCK),
        ({"layer_sharing": (0, 0, 1), "depth_embedding": True}, AROUND + 2 * BLOCK + 3 * WIDTH),
        ({"norm_first": False}, AROUND - 2 * WIDTH + 2 * BLOCK),
    ],
    ids=str,
)
def test_parameters_are_those_of_the_distinct_blocks(digits, parameters, expected):
    X, y = digits
    assert quick(**parameters).plan_job(X, y).architecture.build().count_params() == expected


def test_tokens_are_embedded_and_projected():
    rng = np.random.default_rng(0)
    X = [rng.integers(1, 50, n) for n in rng.integers(1, 12, 60)]
    y = np.array([x[0] > 25 for x in X])
    learner = quick(vocabulary_size=100, embedding_dim=4, n_layers=1).fit(X, y)
    head = (WIDTH + 1) * 1
    assert learner.n_parameters_ == 100 * 4 + 5 * WIDTH + BLOCK + 2 * WIDTH + head
    longer = [np.array([99, 98]), np.arange(1, 40)]
    both = learner.predict_proba(longer)
    np.testing.assert_allclose(both[:1], learner.predict_proba(longer[:1]), atol=1e-6)
    drawn = quick(vocabulary_size=100, n_layers=1).plan_job(X, y).architecture
    table = drawn.build().get_weights()[0]
    assert table.shape == (100, WIDTH)
    assert abs(table.std() * np.sqrt(WIDTH) - 1) < 0.1


def test_a_tower_equals_the_job_alone(ragged):
    X, y = ragged
    learners = [
        quick(dropout=0.2, layer_sharing="all", n_layers=2, random_state=s) for s in range(3)
    ]
    together = train([learner.plan_job(X, y) for learner in learners])
    for learner, trained in zip(learners, together, strict=True):
        for a, b in zip(learner.fit(X, y).weights_, trained.weights, strict=True):
            assert_array_equal(a, b)
        copied = clone(learner).fit(X, y)
        assert_array_equal(copied.predict_proba(X), learner.predict_proba(X))


def test_what_learners_can_do_it_can(digits):
    X, y = digits
    learner = quick(
        n_layers=1,
        early_stopping=True,
        class_weight="balanced",
        n_seeds=2,
        epochs=3,
        metrics=["accuracy"],
        optimizer__clipnorm=1.0,
        validation_fraction=0.2,
    ).fit(X, y)
    assert set(learner.history_) >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert learner.predict_proba(X).shape == (120, 10)
    with pytest.raises(InvalidInputError, match=r"less than `n_seeds`=2; got 2"):
        learner.attention_maps(X, member=2)
    first, second = (learner.attention_maps(X[:3], member=member) for member in (0, 1))
    assert not np.allclose(first, second)


def test_a_stack_takes_it_beside_recurrent_networks(digits):
    X, y = digits
    stack = StackingClassifier(
        [("transformer", quick(n_layers=1)), ("rnn", StackedRNNClassifier(4, epochs=1))],
        LogisticRegression(),
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert stack.predict(X).shape == (120,)


def test_a_search_over_depth_keeps_the_sharing(digits):
    X, y = digits
    search = GridSearchCV(quick(layer_sharing="all"), {"n_layers": [1, 3]}, cv=2).fit(X, y)
    assert search.best_estimator_.n_parameters_ == AROUND + BLOCK


def test_the_regressor_learns_a_step_far_back():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12, 2)).astype("float32")
    y = X[:, 1, 0]
    learner = TransformerRegressor(
        16, n_heads=2, n_layers=1, dropout=0.0, epochs=30, learning_rate=0.005, random_state=0
    )
    assert learner.fit(X[:250], y[:250]).score(X[250:], y[250:]) > 0.7


# ---- attention ----------------------------------------------------------------------------------


def test_attention_maps_are_masked_weights_of_the_very_network(fitted, ragged):
    X, _ = ragged
    maps = fitted.attention_maps(X)
    assert maps.shape == (120, 3, HEADS, 8, 8)
    for row, x in enumerate(X):
        inside, padded = maps[row, :, :, : len(x)], maps[row, :, :, len(x) :]
        np.testing.assert_allclose(inside.sum(axis=-1), 1, atol=1e-5)
        assert not inside[..., len(x) :].any()
        assert np.isnan(padded).all()
    model = fitted._architecture.with_options(return_attention_scores=True).build()
    model.set_weights(fitted.weights_)
    outputs = np.asarray(model(fitted.encode_input(X))[0])
    np.testing.assert_allclose(outputs, fitted.predict_proba(X), atol=1e-6)


def test_causal_attention_does_not_look_ahead(digits):
    X, y = digits
    maps = quick(causal=True, n_layers=1, pooling="last").fit(X, y).attention_maps(X[:5])
    assert not maps[..., ~np.tril(np.ones((8, 8), bool))].any()


@pytest.mark.parametrize("kind", ["transformer", "rnn"])
def test_pooling_weights_are_those_by_which_the_head_sees_the_timesteps(kind, fitted, ragged):
    X, y = ragged
    learner = fitted
    if kind == "rnn":
        learner = StackedRNNClassifier(6, pooling="attention", epochs=1, random_state=0).fit(X, y)
    weights = learner.pooling_weights(X)
    assert weights.shape == (120, 8)
    model = learner._build_model()
    layer = model.get_layer("attention_pooling")
    below = keras.Model(model.inputs[0], keras.tree.flatten(layer.input)[0])
    hidden = np.asarray(below(learner.encode_input(X)))
    kernel, bias = learner.weights_[-2:]
    for row, x in enumerate(X):
        assert not weights[row, len(x) :].any()
        pooled = weights[row] @ hidden[row]
        np.testing.assert_allclose(
            learner.predict_proba([x])[0], softmax(pooled @ kernel + bias), atol=1e-5
        )


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_heads": 3}, r"`d_model`=8 must be a multiple of `n_heads`=3"),
        ({"layer_sharing": (0, 0), "n_layers": 3}, "is for 2 layers, but `n_layers`=3"),
        ({"layer_sharing": (0, 2, 2)}, r"uses layer 2, but not \[1\]"),
        ({"layer_sharing": "cycle", "n_unique_layers": 3}, "at most `n_layers`=2"),
        ({"position_encoding": "learned"}, "position_encoding"),
        ({"embedding__output_dim": 3}, "is spelled `embedding_dim`"),
        ({"activation": "sine"}, "activation"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_training(digits, parameters, message):
    learner = quick(**parameters)
    with pytest.raises(ValueError, match=message):
        learner.fit(*digits)
    assert not hasattr(learner, "weights_")


def test_pooling_weights_need_pooling_by_attention():
    assert not hasattr(quick(), "pooling_weights")
    with pytest.raises(AttributeError, match="pooling_weights"):
        StackedRNNClassifier().pooling_weights(np.zeros((1, 2, 3)))
