"""Translators: training, scikit-learn, files, and input that cannot be used."""

from __future__ import annotations

import pickle
import re
import threading

import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import stackens
from stackens.exceptions import (
    InvalidInputError,
    MissingExtraError,
    StoreWarning,
    TrainingDivergedError,
    UnknownTokenWarning,
    UntrustedTypesError,
)
from stackens.networks import build_translator
from stackens.store import JobStore
from stackens.text import SequenceTranslator, _parallel_text_program, _text_model
from stackens.text._parallel_text import ParallelText
from stackens.text._token_nats import token_nats
from stackens.text._tokenizer import learn_tokenizer
from stackens.training import Architecture, Optimizer, TrainedNetwork

# Hardly trained translators do not know when to end.
pytestmark = pytest.mark.filterwarnings("ignore::stackens.exceptions.SentenceLengthWarning")

HELD_STILL = {"learning_rate": 1e-12, "epochs": 1}  # the loss of the first weights


@pytest.fixture
def untrained(monkeypatch):
    """Fit all but the network."""
    trained = TrainedNetwork([], {"loss": []}, 0, 0.0)
    monkeypatch.setattr(_text_model, "train_alone", lambda *args, **options: trained)


def assert_same_weights(one, other):
    for ours, expected in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(ours, expected)


def read(model, source, target):
    """Ids of both sides, as the network reads them."""
    return model._encode_pairs(source, target)


# ---- it learns ----------------------------------------------------------------------------------


def test_it_translates_what_it_has_not_seen(translator, unseen):
    source, target = unseen
    assert len(source) > 50
    translations = translator.predict(source)
    assert type(translations) is list
    assert np.mean([a == b for a, b in zip(translations, target, strict=True)]) > 0.85
    bleu = sacrebleu.corpus_bleu(translations, [target], tokenize="none", force=True).score
    assert translator.score(source, target) == pytest.approx(bleu)
    assert bleu > 80


def test_history_and_parameters(translator):
    assert len(translator.history_["loss"]) == 60
    assert translator.best_epoch_ == 59
    assert translator.n_parameters_ == sum(w.size for w in translator.weights_)


def test_characters(make_translator):
    source = ["abcd", "bcda", "cdab", "dabc"] * 8
    target = [word.upper() for word in source]
    model = make_translator(tokens="characters", epochs=60, batch_tokens=20).fit(source, target)
    assert model.predict(source[:4]) == target[:4]
    assert set("abcd") < set(model.source_vocabulary_)
    # Letters are compared, so that one that is missing is a part of the whole.
    found, wanted = ["abcd"] * 8, ["ABCDA"] * 8
    expected = sacrebleu.corpus_bleu(model.predict(found), [wanted], tokenize="char").score
    assert model.score(found, wanted) == pytest.approx(expected)
    assert model.score(source, target) == pytest.approx(100)


def test_sentencepiece_gives_the_sentence_back(make_translator, pairs, tmp_path):
    tokenizer = learn_tokenizer(pairs[1], "sentencepiece", 40, 1)
    assert len(tokenizer) <= 40
    for sentence, ids in zip(pairs[1], tokenizer.encode(pairs[1], "y", warn=True), strict=True):
        assert tokenizer.decode(ids) == sentence
    model = make_translator(tokens="sentencepiece", max_tokens=40).fit(*pairs)
    stackens.save(model, tmp_path / "some.stackens")
    with pytest.raises(UntrustedTypesError, match="PieceTokenizer") as error:
        stackens.load(tmp_path / "some.stackens")
    trusted = stackens.load(tmp_path / "some.stackens", trusted=error.value.names)
    for loaded in (pickle.loads(pickle.dumps(model)), trusted):
        assert loaded.predict(pairs[0][:3]) == model.predict(pairs[0][:3])


# ---- training against oracles -------------------------------------------------------------------


