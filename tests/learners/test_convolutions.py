"""Convolutions below and beside recurrent layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.base import clone

from stackens import StackedRNNClassifier, StackedRNNRegressor, StackingClassifier
from stackens.layers import ConvolutionBlock
from stackens.portable import load

rng = np.random.default_rng(0)
LENGTHS = rng.integers(1, 10, 24)
RAGGED = [rng.normal(size=(n, 3)) for n in LENGTHS]
TOKENS = np.array([[*rng.integers(1, 9, n), *[0] * (9 - n)] for n in LENGTHS])
Y = np.arange(24) % 3


def network(**options):
    options = {"convolutions": (4, 5), "kernel_size": (4, 3), "epochs": 2, **options}
    return StackedRNNClassifier(6, batch_size=8, random_state=0, **options)


NETWORKS = {
    "beside": network(),
    "below": network(convolution_place="below", n_layers=2, bidirectional=True),
    "gru": network(cell="gru", pooling="attention", normalization="layer", kernel_size=9),
    "shared": network(n_layers=3, layer_sharing="all", residual=True, depth_embedding=True),
    "shared, below": network(n_layers=2, layer_sharing="all", convolution_place="below"),
    "simple": network(cell="simple_rnn", pooling="max", dropout=0.2, n_seeds=2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_alone_gets_what_it_gets_among_longer_ones(name):
    learner = clone(NETWORKS[name]).fit(RAGGED, Y)
    alone = np.concatenate([learner.predict_proba([row]) for row in RAGGED])
    np.testing.assert_allclose(learner.predict_proba(RAGGED), alone, atol=1e-6)


@pytest.mark.parametrize("place", ["beside", "below"])
def test_tokens_alone_get_what_they_get_among_longer_ones(place):
    learner = network(vocabulary_size=9, convolution_place=place).fit(TOKENS, Y)
    alone = [learner.predict_proba(row[None, :n]) for row, n in zip(TOKENS, LENGTHS, strict=True)]
    np.testing.assert_allclose(learner.predict_proba(TOKENS), np.concatenate(alone), atol=1e-6)


@pytest.mark.parametrize("name", ["beside", "shared, below"])
def test_alone_and_in_a_group_they_are_the_same(name):
    X, learner = rng.normal(size=(24, 7, 3)), NETWORKS[name]
    learners = [("net", clone(learner)), ("other", clone(learner).set_params(random_state=1))]
    stack = StackingClassifier(learners, cv=2, random_state=0).fit(X, Y)
    alone = clone(learner).fit(X, Y)
    for ours, theirs in zip(stack.named_estimators_["net"].weights_, alone.weights_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_beside_goes_to_the_dense_layer():
    learner = network().fit(RAGGED, Y)
    recurrent, block = 4 * 6 * (3 + 6 + 1), (4 * 3 + 3) * 4 + (3 * 4 + 3) * 5
    assert learner.n_parameters_ == recurrent + block + (6 + 5 + 1) * 3
    learner = network(convolution_place="below").fit(RAGGED, Y)
    assert learner.n_parameters_ == 4 * 6 * (5 + 6 + 1) + block + (6 + 1) * 3


def test_a_block_is_keras_layers_on_top_of_each_other():
    x, mask = rng.normal(size=(5, 9, 3)).astype("float32"), np.arange(9) < LENGTHS[:5, None]
    block = ConvolutionBlock((4, 5), (4, 3), pooled=True)
    block.build(x.shape)
    block.set_weights([rng.normal(size=one.shape) for one in block.weights])
    found = block(x, mask=mask)
    for row, n, mean in zip(x, LENGTHS[:5], found, strict=True):
        hidden = row[None, :n]
        for convolution, norm in zip(block.convolutions, block.norms, strict=True):
            whole = keras.layers.GroupNormalization(1)
            whole.build((*hidden.shape[:2], convolution.filters))
            whole.set_weights(norm.get_weights())
            hidden = keras.ops.relu(whole(convolution(hidden)))
        np.testing.assert_allclose(np.mean(hidden[0], axis=0), mean, atol=1e-6)
    again = ConvolutionBlock.from_config(block.get_config())
    assert again(x, mask=mask).shape == again.compute_output_shape(x.shape) == (5, 5)
    assert block.compute_mask(x, mask) is None


def test_what_is_exported_predicts_the_same(tmp_path):
    from stackens import export_numpy

    learner = network(convolution_place="below", bidirectional=True).fit(RAGGED, Y)
    export_numpy(learner, tmp_path / "network")
    found = load(tmp_path / "network").predict_proba(RAGGED)
    np.testing.assert_allclose(found, learner.predict_proba(RAGGED), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convolutions": ()}, "`convolutions` must be None, or an int >= 1 per layer"),
        ({"convolutions": (4, 0)}, "`convolutions` must be"),
        ({"kernel_size": (3, 3, 3)}, r"3 convolutions, but `convolutions`=\(4, 5\) are 2"),
        ({"kernel_size": (3, 0.5)}, "`kernel_size` must be"),
        ({"kernel_size": 0}, "'kernel_size' parameter"),
        ({"convolution_place": "above"}, "'convolution_place' parameter"),
    ],
)
def test_what_is_no_network_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options).fit(RAGGED, Y)


def test_a_regressor_has_them_too():
    learner = StackedRNNRegressor(4, convolutions=[3], epochs=1, random_state=0)
    assert learner.fit(RAGGED, Y).predict(RAGGED).shape == (24,)
    assert learner.weights_[3].shape == (5, 3, 3)
