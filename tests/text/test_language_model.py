"""The language model: what it learns, scores and writes, against oracles written by hand."""

from __future__ import annotations

import pickle
import threading
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import stackens
from stackens.exceptions import (
    InvalidInputError,
    StoreWarning,
    TrainingDivergedError,
    UnknownTokenWarning,
)
from stackens.networks import build_language_model
from stackens.parameters import stream
from stackens.store import JobStore
from stackens.text import StackedRNNLanguageModel, _running_text, _running_text_program
from stackens.text._tokens import split_text

TEXTS = ["the cat sat on the mat.\n", "a dog sat on a log.\n", "the dog and the cat ran.\n"] * 4


def small(**options):
    settings = {
        "units": 12,
        "embedding_dim": 6,
        "batch_size": 3,
        "window": 16,
        "epochs": 2,
        "learning_rate": 0.02,
        "random_state": 0,
    }
    return StackedRNNLanguageModel(**{**settings, **options})


@pytest.fixture(scope="module")
def model():
    return small(epochs=8).fit(TEXTS)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward(weights, ids, state=None):
    """Logits of every step, by the equations of one LSTM layer, one token at a time."""
    embedding, kernel, recurrent, bias, head, head_bias = (w.astype("float64") for w in weights)
    units = len(recurrent)
    h, c = (np.zeros(units), np.zeros(units)) if state is None else state
    logits = []
    for token in ids:
        i, f, g, o = np.split(embedding[token] @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        logits.append(h @ head + head_bias)
    return np.array(logits), (h, c)


def log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def ids_of(model, text):
    return [0, *(model.vocabulary_.index(token) for token in text), 0]


# ---- scores -------------------------------------------------------------------------------------


def test_log_probabilities_are_those_of_the_equations(model):
    texts = ["the cat ran.\n", "a", "the dog sat on the log and the cat sat on a mat.\n" * 9]
    expected = []
    for text in texts:  # the last is longer than what is scored in one step
        ids = ids_of(model, text)
        logs = log_softmax(forward(model.weights_, ids[:-1])[0])
        expected.append(logs[np.arange(len(ids) - 1), ids[1:]].sum())
    np.testing.assert_allclose(model.score_samples(texts), expected, rtol=1e-5)
    n_targets = sum(len(text) + 1 for text in texts)
    assert model.score(texts) == pytest.approx(sum(expected) / n_targets, rel=1e-5)
    assert model.perplexity(texts) == pytest.approx(np.exp(-sum(expected) / n_targets), rel=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_nats_are_those_of_a_stateful_keras_model(cell):
    model = small(cell=cell, n_layers=2).fit(TEXTS)
    text = "the dog sat on the cat and ran.\n"
    layer = {
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "simple_rnn": keras.layers.SimpleRNN,
    }[cell]
    plain = keras.Sequential(
        [
            keras.Input(batch_shape=(1, 1), dtype="int32"),
            keras.layers.Embedding(len(model.vocabulary_), 6),
            layer(12, return_sequences=True, stateful=True),
            layer(12, return_sequences=True, stateful=True),
            keras.layers.Dense(len(model.vocabulary_), activation="softmax"),
        ]
    )
    plain.set_weights(model.weights_)
    ids = ids_of(model, text)
    steps = [np.asarray(plain(np.array([[i]])))[0, 0] for i in ids[:-1]]
    expected = np.log([p[i] for p, i in zip(steps, ids[1:], strict=True)]).mean()
    assert model.score(text) == pytest.approx(expected, rel=1e-4)


def test_a_text_is_scored_the_same_alone_and_among_others(model):
    texts = ["the cat.\n", "a dog and a cat and a log.\n" * 20, "mat"]
    alone = [model.score_samples(text)[0] for text in texts]
    np.testing.assert_allclose(model.score_samples(texts), alone, rtol=1e-5)


def test_probabilities_of_all_texts_of_one_token_add_up(model):
    """All that may follow the boundary: its logarithms are those of a distribution."""
    first = log_softmax(forward(model.weights_, [0])[0])[0]
    assert np.exp(first).sum() == pytest.approx(1)
    ends = [log_softmax(forward(model.weights_, ids_of(model, c)[:-1])[0])[1, 0] for c in "ta"]
    expected = [first[model.vocabulary_.index(c)] + end for c, end in zip("ta", ends, strict=True)]
    np.testing.assert_allclose(model.score_samples(["t", "a"]), expected, rtol=1e-5)


# ---- training -----------------------------------------------------------------------------------


def test_first_loss_is_that_of_the_initial_weights_with_carried_states():
    """One epoch at a learning rate of nearly 0: windows of 16 are no cuts for the states."""
    text = "the cat sat on the mat, and the dog sat on the log, and so on and so on."
    model = small(epochs=1, batch_size=1, learning_rate=1e-12).fit(text)
    ids = ids_of(model, text)
    spare = 5 * 16 - (len(ids) - 1)
    ahead = int(stream(0, "windows", 0).integers(spare + 1))
    logits, _ = forward(model.weights_, [0] * ahead + ids[:-1])
    logs = log_softmax(logits)[ahead:]
    expected = -logs[np.arange(len(ids) - 1), ids[1:]].mean()
    assert model.history_["loss"] == pytest.approx([expected], rel=1e-5)


def test_one_step_is_one_step_of_keras_with_adam():
    text = "the cat sat on the mat"
    settings = {"epochs": 1, "batch_size": 1, "window": 64, "decay": None}
    before = small(**settings, learning_rate=1e-12).fit(text)
    after = small(**settings, learning_rate=0.01).fit(text)
    plain = build_language_model(
        vocabulary_size=len(before.vocabulary_), embedding_dim=6, units=(12,)
    )
    plain.set_weights(before.weights_)
    ids = ids_of(before, text)
    ahead = int(stream(0, "windows", 0).integers(64 - (len(ids) - 1) + 1))
    ids = [0] * ahead + ids
    counts = np.r_[np.zeros(ahead), np.ones(len(text) + 1)].astype("float32")
    with tf.GradientTape() as tape:
        logits = plain([np.array([ids[:-1]]), np.zeros((1, 12)), np.zeros((1, 12))])[0]
        nats = keras.losses.sparse_categorical_crossentropy(
            np.array([ids[1:]]), logits, from_logits=True
        )
        loss = tf.reduce_sum(nats * counts) / counts.sum()
    gradients = tape.gradient(loss, plain.trainable_variables)
    gradients = [tf.convert_to_tensor(g) for g in gradients]
    keras.optimizers.Adam(0.01, global_clipnorm=1.0).apply(gradients, plain.trainable_variables)
    for ours, expected in zip(after.weights_, plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_halves_of_the_streams_train_like_the_whole(monkeypatch):
    text = "".join(TEXTS) * 4
    options = {"batch_size": 64, "window": 8, "epochs": 2}
    halves = small(**options).fit(text)
    monkeypatch.setattr(_running_text_program, "_ROWS_OF_A_HALF", 1000)
    whole = small(**options).fit(text)
    np.testing.assert_allclose(halves.history_["loss"], whole.history_["loss"], rtol=1e-4)


def test_every_token_is_a_target_once():
    tokens = np.arange(100, dtype="int32")
    for ahead in (0, 3, 6):
        streams, counts = _running_text.cut_streams(tokens, 5, 21, ahead)
        assert streams.shape == (5, 22)
        assert sorted(streams[:, 1:][counts > 0]) == list(range(1, 100))
        assert (streams[:, 1:][counts > 0] == streams[:, :-1][counts > 0] + 1).all()
        assert (streams[:-1, -1] == streams[1:, 0]).all()


def test_it_learns_and_watches():
    model = small(epochs=30).fit(TEXTS, validation_texts=["the dog sat on the mat.\n"])
    assert model.history_["loss"][-1] < 0.7 < 2 < model.history_["loss"][0]
    assert len(model.history_["val_loss"]) == 30
    held_out = -model.score("the dog sat on the mat.\n")
    assert model.history_["val_loss"][-1] == pytest.approx(held_out, rel=1e-6)
    watched = small(epochs=3).fit(TEXTS, validation_texts="the cat.")
    np.testing.assert_array_equal(watched.weights_[0], small(epochs=3).fit(TEXTS).weights_[0])


def test_validation_texts_teach_no_token():
    with pytest.warns(UnknownTokenWarning, match=r"1 of 9 tokens .*\['Q'\]"):
        model = small(epochs=1).fit(TEXTS, validation_texts="the Qat.")
    assert model.vocabulary_ == small(epochs=1).fit(TEXTS).vocabulary_


def test_words_and_characters_give_the_text_back():
    text = " A dog,  a\tcat -- and (perhaps) 3 mice?!\n\n  She said: \u201cno\u201d.  "
    for level in ("char", "word"):
        assert "".join(split_text(text, level)) == text
    assert split_text("A dog,  a cat.\n", "word") == [
        "A",
        " dog",
        ",",
        " ",
        " a",
        " cat",
        ".",
        "\n",
    ]


def test_words():
    model = small(level="word", epochs=30, max_tokens=8)
    with pytest.warns(UnknownTokenWarning, match=r"tokens are not in the vocabulary"):
        model.fit(TEXTS)
    assert len(model.vocabulary_) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownTokenWarning)
        written = model.generate("", 12, random_state=0)
    assert set(split_text(written, "word")) <= set(model.vocabulary_)


class StoppedError(Exception):
    pass


def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    texts = "".join(TEXTS) * 4
    options = {"batch_size": 64, "window": 8, "epochs": 4, "dropout": 0.3}
    whole = small(**options).fit(texts, validation_texts="the cat.")
    store = JobStore(tmp_path, checkpoint_every=0)
    train_epoch, n_epochs = _running_text_program.RunningTextProgram.train_epoch, []

    def die_in_the_third(*args):
        n_epochs.append(1)
        if len(n_epochs) == 3:
            raise StoppedError
        return train_epoch(*args)

    monkeypatch.setattr(_running_text_program.RunningTextProgram, "train_epoch", die_in_the_third)
    interrupted = small(**options, memory=store)
    with pytest.raises(StoppedError):
        interrupted.fit(texts, validation_texts="the cat.")
    interrupted.fit(texts, validation_texts="the cat.")
    assert len(n_epochs) == 3 + 2
    again = small(**options, memory=store).fit(texts, validation_texts="the cat.")
    assert len(n_epochs) == 3 + 2
    for model in (interrupted, again):
        assert model.history_ == whole.history_
        for ours, expected in zip(model.weights_, whole.weights_, strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_two_threads_that_want_the_same_train_it_once(tmp_path, trained):
    meet = threading.Barrier(2)
    models = [small(memory=tmp_path) for _ in range(2)]

    def fit(model):
        meet.wait()
        model.fit(TEXTS)

    threads = [threading.Thread(target=fit, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trained) == 1
    np.testing.assert_array_equal(models[0].weights_[0], models[1].weights_[0])


def test_without_a_seed_nothing_is_kept(tmp_path):
    with pytest.warns(StoreWarning, match="random_state"):
        small(random_state=None, epochs=1, memory=tmp_path).fit(TEXTS)


# ---- writing ------------------------------------------------------------------------------------


def test_the_most_probable_token_is_that_of_the_equations(model):
    ids = ids_of(model, "the d")[:-1]
    written = "the d"
    for _ in range(30):
        logits = forward(model.weights_, ids)[0][-1]
        logits[1] = -np.inf
        best = int(logits.argmax())
        if best == 0:
            break
        ids.append(best)
        written += model.vocabulary_[best]
    assert model.generate("the d", 30, top_k=1) == written


def test_draws_follow_temperature_and_top_k(model):
    logits = forward(model.weights_, ids_of(model, "the ")[:-1])[0][-1]
    logits[1] = -np.inf
    best = np.argsort(-logits)[:3]
    expected = np.exp(logits[best] / 1.5)
    expected /= expected.sum()
    written = [
        model.generate("the ", 1, temperature=1.5, top_k=3, random_state=k) for k in range(600)
    ]
    tokens = [model.vocabulary_.index(text[4:]) if text[4:] else 0 for text in written]
    assert set(tokens) <= set(best.tolist())
    shares = np.array([tokens.count(i) for i in best]) / len(tokens)
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / 600))


def test_the_coldest_draws_take_the_most_probable_token(model):
    expected = model.generate("the d", 10, top_k=1)
    for temperature in (1e-6, 1e-40, 1e-300):
        assert model.generate("the d", 10, temperature=temperature, random_state=0) == expected


def test_a_text_ends_where_the_model_ends_it(model):
    ends = small(epochs=60, units=16).fit(["ab"] * 30)
    assert ends.generate("", 50, top_k=1) == "ab"
    assert len(model.generate("the", 40, random_state=0)) <= 43


def test_same_seed_same_model_and_same_text(model):
    again = small(epochs=8).fit(TEXTS)
    for ours, theirs in zip(again.weights_, model.weights_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = small(epochs=8, random_state=1).fit(TEXTS)
    assert not np.array_equal(other.weights_[0], model.weights_[0])
    texts = {model.generate("the ", 60, random_state=5) for _ in range(3)}
    assert len(texts) == 1
    assert model.generate("the ", 60, random_state=6) not in texts


def test_dropout_is_seeded_and_off_in_use():
    models = [small(dropout=0.5).fit(TEXTS) for _ in range(2)]
    np.testing.assert_array_equal(models[0].weights_[1], models[1].weights_[1])
    assert models[0].score(TEXTS) == models[1].score(TEXTS) == models[0].score(TEXTS)


# ---- scikit-learn -------------------------------------------------------------------------------


def test_clone_files_and_parameters(model, tmp_path):
    cloned = clone(model)
    assert cloned.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        cloned.generate("a")
    stackens.save(model, tmp_path / "some.stackens")
    for loaded in (pickle.loads(pickle.dumps(model)), stackens.load(tmp_path / "some.stackens")):
        assert loaded.score(TEXTS) == model.score(TEXTS)
        texts = [m.generate("the", 20, random_state=0) for m in (loaded, model)]
        assert texts[0] == texts[1]
    assert model.n_parameters_ == sum(w.size for w in model.weights_)


def test_parameters_that_are_set_after_fit_change_nothing():
    model = small(n_layers=2).fit(TEXTS)
    before = model.score(TEXTS), model.generate("the", 20, random_state=0)
    model.set_params(level="word", cell="gru", units=3, n_layers=None, embedding_dim=2)
    assert (model.score(TEXTS), model.generate("the", 20, random_state=0)) == before
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.score(TEXTS) == before[0]


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "at least one text"),
        ("", "empty texts"),
        (["a", ""], "text 1 is empty"),
        (["a", 3], "text 1 is a int"),
        (b"abc", "got a bytes"),
        (7, "got a int"),
    ],
)
def test_texts_that_are_none(texts, message):
    with pytest.raises(InvalidInputError, match=message):
        small().fit(texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": [8, 8], "n_layers": 3}, "is for 2 layers"),
        ({"units": [8, 0]}, "`units` must be"),
        ({"cell": "rnn"}, "'cell' parameter"),
        ({"window": 0}, "'window' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(TEXTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": ["the"]}, "`prompt` must be a str"),
        ({"n_tokens": 0}, "`n_tokens` must be"),
        ({"n_tokens": 10**10}, "`n_tokens` must be"),
        ({"temperature": True}, "`temperature` must be"),
        ({"temperature": 0.0}, "top_k=1"),
        ({"top_k": 0}, "`top_k` must be"),
    ],
)
def test_bad_arguments_of_generate(model, options, message):
    with pytest.raises(InvalidInputError, match=message):
        model.generate(**options)


def test_unknown_characters_are_said(model):
    with pytest.warns(UnknownTokenWarning, match=r"2 of 5 tokens .* \['Q', 'Z'\]"):
        assert np.isfinite(model.score("aQtZ"))
    with pytest.warns(UnknownTokenWarning, match="2 of 5") as said:
        assert model.perplexity("aQtZ") > 1
    assert said[0].filename == __file__
    with pytest.warns(UnknownTokenWarning, match="1 of"):
        assert model.generate("thQ", 5, random_state=0).startswith("thQ")


def test_a_failed_fit_leaves_no_model():
    model = small().fit(TEXTS)
    with pytest.raises(TrainingDivergedError, match="learning_rate"):
        model.set_params(learning_rate=1e38, decay=None).fit(TEXTS)
    with pytest.raises(NotFittedError):
        model.score(TEXTS)
