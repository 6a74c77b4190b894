"""Which estimators have a ``random_state`` that they do not use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

Params = Mapping[str, Any]


def _one_of(name: str, *values: Any) -> Callable[[Params], bool]:
    return lambda params: params.get(name) in values


_linear = _one_of("solver", "lbfgs", "newton-cg", "newton-cholesky")
_ridge = _one_of("solver", "auto", "svd", "cholesky", "lsqr", "sparse_cg", "lbfgs")
_cyclic = _one_of("selection", "cyclic")
_primal = _one_of("dual", False)
_no_restarts = _one_of("n_restarts_optimizer", 0)

# By exact class: a subclass may do anything. What is not here is taken to use its seed.
_RULES: dict[str, Callable[[Params], bool]] = {
    "sklearn.decomposition.PCA": _one_of("svd_solver", "full", "covariance_eigh"),
    "sklearn.dummy.DummyClassifier": _one_of("strategy", "most_frequent", "prior", "constant"),
    "sklearn.gaussian_process.GaussianProcessClassifier": _no_restarts,
    "sklearn.gaussian_process.GaussianProcessRegressor": _no_restarts,
    "sklearn.linear_model.ElasticNet": _cyclic,
    "sklearn.linear_model.ElasticNetCV": _cyclic,
    "sklearn.linear_model.Lasso": _cyclic,
    "sklearn.linear_model.LassoCV": _cyclic,
    "sklearn.linear_model.MultiTaskElasticNet": _cyclic,
    "sklearn.linear_model.MultiTaskLasso": _cyclic,
    "sklearn.linear_model.LogisticRegression": _linear,
    "sklearn.linear_model.LogisticRegressionCV": _linear,
    "sklearn.linear_model.Ridge": _ridge,
    "sklearn.linear_model.RidgeClassifier": _ridge,
    "sklearn.svm.LinearSVC": _primal,
    "sklearn.svm.LinearSVR": _primal,
    "sklearn.svm.NuSVC": _one_of("probability", False),
    "sklearn.svm.SVC": _one_of("probability", False),
}


def ignores_random_state(estimator: Any, params: Params) -> bool:
    """Whether an estimator gives the same result for every ``random_state``.

    Parameters
    ----------
    estimator : estimator
        Of any class. One whose ``_hands_on_seeds`` is true only seeds its parts, which are asked
        themselves.
    params : mapping
        Its parameters.

    Returns
    -------
    bool
        False if that is not known.
    """
    kind = type(estimator)
    if vars(kind).get("_hands_on_seeds"):
        return True
    room = kind.__module__.partition("._")[0]
    if getattr(sys.modules.get(room), kind.__qualname__, None) is not kind:
        return False
    rule = _RULES.get(f"{room}.{kind.__qualname__}")
    return rule is not None and rule(params)
