"""What people give to translators and language models, and what is said where it cannot be used.

No network is trained here: all that is looked at comes before training, or after it.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sacrebleu
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils._param_validation import InvalidParameterError

from stackens import SequenceVectorizer
from stackens.exceptions import InvalidInputError, SentenceLengthWarning, UnknownTokenWarning
from stackens.store import train_alone
from stackens.text import (
    SequenceTranslator,
    StackedRNNLanguageModel,
    _language_model,
    _text_model,
    _translating,
)
from stackens.text._teacher import _check_map
from stackens.text._tokenizer import UNKNOWN, learn_tokenizer
from stackens.training import TrainedNetwork

WORDS = {"one": "un", "two": "deux", "three": "trois"}
SOURCE = ["one", "two one", "three", "one two three", "two", "three three", "one one", "two three"]
TARGET = [" ".join(WORDS[word] for word in sentence.split()) for sentence in SOURCE]


def say(architecture, weights, source, *, max_length, **options):
    """Translate each id by the same id, without the end; long sentences by nothing."""
    return [ids[:-1] if len(ids) < 6 else ids[:0] for ids in source], None


@pytest.fixture(autouse=True)
def jobs(monkeypatch):
    """Do all of a fit but the training; return what would be trained."""
    planned = []

    def train(job, learner, **options):
        planned.append(job)
        return TrainedNetwork([np.zeros((2, 3))], {"loss": [1.0]}, 0, 0.0)

    monkeypatch.setattr(_text_model, "train_alone", train)
    monkeypatch.setattr(_text_model, "require_keras", lambda: None)
    for estimator in (SequenceTranslator, StackedRNNLanguageModel):
        monkeypatch.setattr(estimator, "_architecture", lambda self, **options: None)
    monkeypatch.setattr(_translating, "translate", say)
    return planned


def make(**options):
    return SequenceTranslator(**{"max_length": 6, "random_state": 0, **options})


def lists(arrays):
    return [array.tolist() for array in arrays]


# ---- sentences ----------------------------------------------------------------------------------


def test_sentences_come_in_any_order_keeping_kind(jobs):
    pandas = pytest.importorskip("pandas")
    index = np.arange(len(SOURCE))[::-1]
    kinds = (
        list,
        tuple,
        iter,
        np.array,
        lambda s: np.array(s, dtype=object),
        lambda s: pandas.Series(s, index=index),
        lambda s: pandas.Series(s, dtype="string"),
    )
    for kind in kinds:
        model = make().fit(kind(SOURCE), kind(TARGET))
        assert lists(jobs[-1].source) == lists(jobs[0].source)
        assert lists(jobs[-1].target) == lists(jobs[0].target)
        assert {type(token) for token in model.source_vocabulary_} == {str}
        StackedRNNLanguageModel(random_state=0).fit(kind(SOURCE))
        assert jobs[-1].tokens.shape == (sum(len(s) + 1 for s in SOURCE) + 1,)


def test_one_sentence_may_be_a_str():
    model = make().fit("one two", "un deux")
    assert model.predict("one") == model.predict(["one"])
    assert len(model.predict("one")) == 1


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (set(SOURCE), "in order; got a set"),
        (dict.fromkeys(SOURCE), "in order; got a dict"),
        (np.array("one"), "got a ndarray"),
        (b"one", "got a bytes"),
        (None, "got a NoneType"),
        (["one", None], "text 1 is a NoneType"),
        ([b"one"], "text 0 is a bytes"),
        (np.array([["one"]]), r"got a ndarray of shape \(1, 1\)"),
    ],
)
def test_what_is_no_list_of_sentences(sentences, message):
    model = make().fit(SOURCE, TARGET)
    language = StackedRNNLanguageModel(random_state=0).fit(SOURCE)
    for use in (model.predict, model.attention, language.score):
        if use != model.attention:
            with pytest.raises(InvalidInputError, match=message):
                use(sentences)
    for source, target, name in ((sentences, TARGET, "source"), (SOURCE, sentences, "target")):
        with pytest.raises(InvalidInputError, match=f"`{name}` .*{message}"):
            make().fit(source, target)


def test_letters_of_any_script(jobs):
    source = ["日本語 です\u3000か", "e\u0301 é 👩\u200d👩\u200d👧", "\u2028 a\tb"]
    words = make(tokens="words").fit(source, source)
    assert "か" in words.source_vocabulary_
    assert [len(ids) - 1 for ids in jobs[-1].source] == [3, 3, 2]
    letters = make(tokens="characters", max_length=20).fit(source, source)
    for sentence, ids in zip(source, jobs[-1].source, strict=True):
        assert letters._tokenizers[0].decode(ids[:-1]) == sentence


# ---- errors name what the caller gave -----------------------------------------------------------


def test_rows_are_those_of_the_caller_though_pairs_are_held_out(jobs):
    options = {"early_stopping": True, "validation_fraction": 0.5}
    for row in range(len(SOURCE)):
        target = [" \t" if k == row else s for k, s in enumerate(TARGET)]
        with pytest.raises(InvalidInputError, match=f"sentence {row} is"):
            make(**options).fit(SOURCE, target)
    with pytest.raises(InvalidInputError, match="3 of 8 sentences of `source` have more than"):
        make(**options, max_length=1).fit([s[:3] for s in SOURCE[:5]] + ["a b"] * 3, TARGET)
    assert not jobs


def test_a_vocabulary_without_a_token():
    for name, sides in (("source", (SOURCE, ["un"] * 8)), ("target", (["one"] * 8, TARGET))):
        with pytest.raises(InvalidInputError, match=f"No token of `{name}` occurs `min_freq.*8"):
            make(min_frequency=8).fit(*sides)


@pytest.mark.parametrize(
    ("sentences", "max_tokens"), [(["hello world"], 5), (["abcdefghijklmnop"] * 3, 10), ([" "], 99)]
)
def test_too_little_for_sentencepiece(sentences, max_tokens):
    pytest.importorskip("sentencepiece")
    with pytest.raises(InvalidInputError, match=rf"finds no {max_tokens} pieces .*`max_tokens`"):
        learn_tokenizer(sentences, "sentencepiece", max_tokens, 1)


def test_an_unfitted_teacher_is_named(jobs):
    for name in ("init_from", "distill_from"):
        with pytest.raises(NotFittedError, match=f"`{name}` must be a fitted SequenceTranslator"):
            make(**{name: make()}).fit(SOURCE, TARGET)
    assert not jobs


@pytest.mark.parametrize("wrong", [0, "01", (0.7, 1), (0, -1), (0, 3), (0,), [[0, 1]], None])
def test_maps_that_name_no_layers(wrong):
    child = SimpleNamespace(encoder_blocks=[1, 2], decoder_blocks=[1])
    parent = SimpleNamespace(encoder_blocks=[1, 2, 3], decoder_blocks=[1, 2])
    with pytest.raises(InvalidInputError, match=r"`layer_map\['encoder'\]` must hold, for each"):
        _check_map({"encoder": wrong}, child, parent)
    for right in ([0, 2], (np.int64(0), 2), np.array([0, 2])):
        assert _check_map({"encoder": right}, child, parent)["encoder"] == (0, 2)


def test_what_is_not_fitted_says_so(monkeypatch):
    model = make().fit(SOURCE, TARGET)

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(_text_model, "train_alone", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(SOURCE, TARGET)
    for name in ("n_parameters_", "n_layer_parameters_", "source_vocabulary_"):
        with pytest.raises(NotFittedError):
            getattr(model, name)
    assert not hasattr(model, "history_")
    assert not hasattr(model, "best_epoch_")
    with pytest.raises(NotFittedError):
        model.predict(["one"])


def test_sharings_are_called_by_their_names():
    for name in ("encoder_sharing", "decoder_sharing"):
        for wrong in ("everything", (0, -1), (0, 2), (0, 1, 2)):
            with pytest.raises(InvalidInputError, match=f"`{name}`"):
                make(n_layers=2, **{name: wrong}).fit(SOURCE, TARGET)


def test_a_bar_counts_the_epochs_that_were_done_before(monkeypatch, capsys):
    def go_on(jobs, learners, memory, *, progress, **options):
        progress(6, jobs[0].epochs, jobs[0].name)  # they are in a checkpoint
        progress(8, jobs[0].epochs, f"{jobs[0].name}, loss 0.5")
        return [TrainedNetwork([], {"loss": [0.5] * 8}, 7, 0.0)]

    monkeypatch.setattr(_text_model, "train_alone", train_alone)
    monkeypatch.setitem(train_alone.__globals__, "train_with_memory", go_on)
    make(epochs=10, verbose=1).fit(SOURCE, TARGET)
    assert "loss 0.5:  80%" in capsys.readouterr().err
    StackedRNNLanguageModel(epochs=16, verbose=1, random_state=0).fit(SOURCE)
    assert "loss 0.5:  50%" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [-1, "a", np.random.default_rng(0)])
def test_seeds_that_are_none(seed):
    model = StackedRNNLanguageModel(random_state=0).fit(SOURCE)
    with pytest.raises(InvalidInputError, match="`random_state` must be an integer >= 0"):
        model.generate("one", random_state=seed)


# ---- sequence distillation ----------------------------------------------------------------------


def test_a_student_reads_what_its_teacher_says_and_can_be_read(jobs):
    teacher = make(max_length=50).fit(SOURCE, TARGET)
    own = jobs[-1]
    said = ["un", "", "un deux trois un", "deux deux", "trois", "un deux trois", "deux", "un un"]
    asked = []

    def predict(sentences):
        asked.append(list(sentences))
        warnings.warn("not in the vocabulary", UnknownTokenWarning, stacklevel=2)
        warnings.warn("stops there", SentenceLengthWarning, stacklevel=2)
        return said

    teacher.predict = predict
    options = {"distill_from": teacher, "distillation": "sequence"}
    make(**options, max_length=3).fit(SOURCE, TARGET)
    assert asked == [SOURCE]
    words = teacher.target_vocabulary_
    read = [" ".join(words[i] for i in ids[1:-1]) for ids in jobs[-1].target]
    # What is empty, or longer than the student's sentences may be, is not learnt from.
    assert read == [said[0], TARGET[1], TARGET[2], *said[3:]]
    assert lists(jobs[-1].source) == lists(own.source)


def test_held_out_pairs_keep_their_own_translations(jobs):
    options = {"early_stopping": True, "validation_fraction": 0.25}
    source, target = SOURCE * 4, TARGET * 4  # so that either part has every word
    teacher = make(**options).fit(source, target)
    own = jobs[-1]
    make(**options, distill_from=teacher, distillation="sequence").fit(source, target)
    assert lists(jobs[-1].validation[1]) == lists(own.validation[1])
    assert len(own.validation[0]) == 8
    assert len(own.source) == 24


# ---- after fit ----------------------------------------------------------------------------------


def test_bleu_is_of_the_tokens_of_the_fit():
    source = ["one two three four", "two one three four", "three two one four"]
    model = make().fit(source, source)
    said = model.predict(source)
    wrong = [sentence.replace("one", "six") for sentence in said[:1]] + said[1:]
    expected, of_letters = (
        sacrebleu.corpus_bleu(said, [wrong], tokenize=kind, force=True).score
        for kind in ("none", "char")
    )
    assert abs(expected - of_letters) > 1
    assert model.score(source, wrong) == pytest.approx(expected)
    assert model.set_params(tokens="characters").score(source, wrong) == pytest.approx(expected)


def test_bleu_of_short_sentences_counts_the_words_there_are():
    """sacrebleu's default gives 0 to the best translations of fewer than four words."""
    model = make().fit(SOURCE[:4], SOURCE[:4])
    said = model.predict(SOURCE[:4])
    assert max(len(sentence.split()) for sentence in said) == 3
    assert sacrebleu.corpus_bleu(said, [said], tokenize="none", force=True).score == 0
    assert model.score(SOURCE[:4], said) == pytest.approx(100)
    wrong = [said[0], "one", *said[2:]]
    assert 0 < model.score(SOURCE[:4], wrong) < 100


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("beam_width", value) for value in (0, -1, 1.7, None, "a")),
        *(("length_penalty", value) for value in (-1, np.nan, np.inf, None)),
        *(("max_length", value) for value in (0, -3, 2.5, None)),
    ],
)
def test_what_is_set_after_fit_is_checked(name, wrong):
    model = make().fit(SOURCE, TARGET).set_params(**{name: wrong})
    for use in (
        lambda: model.predict(["one"]),
        lambda: model.score(["one"], ["un"]),
        lambda: model.sentence_scores(["one"]),
        lambda: model.attention("one"),
    ):
        with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of SequenceTransl"):
            use()


