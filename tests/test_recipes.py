"""What ``make_stack`` chooses, and that it is an ordinary stack."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GroupKFold, RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from stackens import (
    DiscreteSuperLearnerClassifier,
    DiscreteSuperLearnerRegressor,
    EmbeddingPretrainer,
    SequenceImputer,
    StackingClassifier,
    StackingRegressor,
    WordVectors,
    load,
    save,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import ChannelsFirstWarning, InvalidInputError
from stackens.exporting import to_numpy
from stackens.recipes import make_stack


def series(n, n_timesteps=30, n_classes=2):
    return np.random.default_rng(0).normal(size=(n, n_timesteps, 2)), np.arange(n) % n_classes


def networks(stack):
    """The last steps that are networks, by name."""
    found = {}
    for name, learner in stack.estimators:
        last = getattr(learner, "regressor", learner)[-1]
        if hasattr(last, "cell"):
            found[name] = last
    return found


def names(stack):
    return [name for name, _ in stack.estimators]


def test_chooses_by_the_task():
    X, y = series(40)
    assert type(make_stack(X, y)) is StackingClassifier
    assert type(make_stack(X, y.astype(str))) is StackingClassifier
    assert type(make_stack(X, X[:, 0, 0])) is StackingRegressor
    assert type(make_stack(X, y, task="regression")) is StackingRegressor


@pytest.mark.parametrize(
    ("n", "cells", "depths"),
    [
        (50, {"lstm", "gru", "simple_rnn"}, {None}),
        (500, {"lstm", "gru"}, {None, 2}),
        (25_000, {"lstm", "gru"}, {None, 3}),
    ],
)
def test_more_rows_mean_deeper_and_wider(n, cells, depths):
    chosen = networks(make_stack(*series(n, n_timesteps=3), budget="best"))
    assert {network.cell for network in chosen.values()} == cells
    assert {network.n_layers for network in chosen.values()} == depths
    assert all(network.bidirectional for network in chosen.values())


@pytest.mark.parametrize("n", [50, 3_000])
@pytest.mark.parametrize("kind", ["series", "texts", "letters", "numbers"])
def test_a_budget_says_how_much_is_trained(kind, n):
    X, y = series(n, 9)
    if kind in ("texts", "letters"):
        X = [("a good day" if kind == "texts" else "ACGTA") for _ in y]
    y = y * 0.5 if kind == "numbers" else y
    seconds, minutes, best = (make_stack(X, y, budget=b) for b in ("seconds", "minutes", "best"))
    assert not networks(seconds)
    assert networks(seconds).keys() < networks(minutes).keys() <= networks(best).keys()
    assert len(networks(best)) == 3
    assert [stack.prune for stack in (seconds, minutes, best)] == [False, True, False]
    assert {one.n_seeds for one in networks(best).values()} == {3 if n < 2_000 else 1}
    assert make_stack(X, y).get_params().keys() == minutes.get_params().keys()


def test_folds_are_drawn_several_times_where_rows_are_few_and_training_is_cheap():
    X, y = series(99, 9)
    for target, kind in ((y, RepeatedStratifiedKFold), (X[:, 0, 0], RepeatedKFold)):
        assert isinstance(make_stack(X, target, budget="seconds").cv, kind)
        assert not isinstance(make_stack(X, target).cv, kind)
    assert make_stack(*series(100, 9), budget="seconds").cv.get_n_splits() == 5


def test_sizes_never_shrink_with_rows():
    chosen = [networks(make_stack(*series(n, 3)))["lstm"] for n in (50, 300, 3_000, 60_000)]
    for parameter, direction in (("units", 1), ("batch_size", 1), ("epochs", -1)):
        values = [direction * getattr(network, parameter) for network in chosen]
        assert values == sorted(values)
    assert [network.early_stopping for network in chosen] == [False, False, True, True]


def test_long_sequences_are_not_left_to_the_last_state():
    stacks = (make_stack(*series(300, n), budget="best") for n in (8, 25, 35, 45, 150))
    short, *long = map(networks, stacks)
    assert short["lstm"].pooling == "last"
    assert "last" not in {network.pooling for one in long for network in one.values()}
    assert long[-1]["deep"].pooling == "attention"


@pytest.mark.parametrize(("n_timesteps", "size"), [(30, None), (45, 2), (150, 5), (900, 8)])
def test_few_rows_are_read_in_patches(n_timesteps, size):
    learners = dict(make_stack(*series(60, n_timesteps), budget="best").estimators)
    for name in ("lstm", "gru", "simple_rnn"):
        patcher = learners[name].named_steps.get("sequencepatcher")
        assert (patcher and patcher.size) == size
        assert ("sequencedifferencer" in learners[name].named_steps) == (name != "lstm")


def test_classes_of_few_series_get_convolutions_beside_the_lstm():
    X, y = series(60, 9)
    assert _lstm(X, y).convolutions == (64, 64, 64)
    assert [*networks(make_stack(X, y))] == ["lstm"]
    assert [*networks(make_stack(X, y, budget="best"))] == ["lstm", "gru", "simple_rnn"]
    shorter, numbers = _lstm(X[:, :8], y), _lstm(X, X[:, 0, 0])
    more, texts = _lstm(*series(2_000, 9)), _lstm(["a good day"] * 60, y)
    for network in (shorter, numbers, more, texts):
        assert network.convolutions is None
        assert network.bidirectional
    gaps = X.copy()
    gaps[0, 0] = np.nan
    learner = dict(make_stack(gaps, y).estimators)["lstm"]
    assert [*learner.named_steps][:2] == ["sequenceimputer", "sequencescaler"]


def _lstm(X, y):
    return networks(make_stack(X, y))["lstm"]


def test_patches_of_many_channels_are_no_tables():
    y = np.arange(60) % 2
    some, many = (dict(make_stack(np.zeros((60, 300, n)), y).estimators)["lstm"] for n in (20, 200))
    assert some.named_steps["sequencepatcher"].size == 3
    assert "sequencepatcher" not in many.named_steps


def test_many_rows_and_texts_are_read_as_they_are():
    texts = [f"{word} day" for word in ("good", "bad")] * 20
    many = np.zeros((25_000, 40)), np.arange(25_000) % 2
    for data in (many, (texts, np.arange(40) % 2)):
        for learner in dict(make_stack(*data).estimators).values():
            assert not {"sequencedifferencer", "sequencepatcher"} & set(learner.named_steps)


def test_every_stack_has_a_learner_that_is_no_network():
    texts = [f"{word} day number {k}" for k in range(20) for word in ("good", "bad")]
    for data in (series(40), (texts, np.arange(40) % 2)):
        stack = make_stack(*data)
        assert set(names(stack)) - set(networks(stack))


def test_ragged_sequences_are_not_flattened():
    X, y = series(40)
    ragged = [x[: 10 + i % 5] for i, x in enumerate(X)]
    learners = dict(make_stack(ragged, y).estimators)
    assert "value_trees" in names(make_stack(X, y))
    assert "value_trees" not in learners
    steps = learners["linear"].named_steps
    assert "sequenceflattener" not in steps
    assert "length" in steps["sequencesummarizer"].statistics


@pytest.mark.parametrize("kind", ["array", "ragged", "gaps", "regression"])
def test_sequences_of_nine_steps_get_random_convolutions(kind):
    X, y = series(40)
    assert "convolutions" not in names(make_stack(X[:, :8], y))
    X = X[:, :9] if kind == "array" else X.copy()
    if kind == "ragged":
        X = [x[: 9 + i % 5] for i, x in enumerate(X)]
    if kind == "gaps":
        X[3, 2] = np.nan
    target = np.array([float(x[0, 0]) for x in X]) if kind == "regression" else y
    learner = dict(make_stack(X, target, random_state=0).estimators)["convolutions"]
    assert np.corrcoef(learner.fit(X, target).predict(X), target)[0, 1] > 0.9


@pytest.mark.parametrize("n", [50, 3_000])
def test_cross_validation_chooses_the_final_estimator(n):
    X, y = series(n, 3)
    assert isinstance(make_stack(X, y).final_estimator, DiscreteSuperLearnerClassifier)
    assert isinstance(make_stack(X, X[:, 0, 0]).final_estimator, DiscreteSuperLearnerRegressor)


@pytest.mark.parametrize("name", ["linear", "value_linear"])
def test_a_value_that_is_nearly_always_zero_moves_no_linear_model_far(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 10, 2))
    X[:, :, 1] = 0
    X[::20, 3, 1] = 1e-6
    y = X[:, 0, 0] + 0.1 * (X[:, 3, 1] > 0)
    later = np.zeros((1, 10, 2))
    later[0, 3, 1] = 0.02
    learner = dict(make_stack(X, y).estimators)[name]
    assert abs(learner.fit(X, y).predict(later)[0]) < 3 * np.abs(y).max()
    scaler = next(k for k, step in enumerate(learner) if isinstance(step, MinMaxScaler))
    unbounded = Pipeline(learner.steps[:scaler] + learner.steps[scaler + 1 :])
    assert abs(unbounded.fit(X, y).predict(later)[0]) > 30 * np.abs(y).max()  # the fault


def test_folds_follow_the_rarest_class_unless_given():
    X, _ = series(40)
    y = np.r_[np.zeros(37, int), np.ones(3, int)]
    assert make_stack(X, y).cv.n_splits == 3
    own = GroupKFold(4)
    assert make_stack(X, y, cv=own).cv is own


def test_a_target_of_another_size_is_scaled_for_networks():
    X, _ = series(60)
    near, far = make_stack(X, X[:, 0, 0]), make_stack(X, 1e4 + 300 * X[:, 0, 0])
    assert not any(isinstance(e, TransformedTargetRegressor) for _, e in near.estimators)
    scaled = [n for n, e in far.estimators if isinstance(e, TransformedTargetRegressor)]
    assert scaled == list(networks(far))


def test_the_log_says_why(caplog):
    with caplog.at_level(logging.INFO, logger="stackens.recipes"):
        make_stack(*series(50), budget="best")
    said = "\n".join(caplog.messages)
    for word in (
        "50 rows",
        "changes",
        "bidirectional",
        "simple_rnn",
        "pooling",
        "folds",
        "final",
        "chosen_",
    ):
        assert word in said
    assert said.count("deep") == 1  # "simple_rnn in place of a deep network"


def test_looks_at_data_and_changes_nothing():
    X, y = series(60)
    X_before, y_before = X.copy(), y.copy()
    first, again = (make_stack(X, y, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert str(first.get_params()) == str(again.get_params())
    assert not hasattr(first, "estimators_")
    clone(first)


@pytest.mark.slow
def test_is_an_ordinary_stack_that_can_be_edited():
    X, y = load_digits_sequences(return_X_y=True)
    stack = make_stack(X[:400], y[:400], random_state=0)
    epochs = {
        f"{name}__{step}__epochs": 2
        for name, learner in stack.estimators
        for step, part in learner.steps
        if hasattr(part, "epochs")
    }
    assert len(epochs) == 2
    stack.set_params(**epochs, cv=2).fit(X[:400], y[:400])
    assert stack.score(X[400:600], y[400:600]) > 0.8


@pytest.mark.slow
def test_reads_texts_and_far_targets():
    texts = [f"{word} day number {k}" for k in range(20) for word in ("good", "bad")]
    y = np.tile(["yes", "no"], 20)
    stack = make_stack(texts, y, random_state=0)
    stack.set_params(
        **{f"{name}__stackedrnnclassifier__epochs": 5 for name in networks(stack)}, cv=2
    )
    assert stack.fit(texts, y).score(texts, y) > 0.9
    X, _ = series(80, 6)
    far = 1e4 + 300 * X.mean(axis=(1, 2))
    regressor = make_stack(X, far, random_state=0)
    regressor.set_params(
        **{f"{name}__regressor__stackedrnnregressor__epochs": 3 for name in networks(regressor)},
        cv=2,
    )
    assert regressor.fit(X, far).score(X, far) > 0.5


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (np.ones((4, 3)), np.ones((4, 2)), {}, "1-D"),
        (np.ones((4, 3)), [1, 1, 1, 1], {}, "at least 2 classes"),
        (np.ones((4, 3)), [1, 1, 1, 2], {}, "rarest with 1 row"),
        (np.ones((4, 3)), [1, 1, 2, 2], {"task": "ranking"}, "`task` must be"),
        (np.ones((4, 3)), [1, 1, 2, 2], {"budget": 60}, "`budget` must be"),
        (np.ones((4, 3)), [1, 2], {}, "inconsistent numbers of samples"),
    ],
)
def test_refuses_what_it_cannot_use(X, y, options, message):
    error = ValueError if "inconsistent" in message else InvalidInputError
    with pytest.raises(error, match=message):
        make_stack(X, y, **options)


def test_reads_texts_without_words_letter_by_letter():
    """Order of letters decides, and no word is ever seen twice."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    motifs = np.array(["ACGT", "TGCA"])[y]
    noise = rng.choice(list("ACGT"), size=(2, 120, 12))
    dna = [
        "".join(a) + motif + "".join(b)
        for a, motif, b in zip(*noise[:1], motifs, noise[1], strict=True)
    ]
    stack = make_stack(dna, y, random_state=0)
    assert names(stack) == ["letters", "letter_trees", "letter_linear", "lstm", "gru"]
    assert names(make_stack([*dna[:-1], dna[-1] + "A"], y)) == ["letters", "lstm", "gru"]
    vectorizer, network = dict(stack.estimators)["lstm"]
    assert vectorizer.analyzer == "char"
    assert network.vocabulary_size == vectorizer.max_tokens == 128
    stack.set_params(lstm="drop", gru="drop").fit(dna, y)
    assert stack.score(dna, y) > 0.9
    with_unknown = stack.predict([text.replace("A", "N") for text in dna])  # letters never seen
    assert set(with_unknown) <= {0, 1}


