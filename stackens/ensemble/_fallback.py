"""What predicts when the stack does not beat its best learner, or the average of all."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score

from stackens.ensemble._cross_fit import average, cross_fit_final, wrap_blocks
from stackens.ensemble._level_one import encode_target, to_logits
from stackens.exceptions import InvalidInputError


class _ColumnAverage(BaseEstimator):
    """Final estimator that averages what some learners predict; nothing is trained.

    Parameters
    ----------
    columns : list of (int, int)
        First column of each learner, and the one after its last.
    methods : list of str
        What each predicts with.
    """

    def __init__(self, columns: list[tuple[int, int]], methods: list[str]) -> None:
        self.columns = columns
        self.methods = methods

    def _outputs(self, Z: Any, classes: np.ndarray | None) -> Any:
        is_sparse = hasattr(Z, "tocsr")  # where a sparse table is passed through
        Z = Z.tocsr()[:, : self.columns[-1][1]].toarray() if is_sparse else np.asarray(Z)
        return average(wrap_blocks([Z[:, a:b] for a, b in self.columns], self.methods, classes))


class AveragingClassifier(ClassifierMixin, _ColumnAverage):
    """Average of the learners' probabilities."""

    def fit(self, Z: Any, y: Any, n_classes: int | None = None) -> Self:
        self.classes_ = np.unique(y) if n_classes is None else np.arange(n_classes)
        return self

    def predict_proba(self, Z: Any) -> np.ndarray:
        return self._outputs(Z, self.classes_).predict_proba(None)

    def decision_function(self, Z: Any) -> np.ndarray:
        logits: np.ndarray = to_logits(self.predict_proba(Z))
        return logits[:, 1] if len(self.classes_) == 2 else logits

    def predict(self, Z: Any) -> np.ndarray:
        return self._outputs(Z, self.classes_).predict(None)


class AveragingRegressor(RegressorMixin, _ColumnAverage):
    """Average of the learners' predictions."""

    def fit(self, Z: Any, y: Any) -> Self:
        self.n_features_in_ = np.shape(Z)[1]
        return self

    def predict(self, Z: Any) -> np.ndarray:
        return self._outputs(Z, None).predict(None)


def choose_predictor(stack: Any) -> str:
    """Put the fallback into the place of the final estimator, if that does not beat it.

    Parameters
    ----------
    stack : Stack
        Fitted, with out-of-fold predictions and a ``fallback``.

    Returns
    -------
    str
        "stack", "average", or the name of the best learner.
    """
    kept = stack.out_of_fold_predictions_
    is_class = is_classifier(stack)
    try:
        stacked, rows = cross_fit_final(stack)
    except InvalidInputError:  # so few held-out rows that the stack cannot be shown to be better
        stacked, rows = None, np.arange(len(kept.y))

    def score(outputs: Any) -> float:
        metric = accuracy_score if is_class else r2_score
        return float(metric(kept.y[rows], outputs.predict(rows)))

    classes = stack.classes_ if is_class else None
    learners = wrap_blocks(list(kept.blocks.values()), stack._block_methods, classes)
    names = list(kept.blocks)
    if stack.fallback == "average":
        name, chosen, rival = "average", list(range(len(names))), average(learners)
    else:
        best = max(range(len(names)), key=lambda i: score(learners[i]))
        name, chosen, rival = names[best], [best], learners[best]
    if stacked is not None and score(stacked) > score(rival):
        return "stack"
    ends = np.cumsum([block.shape[1] for block in kept.blocks.values()]).tolist()
    columns = [(ends[i] - kept.blocks[names[i]].shape[1], ends[i]) for i in chosen]
    methods = [stack._block_methods[i] for i in chosen]
    stack._own_final_estimator = stack.final_estimator_
    target = encode_target(kept.y, stack._classes)
    if classes is None:
        stack.final_estimator_ = AveragingRegressor(columns, methods).fit(kept.matrix, target)
    else:  # rows that were not held out may have classes of their own
        chosen_one = AveragingClassifier(columns, methods)
        stack.final_estimator_ = chosen_one.fit(kept.matrix, target, len(classes))
    return name