def test_attention_of_an_empty_translation(monkeypatch):
    read = []
    monkeypatch.setattr(
        _translating, "attention_of_pair", lambda *pair: read.extend(pair[2:]) or [0, 1, 2]
    )
    model = make().fit(SOURCE, TARGET)
    found = model.attention("one two three one two")
    assert found.target_tokens == ["<s>"]
    assert found.source_tokens == ["one", "two", "three", "one", "two", "</s>"]
    assert read[1].tolist() == [1]
    with pytest.raises(InvalidInputError, match="`target` must not hold empty"):
        model.attention("one two", "  ")


def test_a_sentence_is_read_once_and_warnings_name_the_line_of_the_caller(monkeypatch):
    monkeypatch.setattr(_translating, "score_pairs", lambda *args: list(args[3]))
    monkeypatch.setattr(_translating, "attention_of_pair", lambda *args: [0, 1, 2])
    model = make(max_length=1).fit(["one", "two"], ["un", "deux"])
    for use in (
        lambda: model.predict(["one six"]),
        lambda: model.sentence_scores(["one six"]),
        lambda: model.sentence_scores(["one six"], ["un"]),
        lambda: model.attention("one six"),
        lambda: model.score(["one six"], ["un"]),
    ):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            use()
        kinds = [warning.category for warning in said]
        assert kinds.count(UnknownTokenWarning) == 1
        assert {warning.filename for warning in said} == {__file__}
    with pytest.warns(UnknownTokenWarning, match="1 of 1 tokens") as said:
        model.sentence_scores(["one"], ["six"])
    assert {warning.filename for warning in said} == {__file__}


