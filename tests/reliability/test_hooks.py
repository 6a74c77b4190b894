"""Hooks and the store: a kept network is served to whom it would have been trained for."""

from __future__ import annotations

import numpy as np
import pytest

from stackens import JobStore, StackedRNNClassifier
from stackens.datasets import load_digits_sequences
from stackens.store import Checkpoint, network_key


@pytest.fixture(scope="module")
def data():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:80], y[:80]


class Recorder:
    def __init__(self, stop_at=None):
        self.stop_at, self.seen = stop_at, []

    def __call__(self, epoch, logs):
        self.seen.append((epoch, dict(logs)))
        return epoch == self.stop_at


def fit(data, memory, hook=None):
    learner = StackedRNNClassifier(4, epochs=4, random_state=0, memory=memory, on_epoch_end=hook)
    return learner.fit(*data)


def test_a_hook_is_no_part_of_the_key_and_sees_the_kept_history(data, tmp_path, trained):
    plain = fit(data, tmp_path)
    hook = Recorder()
    served = fit(data, tmp_path, hook)
    assert len(trained) == 1
    assert served.history_ == plain.history_
    own = Recorder()
    fit(data, None, own)
    assert hook.seen == own.seen
    assert [epoch for epoch, _ in hook.seen] == [0, 1, 2, 3]


def test_a_network_trained_with_a_hook_is_served_without(data, tmp_path, trained):
    first = fit(data, tmp_path, Recorder())
    again = fit(data, tmp_path)
    assert len(trained) == 1
    np.testing.assert_array_equal(first.predict_proba(data[0]), again.predict_proba(data[0]))


@pytest.mark.parametrize("was_kept", [False, True])
def test_a_hook_that_stops_gets_its_short_network_which_is_not_kept(
    data, tmp_path, trained, was_kept
):
    if was_kept:
        fit(data, tmp_path)
    short = fit(data, tmp_path, Recorder(stop_at=1))
    assert len(short.history_["loss"]) == 2
    assert JobStore(tmp_path).info().n_entries == was_kept
    del trained[:]
    assert len(fit(data, tmp_path).history_["loss"]) == 4
    assert len(trained) == (not was_kept)


def test_a_resumed_training_shows_its_hook_the_epochs_before(data, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(epoch, logs):
        if epoch == 2:
            raise Killed

    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    store = JobStore(tmp_path)
    with pytest.raises(Killed):
        fit(data, store, dies)
    assert store.info().n_checkpoints == 1
    hook = Recorder()
    resumed = fit(data, store, hook)
    assert [epoch for epoch, _ in hook.seen] == [0, 1, 2, 3]
    np.testing.assert_array_equal(
        resumed.predict_proba(data[0]), fit(data, None).predict_proba(data[0])
    )


def test_keys_of_a_learner_with_and_without_a_hook(data):
    keys = set()
    for hook in (None, Recorder(), print):
        learner = StackedRNNClassifier(4, random_state=0, on_epoch_end=hook)
        keys.add(network_key(learner, learner.plan_job(*data)))
        assert learner.on_epoch_end is hook
    assert len(keys) == 1
