"""Meta-learners: learners chosen one after the other."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from stackens.ensemble._cross_fit import Probabilities, Values
from stackens.ensemble.meta_learners._blend import BlendClassifier, BlendRegressor
from stackens.parameters import all_or_nothing, known_arguments

_POSITIVE_INT = Interval(Integral, 1, None, closed="left")
_CONSTRAINTS: dict[str, list[Any]] = {
    "n_rounds": [Interval(Integral, 0, None, closed="left")],
    "n_initial": [_POSITIVE_INT],
    "n_bags": [_POSITIVE_INT],
    "bag_fraction": [Interval(Real, 0, 1, closed="right")],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "random_state": ["random_state"],
}

Score = Callable[[np.ndarray], float]


def _select(outputs: np.ndarray, score: Score, n_initial: int, n_rounds: int) -> list[int]:
    """Choose learners with replacement, the one that helps most first.

    Returns
    -------
    list of int
        The shortest beginning of the path that scores best; ties go to the first learner.
    """
    alone = np.array([score(one) for one in outputs])
    chosen = np.argsort(-alone, kind="stable")[:n_initial].tolist()
    total = outputs[chosen].sum(axis=0)
    best, length = score(total / len(chosen)), len(chosen)
    for _ in range(n_rounds):
        scores = [score((total + one) / (len(chosen) + 1)) for one in outputs]
        noise = 1e-12 * max(1.0, abs(best))  # equal averages, added up in another order
        chosen.append(int(np.argmax(np.array(scores) >= max(scores) - noise)))
        total = total + outputs[chosen[-1]]
        if max(scores) > best + noise:
            best, length = max(scores), len(chosen)
    return chosen[:length]


class _Selection:
    """The parameters, and the bags."""

    def __init__(
        self,
        n_rounds: int = 50,
        *,
        n_initial: int = 1,
        n_bags: int = 1,
        bag_fraction: float = 0.5,
        scoring: Any = None,
        random_state: Any = None,
    ) -> None:
        self.n_rounds = n_rounds
        self.n_initial = n_initial
        self.n_bags = n_bags
        self.bag_fraction = bag_fraction
        self.scoring = scoring
        self.random_state = random_state

    def _run(self: Any, outputs: np.ndarray, score: Score) -> np.ndarray:
        names = list(self.blocks_)
        weights = np.zeros(len(names))
        self.trace_ = []
        for members in self._bags(len(names)):
            path = _select(outputs[members], score, self.n_initial, self.n_rounds)
            chosen = members[path]
            self.trace_.append([names[i] for i in chosen])
            weights += np.bincount(chosen, minlength=len(names)) / len(chosen)
        weights /= self.n_bags
        self.score_ = float(score(np.tensordot(weights, outputs, axes=1)))
        return weights

    def _bags(self, n_learners: int) -> list[np.ndarray]:
        if self.n_bags == 1:
            return [np.arange(n_learners)]
        rng = check_random_state(self.random_state)
        size = max(1, round(self.bag_fraction * n_learners))
        return [np.sort(rng.permutation(n_learners)[:size]) for _ in range(self.n_bags)]


def _scorer_score(scoring: Any, wrap: Callable[[np.ndarray], Any], y: Any, weights: Any) -> Score:
    """Apply any scorer of scikit-learn to outputs that exist already."""
    scorer = get_scorer(scoring)
    rows = np.arange(len(y))
    extra = {} if weights is None else {"sample_weight": weights}
    return lambda outputs: float(scorer(wrap(outputs), rows, y, **extra))


class EnsembleSelectionClassifier(_Selection, BlendClassifier):
    """Average of learners that are chosen one after the other, each as often as it helps.

    Starting from the best ones, the learner is added that improves the score of the average most;
    it may have been chosen before. The best beginning of that path is kept, and a learner's weight
    is its share of it.

    Parameters
    ----------
    n_rounds : int, default=50
        How many learners are added at most.
    n_initial : int, default=1
        Start from the average of this many learners, the best ones by themselves.
    n_bags : int, default=1
        Repeat on this many random subsets of the learners and average the weights, which guards
        against overfitting when there are many learners; 1 uses all learners, once.
    bag_fraction : float in (0, 1], default=0.5
        Fraction of the learners in a subset, at least one learner.
    scoring : str or callable, default=None
        Scorer of scikit-learn (greater is better) that is maximised; None is "neg_log_loss".
    random_state : int, RandomState instance or None, default=None
        Draws the subsets.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each learner, by its name; ``learner_0`` and so on outside a stack.
    trace_ : list of list of str
        For each subset the learners in the order in which they were chosen.
    score_ : float
        Score of the average on the rows that it was fitted on.
    blocks_ : dict of str to slice
        Columns of each learner.
    classes_ : ndarray of shape (n_classes,)
        Classes.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ConvexBlendClassifier : The weights with the smallest log-loss.
    EnsembleSelectionRegressor : The same for numbers.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, *Ensemble selection from libraries of
    models*, ICML 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from stackens import EnsembleSelectionClassifier, StackingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = [("linear", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    >>> final = EnsembleSelectionClassifier(scoring="accuracy")
    >>> stack = StackingClassifier(learners, final).fit(X, y)
    >>> float(sum(stack.final_estimator_.weights_.values()))
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _CONSTRAINTS

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    @known_arguments
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, y, sample_weight)

    fit.__doc__ = BlendClassifier.fit.__doc__

    def _choose_weights(
        self, outputs: np.ndarray, codes: np.ndarray, sample_weight: Any
    ) -> np.ndarray:
        if self.scoring is None:
            true = outputs[:, np.arange(len(codes)), codes]  # the only part that counts
            return self._run(true, _LogScore(sample_weight))
        y = self.classes_[codes]
        wrap = lambda mixed: Probabilities(mixed, self.classes_)  # noqa: E731
        return self._run(outputs, _scorer_score(self.scoring, wrap, y, sample_weight))


class _LogScore:
    """Minus the log-loss, from the probabilities of the true classes."""

    def __init__(self, sample_weight: Any) -> None:
        self.sample_weight = sample_weight

    def __call__(self, true: np.ndarray) -> float:
        return float(np.average(np.log(np.maximum(true, 1e-15)), weights=self.sample_weight))


class EnsembleSelectionRegressor(_Selection, BlendRegressor):
    """Average of learners that are chosen one after the other, each as often as it helps.

    Starting from the best ones, the learner is added that improves the score of the average most;
    it may have been chosen before. The best beginning of that path is kept, and a learner's weight
    is its share of it. Several outputs share one weight for each learner.

    Parameters
    ----------
    n_rounds : int, default=50
        How many learners are added at most.
    n_initial : int, default=1
        Start from the average of this many learners, the best ones by themselves.
    n_bags : int, default=1
        Repeat on this many random subsets of the learners and average the weights, which guards
        against overfitting when there are many learners; 1 uses all learners, once.
    bag_fraction : float in (0, 1], default=0.5
        Fraction of the learners in a subset, at least one learner.
    scoring : str or callable, default=None
        Scorer of scikit-learn (greater is better) that is maximised; None is
        "neg_mean_squared_error".
    random_state : int, RandomState instance or None, default=None
        Draws the subsets.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each learner, by its name; ``learner_0`` and so on outside a stack.
    trace_ : list of list of str
        For each subset the learners in the order in which they were chosen.
    score_ : float
        Score of the average on the rows that it was fitted on.
    blocks_ : dict of str to slice
        Columns of each learner.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ConvexBlendRegressor : The weights with the smallest squared error.
    EnsembleSelectionClassifier : The same for classes.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, *Ensemble selection from libraries of
    models*, ICML 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from stackens import EnsembleSelectionRegressor
    >>> y = np.arange(4.0)
    >>> predictions = np.column_stack([y + 1, y - 3])  # of two learners
    >>> selection = EnsembleSelectionRegressor().fit(predictions, y)
    >>> selection.trace_
    [['learner_0', 'learner_0', 'learner_1', 'learner_0']]
    >>> selection.weights_
    {'learner_0': 0.75, 'learner_1': 0.25}
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _CONSTRAINTS

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    @known_arguments
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, y, sample_weight)

    fit.__doc__ = BlendRegressor.fit.__doc__

    def _choose_weights(self, outputs: np.ndarray, y: np.ndarray, sample_weight: Any) -> np.ndarray:
        if self.scoring is None:
            return self._run(
                outputs, lambda z: -float(np.average(((z - y) ** 2).mean(1), weights=sample_weight))
            )
        target = y[:, 0] if self._y_ndim == 1 else y
        wrap = lambda mixed: Values(mixed[:, 0] if self._y_ndim == 1 else mixed)  # noqa: E731
        return self._run(outputs, _scorer_score(self.scoring, wrap, target, sample_weight))
