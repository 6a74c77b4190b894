"""Attention, feed-forward network and encoder block against Keras, NumPy and themselves."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from stackens.exceptions import InvalidInputError
from stackens.layers import (
    DepthEmbedding,
    FeedForward,
    LastTimestep,
    MultiHeadAttention,
    PositionEncoding,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
    make_causal_mask,
)

N_ROWS, N_STEPS, WIDTH, HEADS = 5, 7, 12, 3
LENGTHS = np.array([7, 1, 4, 6, 3])
MASK = np.arange(N_STEPS) < LENGTHS[:, None]


def make_input(n_steps=N_STEPS, width=WIDTH, seed=0):
    return np.random.default_rng(seed).normal(size=(N_ROWS, n_steps, width)).astype("float32")


IS_OLD_KERAS = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 8)


def randomize(layer, seed=1):
    """Give all weights, biases too, random values."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.4, size=w.shape) for w in layer.get_weights()])
    return layer


def make_keras_twin(attention, width, source_width):
    """Keras's layer with the same weights; its key bias is zero."""
    heads, dim = attention.num_heads, attention.key_dim
    twin = keras.layers.MultiHeadAttention(heads, dim)
    twin.build((None, None, width), (None, None, source_width))
    q, k, v, o, qb, vb, ob = attention.get_weights()
    twin.set_weights(
        [
            q.reshape(-1, heads, dim),
            qb.reshape(heads, dim),
            k.reshape(-1, heads, dim),
            np.zeros((heads, dim)),
            v.reshape(-1, heads, dim),
            vb.reshape(heads, dim),
            o.reshape(heads, dim, -1),
            ob,
        ]
    )
    return twin


MASKS = {
    "none": None,
    "keys": MASK[:, None, :],
    "causal": np.tril(np.ones((N_STEPS, N_STEPS), bool))[None],
    "both": MASK[:, None, :] & np.tril(np.ones((N_STEPS, N_STEPS), bool)),
}


@pytest.mark.parametrize("mask", list(MASKS))
@pytest.mark.parametrize("cross", [False, True])
def test_attention_and_its_gradients_equal_those_of_keras(mask, cross):
    mask, query = MASKS[mask], tf.constant(make_input())
    width = WIDTH if IS_OLD_KERAS else 10  # Keras 3.6 wants one width
    source = tf.constant(make_input(width=width, seed=2)) if cross else query
    layer = MultiHeadAttention(HEADS, 4)
    layer(query, source if cross else None)
    randomize(layer)
    twin = make_keras_twin(layer, WIDTH, source.shape[-1])
    mask = None if mask is None else tf.constant(mask)
    with tf.GradientTape() as tape, tf.GradientTape() as reference:
        for t in (tape, reference):
            t.watch([query, source])
        outputs, scores = layer(
            query,
            source if cross else None,
            attention_mask=None if mask is None else mask[:, None],
            return_attention_scores=True,
        )
        expected, expected_scores = twin(
            query, source, attention_mask=mask, return_attention_scores=True
        )
        losses = [tf.reduce_sum(tf.sin(o)) for o in (outputs, expected)]
    np.testing.assert_allclose(outputs, expected, atol=2e-6)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6)
    found = tape.gradient(losses[0], [query, source, *(v.value for v in layer.weights)])
    wanted = reference.gradient(losses[1], [query, source, *(v.value for v in twin.weights)])
    q, qb, k, kb, v, vb, o, ob = wanted[2:]
    np.testing.assert_allclose(kb, np.zeros((HEADS, 4)), atol=1e-5)  # why ours has none
    for ours, theirs in zip(found, [*wanted[:2], q, k, v, o, qb, vb, ob], strict=True):
        np.testing.assert_allclose(ours, tf.reshape(theirs, ours.shape), atol=2e-5)


def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def normalize(x, gamma, beta):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6) * gamma + beta


