"""What a fit that fails leaves: an unfitted estimator, or what training was to go on from."""

from __future__ import annotations

import numpy as np
import public_estimators
import pytest
from public_estimators import CLASSES_OF_ESTIMATORS, LEARNERS, TABLE, TEXTS, data_for
from sklearn.utils.validation import check_is_fitted

from stackens import StackedRNNRegressor, StackingRegressor
from stackens.exceptions import InvalidInputError, TrainingDivergedError

ESTIMATORS = list(CLASSES_OF_ESTIMATORS)


def make(name):
    estimator = public_estimators.make(name)
    if name == "DistilledClassifier":  # it needs a network
        estimator.student = public_estimators.make("StackedRNNClassifier")
    if name.endswith("SearchCV"):
        estimator.error_score = "raise"
    return estimator


def without_last_value(name):
    """Return arguments of ``fit`` that no estimator can use."""
    first, *others = data_for(name)
    if first is TEXTS:
        return [3.5, *TEXTS[1:]], *others
    first = np.array(first)
    first[-1] = np.inf
    return first, *others


def state(estimator):
    return {name for name in vars(estimator) if not name.startswith("_skl")}


def expect_unfitted(estimator, name):
    assert state(estimator) == state(make(name))


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "View"])  # it looks at no value
def test_a_refused_fit_leaves_an_unfitted_estimator_that_can_be_fitted(name):
    estimator = make(name)
    for _ in range(2):
        with pytest.raises((ValueError, TypeError)):
            estimator.fit(*without_last_value(name))
        expect_unfitted(estimator, name)
        estimator.fit(*data_for(name))
        check_is_fitted(estimator)


