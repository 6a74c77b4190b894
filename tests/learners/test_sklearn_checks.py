"""scikit-learn's own checks of estimators."""

from __future__ import annotations

import keras
from sklearn.utils.estimator_checks import parametrize_with_checks

from stackens import (
    KerasNetworkClassifier,
    KerasNetworkRegressor,
    StackedRNNClassifier,
    StackedRNNRegressor,
)

WEIGHTS = (
    "rows of weight 2 and repeated rows fall into other mini-batches; scikit-learn expects this "
    "of its own mini-batch learners"
)


def dense_classifier(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def dense_regressor(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )


@parametrize_with_checks(
    [
        StackedRNNClassifier(),
        StackedRNNRegressor(),
        KerasNetworkClassifier(dense_classifier),
        KerasNetworkRegressor(dense_regressor),
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    },
)
def test_passes_every_check(estimator, check):
    check(estimator)