def block_by_hand(x, length, weights, *, norm_first, causal):
    """One row of shape (timesteps, features), head by head."""
    q, k, v, o, qb, vb, ob, w1, b1, w2, b2, g1, s1, g2, s2 = (w.astype(float) for w in weights)
    dim = WIDTH // HEADS

    def attend(h):
        parts, maps = [], []
        for head in range(HEADS):
            at = slice(head * dim, (head + 1) * dim)
            scores = (h @ q[:, at] + qb[at]) @ (h @ k[:, at]).T / np.sqrt(dim)
            for t in range(len(x)):
                for s in range(len(x)):
                    if s >= length or (causal and s > t):
                        scores[t, s] = -np.inf
            maps.append(softmax(scores))
            parts.append(maps[-1] @ (h @ v[:, at] + vb[at]))
        return np.concatenate(parts, axis=1) @ o + ob, np.stack(maps)

    def transform(h):
        return np.maximum(h @ w1 + b1, 0) @ w2 + b2

    if norm_first:
        attended, maps = attend(normalize(x, g1, s1))
        h = x + attended
        return h + transform(normalize(h, g2, s2)), maps
    attended, maps = attend(x)
    h = normalize(x + attended, g1, s1)
    return normalize(h + transform(h), g2, s2), maps


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("norm_first", [True, False])
def test_a_block_equals_numpy_by_hand(norm_first, causal):
    x = make_input()
    block = TransformerEncoderBlock(HEADS, 9, norm_first=norm_first, causal=causal)
    block(x)
    randomize(block)
    outputs, maps = block(x, mask=MASK, return_attention_scores=True)
    for row, length in enumerate(LENGTHS):
        expected, expected_maps = block_by_hand(
            x[row].astype(float),
            length,
            block.get_weights(),
            norm_first=norm_first,
            causal=causal,
        )
        np.testing.assert_allclose(outputs[row], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(maps[row], expected_maps, atol=1e-5)
        assert not np.asarray(maps)[row, :, :, length:].any()


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_padded_changes_nothing(causal):
    x, block = make_input(), TransformerEncoderBlock(HEADS, 9, causal=causal)
    expected = np.asarray(block(x, mask=MASK))
    longer = np.concatenate([x, np.full((N_ROWS, 3, WIDTH), 7, "float32")], axis=1)
    longer[:, :N_STEPS][~MASK] = 1e3
    mask = np.concatenate([MASK, np.zeros((N_ROWS, 3), bool)], axis=1)
    found = np.asarray(block(longer, mask=mask))[:, :N_STEPS]
    np.testing.assert_allclose(found[MASK], expected[MASK], atol=2e-6)


def test_a_causal_block_does_not_see_the_future():
    x, block = make_input(), TransformerEncoderBlock(HEADS, 9, causal=True)
    expected = np.asarray(block(x))
    x[:, 4:] += 10
    changed = np.abs(np.asarray(block(x)) - expected).max(axis=(0, 2))
    assert changed[:4].max() < 1e-6
    assert changed[4:].min() > 1e-3


def test_keys_kept_from_step_to_step_give_what_all_at_once_gives():
    x = make_input()
    layer = MultiHeadAttention(HEADS, 4)
    causal = make_causal_mask(N_STEPS, N_STEPS)
    whole = randomize_after(layer, x)(x, attention_mask=causal)
    keys = values = tf.zeros([N_ROWS, HEADS, 0, 4])
    for t in range(N_STEPS):
        new_keys, new_values = layer.project_source(x[:, t : t + 1])
        keys, values = tf.concat([keys, new_keys], 2), tf.concat([values, new_values], 2)
        mask = make_causal_mask(1, t + 1, first_query=t)
        step, _ = layer.attend(x[:, t : t + 1], keys, values, attention_mask=mask)
        np.testing.assert_allclose(step[:, 0], whole[:, t], atol=2e-6)


def test_a_decoder_that_goes_on_step_by_step_gives_what_all_at_once_gives():
    x, source = make_input(), make_input(n_steps=5, seed=3)
    block = TransformerDecoderBlock(HEADS, 9)
    block(x, source)
    seen = np.arange(5) < np.array([5, 2, 1, 4, 3])[:, None]
    whole = randomize(block)(x, source, seen)
    cache = (tf.zeros([N_ROWS, HEADS, 0, WIDTH // HEADS]),) * 2
    projected = block.project_source(source)
    for t in range(N_STEPS):
        look = tf.ones([1, 1, 1, t + 1], tf.bool)
        step, cache = block.step(x[:, t : t + 1], cache, look, projected, seen[:, None, None])
        np.testing.assert_allclose(step[:, 0], whole[:, t], atol=5e-6)


def test_a_decoder_without_a_source_to_see_is_a_causal_encoder():
    x, source = make_input(), make_input(n_steps=5, seed=3)
    stem = TransformerEncoderBlock(HEADS, 9, causal=True)
    expected = randomize_after(stem, x)(x)
    block = TransformerDecoderBlock(HEADS, 9, stem=stem)
    assert not np.allclose(block(x, source), expected, atol=1e-3)
    block._attention.output_kernel.assign(tf.zeros([WIDTH, WIDTH]))
    np.testing.assert_allclose(block(x, source), expected, atol=1e-5)
    own = TransformerDecoderBlock(HEADS, 9)
    own(x, source)
    assert own.count_params() == block.count_params()
    assert {id(v) for v in stem.weights} < {id(v) for v in block.weights}


def randomize_after(layer, x):
    layer(x)
    return randomize(layer)


def test_the_feed_forward_network_equals_two_dense_layers():
    x, layer = make_input(), FeedForward(9, "gelu")
    first, second = keras.layers.Dense(9, "gelu"), keras.layers.Dense(WIDTH)
    second(first(x))
    randomize_after(layer, x)
    first.set_weights(layer.get_weights()[:2])
    second.set_weights(layer.get_weights()[2:])
    np.testing.assert_allclose(layer(x), second(first(x)), atol=2e-6)


def test_positions_are_the_sines_and_cosines_of_the_paper():
    n_steps, width = 6, 9  # odd: the last feature is a sine
    expected = np.empty((n_steps, width))
    for t in range(n_steps):
        for j in range(width):
            angle = t / 10_000 ** (2 * (j // 2) / width)
            expected[t, j] = np.cos(angle) if j % 2 else np.sin(angle)
    x = make_input(n_steps, width)
    np.testing.assert_allclose(PositionEncoding(2.0)(x), 2 * x + expected, atol=1e-5)
    np.testing.assert_allclose(
        PositionEncoding()(x[:, 4:], first=4), x[:, 4:] + expected[4:], atol=1e-5
    )


def test_each_depth_adds_its_own_vector():
    x, layer = make_input(), DepthEmbedding(3)
    layer(x)
    (table,) = layer.get_weights()
    for depth in range(3):
        np.testing.assert_allclose(layer(x, depth=depth), x + table[depth])


def test_the_last_timestep_is_the_last_valid_one_of_each_direction():
    x = make_input()
    expected = np.stack([x[row, length - 1] for row, length in enumerate(LENGTHS)])
    np.testing.assert_array_equal(LastTimestep()(x, mask=MASK), expected)
    np.testing.assert_array_equal(LastTimestep()(x), x[:, -1])
    expected[:, WIDTH // 2 :] = x[:, 0, WIDTH // 2 :]
    np.testing.assert_array_equal(LastTimestep(bidirectional=True)(x, mask=MASK), expected)


def test_dropout_is_for_training_only_and_its_seeds_are_state():
    x, block = make_input(), TransformerEncoderBlock(HEADS, 9, dropout=0.5)
    np.testing.assert_array_equal(block(x), block(x, training=False))
    first, second = block(x, training=True), block(x, training=True)
    assert not np.allclose(first, second)
    state = [v.value for v in block.non_trainable_variables]
    weights = [v.value for v in block.trainable_variables]
    one, _ = block.stateless_call(weights, state, x, training=True)
    two, _ = block.stateless_call(weights, state, x, training=True)
    np.testing.assert_array_equal(one, two)


LAYERS = {
    "attention": MultiHeadAttention(HEADS, 4, dropout=0.1, kernel_regularizer="l2"),
    "feed-forward": FeedForward(
        9, "gelu", dropout=0.1, kernel_initializer="he_normal", output_initializer="zeros"
    ),
    "block": TransformerEncoderBlock(
        HEADS,
        9,
        0.1,
        "gelu",
        norm_first=False,
        causal=True,
        output_initializer="he_normal",
        kernel_regularizer="l1",
    ),
    "position": PositionEncoding(3.0),
    "depth": DepthEmbedding(2),
    "last": LastTimestep(bidirectional=True),
}


@pytest.mark.parametrize("name", list(LAYERS))
def test_saved_and_loaded_layers_compute_the_same(name, tmp_path):
    inputs = keras.Input((None, WIDTH))
    masked = keras.layers.Masking(99.0)(inputs)
    model = keras.Model(inputs, LAYERS[name](masked))
    x = make_input()
    x[~MASK] = 99.0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.count_params() == model.count_params()
    assert len(loaded.losses) == len(model.losses)


def test_a_saved_and_loaded_decoder_computes_the_same(tmp_path):
    inputs = [keras.Input((None, WIDTH)), keras.Input((None, WIDTH))]  # Keras 3.6 loads a list
    block = TransformerDecoderBlock(HEADS, 9, 0.1, "gelu")
    model = keras.Model(inputs, block(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = [make_input(), make_input(n_steps=5, seed=3)]
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.skipif(IS_OLD_KERAS, reason="Keras 3.6 cannot load a layer that is used twice")
def test_a_block_used_at_several_depths_stays_one_when_it_is_saved(tmp_path):
    inputs = keras.Input((None, WIDTH))
    block, depths, hidden = TransformerEncoderBlock(HEADS, 9), DepthEmbedding(6), inputs
    for depth in range(6):
        hidden = block(depths(hidden, depth=depth))
    model = keras.Model(inputs, hidden)
    assert model.count_params() == block.count_params() + depths.count_params()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.count_params() == model.count_params()
    np.testing.assert_array_equal(loaded(make_input()), model(make_input()))


def test_features_that_heads_cannot_share_are_refused():
    with pytest.raises(InvalidInputError, match=r"multiple of `num_heads`=5; got 12"):
        TransformerEncoderBlock(5, 9)(make_input())
