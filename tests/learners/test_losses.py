"""A loss and an optimizer may be spelled in each of Keras's ways."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from public_estimators import CLASSES, LEARNERS, TABLE, VALUES, make
from sklearn.base import clone

from stackens import load, save

VALUE_LOSSES = {
    "mse": "mean_squared_error",
    "MSE": "mean_squared_error",
    "MeanSquaredError": "mean_squared_error",
    keras.losses.MeanSquaredError: "mean_squared_error",
    "mae": "mean_absolute_error",
    "msle": "mean_squared_logarithmic_error",
    "Huber": "huber",
    "LogCosh": "log_cosh",
}
CLASS_LOSSES = {
    "bce": "binary_crossentropy",
    "BinaryCrossentropy": "binary_crossentropy",
    keras.losses.BinaryCrossentropy: "binary_crossentropy",
    keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
}


def train(cls_name, **parameters):
    learner = make(cls_name).set_params(random_state=0, **parameters)
    return learner.fit(np.abs(TABLE), np.abs(VALUES) if "Regr" in cls_name else CLASSES)


@pytest.mark.parametrize(
    ("name", "spelled", "loss"),
    [("StackedRNNRegressor", *pair) for pair in VALUE_LOSSES.items()]
    + [("StackedRNNClassifier", *pair) for pair in CLASS_LOSSES.items()],
)
def test_spellings_of_a_loss_train_the_same_network(name, spelled, loss):
    found, expected = train(name, loss=spelled), train(name, loss=loss)
    for one, other in zip(found.weights_, expected.weights_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert clone(found).loss is spelled


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_takes_short_names_and_classes(name):
    short, cls = ("mse", "MeanSquaredError") if "Regr" in name else ("bce", "BinaryCrossentropy")
    expected = train(name, loss=short, optimizer="sgd").history_
    found = train(name, loss=getattr(keras.losses, cls), optimizer="SGD").history_
    assert found == expected


def test_a_short_name_is_saved(tmp_path):
    learner = train("StackedRNNRegressor", loss="mse")
    save(learner, tmp_path / "file")
    np.testing.assert_array_equal(load(tmp_path / "file").predict(TABLE), learner.predict(TABLE))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "mean_squared_eror"}, "one of"),
        ({"optimizer": "adamm"}, r"mean `adam`\?"),
        ({"optimizer": keras.optimizers.Adam}, "name of a Keras optimizer.*the class Adam"),
        ({"optimizer": keras.optimizers.Adam(0.1)}, "name of a Keras optimizer.*instance of Adam"),
    ],
)
def test_what_is_no_name_of_an_optimizer_or_loss(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        train(name, **parameters)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_batch_is_no_larger_than_the_data(name):
    found, expected = train(name, batch_size=10**12), train(name, batch_size=24)
    assert found.history_ == expected.history_
    assert found.batch_size == 10**12


def test_a_lambda_is_a_loss_like_any_function():
    squared = lambda y, output: keras.ops.mean(keras.ops.square(y - output), axis=-1)  # noqa: E731
    found, expected = (train("StackedRNNRegressor", loss=loss) for loss in (squared, "mse"))
    for one, other in zip(found.weights_, expected.weights_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
