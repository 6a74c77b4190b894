"""The convex blends are optimal: beside another solver, and by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.metrics import log_loss

from stackens import ConvexBlendClassifier, ConvexBlendRegressor
from stackens.ensemble.meta_learners._simplex import minimize_log_loss, minimize_norm
from stackens.exceptions import InvalidInputError

sizes = {"n": st.integers(8, 60), "n_learners": st.integers(1, 5), "seed": st.integers(0, 2**20)}


def by_slsqp(loss, gradient, n):
    """The minimum over the simplex, by scipy's general solver."""
    result = minimize(
        loss,
        np.full(n, 1 / n),
        jac=gradient,
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1, "jac": lambda a: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert result.success or result.status == 8  # no further descent in floating numbers
    return result.x


@given(
    n_classes=st.integers(2, 4),
    weighted=st.booleans(),
    shrinkage=st.sampled_from([0.0, 0.2, 3.0]),
    **sizes,
)
@settings(max_examples=100, deadline=None)
def test_classifier_equals_slsqp(n, n_learners, n_classes, weighted, shrinkage, seed):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)]
    skills = rng.uniform(-0.5, 1.5, n_learners)[:, None, None]
    logits = rng.normal(size=(n_learners, n, n_classes)) + skills * np.eye(n_classes)[y]
    P = softmax(logits, axis=2)
    w = rng.uniform(0.1, 2, n) if weighted else np.ones(n)
    X = P[:, :, 1].T if n_classes == 2 else np.hstack(P)
    blend = ConvexBlendClassifier(shrinkage).fit(X, y, w if weighted else None)
    Q, share, center = P[:, np.arange(n), y].T, w / w.sum(), 1 / n_learners
    ratios = Q / Q.mean(axis=1, keepdims=True)
    hessian, along = (ratios.T * share) @ ratios, np.eye(n_learners) - center
    pull = shrinkage * np.trace(along @ hessian @ along) / n_learners

    def objective(a):
        return -share @ np.log(Q @ a) + pull / 2 * ((a - center) ** 2).sum()

    expected = by_slsqp(
        objective, lambda a: -(share / (Q @ a)) @ Q + pull * (a - center), n_learners
    )
    found = np.array(list(blend.weights_.values()))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert objective(found) <= objective(expected) + 1e-8
    mixed = np.average(P, axis=0, weights=found)
    assert blend.loss_ == pytest.approx(log_loss(y, mixed, sample_weight=w), abs=1e-9)


@given(n_outputs=st.integers(1, 2), weighted=st.booleans(), **sizes)
@settings(max_examples=60, deadline=None)
def test_regressor_equals_slsqp(n, n_learners, n_outputs, weighted, seed):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, n_outputs))
    V = Y + rng.normal(size=(n_learners, n, n_outputs)) * rng.uniform(0.5, 2, (n_learners, 1, 1))
    w = rng.uniform(0.1, 2, n) if weighted else np.ones(n)
    blend = ConvexBlendRegressor(0.0).fit(np.hstack(V), Y, w if weighted else None)
    B = ((V - Y) * np.sqrt(w / w.sum())[:, None]).reshape(n_learners, -1).T
    expected = by_slsqp(lambda a: (B @ a) @ (B @ a), lambda a: 2 * B.T @ (B @ a), n_learners)
    np.testing.assert_allclose(list(blend.weights_.values()), expected, atol=1e-4)
    assert blend.loss_ <= ((B @ expected) ** 2).sum() / n_outputs + 1e-6


@given(n_rows=st.integers(1, 12), n=st.integers(1, 5), seed=st.integers(0, 2**20))
@settings(deadline=None)
def test_the_norm_is_the_smallest_of_all_supports(n_rows, n, seed):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n_rows, n)) + rng.normal(size=(n_rows, 1))
    found = minimize_norm(B)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    best = np.inf
    for size in range(1, n + 1):
        for support in combinations(range(n), size):
            part = B[:, support]
            # Stationary: part.T @ part @ a is the same number everywhere, sum(a) is 1.
            system = np.block([[part.T @ part, np.ones((size, 1))], [np.ones((1, size)), 0]])
            a = np.linalg.lstsq(system, np.r_[np.zeros(size), 1], rcond=None)[0][:-1]
            if a.min() >= -1e-12 and abs(a.sum() - 1) < 1e-9:
                best = min(best, np.linalg.norm(part @ a))
    assert np.linalg.norm(B @ found) == pytest.approx(best, rel=1e-7, abs=1e-7)


