"""What a translator's network gives, and what is found with it, against NumPy and brute force."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from stackens.exceptions import SentenceLengthWarning
from stackens.text._beam_search import beam_search
from stackens.text._tokenizer import BEGIN, END, UNKNOWN
from stackens.text._translation import translate

# Hardly trained translators do not know when to end.
pytestmark = pytest.mark.filterwarnings("ignore::stackens.exceptions.SentenceLengthWarning")

SENTENCES = ["one two three", "five", "four four one two five", "three one"]


@pytest.fixture(scope="module")
def network(by_hand, some_translator):
    return by_hand.network_of(some_translator)


def ids_of(model, sentence, side):
    vocabulary = [model.source_vocabulary_, model.target_vocabulary_][side]
    return [*(vocabulary.index(word) for word in sentence.split()), END]


# ---- probabilities ------------------------------------------------------------------------------


def test_log_probabilities_are_those_of_the_equations(by_hand, some_translator, network):
    targets = ["un", "deux trois un", "quatre", "cinq cinq cinq deux un"]
    found = some_translator.sentence_scores(SENTENCES, targets)
    for source, target, scores in zip(SENTENCES, targets, found, strict=True):
        ids = [BEGIN, *ids_of(some_translator, target, 1)]
        expected = by_hand.log_probabilities(network, ids_of(some_translator, source, 0), ids)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_probabilities_of_all_next_tokens_add_up(by_hand, some_translator, network):
    source = np.array([ids_of(some_translator, "one two", 0)], "int32")
    n_ids = len(some_translator.target_vocabulary_)
    logits = network([source, np.array([[BEGIN, 4, 5]], "int32")]).numpy()[0]
    assert logits.shape == (3, n_ids)
    expected, _ = by_hand.forward(network, source[0], [BEGIN, 4, 5])
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert by_hand.softmax(logits).sum(axis=1) == pytest.approx(np.ones(3))
    words = [" ".join([w]) for w in some_translator.target_vocabulary_[UNKNOWN + 1 :]]
    scores = some_translator.sentence_scores(["one two"] * len(words), words)
    first = by_hand.softmax(logits)[0]
    total = sum(np.exp(score[0]) for score in scores) + first[: UNKNOWN + 1].sum()
    assert total == pytest.approx(1, rel=1e-5)


def test_a_saved_and_loaded_network_computes_the_same(network, tmp_path):
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    inputs = [np.array([[4, 5, END]], "int32"), np.array([[BEGIN, 6]], "int32")]
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
    assert loaded.count_params() == network.count_params()


def test_later_tokens_change_no_earlier_logit(network):
    source = np.array([[4, 5, 6, END]], "int32")
    targets = np.array([[BEGIN, 4, 5, 6, 7], [BEGIN, 4, 5, 8, 4]], "int32")
    # Apart, since on some processors rows of one product are not added up alike.
    one, other = (network([source, row[None]]).numpy()[0] for row in targets)
    np.testing.assert_array_equal(one[:3], other[:3])
    assert not np.allclose(one[3], other[3])


def test_neighbours_in_a_batch_change_nothing(some_translator):
    targets = ["un deux", "trois", "un un un un un un", "deux"]
    together = some_translator.sentence_scores(SENTENCES, targets)
    for source, target, scores in zip(SENTENCES, targets, together, strict=True):
        (alone,) = some_translator.sentence_scores([source], [target])
        np.testing.assert_allclose(scores, alone, rtol=1e-5, atol=1e-6)
    assert some_translator.predict(SENTENCES) == [
        some_translator.predict([s])[0] for s in SENTENCES
    ]


def test_scores_of_its_own_translations(some_translator):
    translations = some_translator.predict(SENTENCES)
    own = some_translator.sentence_scores(SENTENCES)
    for score, translation in zip(own, translations, strict=True):
        assert len(score) == len(translation.split()) + 1
    kept = [k for k, translation in enumerate(translations) if translation]
    given = some_translator.sentence_scores(
        [SENTENCES[k] for k in kept], [translations[k] for k in kept]
    )
    for k, score in zip(kept, given, strict=True):
        np.testing.assert_allclose(own[k], score, rtol=1e-5, atol=1e-6)


# ---- attention ----------------------------------------------------------------------------------


def test_attention_is_that_of_the_equations(by_hand, some_translator, network):
    found = some_translator.attention("one two three", "trois un")
    source = ids_of(some_translator, "one two three", 0)
    target = [BEGIN, *ids_of(some_translator, "trois un", 1)[:-1]]
    _, expected = by_hand.forward(network, source, target)
    for part, maps in zip(("encoder", "decoder", "cross"), expected, strict=True):
        np.testing.assert_allclose(found[part], maps, rtol=1e-4, atol=1e-6)
    assert found.cross.shape[2:] == (3, 4)
    assert found.source_tokens == ["one", "two", "three", "</s>"]
    assert found.target_tokens == ["<s>", "trois", "un"]
    assert not np.triu(found.decoder, k=1).any()


def test_attention_of_what_it_says_itself(translator):
    found = translator.attention("one two three")
    assert found.target_tokens == ["<s>", "trois", "deux", "un"]


# ---- searches -----------------------------------------------------------------------------------


def search(model, sentences, **options):
    settings = {"n_beams": 1, "length_penalty": 1.0, "max_length": 6, **options}
    forbidden = np.isin(np.arange(len(model.target_vocabulary_)), [0, BEGIN, UNKNOWN])
    ids, scores = translate(
        model._architecture(),
        model.weights_,
        [np.array(ids_of(model, s, 0), "int32") for s in sentences],
        begin=BEGIN,
        end=END,
        forbidden=forbidden,
        **settings,
    )
    return [tuple(int(i) for i in sentence) for sentence in ids], scores


def test_one_beam_takes_the_most_probable_token(by_hand, some_translator, network):
    found, _ = search(some_translator, SENTENCES)
    for sentence, ids in zip(SENTENCES, found, strict=True):
        source = ids_of(some_translator, sentence, 0)
        assert list(ids) == by_hand.greedy(network, source, 6)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_a_beam_as_wide_as_all_sequences_finds_the_best(by_hand, some_translator, network, power):
    n_ids = len(some_translator.target_vocabulary_)  # 5 words, so 1 + 5 + 25 sequences
    found, scores = search(
        some_translator, SENTENCES[:2], n_beams=32, max_length=2, length_penalty=power
    )
    for sentence, ids, score in zip(SENTENCES, found, scores, strict=False):
        source = ids_of(some_translator, sentence, 0)
        best, words = by_hand.brute_force(network, source, n_ids, 2, power)
        assert score == pytest.approx(best, rel=1e-4)
        assert ids == words


@pytest.mark.parametrize("n_beams", [2, 3])
def test_beams_are_those_of_lists(by_hand, some_translator, network, n_beams):
    found, scores = search(some_translator, SENTENCES, n_beams=n_beams, length_penalty=0.6)
    for sentence, ids, score in zip(SENTENCES, found, scores, strict=True):
        source = ids_of(some_translator, sentence, 0)
        expected, words = by_hand.beams(network, source, n_beams, 6, 0.6)
        assert score == pytest.approx(expected, rel=1e-4)
        assert ids == words


@pytest.mark.parametrize("n_beams", [1, 4])
def test_cached_keys_and_values_change_nothing(some_translator, n_beams):
    options = {"n_beams": n_beams, "max_length": 9}
    cached, scores = search(some_translator, SENTENCES * 20, **options)
    anew, expected = search(some_translator, SENTENCES * 20, **options, cached=False)
    assert cached == anew
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_a_search_keeps_rows_apart_and_never_takes_what_is_forbidden():
    """Over fixed logits of each row, which do not depend on what came before."""
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.1, 0.6, 0.2, 0.1]]).astype("float32")  # 1 ends

    def step(position, ids, parents, state):
        return tf.constant(logits)[:, None] + tf.zeros([2, 2, 1]), state

    ids, scores = beam_search(
        step,
        (),
        n_rows=tf.constant(2),
        n_beams=2,
        max_length=tf.constant(3),
        begin=0,
        end=1,
        forbidden=tf.constant([False, False, False, True]),
        length_penalty=tf.constant(0.0),
        invariants=(),
    )
    assert ids.numpy()[:, 0].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert ids.numpy()[:, 1].tolist() == [[2, 1, 0, 0], [2, 1, 0, 0]]
    expected = np.log([[0.2, 0.3 * 0.2], [0.6, 0.2 * 0.6]])
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_what_is_longer_than_the_largest_length_is_said(translator):
    long = "one two three four five " * 3
    with pytest.warns(SentenceLengthWarning, match="1 of 2 sentences have more than"):
        translator.predict([long, "one"])
    translator.set_params(max_length=2)
    try:
        with pytest.warns(SentenceLengthWarning) as said:
            assert len(translator.predict(["one two three"])[0].split()) == 2
        assert "1 of 1 sentences have more" in str(said[0].message)
        assert "1 of 1 translations have reached `max_length`=2" in str(said[1].message)
        assert {warning.filename for warning in said} == {__file__}
    finally:
        translator.set_params(max_length=12)
