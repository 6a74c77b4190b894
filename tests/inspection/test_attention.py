"""Displays of attention."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from stackens import AttentionDisplay, AttentionEntropyDisplay
from stackens.exceptions import InvalidInputError
from stackens.inspection import attention_entropy

LENGTHS = (4, 2)


class Looking:
    """Stands in for a fitted transformer: 3 layers, 2 heads, sequences of 4 and 2 timesteps."""

    def __init__(self, spread=0.0):
        self.spread = spread  # 0: everybody looks at himself, 1: at all alike

    def attention_maps(self, X):
        maps = np.full((len(X), 3, 2, 4, 4), np.nan)
        for row, x in enumerate(X):
            n = len(x)
            alike = np.full((n, n), 1 / n)
            maps[row, :, :, :n] = 0
            maps[row, :, :, :n, :n] = self.spread * alike + (1 - self.spread) * np.eye(n)
        return maps


@pytest.fixture
def X():  # noqa: N802
    return [np.zeros((n, 1)) for n in LENGTHS]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_entropy_equals_that_of_scipy(X):
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(5), size=(2, 3, 2, 5))
    maps[1, :, :, 3:] = np.nan
    found = attention_entropy(maps)
    assert found.shape == (2, 3, 2)
    np.testing.assert_allclose(found[0], entropy(maps[0], axis=-1).mean(axis=-1))
    np.testing.assert_allclose(found[1], entropy(maps[1, :, :, :3], axis=-1).mean(axis=-1))


def test_entropy_is_zero_for_one_and_the_logarithm_for_all_alike(X):
    assert not attention_entropy(Looking(0).attention_maps(X)).any()
    spread = attention_entropy(Looking(1).attention_maps(X))
    np.testing.assert_allclose(spread[:, 0, 0], np.log(LENGTHS))


def test_a_map_is_cut_to_its_sequence_and_drawn_layer_by_head(X):
    display = AttentionDisplay.from_estimator(Looking(0.5), X, row=1)
    assert display.maps.shape == (3, 2, 2, 2)
    display.plot()
    drawn = np.asarray(display.image_.get_array().filled(np.nan))
    assert drawn.shape == (3 * 3 - 1, 2 * 3 - 1)
    np.testing.assert_allclose(drawn[3:5, 3:5], display.maps[1, 1])
    assert np.isnan(drawn[2]).all()
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["1", "2", "3"]
    assert display.figure_ is display.ax_.figure


def test_labels_name_the_timesteps_of_a_single_map(X):
    display = AttentionDisplay.from_estimator(Looking(), X, row=1, labels=["$a", "b"])
    _, ax = plt.subplots()
    AttentionDisplay(display.maps[:1, :1], labels=display.labels).plot(ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == [r"\$a", "b"]


def test_entropies_of_several_networks_share_one_picture(X):
    networks = {"shared": Looking(1), "unshared": Looking(0)}
    display = AttentionEntropyDisplay.from_estimator(networks, X).plot()
    shared, unshared = (line.get_ydata() for line in display.lines_)
    np.testing.assert_allclose(shared, np.mean(np.log(LENGTHS)))
    np.testing.assert_allclose(unshared, 0)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["shared", "unshared"]
    one = AttentionEntropyDisplay.from_estimator(Looking(1), X)
    assert list(one.entropies) == ["Looking"]
    assert one.plot(display.ax_).ax_ is display.ax_


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X: AttentionDisplay.from_estimator(object(), X), "needs a fitted Transformer"),
        (lambda X: AttentionDisplay.from_estimator(Looking(), X, row=2), "less than the 2 rows"),
        (
            lambda X: AttentionDisplay.from_estimator(Looking(), X, labels=["a"]),
            "each of the 4 timesteps of row 0; got 1",
        ),
        (lambda X: AttentionEntropyDisplay.from_estimator({}, X), "at least one"),
        (
            lambda X: AttentionEntropyDisplay.from_estimator({"a": Looking(), "b": 3}, X),
            "needs a fitted Transformer.*got int",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(X, make, message):
    with pytest.raises(InvalidInputError, match=message):
        make(X)
