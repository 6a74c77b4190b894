"""When time is up, what was trained by then is the model, and the next fit goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from stackens.exceptions import TimeLimitError, TimeLimitWarning
from stackens.store import JobStore
from stackens.text import SequenceTranslator, StackedRNNLanguageModel
from stackens.training._towers import _Training

TEXTS = ["the cat sat on the mat.", "the dog sat on the log.", "the cat and the dog ran."] * 4
TIME = 3600  # seconds, by the clock that counts epochs


def translator(**options):
    schedule = {"schedule": "constant", "warmup_steps": 0, "epochs": 5}
    return SequenceTranslator(
        8, **{"n_heads": 2, "n_layers": 1, "random_state": 0, **schedule, **options}
    )


def language_model(**options):
    settings = {"batch_size": 4, "window": 16, "decay": None, "epochs": 5, "dropout": 0.2}
    return StackedRNNLanguageModel(4, **{**settings, "random_state": 0, **options})


def fit(model):
    return model.fit(TEXTS, TEXTS) if isinstance(model, SequenceTranslator) else model.fit(TEXTS)


def assert_same(model, other):
    assert model.history_ == other.history_
    for ours, expected in zip(model.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(ours, expected)


both = pytest.mark.parametrize("make", [translator, language_model])


@pytest.fixture
def clock(monkeypatch):
    """Time by epochs: `clock(2)` leaves time for two of them; return how many were trained."""
    count = _Training.count
    left, trained = [np.inf], []

    def note(run, n_epochs, job, logs):
        if logs:
            trained.append(n_epochs)
            left[0] -= 1
        count(run, n_epochs, job, logs)

    monkeypatch.setattr(_Training, "count", note)
    monkeypatch.setattr(_Training, "seconds_left", property(lambda run: left[0]))

    def start(n_epochs):
        left[0] = n_epochs
        trained.clear()
        return trained

    return start


@both
def test_the_epochs_for_which_there_was_time_make_the_model(make, clock):
    clock(2)
    with pytest.warns(TimeLimitWarning, match=r"trained for 2 of 5 epochs \(with") as caught:
        model = fit(make(time_limit=TIME))
    assert caught[0].filename == __file__
    clock(np.inf)
    assert_same(model, fit(make(epochs=2)))
    assert_same(fit(make(time_limit=TIME)), fit(make()))


@both
def test_the_next_fit_goes_on_where_there_is_a_store(make, clock, tmp_path):
    store = JobStore(tmp_path)
    clock(2)
    with pytest.warns(TimeLimitWarning, match="2 of 5"):
        fit(make(time_limit=TIME, memory=store))
    info = store.info()
    assert (info.n_entries, info.n_checkpoints) == (0, 1)  # what was cut short is no result
    clock(1)
    with pytest.warns(TimeLimitWarning, match="3 of 5"):
        model = fit(make(time_limit=TIME, memory=store))
    assert len(model.history_["loss"]) == 3
    trained = clock(np.inf)
    model = fit(make(memory=store))
    assert len(trained) == 2
    assert (store.info().n_entries, store.info().n_checkpoints) == (1, 0)
    assert_same(model, fit(make()))
    trained = clock(0)
    assert_same(fit(make(time_limit=TIME, memory=store)), model)  # out of the store, in no time
    assert not trained


def test_the_best_weights_so_far_are_kept(clock):
    options = {"early_stopping": True, "learning_rate": 1.0, "patience": 9, "random_state": 2}
    clock(4)
    with pytest.warns(TimeLimitWarning, match="4 of 5"):
        model = fit(translator(**options, validation_fraction=0.4, time_limit=TIME))
    losses = model.history_["val_loss"]
    assert model.best_epoch_ == int(np.argmin(losses)) < 3
    clock(np.inf)
    best = fit(translator(**options, validation_fraction=0.4, epochs=model.best_epoch_ + 1))
    for ours, expected in zip(model.weights_, best.weights_, strict=True):
        np.testing.assert_array_equal(ours, expected)


@both
def test_no_time_for_anything_is_an_error(make):
    model = make(time_limit=1e-9)
    with pytest.raises(TimeLimitError, match=f"before {type(model).__name__} was trained"):
        fit(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


@both
def test_a_limit_by_the_clock(make):
    fit(make(epochs=1))  # what is traced once takes no time below
    with pytest.warns(TimeLimitWarning, match="of 1000000 epochs"):
        model = fit(make(epochs=1_000_000, time_limit=1.5))
    assert 1 <= len(model.history_["loss"]) < 1_000_000


@both
@pytest.mark.parametrize("limit", [0, -1, "soon"])
def test_a_limit_that_is_none_is_refused(make, limit):
    with pytest.raises(ValueError, match="time_limit"):
        fit(make(time_limit=limit))


@both
def test_a_warning_that_is_an_error_leaves_nothing_behind(make, clock):
    model = make(time_limit=TIME)
    clock(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TimeLimitWarning)
        with pytest.raises(TimeLimitWarning):
            fit(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
