"""What a stack predicts with, known before it is fitted: that of its final estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

__all__ = ["ClassesFromFinal", "ValuesFromFinal"]


def _final_has(method: str) -> Callable[[Any], bool]:
    """Look at the final estimator; scikit-learn's stacks overlook what None stands for."""

    def check(stack: Any) -> bool:
        final = getattr(stack, "final_estimator_", stack.final_estimator)
        getattr(stack._default_final if final is None else final, method)  # else its own error
        return True

    return check


class ValuesFromFinal:
    """``predict``, of unfitted stacks with the default final estimator as well."""

    _default_final: ClassVar[Any] = RidgeCV

    @available_if(_final_has("predict"))
    def predict(self, X: Any, **predict_params: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like
            As in ``fit``.
        **predict_params : dict
            For ``predict`` of the final estimator.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return super().predict(X, **predict_params)  # type: ignore[misc]


class ClassesFromFinal(ValuesFromFinal):
    """The same of classifiers."""

    _default_final: ClassVar[Any] = LogisticRegression
    classes_: Any
    final_estimator_: Any
    transform: Callable[[Any], Any]

    @available_if(_final_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; of several labels the probability of each.
        """
        check_is_fitted(self)
        if not isinstance(self.classes_, list):
            return super().predict_proba(X)  # type: ignore[misc]
        # scikit-learn's gives those of the labels' absence, of some final estimators.
        found = self.final_estimator_.predict_proba(self.transform(X))
        if not isinstance(found, list):
            return found
        has_label = [classes == 1 for classes in self.final_estimator_.classes_]
        parts = zip(found, has_label, strict=True)
        return np.column_stack([columns[:, there].sum(axis=1) for columns, there in parts])

    @available_if(_final_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the decision values of the final estimator.

        Parameters
        ----------
        X : array-like
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        return super().decision_function(X)  # type: ignore[misc]
