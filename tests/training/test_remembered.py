"""Predictions of one network for one input are computed once, where that is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from stackens.training import Architecture, remembering_predictions
from stackens.training._prediction import _Memory, remembered

WEIGHTS = [np.ones((2, 3), "f4"), np.zeros(3, "f4")]
VALUES = np.arange(8, dtype="f4").reshape(4, 2)


@pytest.fixture
def computed(monkeypatch):
    """Compute something, and write down what for."""
    monkeypatch.setattr("stackens.training._prediction._MEMORY", _Memory(1000))
    done = []

    def compute(key="a", weights=WEIGHTS, values=VALUES):
        def output():
            done.append(key)
            return values @ weights[0] + weights[1]

        found = remembered(Architecture(dict, key=key), weights, values, output)
        np.testing.assert_array_equal(found, values @ weights[0] + weights[1])
        return found

    compute.done = done
    return compute


def test_only_where_it_is_wanted(computed):
    computed(), computed()
    with remembering_predictions(False):
        computed(), computed()
    assert len(computed.done) == 4
    with remembering_predictions():
        first = computed()
        first[:] = 7  # whose it is may change it
        computed()
    assert len(computed.done) == 5
    computed()
    assert len(computed.done) == 6


def test_network_weights_and_input_count(computed):
    with remembering_predictions():
        for other in (
            {},
            {"key": "b"},
            {"weights": [WEIGHTS[0], WEIGHTS[1] + 1]},
            {"values": VALUES + 1},
            {"values": VALUES[:3]},
            {"values": VALUES.astype("f8")},
        ):
            before = len(computed.done)
            computed(**other), computed(**other)
            assert len(computed.done) == before + 1


def test_the_least_recently_used_are_forgotten(computed):
    with remembering_predictions():
        for n in range(40):  # of 48 bytes each
            computed(key="kept")
            computed(key=n)
        assert computed.done.count("kept") == 1
        computed(key=0)
        assert computed.done.count(0) == 2
        computed(key="too big", values=np.ones((300, 2), "f4"))
        computed(key="too big", values=np.ones((300, 2), "f4"))
        assert computed.done.count("too big") == 2
