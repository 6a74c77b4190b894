"""Convex problems over the simplex: weights of at least 0 that sum to 1."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from stackens.exceptions import warn_user

_SMALLEST = 1e-15  # of a probability: keeps the logarithm finite, as in sklearn.metrics.log_loss
_GAP = 1e-9  # how far above the minimum the log-loss may be
_MAX_ITER = 500


def minimize_norm(columns: np.ndarray) -> np.ndarray:
    r"""Minimise :math:`\lVert B a \rVert` over the simplex, exactly.

    Parameters
    ----------
    columns : ndarray of shape (n_rows, n_weights)
        The matrix B.

    Returns
    -------
    ndarray of shape (n_weights,)

    Notes
    -----
    For :math:`x = s a` with :math:`s \ge 0`, :math:`\lVert B x \rVert^2 + c^2 (\sum x - 1)^2` has
    at its best s the value :math:`c^2 q / (c^2 + q)` with :math:`q = \lVert B a \rVert^2`, which
    grows with q. So the solution of non-negative least squares, divided by its sum, is the exact
    one, whatever c is.
    """
    small: np.ndarray = np.asarray(np.linalg.qr(columns, mode="r"))  # the same norms in few rows
    scale = np.linalg.norm(small, axis=0).max() or 1.0
    n = columns.shape[1]
    rows = np.vstack([small / scale, np.ones(n)])
    target = np.r_[np.zeros(len(small)), 1.0]
    solution, _ = nnls(rows, target, maxiter=30 * n)
    return solution / solution.sum()


def log_loss(likelihoods: np.ndarray, sample_weight: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean log-loss of an average; the arguments are those of ``minimize_log_loss``."""
    mixed = np.maximum(likelihoods, _SMALLEST) @ weights
    return -float(np.average(np.log(mixed), weights=sample_weight))


def minimize_log_loss(
    likelihoods: np.ndarray, sample_weight: np.ndarray, shrinkage: float = 0.0
) -> np.ndarray:
    r"""Minimise :math:`-\sum_i w_i \log \sum_l a_l Q_{il}` and a pull over the simplex.

    Parameters
    ----------
    likelihoods : ndarray of shape (n_samples, n_weights)
        Q: what each learner gave the true class. Anything below 1e-15 counts as that.
    sample_weight : ndarray of shape (n_samples,)
        w, of any positive sum; the objective is of those divided by it.
    shrinkage : float, default=0.0
        Of the pull :math:`\frac{s c}{2} \sum_l (a_l - 1/n)^2`, in which c is the trace of the
        loss's Hessian on the simplex, at equal weights, divided by n, the number of weights.

    Returns
    -------
    ndarray of shape (n_weights,)
        Its objective is at most 1e-9 above the minimum; otherwise there is a ConvergenceWarning.

    Notes
    -----
    Newton's method, each step a quadratic problem over the simplex, as in Kim et al., *A fast
    algorithm for maximum likelihood estimation of mixture proportions using sequential quadratic
    programming*, 2020; where a step does not help, one of expectation-maximisation, which always
    does without a pull. The largest fall of the objective towards a corner, of its tangent, bounds
    the distance from the minimum.
    """
    Q = np.maximum(likelihoods, _SMALLEST)
    w = sample_weight / sample_weight.sum()
    n = Q.shape[1]
    a = np.full(n, 1 / n)
    pull = shrinkage * (w @ (Q / (Q @ a)[:, np.newaxis] - 1) ** 2).sum() / n
    for _ in range(_MAX_ITER):
        ratios = Q / (Q @ a)[:, np.newaxis]
        fall = w @ ratios - pull * (a - 1 / n)  # minus the gradient
        gap = float(fall.max() - fall @ a)
        if gap <= _GAP:
            return a
        a = _newton_step(Q, w, a, ratios, pull)
    warn_user(
        f"The weights of the blend did not converge: the loss is up to {gap:.1e} above its "
        "minimum.",
        ConvergenceWarning,
    )
    return a


def _newton_step(
    Q: np.ndarray, w: np.ndarray, a: np.ndarray, ratios: np.ndarray, pull: float
) -> np.ndarray:
    """Return the next weights; their objective is lower."""
    center = 1 / len(a)

    def objective(a: np.ndarray) -> float:
        return float(-(w @ np.log(Q @ a)) + pull / 2 * ((a - center) ** 2).sum())

    root = np.sqrt(w)[:, np.newaxis]
    to_center = np.sqrt(pull) * (np.eye(len(a)) - center)
    gradient = w @ ratios
    direction = minimize_norm(np.vstack([root * (ratios - 2), to_center])) - a
    slope = (gradient - pull * (a - center)) @ direction
    start, step = objective(a), 1.0
    noise = 1e-14 * max(1.0, abs(start))  # of the sum; near the optimum the gain is no larger
    while step > 1e-8:
        candidate = a + step * direction
        if objective(candidate) <= start - 1e-4 * step * slope + noise:
            return candidate
        step /= 2
    improved = a * gradient
    return improved / improved.sum()