def test_short_texts_are_also_read_by_parts_of_words(tmp_path):
    """Of an unknown word the parts are known."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    words = rng.integers(10**6, size=120)
    texts = [f"it is {['praise', 'blame'][k]}{word}" for k, word in zip(y, words, strict=True)]
    stack = make_stack(texts, y, budget="seconds", random_state=0).fit(texts, y)
    new = ["it is praise-x", "it is blameful"]
    assert list(stack.predict(new)) == [0, 1]
    save(stack, tmp_path / "stack")
    loaded = load(tmp_path / "stack")
    np.testing.assert_array_equal(loaded.predict_proba(new), stack.predict_proba(new))
    exported = to_numpy(stack)
    np.testing.assert_allclose(exported.predict_proba(new), stack.predict_proba(new), rtol=1e-6)
    long = [f"{text} day" * 60 for text in texts]
    assert names(make_stack(long, y, budget="seconds")) == ["words"]


def short_texts(*rows):
    """Labels, and as many short texts of each as asked for."""
    y = np.repeat(np.arange(len(rows)), rows)
    return [f"{['red', 'blue', 'green'][k]} day {i % 7}" for i, k in enumerate(y)], y


def last_steps(stack):
    return [type(learner[-1]).__name__ for _, learner in stack.estimators]


def test_a_support_vector_machine_reads_parts_of_words_where_rows_can_teach_probabilities(caplog):
    X, y = short_texts(30, 30, 10)
    calibrated = ["LogisticRegression", "CalibratedClassifierCV"]
    linear = ["LogisticRegression", "LogisticRegression"]
    with caplog.at_level(logging.INFO, logger="stackens.recipes"):
        for options in ({}, {"cv": 3}):
            assert last_steps(make_stack(X, y, budget="seconds", **options)) == calibrated
    assert "3 folds of the training rows" in caplog.text
    groups = np.arange(70) // 2
    for options in ({"groups": groups}, {"cv": GroupKFold(5)}):
        assert last_steps(make_stack(X, y, budget="seconds", **options)) == linear
    assert last_steps(make_stack(X, y, task="regression", budget="seconds")) == ["RidgeCV"] * 2


@pytest.mark.parametrize("rarest", [2, 3, 9, 10, 11])
@pytest.mark.parametrize("cv", [None, 2])
def test_rare_classes_of_texts_are_learnt(rarest, cv):
    X, y = short_texts(30, 30, rarest)
    stack = make_stack(X, y, budget="seconds", cv=cv, random_state=0).fit(X, y)
    assert stack.score(X, y) > 0.9
    assert not stack.failures_


def test_groups_of_texts_are_no_obstacle():
    X, y = short_texts(30, 30)
    groups = np.arange(60) // 3
    stack = make_stack(X, y, groups=groups, budget="seconds", random_state=0)
    assert stack.fit(X, y, groups=groups).score(X, y) > 0.9


@pytest.mark.parametrize(("n", "trains"), [(40, False), (2_000, True), (20_000, None)])
def test_word_vectors_are_what_networks_with_few_rows_start_from(n, trains, caplog):
    texts = ["good day", "bad day"] * (n // 2)
    vectors = WordVectors(["good", "bad"], [[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]])
    with caplog.at_level(logging.INFO, "stackens.recipes"):
        stack = make_stack(texts, np.arange(n) % 2, vectors=vectors, random_state=0)
    assert "vectors" in caplog.text
    learner = dict(stack.estimators)["lstm"]
    assert isinstance(learner, EmbeddingPretrainer) == (trains is not None)
    if trains is not None:
        assert learner.vectors is vectors
        assert learner.trainable is trains
        assert learner.estimator.embedding_dim == 3


def test_a_stack_from_word_vectors_learns():
    texts = [f"{word} day number {k}" for k in range(20) for word in ("good", "bad")]
    y = np.tile([1, 0], 20)
    vectors = WordVectors(["good", "bad", "day"], np.eye(3))
    stack = make_stack(texts, y, vectors=vectors, random_state=0)
    stack.set_params(gru="drop", words="drop", parts="drop")
    assert stack.fit(texts, y).score(texts, y) > 0.9


def test_word_vectors_need_words():
    vectors = WordVectors(["good"], [[1.0]])
    with pytest.raises(InvalidInputError, match="texts of words"):
        make_stack(*series(40), vectors=vectors)


# ---- groups, gaps, time, files of vectors -------------------------------------------------------


@pytest.mark.parametrize(
    ("n_groups", "n_splits"), [(12, 5), (3, 3), (2, 2)], ids=["many", "three", "two"]
)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_folds_hold_out_whole_groups(task, n_groups, n_splits, caplog):
    X, y = series(48)
    groups = np.array([f"subject {k}" for k in np.arange(48) // 2 % n_groups])
    with caplog.at_level(logging.INFO, logger="stackens.recipes"):
        stack = make_stack(X, y, task=task, groups=groups, random_state=0)
    assert f"folds: {n_splits}" in caplog.text
    splits = list(stack.cv.split(X, y, groups))
    assert len(splits) == n_splits
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])


def test_a_class_of_few_groups_decides_on_the_folds():
    X, y = series(48)
    groups = np.where(y == 1, np.arange(48) % 6 // 2, np.arange(48))
    assert make_stack(X, y, groups=groups).cv.n_splits == 3
    assert make_stack(X, y, groups=groups, cv=4).cv == 4


def test_groups_that_cannot_be_are_refused():
    X, y = series(48)
    with pytest.raises(InvalidInputError, match="all rows of `groups` are of one"):
        make_stack(X, y, groups=np.zeros(48))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_stack(X, y, groups=np.zeros(47))


def test_groups_forgotten_at_fit_are_asked_for():
    X, y = series(48)
    with pytest.raises(InvalidInputError, match="needs the group of each row"):
        make_stack(X, y, groups=np.arange(48) // 4).fit(X, y)


def with_gaps(X):
    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)
    holed[:, -1] = X[:, -1]  # missing at the end would be padding
    return holed


@pytest.mark.parametrize("form", ["3-D", "table", "ragged", "frame"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_learner_fills_what_is_missing(form, task):
    X, y = series(40, n_timesteps=8)
    X, y = with_gaps(X), y + (X[:, 0, 0] * 1000 if task == "regression" else 0)
    if form == "ragged":
        X = [row[: 8 - i % 3] for i, row in enumerate(X)]
    elif form != "3-D":
        X = X[:, :, 0] if form == "table" else pd.DataFrame(X[:, :, 0]).add_prefix("t")
    stack = make_stack(X, y, random_state=0)
    for _, learner in stack.estimators:
        assert isinstance(getattr(learner, "regressor", learner)[0], SequenceImputer)
    others = [(name, e) for name, e in stack.estimators if name not in networks(stack)]
    assert len(others) == (2 if form == "ragged" else 4)
    stack.set_params(estimators=others[-1:], cv=2).fit(X, y)
    assert np.isfinite(stack.predict(X)).all()
    filled = make_stack(np.nan_to_num(np.random.default_rng(0).normal(size=(40, 8))), y)
    assert not any("Imputer" in repr(e) for _, e in filled.estimators)


@pytest.mark.slow
def test_a_whole_stack_takes_gaps_groups_and_a_limit():
    X, y = series(40, n_timesteps=6)
    groups = np.arange(40) // 4
    stack = make_stack(with_gaps(X), y, groups=groups, time_limit=600, random_state=0)
    assert stack.time_limit == 600
    stack.set_params(**{name: 2 for name in stack.get_params() if name.endswith("__epochs")})
    stack.fit(with_gaps(X), y, groups=groups)
    assert not stack.failures_
    assert np.isfinite(stack.predict_proba(with_gaps(X))).all()


def test_vectors_may_be_a_file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("good 1.0 0.0 2.0\nbad 0.0 1.0 2.0\nunused 0.0 1.0 1.0\n")
    texts = [f"{word} day number {i}" for i, word in enumerate(["good", "bad"] * 20)]
    for vectors in (path, str(path)):
        stack = make_stack(texts, np.arange(40) % 2, vectors=vectors, random_state=0)
        learner = dict(stack.estimators)["lstm"]
        assert isinstance(learner, EmbeddingPretrainer)
        assert (learner.vectors, learner.estimator.embedding_dim) == (vectors, 3)
    learner.set_params(estimator__epochs=1, estimator__units=2).fit(texts, np.arange(40) % 2)
    with pytest.raises(InvalidInputError, match="`vectors` are for texts"):
        make_stack(*series(40), vectors=path)
    with pytest.raises(FileNotFoundError):
        make_stack(texts, np.arange(40) % 2, vectors=tmp_path / "none.txt")


def test_a_sparse_table_is_refused():
    X = scipy.sparse.csr_array(np.eye(20))
    with pytest.raises(InvalidInputError, match=r"20 rows of a sparse csr_array.*toarray"):
        make_stack(X, np.arange(20) % 2)


@pytest.mark.parametrize("kind", ["series", "texts", "letters", "numbers"])
def test_weights_of_rows_are_taken_by_every_learner(kind):
    X, y = series(60, 9)
    if kind in ("texts", "letters"):
        X = [("a good day" if kind == "texts" else "ACGTA") + "x" * (i % 4) for i in y]
    y = 1e3 * y + np.arange(60) + 0.5 if kind == "numbers" else y
    stack = make_stack(X, y, cv=2, random_state=0)
    short = {name: 1 for name in stack.get_params() if name.endswith("__epochs")}
    stack.set_params(**short, prune=False)
    heavy = np.where(np.arange(60) < 30, 1.0, 1e-6)
    weighted = clone(stack).fit(X, y, sample_weight=heavy)
    plain = stack.fit(X, y)
    others = X if isinstance(X, list) else X + 0.3  # trees know the training rows by heart
    for ours, theirs in zip(weighted.estimators_, plain.estimators_, strict=True):
        method = "predict" if kind == "numbers" else "predict_proba"
        assert np.abs(getattr(ours, method)(others) - getattr(theirs, method)(others)).max() > 0


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a day", np.nan, "a dog"] * 4, [0, 1, 1] * 4, "holds texts, and row 1 holds nan"),
        (["a day", None, "a dog"] * 4, [0, 1, 1] * 4, "holds texts, and row 1 holds None"),
        (pd.DataFrame({"q": ["a day", "a dog"] * 4}), [0, 1] * 4, r"Pass the column, `X\['q'\]`"),
        (np.zeros((8, 5)), [0.5, np.nan] * 4, "`y` holds nan in row 1"),
        (np.zeros((8, 5)), [["a"], ["b"]] * 4, r"shape \(8, 1\). Pass `np.ravel\(y\)`"),
    ],
)
def test_what_lacks_values_is_said(X, y, message):
    with pytest.raises(InvalidInputError, match=message):
        make_stack(X, y)


def test_numbers_that_may_be_no_classes_and_channels_that_may_be_timesteps_are_said(caplog):
    X, y = series(60, 9)
    ages = 20 + np.arange(60) % 30
    with pytest.warns(UserWarning, match="30 different whole numbers in 60 rows"):
        make_stack(X, ages)
    with pytest.warns(ChannelsFirstWarning, match="6 timesteps with 100 features"):
        make_stack(np.zeros((60, 6, 100)), y)
    with caplog.at_level(logging.INFO, "stackens.recipes"):
        make_stack(X, ages, task="regression")
        make_stack(X, y)
    told = " ".join(caplog.messages)
    assert "task: regression" in told
    assert f"task: classification, {len(np.unique(y))} classes" in told
    assert "series: 9 timesteps at most" in told
