"""Ensemble selection takes the steps that a plain search over all choices takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, mean_absolute_error

from stackens import EnsembleSelectionClassifier, EnsembleSelectionRegressor

METRICS = {
    None: lambda y, p, w: -log_loss(y, p, sample_weight=w),
    "accuracy": lambda y, p, w: accuracy_score(y, p.argmax(1), sample_weight=w),
    "balanced_accuracy": lambda y, p, w: balanced_accuracy_score(y, p.argmax(1), sample_weight=w),
}


def brute_force(P, names, score, n_initial, n_rounds):
    """The path, written out: every choice is tried with a fresh average of all members."""
    mean = lambda members: np.mean([P[i] for i in members], axis=0)  # noqa: E731
    order = sorted(range(len(P)), key=lambda i: (-score(P[i]), i))
    members = order[:n_initial]
    paths = [list(members)]
    for _ in range(n_rounds):
        tries = [round(score(mean([*members, i])), 11) for i in range(len(P))]
        members = [*members, tries.index(max(tries))]
        paths.append(list(members))
    best = max(round(score(mean(p)), 11) for p in paths)
    kept = next(p for p in paths if round(score(mean(p)), 11) == best)
    return [names[i] for i in kept]


@given(
    n_learners=st.integers(1, 5),
    n_initial=st.integers(1, 3),
    n_rounds=st.integers(0, 6),
    scoring=st.sampled_from(list(METRICS)),
    weighted=st.booleans(),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=60, deadline=None)
def test_classifier_takes_the_brute_force_path(
    n_learners, n_initial, n_rounds, scoring, weighted, seed
):
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, 2, rng.integers(3, size=17)]
    P = softmax(rng.normal(size=(n_learners, 20, 3)) + 0.7 * np.eye(3)[y], axis=2)
    w = rng.integers(1, 4, 20).astype(float) if weighted else None
    selection = EnsembleSelectionClassifier(n_rounds, n_initial=n_initial, scoring=scoring)
    selection.fit(np.hstack(P), y, w)
    names = list(selection.weights_)
    score = lambda p: METRICS[scoring](y, p, w)  # noqa: E731
    expected = brute_force(P, names, score, n_initial, n_rounds)
    assert selection.trace_ == [expected]
    for name in names:
        share = selection.trace_[0].count(name) / len(selection.trace_[0])
        assert selection.weights_[name] == pytest.approx(share)


@given(
    n_learners=st.integers(1, 5),
    n_rounds=st.integers(0, 6),
    scoring=st.sampled_from([None, "neg_mean_absolute_error"]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=40, deadline=None)
def test_regressor_takes_the_brute_force_path(n_learners, n_rounds, scoring, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=15)
    V = y + rng.normal(size=(n_learners, 15)) * rng.uniform(0.5, 2, (n_learners, 1))
    selection = EnsembleSelectionRegressor(n_rounds, scoring=scoring).fit(V.T, y)
    score = (
        (lambda v: -np.mean((v - y) ** 2))
        if scoring is None
        else lambda v: -mean_absolute_error(y, v)
    )
    expected = brute_force(V, list(selection.weights_), score, 1, n_rounds)
    assert selection.trace_ == [expected]
    weights = list(selection.weights_.values())
    assert selection.score_ == pytest.approx(score(weights @ V))


def test_ties_go_to_the_first_learner():
    y = np.array([0, 1, 0, 1])
    same = np.array([0.2, 0.8, 0.2, 0.8])
    selection = EnsembleSelectionClassifier().fit(np.column_stack([same] * 3), y)
    assert selection.trace_ == [["learner_0"]]


def test_bags_are_subsets_and_their_weights_are_averaged():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=40)
    X = softmax(rng.normal(size=(40, 6, 2)) + np.eye(2)[y][:, None], axis=2)[:, :, 1]
    settings = {"n_bags": 8, "bag_fraction": 0.5, "random_state": 3}
    selection = EnsembleSelectionClassifier(**settings).fit(X, y)
    assert len(selection.trace_) == 8
    assert all(len(set(path)) <= 3 for path in selection.trace_)
    shares = [
        [path.count(name) / len(path) for name in selection.weights_] for path in selection.trace_
    ]
    np.testing.assert_allclose(list(selection.weights_.values()), np.mean(shares, axis=0))
    again = EnsembleSelectionClassifier(**settings).fit(X, y)
    assert again.trace_ == selection.trace_


def test_any_scorer_will_do():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=40)
    X = softmax(rng.normal(size=(40, 3, 2)) + np.eye(2)[y][:, None], axis=2)[:, :, 1]

    def recall_of_zeros(estimator, X, y):
        return (estimator.predict(X)[y == 0] == 0).mean()

    scores = [((x < 0.5) == (y == 0))[y == 0].mean() for x in X.T]
    selection = EnsembleSelectionClassifier(scoring=recall_of_zeros).fit(X, y)
    assert selection.score_ >= max(scores)
    assert EnsembleSelectionClassifier(scoring="roc_auc").fit(X, y).score_ > 0.7


@pytest.mark.parametrize(
    "parameters",
    [{"n_rounds": -1}, {"n_initial": 0}, {"n_bags": 0}, {"bag_fraction": 0}, {"scoring": "best"}],
)
def test_refuses_bad_parameters(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        EnsembleSelectionRegressor(**parameters).fit(np.eye(3), np.arange(3))
