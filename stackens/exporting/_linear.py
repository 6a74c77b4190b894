"""Linear models, naive Bayes, constants and multilayer perceptrons of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from stackens import portable
from stackens.exporting._converter import CannotExportError, Converter, converts, labels

__all__: list[str] = []

_PERCEPTRON_ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "relu": "relu",
    "softmax": "softmax",
    "tanh": "tanh",
}


@converts(
    "sklearn.ARDRegression",
    "sklearn.BayesianRidge",
    "sklearn.ElasticNet",
    "sklearn.ElasticNetCV",
    "sklearn.HuberRegressor",
    "sklearn.Lasso",
    "sklearn.LassoCV",
    "sklearn.LinearRegression",
    "sklearn.LinearSVR",
    "sklearn.QuantileRegressor",
    "sklearn.Ridge",
    "sklearn.RidgeCV",
    "sklearn.SGDRegressor",
    "sklearn.TheilSenRegressor",
)
def _regressor(model: Any, converter: Converter) -> portable.Part:
    coef = np.asarray(model.coef_)
    return portable.LinearRegressor(coef, np.asarray(model.intercept_, dtype=coef.dtype))


def _classifier(model: Any, link: str | None) -> portable.LinearClassifier:
    if np.ndim(model.classes_) != 1 or isinstance(model.classes_, list):
        raise CannotExportError("it predicts several labels for each row")
    coef = np.atleast_2d(model.coef_)
    intercept = np.broadcast_to(model.intercept_, len(coef)).astype(coef.dtype)
    return portable.LinearClassifier(coef, intercept, labels(model.classes_), link)


@converts("sklearn.LogisticRegression", "sklearn.LogisticRegressionCV")
def _logistic_regression(model: Any, converter: Converter) -> portable.Part:
    # `multi_class` can go when scikit-learn 1.8 is the oldest supported version.
    mode, n_classes = getattr(model, "multi_class", "auto"), len(model.classes_)
    one_by_one = mode == "ovr" or model.solver == "liblinear"
    is_binary = n_classes == 2 and mode != "multinomial"
    return _classifier(model, "sigmoid" if one_by_one or is_binary else "softmax")


@converts(
    "sklearn.LinearSVC",
    "sklearn.PassiveAggressiveClassifier",
    "sklearn.Perceptron",
    "sklearn.RidgeClassifier",
    "sklearn.RidgeClassifierCV",
)
def _decisions(model: Any, converter: Converter) -> portable.Part:
    binarizer = getattr(model, "_label_binarizer", None)
    if getattr(binarizer, "y_type_", "").startswith("multilabel"):
        raise CannotExportError("it predicts several labels for each row")
    return _classifier(model, None)


@converts("sklearn.SGDClassifier")
def _sgd(model: Any, converter: Converter) -> portable.Part:
    links = {"log_loss": "sigmoid", "modified_huber": "clip"}
    return _classifier(model, links.get(model.loss))


@converts("sklearn.LinearDiscriminantAnalysis")
def _discriminant(model: Any, converter: Converter) -> portable.Part:
    return _classifier(model, "sigmoid" if len(model.classes_) == 2 else "softmax")


@converts("sklearn.GaussianNB")
def _gaussian(model: Any, converter: Converter) -> portable.Part:
    prior = np.log(model.class_prior_)
    return portable.GaussianNB(model.theta_, model.var_, prior, labels(model.classes_))


@converts("sklearn.MultinomialNB")
def _multinomial(model: Any, converter: Converter) -> portable.Part:
    return portable.MultinomialNB(
        model.feature_log_prob_, model.class_log_prior_, labels(model.classes_)
    )


@converts("sklearn.DummyRegressor")
def _dummy_regressor(model: Any, converter: Converter) -> portable.Part:
    return portable.Constant(np.ravel(model.constant_))


@converts("sklearn.DummyClassifier")
def _dummy_classifier(model: Any, converter: Converter) -> portable.Part:
    if model.strategy not in ("prior", "most_frequent") or model.n_outputs_ != 1:
        raise CannotExportError("only the most frequent class can be exported")
    prior = np.asarray(model.class_prior_)
    if model.strategy == "most_frequent":
        prior = np.eye(len(prior))[prior.argmax()]
    return portable.Constant(prior, labels(model.classes_))


def _perceptron(model: Any) -> tuple[portable.Network, portable.ArrayInput]:
    inner, last = model.activation, model.out_activation_
    names = [inner] * (len(model.coefs_) - 1) + [last]
    layers: list[portable.Layer] = [
        portable.Dense(coef, bias, _PERCEPTRON_ACTIVATIONS[name])
        for coef, bias, name in zip(model.coefs_, model.intercepts_, names, strict=True)
    ]
    source = portable.ArrayInput([int(model.n_features_in_)], "float64")
    return portable.Network(layers), source


@converts("sklearn.MLPClassifier")
def _perceptron_classifier(model: Any, converter: Converter) -> portable.Part:
    if model._label_binarizer.y_type_.startswith("multilabel"):
        raise CannotExportError("it predicts several labels for each row")
    network, source = _perceptron(model)
    return portable.NetworkClassifier(network, source, labels(model.classes_))


@converts("sklearn.MLPRegressor")
def _perceptron_regressor(model: Any, converter: Converter) -> portable.Part:
    network, source = _perceptron(model)
    return portable.NetworkRegressor(network, source, model.n_outputs_ == 1)
