"""Several fitted copies of one learner, used as one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from stackens.ensemble._fit import as_arrays
from stackens.ensemble._out_of_fold import align_classes


def _all_have(method: str) -> Any:
    return lambda self: all(hasattr(e, method) for e in self.estimators)


class FoldAverage(BaseEstimator):
    """Average of the fold models of a learner; made fitted.

    Parameters
    ----------
    estimators : list of estimators
        Fitted on the training rows of each fold.
    classes : ndarray of shape (n_classes,) or list of such, default=None
        All classes, for a classifier, or those of each label; a fold model that lacks one gives
        it probability 0.
    """

    def __init__(self, estimators: list[Any], classes: Any = None) -> None:
        self.estimators = estimators
        self.classes = classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimators[0])

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return int(self.estimators[0].n_features_in_)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features, if there are any."""
        return self.estimators[0].feature_names_in_

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of all fold models."""
        return sum(int(e.n_parameters_) for e in self.estimators)

    @property
    def classes_(self) -> Any:
        """All classes."""
        return self.classes

    @available_if(_all_have("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Average the probabilities."""
        return self._average("predict_proba", X)

    @available_if(_all_have("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Average the decision values."""
        return self._average("decision_function", X)

    def predict(self, X: Any) -> Any:
        """Average the predictions; of a classifier, take the class that most models predict."""
        if self.classes is None:
            return self._average("predict", X)
        votes = np.stack([e.predict(X) for e in self.estimators])  # (folds, rows[, labels])
        classes = self.classes[0] if isinstance(self.classes, list) else self.classes
        counts = np.stack([(votes == c).sum(axis=0) for c in classes])
        return np.asarray(classes)[counts.argmax(axis=0)]

    def _average(self, method: str, X: Any) -> Any:
        results = []
        for estimator in self.estimators:
            result = as_arrays(getattr(estimator, method)(X))
            if isinstance(result, list):
                result = align_classes(result, estimator, 2, method)
            elif self.classes is not None and not isinstance(self.classes, list):
                result = align_classes(result, estimator, len(self.classes), method)
            results.append(result)
        if isinstance(results[0], list):
            return [np.mean(parts, axis=0) for parts in zip(*results, strict=True)]
        return np.mean(results, axis=0)