def test_smoothed_loss_is_a_sum_and_has_its_gradient(by_hand):
    draw = np.random.default_rng(0)
    hidden, kernel = draw.normal(size=(7, 5)), draw.normal(size=(11, 5))
    ids = draw.integers(11, size=7)
    logs = by_hand.log_softmax(hidden @ kernel.T)
    labels = np.eye(11)[ids] * 0.9 + 0.1 / 11
    expected = -(labels * logs).sum(axis=1)
    weights = draw.normal(size=7)
    slopes = (by_hand.softmax(hidden @ kernel.T) - labels) * weights[:, None]
    tensors = [tf.constant(array, tf.float32) for array in (hidden, kernel)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        found = token_nats(*tensors, tf.constant(ids, tf.int32), 0.1)
        loss = tf.reduce_sum(found * tf.constant(weights, tf.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    d_hidden, d_kernel = (tf.convert_to_tensor(g) for g in tape.gradient(loss, tensors))
    np.testing.assert_allclose(d_hidden, slopes @ kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(d_kernel, slopes.T @ hidden, rtol=1e-4, atol=1e-5)


def test_one_step_is_one_step_of_keras_with_adam(make_translator, pairs):
    source, target = (side[:9] for side in pairs)
    options = {"batch_tokens": 1000, "epochs": 1, "schedule": "constant", "warmup_steps": 0}
    before = make_translator(**{**options, **HELD_STILL}).fit(source, target)
    after = make_translator(**options, learning_rate=0.01).fit(source, target)
    network = before._architecture().build()
    network.set_weights(before.weights_)
    x, y = (
        keras.utils.pad_sequences(side, padding="post") for side in read(before, source, target)
    )
    counts = (y[:, 1:] != 0).astype("float32")
    labels = np.eye(len(before.target_vocabulary_), dtype="float32")[y[:, 1:]]
    loss_of = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction="none"
    )
    with tf.GradientTape() as tape:
        nats = loss_of(labels, network([x, y[:, :-1]], training=True))
        loss = tf.reduce_sum(nats * counts) / counts.sum()
    variables = [v.value for v in network.trainable_variables]
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
    adam = keras.optimizers.Adam(0.01, beta_2=0.98, epsilon=1e-9, global_clipnorm=1.0)
    adam.apply(gradients, network.trainable_variables)
    assert before.history_["loss"] == pytest.approx([float(loss)], rel=1e-5)
    for ours, expected in zip(after.weights_, network.get_weights(), strict=True):
        is_certain = np.abs(ours - expected) < 1e-4  # Adam takes the sign of what is nearly zero
        assert is_certain.mean() > 0.99


def test_one_pair_is_enough(make_translator):
    """The second half of its batch is empty."""
    model = make_translator(epochs=30).fit(["one two three"], ["un deux trois"])
    assert model.predict(["one two three"]) == ["un deux trois"]


def test_every_pair_comes_once_an_epoch_in_batches_of_similar_lengths(make_translator, pairs):
    model = make_translator(**HELD_STILL).fit(*pairs)
    source, target = read(model, *pairs)
    job = ParallelText(
        model._architecture(), source, target, Optimizer("Adam", 1.0), 0, 3, 60, "linear", 10
    )
    first, second = job.batches(0), job.batches(1)
    assert len(first) == len(second)
    for batches in (first, second):
        assert sorted(np.concatenate(batches)) == list(range(len(source)))
        for rows in batches:
            widest = max(max(len(source[r]), len(target[r]) - 1) for r in rows)
            assert len(rows) * widest <= 60
    assert [list(b) for b in first] != [list(b) for b in second]
    again = job.batches(0)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1]),
        ("inverse_sqrt", [0.5, 1, *np.sqrt(2 / np.arange(3, 9))]),
        ("linear", [0.5, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
    ],
)
@pytest.mark.parametrize("warmup_steps", [2, None])  # None is a quarter of so few
def test_learning_rates(schedule, expected, warmup_steps):
    job = ParallelText(
        Architecture(dict), [], [], Optimizer("Adam", 2.0), 0, 2, 1, schedule, warmup_steps
    )
    found = np.concatenate([job.learning_rates(epoch, 4) for epoch in range(2)])
    np.testing.assert_allclose(found, 2 * np.array(expected), rtol=1e-6)


def test_same_seed_same_model(make_translator, pairs, unseen):
    models = [make_translator(dropout=0.2).fit(*pairs) for _ in range(2)]
    assert_same_weights(*models)
    assert models[0].predict(unseen[0]) == models[1].predict(unseen[0])
    other = make_translator(dropout=0.2, random_state=1).fit(*pairs)
    assert not np.array_equal(other.weights_[0], models[0].weights_[0])


class StoppedError(Exception):
    pass


def test_an_interrupted_fit_goes_on_to_the_same_bits(make_translator, pairs, tmp_path, monkeypatch):
    options = {"dropout": 0.2, "epochs": 3, "early_stopping": True, "batch_tokens": 400}
    whole = make_translator(**options).fit(*pairs)
    train_batch, steps = _parallel_text_program.ParallelTextProgram.train_batch, []

    def die(*args):
        steps.append(1)
        if len(steps) == dies_at:
            raise StoppedError
        return train_batch(*args)

    monkeypatch.setattr(_parallel_text_program.ParallelTextProgram, "train_batch", die)
    dies_at = 0
    make_translator(**options).fit(*pairs)
    n_steps = len(steps) // 3
    steps.clear()
    dies_at = 2 * n_steps + 2
    model = make_translator(**options, memory=JobStore(tmp_path, checkpoint_every=0))
    with pytest.raises(StoppedError):
        model.fit(*pairs)
    with pytest.raises(NotFittedError):
        model.predict(["one"])
    model.fit(*pairs)
    assert len(steps) == 2 * n_steps + 2 + n_steps
    assert model.history_ == whole.history_
    assert_same_weights(model, whole)
    again = clone(model).set_params(beam_width=2, length_penalty=0.5).fit(*pairs)
    assert len(steps) == 2 * n_steps + 2 + n_steps  # from the store: a search is no training
    assert_same_weights(again, whole)


def test_two_threads_that_want_the_same_train_it_once(make_translator, pairs, tmp_path, trained):
    meet = threading.Barrier(2)
    models = [make_translator(epochs=1, memory=tmp_path) for _ in range(2)]

    def fit(model):
        meet.wait()
        model.fit(*pairs)

    threads = [threading.Thread(target=fit, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trained) == 1
    assert_same_weights(*models)


def test_without_a_seed_nothing_is_kept(make_translator, pairs, tmp_path):
    with pytest.warns(StoreWarning, match="random_state"):
        make_translator(random_state=None, epochs=1, memory=tmp_path).fit(*pairs)


# ---- early stopping -----------------------------------------------------------------------------


def test_held_out_pairs_teach_nothing(make_translator, untrained):
    source = [f"word{k} a b c" for k in range(40)]
    target = [f"mot{k} d e f" for k in range(40)]
    model = make_translator(early_stopping=True, validation_fraction=0.25, epochs=1)
    model.fit(source, target)
    known = {word for word in model.source_vocabulary_ if word.startswith("word")}
    assert len(known) == 30
    assert {word.replace("word", "mot") for word in known} == {
        word for word in model.target_vocabulary_ if word.startswith("mot")
    }


def test_the_best_weights_are_kept(make_translator, pairs, monkeypatch):
    source, target = pairs
    model = make_translator(early_stopping=True, patience=2, epochs=40, learning_rate=0.1)
    held_out = []
    hold_out = SequenceTranslator._hold_out
    monkeypatch.setattr(
        SequenceTranslator,
        "_hold_out",
        lambda *args: held_out.append(hold_out(*args)) or held_out[-1],
    )
    model.fit(source, target)
    losses = model.history_["val_loss"]
    assert model.best_epoch_ == int(np.argmin(losses))
    assert len(losses) in (model.best_epoch_ + 3, 40)
    rows = held_out[0][1]
    assert len(rows) == 40
    scores = model.sentence_scores([source[r] for r in rows], [target[r] for r in rows])
    assert losses[model.best_epoch_] == pytest.approx(-np.concatenate(scores).mean(), rel=1e-5)


# ---- sharing, transfer, distillation ------------------------------------------------------------


def count(**options):
    settings = {"source_size": 7, "target_size": 9, "d_model": 16, "n_heads": 2}
    return build_translator(**settings, **options).count_params() - 16 * (7 + 9)


def test_shared_layers_are_counted_once(translator):
    d, hidden = 16, 64
    norm = 2 * d
    attention = 4 * d * d + 3 * d  # keys have no bias
    feed_forward = 2 * d * hidden + hidden + d
    encoder = attention + feed_forward + 2 * norm
    decoder = encoder + attention + norm
    one = count()
    assert one == encoder + decoder + 2 * norm
    depths = {"n_encoder_layers": 4, "n_decoder_layers": 4}
    both = {**depths, "encoder_sharing": "all", "decoder_sharing": "all"}
    assert count(**both) == one
    several = count(n_encoder_layers=3, n_decoder_layers=2)
    assert several == 3 * encoder + 2 * decoder + 2 * norm
    assert count(**both, depth_embedding=True) == one + 2 * 4 * d
    assert count(**both, share_encoder_decoder=True) == one - encoder
    sizes = (len(translator.source_vocabulary_), len(translator.target_vocabulary_))
    network = build_translator(
        source_size=sizes[0], target_size=sizes[1], d_model=32, n_heads=4, dropout=0.0
    )
    assert translator.n_parameters_ == network.count_params()
    assert translator.n_layer_parameters_ == network.count_params() - 32 * sum(sizes)


@pytest.mark.parametrize("sharing", ["none", "all"])
def test_what_layers_add_begins_as_one_sum_whatever_the_depth(sharing):
    network = build_translator(
        source_size=9,
        target_size=9,
        d_model=64,
        n_encoder_layers=8,
        n_decoder_layers=3,
        encoder_sharing=sharing,
        decoder_sharing=sharing,
    )
    for weight in network.weights:
        n_added = 16 if weight.path.startswith("encoder") else 9
        n_added = n_added if re.search("output_kernel|second/kernel", weight.path) else 1
        if weight.path.endswith("kernel"):
            expected = np.sqrt(2 / sum(weight.shape) / n_added)  # Glorot's, over the additions
            assert np.std(weight) == pytest.approx(expected, rel=0.05), weight.path


def test_tied_embeddings(make_translator, pairs, untrained, some_translator):
    assert count(tied_embeddings="none") == count() + 16 * 9
    both = make_translator(tied_embeddings="all").fit(*pairs)
    assert both.source_vocabulary_ == both.target_vocabulary_
    assert {"one", "un"} < set(both.source_vocabulary_)
    options = both._architecture().options
    assert options["source_size"] == options["target_size"] == len(both.source_vocabulary_)
    of_tokens = some_translator.n_parameters_ - some_translator.n_layer_parameters_
    n_matrices = 3 if some_translator.tied_embeddings == "none" else 2
    assert of_tokens == n_matrices * 16 * len(some_translator.source_vocabulary_)  # 5 words each


@pytest.fixture(scope="module")
def teacher(make_translator, pairs):
    return make_translator(n_layers=3, epochs=4, depth_embedding=True).fit(*pairs)


@pytest.fixture(scope="module")
def student(make_translator, pairs, teacher):
    return make_translator(
        n_layers=None,
        encoder_sharing=(0, 1, 0),
        decoder_sharing=(0, 0, 0),
        depth_embedding=True,
        init_from=teacher,
        layer_map={"encoder": (2, 0), "decoder": (1,)},
        **HELD_STILL,
    ).fit(*pairs)


def test_a_student_begins_with_the_weights_of_its_parents(
    make_translator, pairs, teacher, student, by_hand
):
    child, parent = (by_hand.network_of(model) for model in (student, teacher))
    same = [
        (child.encoder_blocks[0], parent.encoder_blocks[2]),
        (child.encoder_blocks[1], parent.encoder_blocks[0]),
        (child.decoder_blocks[0], parent.decoder_blocks[1]),
        *(
            (getattr(child, name), getattr(parent, name))
            for name in ("source_embedding", "target_embedding", "encoder_norm", "decoder_norm")
        ),
        *((getattr(child, n), getattr(parent, n)) for n in ("encoder_depths", "decoder_depths")),
    ]
    for ours, theirs in same:
        assert ours.weights
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9)
    whole = make_translator(n_layers=3, depth_embedding=True, init_from=teacher, **HELD_STILL).fit(
        *pairs
    )
    for ours, theirs in zip(whole.weights_, teacher.weights_, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_layers_of_a_student_that_nothing_is_said_of_are_spread_over_the_teachers(
    make_translator, pairs, teacher, by_hand
):
    student = make_translator(n_layers=(2, 1), init_from=teacher, **HELD_STILL).fit(*pairs)
    child, parent = (by_hand.network_of(model) for model in (student, teacher))
    same = [
        (child.encoder_blocks[0], parent.encoder_blocks[0]),
        (child.encoder_blocks[1], parent.encoder_blocks[2]),
        (child.decoder_blocks[0], parent.decoder_blocks[0]),
    ]
    for ours, theirs in same:
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9)


def test_word_distillation_is_a_mean_over_the_teachers_probabilities(
    make_translator, pairs, teacher, by_hand
):
    source, target = (side[:12] for side in pairs)
    own = make_translator(n_layers=2, epochs=1).fit(source, target)
    options = {"distill_from": own, "temperature": 2.0, "alpha": 0.3, "batch_tokens": 1000}
    student = make_translator(**options, **HELD_STILL).fit(source, target)
    networks = [by_hand.network_of(model) for model in (student, own)]
    losses = []
    for x, y in zip(*read(student, source, target), strict=True):
        logits, soft = (by_hand.forward(network, x, y[:-1])[0] for network in networks)
        logs = by_hand.log_softmax(logits)
        labels = np.eye(logits.shape[1])[y[1:]] * 0.9 + 0.1 / logits.shape[1]
        hard = -(labels * logs).sum(axis=1)
        taught = -(by_hand.softmax(soft / 2) * by_hand.log_softmax(logits / 2)).sum(axis=1)
        losses.append(0.7 * hard + 0.3 * 4 * taught)
    expected = np.concatenate(losses).mean()
    assert student.history_["loss"] == pytest.approx([expected], rel=1e-4)


def test_sequence_distillation_trains_on_the_teachers_translations(
    make_translator, pairs, teacher, monkeypatch
):
    jobs = []
    trained = TrainedNetwork([], {"loss": []}, 0, 0.0)

    def note(job, *args, **options):
        jobs.append(job)
        return trained

    monkeypatch.setattr(_text_model, "train_alone", note)
    student = make_translator(distill_from=teacher, distillation="sequence").fit(*pairs)
    said = [new or old for new, old in zip(teacher.predict(pairs[0]), pairs[1], strict=True)]
    assert said != pairs[1]
    (job,) = jobs
    assert job.teacher is None
    vocabularies = student.source_vocabulary_, student.target_vocabulary_
    sides = [
        [" ".join(vocabulary[i] for i in ids if i > 3) for ids in side]
        for vocabulary, side in zip(vocabularies, (job.source, job.target), strict=True)
    ]
    assert sides == [pairs[0], said]


def test_a_clone_keeps_its_teacher(make_translator, pairs, teacher):
    student = make_translator(n_layers=3, depth_embedding=True, init_from=teacher, **HELD_STILL)
    cloned = clone(student)
    assert cloned.init_from is teacher
    assert cloned.get_params(deep=False) == student.get_params(deep=False)
    with pytest.raises(NotFittedError):
        cloned.predict(["one"])
    assert_same_weights(cloned.fit(*pairs), student.fit(*pairs))


# ---- scikit-learn, files ------------------------------------------------------------------------


def test_a_search_over_beams(make_translator, pairs):
    source, target = pairs
    search = GridSearchCV(make_translator(), {"beam_width": [1, 2]}, cv=2, error_score="raise")
    search.fit(source, target)
    by_hand = make_translator(**search.best_params_).fit(source, target)
    assert search.predict(source) == by_hand.predict(source)
    half = len(source) // 2
    first = make_translator(beam_width=1).fit(source[half:], target[half:])
    expected = first.score(source[:half], target[:half])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected)


