"""Several views of each row: through everything that selects rows, and to the right learner."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stackens import (
    JobStore,
    SequenceSummarizer,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackingClassifier,
    View,
    make_views,
)
from stackens.exceptions import InvalidInputError
from stackens.store import data_digest
from stackens.views import has_views, take_view

N = 60
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
SIGNAL = RNG.normal(size=(N, 6, 4)) + Y[:, None, None]
STATIC = RNG.normal(size=(N, 5)) + Y[:, None]
FRAME = pd.DataFrame({"age": STATIC[:, 0], "town": np.where(Y > 0, "Oslo", "Rome")})
RAGGED = [SIGNAL[i, : 2 + i % 4] for i in range(N)]
TEXTS = ["good " * (1 + y) + "end" for y in Y]


def views():
    return make_views(
        signal=SIGNAL, static=STATIC, frame=FRAME, ragged=RAGGED, texts=TEXTS,
        sparse=scipy.sparse.csr_matrix(STATIC),
    )  # fmt: skip


@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=30))
def test_rows_are_those_of_each_view(rows):
    X = views()[rows]
    np.testing.assert_array_equal(take_view(X, "signal"), SIGNAL[rows])
    np.testing.assert_array_equal(take_view(X, "sparse").toarray(), STATIC[rows])
    pd.testing.assert_frame_equal(take_view(X, "frame"), FRAME.iloc[rows])
    for taken, i in zip(take_view(X, "ragged"), rows, strict=True):
        np.testing.assert_array_equal(taken, RAGGED[i])


@pytest.mark.parametrize("name", ["signal", "static", "frame", "ragged", "sparse"])
def test_rows_of_several_calls_keep_their_order(name):
    one, two = views(), views()
    X = np.concatenate([one[:3], two[5:8], one[3:5]])[[4, 0, 6, 3]]
    expected = [6, 0, 3, 5]
    taken, whole = take_view(X, name), take_view(one, name)
    for k, i in enumerate(expected):
        if name == "frame":
            assert taken.iloc[k].tolist() == whole.iloc[i].tolist()
        else:
            a, b = taken[k], whole[i]
            a, b = (v.toarray() if name == "sparse" else v for v in (a, b))
            np.testing.assert_array_equal(a, b)


def test_a_pickle_holds_the_data():
    X = pickle.loads(pickle.dumps(views()[10:20]))
    np.testing.assert_array_equal(take_view(X, "signal"), SIGNAL[10:20])
    assert has_views(X)
    assert not has_views(np.array([1, "a"], dtype=object))


RNN = {"units": 4, "epochs": 2, "random_state": 0}
LEARNERS = [
    ("rnn", make_pipeline(View("signal", channels=[0, 2]), StackedRNNClassifier(**RNN))),
    ("late", make_pipeline(View("signal", timesteps=(-3, None)), StackedRNNClassifier(**RNN))),
    ("ragged", make_pipeline(View("ragged"), SequenceSummarizer(), LogisticRegression())),
    ("table", make_pipeline(View("static", columns=[1, 3]), LogisticRegression())),
    (
        "frame",
        make_pipeline(
            View("frame"),
            make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["town"])),
            LogisticRegression(),
        ),
    ),
    (
        "text",
        make_pipeline(
            View("texts"),
            SequenceVectorizer(max_tokens=10),
            StackedRNNClassifier(**RNN, vocabulary_size=10),
        ),
    ),
]


def test_each_learner_of_a_stack_sees_its_part():
    X = views()
    stack = StackingClassifier(LEARNERS, LogisticRegression(), cv=3).fit(X, Y)
    parts = {
        "rnn": (SIGNAL[:, :, [0, 2]], StackedRNNClassifier(**RNN)),
        "late": (SIGNAL[:, -3:], StackedRNNClassifier(**RNN)),
        "table": (STATIC[:, [1, 3]], LogisticRegression()),
        "frame": (FRAME, make_pipeline(*[step for _, step in LEARNERS[4][1].steps[1:]])),
    }
    for name, (part, learner) in parts.items():
        expected = cross_val_predict(learner, part, Y, cv=3, method="predict_proba")
        np.testing.assert_array_equal(stack.out_of_fold_predictions_.blocks[name], expected)
    assert stack.predict(X[:1]).shape == (1,)
    assert stack.get_feature_names_out()[0] == "stackingclassifier_rnn0"


def test_whatever_selects_rows_takes_views(tmp_path):
    X, X_test, y, y_test = train_test_split(views(), Y, stratify=Y, random_state=0)
    table = LEARNERS[3][1]
    search = GridSearchCV(table, {"view__columns": [[0], [0, 1, 2, 3, 4]]}, cv=3).fit(X, y)
    assert search.best_params_ == {"view__columns": [0, 1, 2, 3, 4]}
    voting = VotingClassifier([LEARNERS[0], LEARNERS[3]], voting="soft").fit(X, y)
    assert voting.predict(X_test).shape == y_test.shape
    CalibratedClassifierCV(table, cv=3).fit(X, y).predict_proba(X_test)
    store = JobStore(tmp_path)
    stack = StackingClassifier(LEARNERS[:4], cv=3, memory=store)
    first = stack.fit(X, y).predict_proba(X_test)
    n_entries = store.info().n_entries
    assert n_entries == 16
    np.testing.assert_array_equal(stack.fit(X, y).predict_proba(X_test), first)
    assert store.info().n_entries == n_entries


def test_the_content_of_all_views_counts():
    rows = np.arange(10, 20)
    digest = data_digest(views(), Y, rows=rows)
    assert digest == data_digest(views()[rows], Y[rows])
    other = STATIC.copy()
    other[12, 0] += 1
    changed = make_views(signal=SIGNAL, static=other, frame=FRAME, ragged=RAGGED, texts=TEXTS,
                         sparse=scipy.sparse.csr_matrix(STATIC))  # fmt: skip
    assert digest != data_digest(changed, Y, rows=rows)
    assert data_digest(views(), Y, rows=[1]) == data_digest(changed, Y, rows=[1])


class TestPartsOfSequences:
    def test_without_a_name_it_cuts_what_comes(self):
        np.testing.assert_array_equal(View(channels=1).fit_transform(SIGNAL), SIGNAL[:, :, [1]])
        cut = View(channels=slice(2), timesteps=(1, 2)).fit_transform(RAGGED)
        for taken, x in zip(cut, RAGGED, strict=True):
            np.testing.assert_array_equal(taken, x[1:2, :2])
        assert View().fit_transform(SIGNAL) is SIGNAL
        named = View(columns=["town"]).fit_transform(FRAME)
        assert list(named.columns) == ["town"]

    def test_it_cuts_ragged_sequences_that_come_out_of_a_pickle(self):
        sequences = pickle.loads(pickle.dumps(views()))  # as in another process
        cut = View("ragged", timesteps=(1, 2)).fit_transform(sequences)
        for taken, x in zip(cut, RAGGED, strict=True):
            np.testing.assert_array_equal(taken, x[1:2])

    @pytest.mark.parametrize("channel", [2, np.int64(2), [2], slice(2, 3), np.arange(4) == 2])
    def test_one_channel_keeps_its_axis(self, channel):
        view = View(channels=channel)
        np.testing.assert_array_equal(view.fit_transform(SIGNAL), SIGNAL[:, :, [2]])
        for taken, x in zip(view.fit_transform(RAGGED), RAGGED, strict=True):
            np.testing.assert_array_equal(taken, x[:, [2]])

    @pytest.mark.parametrize("columns", ["age", 0, np.int64(0), ["age"], [0], slice("age", "age")])
    def test_one_column_stays_a_table(self, columns):
        taken = View(columns=columns).fit_transform(FRAME)
        pd.testing.assert_frame_equal(taken, FRAME[["age"]])
        if not isinstance(columns, str | list | slice):
            taken = View("sparse", columns=columns).fit_transform(views())
            np.testing.assert_array_equal(taken.toarray(), STATIC[:, [0]])

    @pytest.mark.parametrize(
        "steps", [(-2, None), (0, 2), slice(None, -1), slice(None, None, -1), (None, None, 2)]
    )
    def test_padding_is_no_timestep(self, steps):
        padded = np.full((N, 7, 4), np.nan)
        for row, x in zip(padded, RAGGED, strict=True):
            row[: len(x)] = x
        view = View(timesteps=steps, channels=[3, 1])
        taken, expected = view.fit_transform(padded), view.fit_transform(RAGGED)
        for row, x in zip(taken, expected, strict=True):
            np.testing.assert_array_equal(row[: len(x)], x)
            assert np.isnan(row[len(x) :]).all()
        assert taken.shape == (N, max(map(len, expected)), 2)

    @pytest.mark.parametrize("columns", [0, [0, 1], slice(2), np.array([True, False])])
    @pytest.mark.parametrize("name", [None, "frame"])
    def test_columns_by_number_are_those_of_fit(self, columns, name):
        hold = (lambda frame: frame) if name is None else (lambda frame: make_views(frame=frame))
        view = View(name, columns=columns).fit(hold(FRAME))
        pd.testing.assert_frame_equal(view.transform(hold(FRAME)), view.fit_transform(hold(FRAME)))
        with pytest.raises(InvalidInputError, match=r"(?s)feature names.*same order"):
            view.transform(hold(FRAME[FRAME.columns[::-1]]))

    def test_columns_by_name_are_found_wherever_they_are(self):
        view = View(columns=["town"]).fit(FRAME)
        swapped = FRAME[FRAME.columns[::-1]].assign(more=1)
        pd.testing.assert_frame_equal(view.transform(swapped), FRAME[["town"]])

    def test_channels_by_number_are_those_of_fit(self):
        frames = [pd.DataFrame(x, columns=list("abcd")) for x in RAGGED]
        view = View(channels=[0, 2]).fit(frames)
        for taken, x in zip(view.transform(frames), RAGGED, strict=True):
            np.testing.assert_array_equal(taken, x[:, [0, 2]])
        with pytest.raises(InvalidInputError, match=r"(?s)feature names.*same order"):
            view.transform([frame[list("bacd")] for frame in frames])

    def test_sequences_of_one_channel(self):
        flat = [x[:, 0] for x in RAGGED]
        for taken, x in zip(View(timesteps=(1, None)).fit_transform(flat), flat, strict=True):
            np.testing.assert_array_equal(taken, x[1:])

    @pytest.mark.parametrize(
        ("view", "X", "message"),
        [
            (View("sound"), views(), r"no view 'sound'; the views are \['signal'"),
            (View("signal"), SIGNAL, "make_views"),
            (View(), views(), "Name one of the views"),
            (View("signal", channels=[9]), views(), "4 channels"),
            (View("static", columns=[9]), views(), "shape"),
            (View("frame", columns=["street"]), views(), "street"),
            (View("static", channels=[0]), views(), "columns"),
            (View("static", columns=[0], channels=[0]), views(), "one or the other"),
            (View("signal", columns=[0]), views(), "those of a table"),
            (View("ragged", columns=[0]), views(), "those of a table"),
            (View("frame", channels=[0]), views(), r"DataFrame of shape \(60, 2\)"),
            (View("texts", channels=[0]), views(), "need sequences"),
            (View(channels=[0]), scipy.sparse.dia_array(np.eye(3)), r"of shape \(3, 3\)"),
            (View(channels=[0]), scipy.sparse.csr_matrix(np.eye(3)), r"of shape \(3, 3\)"),
            (View("signal", timesteps=3), views(), r"slice or \(start, stop\).* got 3"),
            (View("signal", timesteps=(6, None)), views(), "nothing of a sequence of 6 timesteps"),
            (View("ragged", timesteps=(2, None)), views(), "nothing of a sequence of 2 timesteps"),
            (View("signal", channels=[]), views(), "none of the 4 channels"),
        ],
    )
    def test_what_is_not_there_is_said_before_training(self, view, X, message):
        with pytest.raises(InvalidInputError, match=message):
            view.fit(X)


@pytest.mark.parametrize(
    ("parts", "message"),
    [({}, "at least one"), ({"a": SIGNAL, "b": STATIC[:3]}, "a: 60, b: 3"), ({"a": 3}, "int")],
)
def test_views_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(InvalidInputError, match=message):
        make_views(**parts)


def test_a_learner_without_a_view_says_what_to_do():
    with pytest.raises(InvalidInputError, match=r"View\(name\)"):
        StackedRNNClassifier(4).fit(views(), Y)
    with pytest.raises(InvalidInputError, match="views"):
        StackingClassifier(LEARNERS[3:4], passthrough=True).fit(views(), Y)