@given(
    n=st.integers(2, 40),
    n_learners=st.integers(1, 6),
    shrinkage=st.sampled_from([0.0, 1e-6, 0.2, 30.0]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=300, deadline=None)
def test_extreme_probabilities_still_reach_the_optimum(n, n_learners, shrinkage, seed):
    # Zeros and ones are what overfitted learners give; no direction may improve by then.
    rng = np.random.default_rng(seed)
    Q = rng.choice([0.0, 1e-12, 0.3, 1.0], size=(n, n_learners))
    w = np.ones(n)
    a = minimize_log_loss(Q, w, shrinkage)
    Q = np.maximum(Q, 1e-15)
    pull = shrinkage * ((Q / Q.mean(axis=1, keepdims=True) - 1) ** 2).sum() / n / n_learners
    gain = (Q / (Q @ a)[:, None]).mean(axis=0) - pull * (a - 1 / n_learners)
    assert gain.max() - gain @ a <= 1e-8  # of shifting weight to a learner


def test_a_perfect_learner_takes_all():
    y = np.array([0, 1, 2, 0, 1, 2])
    perfect, useless = np.eye(3)[y], np.full((6, 3), 1 / 3)
    blend = ConvexBlendClassifier(0.0).fit(np.hstack([useless, perfect]), y)
    assert blend.weights_["learner_1"] == pytest.approx(1)
    assert blend.loss_ == pytest.approx(0, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shrinkage=st.sampled_from([0.0, 0.1, 1.0]))
def test_shrunken_weights_are_those_of_a_general_optimiser(seed, shrinkage):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=40)
    X = y[:, None] * rng.uniform(0, 1.5, 3) + rng.normal(size=(40, 3))
    spread = ((X - X.mean(axis=1, keepdims=True)) ** 2).sum() / 3

    def loss(w):
        return ((X @ w - y) ** 2).sum() + shrinkage * spread * ((w - 1 / 3) ** 2).sum()

    best = minimize(
        loss,
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.array(list(ConvexBlendRegressor(shrinkage).fit(X, y).weights_.values()))
    assert loss(weights) <= best.fun * (1 + 1e-6)


@pytest.mark.parametrize("shrinkage", [1e7, np.inf])
def test_much_shrinkage_is_the_plain_average(shrinkage):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(30, 4)), rng.normal(size=30)
    classes = (y > 0).astype(int)
    for blend in (
        ConvexBlendRegressor(shrinkage).fit(X, y),
        ConvexBlendClassifier(shrinkage).fit(X, classes),
    ):
        np.testing.assert_allclose(list(blend.weights_.values()), 0.25, atol=1e-3)


@pytest.mark.parametrize("blend", [ConvexBlendClassifier, ConvexBlendRegressor])
def test_by_itself_shrinkage_is_learners_by_rows(blend):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = np.clip(y[:, None] + rng.normal(size=(40, 4)), 0.01, 0.99)
    found, expected, plain = (blend(s).fit(X, y).weights_ for s in ("auto", 4 / 40, 0.0))
    assert blend().fit(X, y).weights_ == found == expected != plain
    some = np.repeat([1.0, 0.0], [30, 10])  # rows of weight 0 count as none
    np.testing.assert_allclose(
        list(blend().fit(X, y, some).weights_.values()),
        list(blend().fit(X[:30], y[:30]).weights_.values()),
        atol=1e-6,
    )


@pytest.mark.parametrize("shrinkage", [-1, "much", np.nan, None])
@pytest.mark.parametrize("blend", [ConvexBlendClassifier, ConvexBlendRegressor])
def test_a_shrinkage_that_is_no_number_from_zero_on_is_refused(blend, shrinkage):
    with pytest.raises(InvalidInputError, match="`shrinkage` must be 'auto' or >= 0; got"):
        blend(shrinkage).fit([[0.1, 0.2], [0.2, 0.3]], [0, 1])