def test_files_hold_the_translator_and_not_its_teacher(student, pairs, tmp_path):
    for loaded in (pickle.loads(pickle.dumps(student)), save_and_load(student, tmp_path)):
        assert loaded.predict(pairs[0][:20]) == student.predict(pairs[0][:20])
        assert loaded.history_ == student.history_
        assert loaded.source_vocabulary_ == student.source_vocabulary_
        assert_same_weights(loaded, student)
    assert loaded.init_from is None
    assert loaded.encoder_sharing == (0, 1, 0)


def save_and_load(model, folder):
    stackens.save(model, folder / "some.stackens")
    return stackens.load(folder / "some.stackens")


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (["a", "b"], ["c"], "equally many sentences.*got 2 and 1"),
        ([], [], "at least one text"),
        (["a", ""], ["b", "c"], "text 1 is empty"),
        (["a", "b"], ["c", " \t"], r"`target` must not hold empty sentences; sentence 1 is"),
        (["a", 3], ["b", "c"], "text 1 is a int"),
        (
            ["a " * 20, "b"],
            ["c", "d"],
            "1 of 2 sentences of `source` have more than `max_length`=12",
        ),
    ],
)
def test_sentences_that_cannot_be_used(make_translator, source, target, message):
    with pytest.raises(InvalidInputError, match=message):
        make_translator().fit(source, target)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 30, "n_heads": 4}, "must be a multiple of `n_heads`"),
        ({"n_layers": (1, 2, 3)}, "`n_layers` must be an int, or two"),
        ({"n_layers": 2, "encoder_sharing": (0, 0, 1)}, "is for 3 layers"),
        (
            {"n_layers": (1, 2), "share_encoder_decoder": True},
            "distinct layer of the encoder for each",
        ),
        ({"tokens": "letters"}, "'tokens' parameter"),
        ({"alpha": 1.5}, "'alpha' parameter"),
        ({"init_from": "teacher"}, "'init_from' parameter"),
        ({"early_stopping": True, "validation_fraction": 0.9}, "leaves no pair"),
    ],
)
def test_parameters_that_cannot_be_used(make_translator, options, message):
    with pytest.raises(ValueError, match=message):
        make_translator(**options).fit(["a b", "b a"], ["c", "d"])


