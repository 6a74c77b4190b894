"""SequenceFlattener: timesteps side by side, one width for ever."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stackens import SequenceFlattener
from stackens.datasets import load_digits_sequences


def test_equals_a_reshape_where_nothing_is_padded():
    X = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_array_equal(SequenceFlattener().fit_transform(X), X.reshape(4, 15))


def test_padding_is_filled():
    out = SequenceFlattener(fill_value=-9).fit_transform([[1.0, 2.0, 3.0], [4.0]])
    assert out.tolist() == [[1, 2, 3], [4, -9, -9]]


@pytest.mark.parametrize("n_timesteps", [1, 3, 8])
def test_the_width_is_that_of_fit(n_timesteps):
    flattener = SequenceFlattener().fit(np.ones((2, 3, 2)))
    out = flattener.transform(np.ones((2, n_timesteps, 2)))
    assert out.shape == (2, 6)
    assert out.sum() == 2 * 2 * min(3, n_timesteps)


def test_names_are_channels_and_timesteps():
    flattener = SequenceFlattener().fit(np.ones((2, 2, 2)))
    assert flattener.get_feature_names_out().tolist() == ["x0_t0", "x1_t0", "x0_t1", "x1_t1"]
    assert flattener.get_feature_names_out(["a", "b"])[1] == "b_t0"
    out = SequenceFlattener().set_output(transform="pandas").fit_transform(np.ones((2, 2, 1)))
    assert out.columns.tolist() == ["x0_t0", "x0_t1"]


def test_a_table_keeps_its_names():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    flattener = SequenceFlattener().fit(frame)
    np.testing.assert_array_equal(flattener.transform(frame), frame)
    assert flattener.get_feature_names_out().tolist() == ["a", "b"]


def test_lets_a_linear_model_read_sequences():
    X, y = load_digits_sequences(return_X_y=True)
    model = make_pipeline(SequenceFlattener(), LogisticRegression(max_iter=300))
    assert model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.85
