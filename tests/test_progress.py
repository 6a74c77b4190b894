"""What is shown of a fit, and what is logged; nothing unless somebody asks."""

from __future__ import annotations

import logging
import re

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from stackens import SequenceFlattener, StackedRNNClassifier, StackingClassifier, StackingRegressor
from stackens.datasets import load_digits_sequences
from stackens.store import train_with_memory
from stackens.training import Progress, train

BAR = re.compile(r"(\d+)/(\d+) \[")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:120], y[:120] % 3


def rnn(**parameters):
    return StackedRNNClassifier(**{"units": 4, "epochs": 3, "random_state": 0, **parameters})


def make_stack(**parameters):
    learners = [
        ("rnn", rnn()),
        ("piped", make_pipeline(SequenceFlattener(), rnn(epochs=2))),
        ("bayes", make_pipeline(SequenceFlattener(), GaussianNB(var_smoothing=1e-2))),
    ]
    final = LogisticRegression(max_iter=200)
    return StackingClassifier(learners, final, **{"cv": 2, "random_state": 0, **parameters})


N_STEPS = 3 * 3 + 3 * 2 + 3  # epochs of two networks, and fits of another learner


def bar_of(text):
    """All (done, total) that were shown, one bar alone."""
    shown = [tuple(map(int, found)) for found in BAR.findall(text)]
    assert text.count("\n") == 1
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    return shown


@pytest.mark.parametrize("estimator", [rnn(), make_stack()], ids=["learner", "stack"])
def test_silent_by_default(estimator, digits, capsys):
    estimator.fit(*digits).predict(digits[0])
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"early_stopping": True, "patience": 1, "epochs": 20, "learning_rate": 0.1},
        {"on_epoch_end": lambda epoch, logs: epoch == 0},
        {"callbacks": [keras.callbacks.TerminateOnNaN()]},
    ],
    ids=["all", "early", "hook", "keras"],
)
def test_a_learner_shows_its_epochs_and_its_loss(settings, digits, capsys):
    learner = rnn(verbose=1, **settings).fit(*digits)
    shown = capsys.readouterr()
    assert shown.out == ""
    n_epochs = settings.get("epochs", 3)
    assert bar_of(shown.err)[-1] == (n_epochs, n_epochs)
    assert f"StackedRNNClassifier, loss {learner.history_['loss'][-1]:.3g}" in shown.err


def test_a_stack_shows_one_bar_over_networks_and_others(digits, capsys):
    stack = make_stack(verbose=1).fit(*digits)
    shown = capsys.readouterr().err
    assert {total for _, total in bar_of(shown)} == {N_STEPS}
    assert bar_of(shown)[-1] == (N_STEPS, N_STEPS)
    assert "bayes, fold 0" in shown
    assert re.search(r"(rnn|piped), (fold \d|refit on all rows), loss \d", shown)
    np.testing.assert_array_equal(
        stack.predict_proba(digits[0]), make_stack().fit(*digits).predict_proba(digits[0])
    )


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"n_jobs": 2}, {"time_limit": 600.0}], ids=str)
def test_the_bar_is_full_in_processes_and_in_time(settings, digits, capsys):
    make_stack(verbose=1, **settings).fit(*digits)
    assert bar_of(capsys.readouterr().err)[-1] == (N_STEPS, N_STEPS)


def test_a_shorter_refit_shortens_the_bar(digits, capsys):
    learner = rnn(early_stopping=True, patience=1, epochs=20, learning_rate=0.1)
    cv = StratifiedKFold(2)
    best = [clone_fit(learner, digits, rows).best_epoch_ + 1 for rows, _ in cv.split(*digits)]
    StackingClassifier([("rnn", learner)], cv=cv, verbose=1).fit(*digits)
    n_epochs = 2 * 20 + int(np.median(best))
    assert n_epochs < 60
    assert bar_of(capsys.readouterr().err)[-1] == (n_epochs, n_epochs)


def clone_fit(learner, data, rows):
    X, y = data
    return rnn(**{**learner.get_params(), "verbose": 0}).fit(X[rows], y[rows])