def test_teachers_that_cannot_teach(make_translator, pairs, teacher, translator):
    student = make_translator(distill_from=teacher)
    with pytest.raises(InvalidInputError, match="`distill_from` has another vocabulary"):
        student.fit(["a b", "b a"], ["c", "d"])
    with pytest.raises(NotFittedError):
        student.predict(["a"])
    with pytest.raises(InvalidInputError, match="`init_from` has other shapes in source_embedding"):
        make_translator(n_heads=4, init_from=translator).fit(*pairs)
    with pytest.raises(InvalidInputError, match="`n_heads`=2, where the student has 4"):
        make_translator(n_heads=4, init_from=teacher).fit(*pairs)
    for wrong in ({"encoder": (3,)}, {"encoder": (0, 1)}, {"encoder": 0}, {"layers": (0,)}):
        with pytest.raises(InvalidInputError, match="`layer_map"):
            make_translator(init_from=teacher, layer_map=wrong).fit(*pairs)
    with pytest.raises(InvalidInputError, match=r"`layer_map` says .* and `init_from` is None"):
        make_translator(layer_map={"encoder": (0,)}).fit(*pairs)
    with pytest.raises(NotFittedError):
        make_translator(init_from=make_translator()).fit(*pairs)
    with pytest.raises(InvalidInputError, match="fitted SequenceTranslator; got a Ridge"):
        make_translator(distill_from=Ridge()).fit(*pairs)