def test_sentences_of_unknown_words_are_read(jobs):
    model = make().fit(SOURCE, TARGET)
    with pytest.warns(UnknownTokenWarning, match=r"3 of 3 tokens .*\['x', 'y', 'z'\]"):
        (ids,) = model._read(["x y z"])
    assert ids.tolist() == [UNKNOWN] * 3 + [2]


# ---- scikit-learn -------------------------------------------------------------------------------


def test_scikit_learn_cuts_lists_of_sentences(jobs):
    model, folds = make(), KFold(4, shuffle=True, random_state=0)
    source, target = SOURCE * 3, TARGET * 3
    scores = cross_val_score(model, source, target, cv=folds)
    said = cross_val_predict(model, source, target, cv=folds)
    piped = make_pipeline(FunctionTransformer(lambda X: [s.lower() for s in X]), model)
    of_pipe = cross_val_score(piped, [s.upper() for s in source], target, cv=folds)
    for (train, test), score, same in zip(folds.split(source), scores, of_pipe, strict=True):
        fitted = make().fit([source[k] for k in train], [target[k] for k in train])
        pairs = [source[k] for k in test], [target[k] for k in test]
        assert fitted.score(*pairs) == score == same
        assert said[test].tolist() == fitted.predict(pairs[0])


def test_scikit_learn_cuts_lists_of_texts(jobs, monkeypatch):
    def count(architecture, weights, texts):
        return np.array([-(float(len(ids)) ** 2) for ids in texts])

    monkeypatch.setattr(_language_model, "sum_log_probabilities", count)
    letters = [sentence * (k + 1) for k, sentence in enumerate(SOURCE)]
    model = StackedRNNLanguageModel(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownTokenWarning)
        scores = cross_val_score(model, letters, cv=KFold(4))
        search = GridSearchCV(model, {"units": [2, 3]}, cv=KFold(4)).fit(np.array(letters))
    for (_, test), score in zip(KFold(4).split(letters), scores, strict=True):
        lengths = np.array([len(letters[k]) for k in test])  # and a boundary at either end
        assert score == pytest.approx(-((lengths + 2) ** 2).sum() / (lengths + 1).sum())
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], scores.mean())