class _Interrupting:
    """Raises KeyboardInterrupt in place of setting the n-th attribute that ``fit`` learns."""

    def __setattr__(self, name, value):
        if (name.startswith("_") or name.endswith("_")) and not name.startswith("_skl"):
            type(self).n_set += 1
            if type(self).n_set == type(self).interrupted_at:
                raise KeyboardInterrupt
        super().__setattr__(name, value)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_interrupted_fit_leaves_an_unfitted_estimator_that_can_be_fitted(name):
    cls = type(name, (_Interrupting, CLASSES_OF_ESTIMATORS[name]), {"n_set": 0})
    cls.interrupted_at = None
    estimator = cls(**make(name).get_params(deep=False))
    estimator.fit(*data_for(name))
    n_set = cls.n_set
    for number in sorted({1, (n_set + 1) // 2, n_set} - {0}):
        cls.n_set, cls.interrupted_at = 0, number
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(*data_for(name))
        expect_unfitted(estimator, name)
    cls.interrupted_at = None
    check_is_fitted(estimator.fit(*data_for(name)))


def diverging(**options):
    sizes = {"units": 1, "epochs": 2, "random_state": 0}
    return StackedRNNRegressor(**sizes, optimizer="sgd", learning_rate=1e30, **options)


@pytest.mark.parametrize(
    "estimator", [diverging(), StackingRegressor([("rnn", diverging())], cv=2)], ids=type
)
def test_a_diverged_network_leaves_an_unfitted_estimator(estimator):
    X, y = np.ones((64, 2, 1)), np.arange(64.0)
    before = state(estimator)
    for _ in range(2):
        with pytest.raises(TrainingDivergedError):
            estimator.fit(X, y)
        assert state(estimator) == before


def test_what_no_fit_has_set_stays():
    estimator = make("SequenceScaler")
    estimator.set_output(transform="default")
    estimator.note = "mine"
    before = dict(vars(estimator))
    with pytest.raises(ValueError):
        estimator.fit(*without_last_value("SequenceScaler"))
    assert vars(estimator) == before


# ---- training that goes on -------------------------------------------------------------------


GOES_ON = [
    (name, method)
    for name in ESTIMATORS
    for method in ("partial_fit", "fit")
    if hasattr(CLASSES_OF_ESTIMATORS[name], "partial_fit")
    and (method == "partial_fit" or "warm_start" in make(name).get_params())
]


def going_on(name):
    learner = make(name)
    return learner.set_params(warm_start=True, random_state=0).fit(*data_for(name))


def refused_batches(name):
    X, y = data_for(name)
    holed = X.copy()
    holed[3] = np.nan
    yield "NaN", (holed, y), {}
    yield "a narrower table", (X[:, :4], y), {}
    yield "ragged", ([row[: 3 + i % 2, None] for i, row in enumerate(X)], y), {}
    yield "rows without target", (X, y[:-1]), {}
    yield "no target", (X, None), {}
    yield "other targets", (X, np.column_stack([y, y, 1 - y]) if "Reg" in name else y + 5), {}
    yield "weights", (X, y), {"sample_weight": np.ones(3)}


@pytest.mark.parametrize(("name", "method"), GOES_ON)
def test_a_refused_batch_changes_nothing_of_what_was_trained(name, method):
    learner, never_refused = going_on(name), going_on(name)
    before, output = dict(vars(learner)), learner.predict(TABLE)
    for what, data, params in refused_batches(name):
        with pytest.raises((ValueError, TypeError)):
            getattr(learner, method)(*data, **params)
        assert vars(learner) == before, what
    np.testing.assert_array_equal(learner.predict(TABLE), output)
    for each in (learner, never_refused):
        getattr(each, method)(*data_for(name))
    np.testing.assert_array_equal(learner.predict(TABLE), never_refused.predict(TABLE))
    assert len(learner.history_["loss"]) == 2


@pytest.mark.parametrize(("name", "method"), GOES_ON)
def test_an_interrupted_batch_changes_nothing_of_what_was_trained(name, method):
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    learner = going_on(name)
    before, output = dict(vars(learner)), learner.predict(TABLE)
    learner.on_epoch_end = interrupt
    with pytest.raises(KeyboardInterrupt):
        getattr(learner, method)(*data_for(name))
    assert vars(learner) == {**before, "on_epoch_end": interrupt}
    np.testing.assert_array_equal(learner.predict(TABLE), output)


@pytest.mark.parametrize("name", LEARNERS)
def test_warm_start_refuses_other_targets(name, trained):
    learner = going_on(name)
    X, y = data_for(name)
    others = (
        [np.column_stack([y, y])]
        if "Regressor" in name
        else [np.array(["dog", "bird"])[y], np.arange(len(y)) % 3, np.column_stack([y, 1 - y])]
    )
    trained.clear()
    for other in others:
        with pytest.raises(InvalidInputError, match=r"the same (classes|number of targets) only"):
            learner.fit(X, other)
    assert not trained
    learner.predict(X)


@pytest.mark.parametrize(
    ("name", "changes"),
    [(n, {"units": 3}) for n in LEARNERS if "RNN" in n]
    + [(n, {"cell": "gru"}) for n in LEARNERS if "RNN" in n]
    + [(n, {"d_model": 8}) for n in LEARNERS if "Transformer" in n]
    + [(n, {"n_layers": 2}) for n in LEARNERS if "Keras" not in n],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_with_another_network_is_refused(name, changes, method, trained):
    learner = going_on(name)
    before = {change: getattr(learner, change) for change in changes}
    trained.clear()
    with pytest.raises(InvalidInputError, match="the same network only"):
        getattr(learner.set_params(**changes), method)(*data_for(name))
    assert not trained
    learner.set_params(**before).predict(TABLE)
    getattr(learner, method)(*data_for(name))
    assert len(learner.history_["loss"]) == 2


def test_another_optimizer_goes_on_from_the_weights_with_a_state_of_its_own():
    learner = going_on("StackedRNNRegressor")
    X, y = data_for("StackedRNNRegressor")
    learner.set_params(optimizer__amsgrad=True).fit(X, y)
    assert len(learner.history_["loss"]) == 2
