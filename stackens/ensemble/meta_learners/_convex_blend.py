"""Meta-learners: the best weighted average."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from stackens.ensemble.meta_learners._blend import BlendClassifier, BlendRegressor
from stackens.ensemble.meta_learners._simplex import log_loss, minimize_log_loss, minimize_norm
from stackens.exceptions import InvalidInputError


class _Shrinks:
    """The parameter that both blends have."""

    def __init__(self, shrinkage: float | str = "auto") -> None:
        self.shrinkage = shrinkage

    def _read_shrinkage(self, sample_weight: np.ndarray, n_learners: int) -> float:
        if isinstance(self.shrinkage, str) and self.shrinkage == "auto":
            return float(n_learners / sample_weight.sum())
        if not (isinstance(self.shrinkage, Real) and self.shrinkage >= 0):
            raise InvalidInputError(f"`shrinkage` must be 'auto' or >= 0; got {self.shrinkage!r}.")
        return float(self.shrinkage)


class ConvexBlendClassifier(_Shrinks, BlendClassifier):
    r"""Weighted average of the learners' probabilities whose log-loss is the smallest.

    The weights are at least 0 and sum to 1. The problem is convex, and solved to the optimum. One
    number for each learner is all there is to fit, which suits few rows; the probabilities stay as
    calibrated as those of the learners.

    Parameters
    ----------
    shrinkage : float or "auto", default="auto"
        Pull towards equal weights: the objective is the log-loss plus
        :math:`\frac{s c}{2} \sum_l (a_l - 1/n)^2` for n weights a. Here c is the mean curvature of
        the log-loss at equal weights (the trace of its Hessian on the simplex, by n), so that
        s has no unit. 0 is none, and ``inf`` makes weights equal. "auto" is the number of learners
        divided by that of rows (the sum of their weights), as the best penalty of a ridge
        regression grows with the one and falls with the other.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each learner, by its name; ``learner_0`` and so on outside a stack.
    loss_ : float
        Log-loss of the average on the rows that it was fitted on.
    blocks_ : dict of str to slice
        Columns of each learner.
    classes_ : ndarray of shape (n_classes,)
        Classes.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    EnsembleSelectionClassifier : Minimises any score, greedily.
    ConvexBlendRegressor : The same for numbers.

    References
    ----------
    L. Breiman, *Stacked regressions*, Machine Learning 24, 1996 (weights that are not
    negative); M. J. van der Laan, E. C. Polley and A. E. Hubbard, *Super learner*, 2007; A. E.
    Hoerl, R. W. Kennard and K. F. Baldwin, *Ridge regression: some simulations*, 1975 (penalty by
    rows).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import ConvexBlendClassifier, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    >>> stack = StackingClassifier(learners, ConvexBlendClassifier()).fit(X, y)
    >>> float(round(sum(stack.final_estimator_.weights_.values()), 6))
    1.0
    """

    def _choose_weights(
        self, outputs: np.ndarray, codes: np.ndarray, sample_weight: Any
    ) -> np.ndarray:
        true = outputs[:, np.arange(len(codes)), codes].T  # (n_samples, n_learners)
        used = np.ones(len(codes)) if sample_weight is None else sample_weight
        shrinkage = self._read_shrinkage(used, len(outputs))
        if np.isinf(shrinkage):
            weights = np.full(len(outputs), 1 / len(outputs))
        else:
            weights = minimize_log_loss(true, used, shrinkage)
        self.loss_ = log_loss(true, used, weights)
        return weights


class ConvexBlendRegressor(_Shrinks, BlendRegressor):
    r"""Weighted average of the learners' predictions whose squared error is the smallest.

    The weights are at least 0 and sum to 1: the average never leaves the range of the learners.
    Several outputs share one weight for each learner.

    Parameters
    ----------
    shrinkage : float or "auto", default="auto"
        Pull towards equal weights: the objective is the squared error plus
        :math:`\frac{s c}{2} \sum_l (a_l - 1/n)^2` for n weights a. Here c is the mean curvature of
        the squared error at equal weights (the trace of its Hessian on the simplex, by n), so that
        s has no unit. 0 is none, and ``inf`` makes weights equal. "auto" is the number of learners
        divided by that of rows (the sum of their weights), as the best penalty of a ridge
        regression grows with the one and falls with the other.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each learner, by its name; ``learner_0`` and so on outside a stack.
    loss_ : float
        Mean squared error of the average on the rows that it was fitted on.
    blocks_ : dict of str to slice
        Columns of each learner.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    EnsembleSelectionRegressor : Minimises any score, greedily.
    ConvexBlendClassifier : The same for classes.

    References
    ----------
    L. Breiman, *Stacked regressions*, Machine Learning 24, 1996; A. E. Hoerl, R. W. Kennard and K.
    F. Baldwin, *Ridge regression: some simulations*, 1975 (penalty by rows).

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import ConvexBlendRegressor
    >>> y = np.arange(4.0)
    >>> predictions = np.column_stack([y + 1, y - 3])  # of two learners
    >>> blend = ConvexBlendRegressor(shrinkage=0.0).fit(predictions, y)
    >>> {name: round(weight, 3) for name, weight in blend.weights_.items()}
    {'learner_0': 0.75, 'learner_1': 0.25}
    """

    def _choose_weights(self, outputs: np.ndarray, y: np.ndarray, sample_weight: Any) -> np.ndarray:
        used = np.ones(len(y)) if sample_weight is None else sample_weight
        errors = (outputs - y) * np.sqrt(used / used.sum())[:, np.newaxis]
        columns = errors.reshape(len(outputs), -1).T  # (n_samples * n_outputs, n_learners)
        n_learners = len(outputs)
        shrinkage = self._read_shrinkage(used, n_learners)
        # As the weights sum to 1, the learners differ by as much as their errors do.
        disagreement = ((columns - columns.mean(axis=1, keepdims=True)) ** 2).sum() / n_learners
        if np.isinf(shrinkage):
            weights = np.full(n_learners, 1 / n_learners)
        else:
            pull = np.sqrt(shrinkage * disagreement) * (np.eye(n_learners) - 1 / n_learners)
            weights = minimize_norm(np.vstack([columns, pull]) if shrinkage else columns)
        self.loss_ = float(((columns @ weights) ** 2).sum() / y.shape[1])
        return weights
