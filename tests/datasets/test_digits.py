"""The digits as sequences."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from stackens.datasets import load_digits_sequences


def test_each_image_is_eight_steps_of_eight_pixels():
    X, y = load_digits_sequences(return_X_y=True)
    images, target = load_digits(return_X_y=True)
    assert X.shape == (1797, 8, 8)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X.reshape(1797, 64) * 16, images)
    np.testing.assert_array_equal(y, target)


def test_the_bunch_holds_the_same():
    bunch = load_digits_sequences()
    X, y = load_digits_sequences(return_X_y=True)
    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)
    assert "digits" in bunch.DESCR
