"""Learners whose training rows are changed at random: what they take, refuse, keep and share."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.base import clone

import stackens
from stackens import (
    KerasNetworkClassifier,
    StackedRNNClassifier,
    StackedRNNRegressor,
    TransformerClassifier,
)
from stackens.exceptions import InvalidInputError
from stackens.model_selection import GridSearchCV
from stackens.store import network_key

ALL = {"jitter": 0.05, "scaling": 0.1, "window": 0.9, "time_warp": 0.1, "mixup": 0.2}
RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 2)) for length in RNG.integers(1, 7, size=24)]
CLASSES, NUMBERS = np.arange(24) % 3, RNG.normal(size=24)
LABELS = np.stack([CLASSES == 0, CLASSES < 2], axis=1).astype(int)
OPTIONS = {"epochs": 2, "batch_size": 8, "random_state": 0}


def build(meta):
    return keras.Sequential(
        [
            keras.Input((None, meta["n_features_in_"])),
            keras.layers.Masking(meta["padding_value"]),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


RNN = StackedRNNClassifier(3, **OPTIONS)
CASES = {
    "classes": (RNN, CLASSES),
    "two classes": (RNN, CLASSES > 0),
    "labels": (RNN, LABELS),
    "numbers": (StackedRNNRegressor(3, **OPTIONS), NUMBERS),
    "columns": (StackedRNNRegressor(3, **OPTIONS), np.stack([NUMBERS, -NUMBERS], axis=1)),
    "transformer": (TransformerClassifier(4, n_heads=2, **OPTIONS), CLASSES > 0),
    "own": (KerasNetworkClassifier(build, **OPTIONS), CLASSES),
}


def assert_same(learner, other):
    assert learner.history_ == other.history_
    for one, two in zip(learner.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_learner_and_target_is_trained_on_changed_rows(case):
    learner, y = CASES[case]
    plain, changed = (clone(learner).set_params(augmentation=a) for a in (None, ALL))
    plain.fit(RAGGED, y)
    assert np.isfinite(changed.fit(RAGGED, y).predict(RAGGED)).all()
    assert changed.history_["loss"] != plain.history_["loss"]
    assert changed.predict(RAGGED).shape == plain.predict(RAGGED).shape
    assert_same(clone(changed).fit(RAGGED, y), changed)


def test_strengths_of_nothing_are_no_augmentation_bit_for_bit():
    neutral = {"jitter": 0.0, "scaling": 0, "window": 1.0, "time_warp": 0.0, "mixup": 0.0}
    plain, same = (clone(RNN).set_params(augmentation=a) for a in (None, neutral))
    assert_same(same.fit(RAGGED, CLASSES), plain.fit(RAGGED, CLASSES))


def test_what_mixup_compares_with_is_the_same_cross_entropy():
    """With a parameter near 0, shares are 0 and 1, but for a few rows: nothing is mixed."""
    plain, mixed = (clone(RNN).set_params(augmentation=a) for a in (None, {"mixup": 1e-9}))
    plain.fit(RAGGED, CLASSES)
    mixed.fit(RAGGED, CLASSES)
    np.testing.assert_allclose(mixed.history_["loss"], plain.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(mixed.predict_proba(RAGGED), plain.predict_proba(RAGGED), rtol=1e-3)


def test_members_are_the_networks_of_their_seeds():
    learner = clone(RNN).set_params(augmentation=ALL)
    two = clone(learner).set_params(n_seeds=2).fit(RAGGED, CLASSES)
    for one, other in zip(learner.fit(RAGGED, CLASSES).weights_, two.weights_, strict=False):
        np.testing.assert_array_equal(one, other)


def test_going_on_sees_other_changes():
    learner = clone(RNN).set_params(augmentation=ALL, warm_start=True).fit(RAGGED, CLASSES)
    first, second = clone(learner).plan_job(RAGGED, CLASSES), learner.plan_job(RAGGED, CLASSES)
    assert next(first.batches(0))[0].shape == next(second.batches(0))[0].shape
    for epoch in range(2):
        assert (next(first.batches(epoch))[0] != next(second.batches(0))[0]).any()


def test_callbacks_change_no_row():
    learner = clone(RNN).set_params(augmentation=ALL)
    callbacks = [keras.callbacks.TerminateOnNaN()]
    by_keras = clone(learner).set_params(callbacks=callbacks).fit(RAGGED, CLASSES)
    losses = learner.fit(RAGGED, CLASSES).history_["loss"]
    np.testing.assert_allclose(by_keras.history_["loss"], losses, rtol=1e-5)


def test_it_is_a_parameter_like_any_other(tmp_path):
    learner = StackedRNNClassifier(3, augmentation=ALL, **OPTIONS)
    assert clone(learner).get_params()["augmentation"] == ALL
    assert "'mixup': 0.2" in repr(learner)
    learner.fit(RAGGED, CLASSES)
    stackens.save(learner, tmp_path / "learner.stackens")
    loaded = stackens.load(tmp_path / "learner.stackens")
    assert loaded.augmentation == ALL
    np.testing.assert_array_equal(loaded.predict_proba(RAGGED), learner.predict_proba(RAGGED))
    assert_same(clone(loaded).fit(RAGGED, CLASSES), learner)


def test_a_search_chooses_between_strengths(tmp_path):
    candidates = [None, {"jitter": 0.3}, {"mixup": 0.2}]
    search = GridSearchCV(RNN, {"augmentation": candidates}, cv=2, memory=tmp_path)
    search.fit(np.array(RAGGED, dtype=object), CLASSES)
    assert search.best_params_["augmentation"] in candidates
    best = clone(RNN).set_params(**search.best_params_).fit(RAGGED, CLASSES)
    assert_same(best, search.best_estimator_)


def test_a_store_knows_one_strength_from_another():
    def key(augmentation):
        learner = clone(RNN).set_params(augmentation=augmentation)
        return network_key(learner, learner.plan_job(RAGGED, CLASSES))

    some = [None, {"jitter": 0.1}, {"jitter": 0.2}, {"scaling": 0.1}, ALL]
    assert len({key(one) for one in some}) == len(some)
    assert key(ALL) == key(dict(ALL))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"jiter": 0.1}, r"mean `jitter`\?"),
        ({"window": 1.5}, "got 1.5"),
        ("jitter", "must be an instance of 'dict' or None"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        StackedRNNClassifier(augmentation=given).fit(RAGGED, CLASSES)


def test_tokens_are_not_changed():
    tokens = np.arange(1, 97).reshape(24, 4) % 8 + 1
    learner = clone(RNN).set_params(vocabulary_size=9, augmentation={"mixup": 0.2})
    with pytest.raises(InvalidInputError, match=r"`vocabulary_size=9`.*Set `augmentation=None`"):
        learner.fit(tokens, CLASSES)
    learner.set_params(augmentation={"mixup": 0.0}).fit(tokens, CLASSES)


def test_mixup_needs_a_loss_that_takes_mixtures():
    loss = keras.losses.SparseCategoricalCrossentropy()
    learner = clone(RNN).set_params(loss=loss, augmentation={"mixup": 0.2})
    with pytest.raises(InvalidInputError, match="`mixup` needs a loss that compares with prob"):
        learner.fit(RAGGED, CLASSES)
    learner.set_params(augmentation={"jitter": 0.1}).fit(RAGGED, CLASSES)
    for loss in ("categorical_crossentropy", keras.losses.CategoricalCrossentropy()):
        learner.set_params(loss=loss, augmentation={"mixup": 0.2}).fit(RAGGED, CLASSES)