def test_what_the_store_has_counts_at_once(digits, tmp_path, capsys, caplog):
    with caplog.at_level(logging.INFO, "stackens.ensemble"):
        make_stack(memory=tmp_path, verbose=1).fit(*digits)
        make_stack(memory=tmp_path, verbose=1).fit(*digits)
    first, second, _ = capsys.readouterr().err.split("\n")
    for shown in (first, second):
        assert bar_of(shown + "\n")[-1] == (N_STEPS, N_STEPS)
    assert "loss" in first
    assert "loss" not in second
    plan = "9 fits of 3 learners: 6 networks of 15 epochs together, and 3 fits of others."
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == messages[2] == plan
    assert re.fullmatch(r"9 of 9 fits done in \d+\.\d s; 0 came from the store\.", messages[1])
    assert re.fullmatch(r"9 of 9 fits done in \d+\.\d s; [89] came from the store\.", messages[3])
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_jobs_count_whether_they_are_trained_or_not(digits, tmp_path):
    learners = [rnn(), rnn(units=5, epochs=2), rnn()]  # the first and the last are the same

    def told():
        jobs = [learner.plan_job(*digits) for learner in learners]
        seen, served = [], []
        train_with_memory(
            jobs,
            learners,
            tmp_path,
            progress=lambda done, total, text: seen.append((done, total)),
            on_served=served.append,
        )
        return seen, served

    seen, served = told()
    assert seen[-1] == (8, 8)
    assert served == [2]
    seen, served = told()
    assert seen == [(3, 8), (6, 8), (8, 8)]
    assert served == [0, 2, 1]


def test_training_tells_the_name_and_the_loss(digits):
    seen = []
    job = rnn().plan_job(*digits, name="lstm, fold 2")
    (trained,) = train([job], progress=lambda *given: seen.append(given))
    assert seen[-1] == (3, 3, f"lstm, fold 2, loss {trained.history['loss'][-1]:.3g}")


def test_the_loss_of_held_out_rows_is_told_too(digits):
    seen = []
    job = rnn(early_stopping=True).plan_job(*digits, name="lstm")
    (trained,) = train([job], progress=lambda *given: seen.append(given[2]))
    logs = {name: values[-1] for name, values in trained.history.items()}
    assert seen[-1] == f"lstm, loss {logs['loss']:.3g}, val_loss {logs['val_loss']:.3g}"


def test_the_bar_grows_and_shrinks_and_closes_after_an_error(capsys):
    def fail():
        with Progress(1, unit="step") as progress:
            progress.extend(4)
            progress.advance(1, "one")
            progress.extend(3)
            progress.extend(-2)
            progress.counter()(2, 2, "two")
            raise OSError

    with pytest.raises(OSError):
        fail()
    assert bar_of(capsys.readouterr().err)[-1] == (3, 5)


def test_the_widget_of_a_notebook_follows(monkeypatch):
    pytest.importorskip("ipywidgets")
    import tqdm.auto
    import tqdm.notebook

    monkeypatch.setattr(tqdm.auto, "tqdm", tqdm.notebook.tqdm)
    monkeypatch.setattr(tqdm.notebook, "display", lambda container: None, raising=False)
    with Progress(1, unit="step") as progress:
        progress.extend(4)
        progress.extend(-2)
        progress.advance(2, "all")
        widget = progress._bar.container.children[1]
    assert (widget.value, widget.max) == (2, 2)


def test_a_bar_that_is_not_shown_does_nothing(capsys):
    with Progress(0, unit="step") as progress:
        progress.extend(4)
        progress.describe("nothing")
        progress.advance(1, "one")
        assert progress.counter() is None
    assert capsys.readouterr().err == ""


def test_plain_learners_alone(capsys):
    X = np.random.default_rng(0).normal(size=(40, 3))
    StackingRegressor([("a", Ridge()), ("b", Ridge(2.0))], cv=4, verbose=1).fit(X, X[:, 0])
    assert bar_of(capsys.readouterr().err)[-1] == (10, 10)