def test_students_are_searched_over_pairs_that_their_teacher_has_not_seen(jobs):
    source, target = SOURCE * 2, TARGET * 2
    teacher = make().fit(source[:12], target[:12])
    parts = PredefinedSplit([-1] * 12 + [0] * 4)
    student = make(distill_from=teacher, distillation="sequence")
    options = {"cv": parts, "refit": False, "error_score": "raise"}
    search = GridSearchCV(student, {"dropout": [0.0, 0.2]}, **options).fit(source, target)
    assert search.best_params_["dropout"] in (0.0, 0.2)
    assert [len(job.source) for job in jobs] == [12] * 3


@pytest.mark.parametrize(
    "texts",
    [
        np.array(SOURCE)[:, None],
        np.array("one"),
        scipy.sparse.csr_array(np.eye(8)),
        scipy.sparse.bsr_matrix(np.eye(8)),
        pd.DataFrame({"text": SOURCE}),
    ],
    ids=lambda texts: type(texts).__name__,
)
@pytest.mark.parametrize(
    "estimator",
    [SequenceTranslator(), StackedRNNLanguageModel(), SequenceVectorizer()],
    ids=lambda e: type(e).__name__,
)
def test_what_is_no_row_of_texts_is_refused(estimator, texts):
    with pytest.raises(InvalidInputError, match="must be"):
        estimator.fit(texts, TARGET)