def test_embeddings_of_a_teacher_are_not_merged(make_translator, pairs):
    """Those that it ties may part in a student, which begins with the same probabilities."""
    tied, apart = (make_translator(tied_embeddings=kind).fit(*pairs) for kind in ("target", "none"))
    with pytest.raises(InvalidInputError, match=r"target_embedding and an output_embedding of its"):
        make_translator(init_from=apart).fit(*pairs)
    student = make_translator(tied_embeddings="none", init_from=tied, **HELD_STILL).fit(*pairs)
    few = [side[:5] for side in pairs]
    for ours, theirs in zip(student.sentence_scores(*few), tied.sentence_scores(*few), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_unknown_tokens_are_counted(translator, pairs):
    with pytest.warns(UnknownTokenWarning, match=r"2 of 4 tokens .*\['sept', 'six'\]"):
        translator.predict(["six one sept two"])
    with pytest.raises(InvalidInputError, match="sentence 1"):
        translator.predict(["one", "  "])
    with pytest.raises(InvalidInputError, match="`source` must be one sentence"):
        translator.attention(["one"])


def test_without_the_extra(translator, pairs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu.metrics", None)
    with pytest.raises(MissingExtraError, match=r"stackens\[text\]"):
        translator.score(*pairs)
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"stackens\[text\]"):
        SequenceTranslator(tokens="sentencepiece").fit(*pairs)


def test_a_failed_fit_leaves_no_model(make_translator, pairs):
    model = make_translator(epochs=1).fit(*pairs)
    with pytest.raises(TrainingDivergedError, match="learning_rate"):
        model.set_params(learning_rate=1e38, warmup_steps=0, schedule="constant").fit(*pairs)
    with pytest.raises(NotFittedError):
        model.predict(["one"])
