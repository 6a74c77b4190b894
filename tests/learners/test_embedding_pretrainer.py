"""Pretrained embeddings: the three steps, nothing trained twice, nothing leaked."""

from __future__ import annotations

import gzip
import pickle

import keras
import numpy as np
import pytest
import sklearn.model_selection
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

import stackens.store
from stackens import (
    EmbeddingPretrainer,
    KerasNetworkClassifier,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    TransformerClassifier,
    WordVectors,
)
from stackens.exceptions import InvalidInputError, OverlapWarning
from stackens.learners import _pretraining
from stackens.model_selection import GridSearchCV
from stackens.store import JobStore
from stackens.training import _towers

RNG = np.random.default_rng(0)
PRAISE, BLAME = ["fine", "superb", "lovely"], ["poor", "awful", "dull"]
THINGS = ["film", "plot", "cast", "score", "scene", "end"]
DIM, MAX_TOKENS = 4, 24


def write(n, rng, extra=()):
    y = np.arange(n) % 2
    texts = []
    for label in y:
        words = rng.choice([*THINGS, *extra], 4).tolist()
        words.insert(rng.integers(5), rng.choice(PRAISE if label else BLAME))
        texts.append(" ".join(words))
    return texts, y


SOURCE, SOURCE_Y = write(120, RNG)
TEXTS, Y = write(48, RNG, extra=["novel", "page"])
CV = list(KFold(3, shuffle=True, random_state=0).split(TEXTS))


@pytest.fixture(autouse=True)
def forget():
    """What one test pretrains is no affair of the next."""
    _pretraining._KNOWN.clear()


@pytest.fixture
def trained(monkeypatch):
    """Names of the networks that are trained in this process."""
    names = []
    run = _towers._Tower.run
    monkeypatch.setattr(
        _towers._Tower, "run", lambda tower: names.append(tower.job.name) or run(tower)
    )
    return names


def network(**parameters):
    settings = {"embedding_dim": DIM, "epochs": 2, "random_state": 0, **parameters}
    return StackedRNNClassifier(settings.pop("units", 4), **settings)


def make(**parameters):
    settings = {
        "source": (SOURCE, SOURCE_Y),
        "vectorizer": SequenceVectorizer(max_tokens=MAX_TOKENS),
        **parameters,
    }
    return EmbeddingPretrainer(settings.pop("estimator", network()), **settings)


# ---- the three steps ----------------------------------------------------------------------------


@pytest.mark.parametrize("trainable", [False, True])
def test_the_three_steps_are_those_by_hand(trainable):
    ours = make(trainable=trainable).fit(TEXTS, Y)
    # 1. Train on the large set.
    source_words = SequenceVectorizer(max_tokens=MAX_TOKENS).fit(SOURCE)
    first = network(vocabulary_size=MAX_TOKENS).fit(source_words.transform(SOURCE), SOURCE_Y)
    # 2. Keep the embedding, row by row for the words of the new texts and the others.
    words = (
        SequenceVectorizer(max_tokens=MAX_TOKENS).fit(TEXTS).add_tokens(source_words.vocabulary_)
    )
    table = np.full((MAX_TOKENS, DIM), np.nan, dtype="float32")
    for word, i in words.vocabulary_.items():
        if word in source_words.vocabulary_:
            table[i] = first.weights_[0][source_words.vocabulary_[word]]
    table[0], table[1] = 0, first.weights_[0][1]
    # 3. Train new layers.
    second = network(
        vocabulary_size=MAX_TOKENS, embedding__weights=table, embedding__trainable=trainable
    ).fit(words.transform(TEXTS), Y)
    for a, b in zip(ours.weights_, second.weights_, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        ours.predict_proba(SOURCE), second.predict_proba(words.transform(SOURCE))
    )
    assert ours.vectorizer_.vocabulary_ == words.vocabulary_
    given = ~np.isnan(table[:, 0])
    assert np.array_equal(ours.weights_[0][given], table[given]) is not trainable
    known = [t in source_words.vocabulary_ for text in TEXTS for t in text.split()]
    assert ours.coverage_ == pytest.approx(np.mean(known))
    assert 0.5 < ours.coverage_ < 1


def test_a_word_that_only_the_source_had_is_understood():
    source = [*SOURCE, *["splendid film"] * 30, *["ghastly film"] * 30]
    labels = [*SOURCE_Y, *[1] * 30, *[0] * 30]
    learner = make(
        source=(source, labels), estimator=network(epochs=40, units=8, learning_rate=0.02)
    ).fit(TEXTS, Y)
    good, bad = learner.predict_proba(["splendid film", "ghastly film"])[:, 1]
    assert good > 0.8
    assert bad < 0.2


def test_pretraining_helps_where_rows_are_few():
    texts, y = write(300, np.random.default_rng(5))
    few, rest = slice(0, 6), slice(6, None)
    trained_network = network(epochs=30, units=8, learning_rate=0.01)
    with_it = make(estimator=trained_network).fit(texts[few], y[few]).score(texts[rest], y[rest])
    without = make_pipeline(
        SequenceVectorizer(max_tokens=MAX_TOKENS),
        clone(trained_network).set_params(vocabulary_size=MAX_TOKENS),
    )
    without = without.fit(texts[few], y[few]).score(texts[rest], y[rest])
    assert with_it > 0.95
    assert with_it > without + 0.05


def test_another_network_for_another_task():
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(meta["vocabulary_size"], DIM),
                keras.layers.GlobalAveragePooling1D(),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )

    kinds = np.array(["a", "b", "c"])[np.arange(len(SOURCE)) % 3]
    averaging = KerasNetworkClassifier(build, epochs=2, random_state=0)
    target = np.arange(len(TEXTS)) / 10
    learner = make(
        source=(SOURCE, kinds),
        source_estimator=averaging,
        estimator=StackedRNNRegressor(3, embedding_dim=DIM, epochs=1, random_state=0),
    ).fit(TEXTS, target)
    words = SequenceVectorizer(max_tokens=MAX_TOKENS).fit(SOURCE)
    first = clone(averaging).set_params(vocabulary_size=MAX_TOKENS)
    first.fit(words.transform(SOURCE), kinds)
    for word in ("fine", "plot"):
        expected = first.weights_[0][words.vocabulary_[word]]
        np.testing.assert_array_equal(learner.word_vectors_[word], expected)
    assert learner.predict(TEXTS[:2]).shape == (2,)
    assert not hasattr(learner, "predict_proba")
    assert is_regressor(learner)
    assert np.isfinite(learner.score(TEXTS, target))


def test_a_transformer_starts_from_the_embedding_of_an_lstm():
    transformer = TransformerClassifier(4, n_heads=2, n_layers=1, epochs=1, random_state=0)
    learner = make(estimator=transformer, source_estimator=network()).fit(TEXTS, Y)
    film = learner.vectorizer_.vocabulary_["film"]
    (table,) = [w for w in learner.weights_ if w.shape == (MAX_TOKENS, DIM)]
    np.testing.assert_array_equal(table[film], learner.word_vectors_["film"])
    assert learner.predict_proba(SOURCE[:3]).shape == (3, 2)


def test_without_a_source_its_own_rows_are_the_source():
    learner = make(source=None).fit(TEXTS, Y)
    expected = make(source=(TEXTS, Y))
    with pytest.warns(OverlapWarning, match="48 of 48"):
        expected.fit(TEXTS, Y)
    np.testing.assert_array_equal(learner.predict_proba(SOURCE), expected.predict_proba(SOURCE))


# ---- vector files -------------------------------------------------------------------------------


def file_of(path, words, vectors):
    rows = [f"{w} {' '.join(map(repr, v.tolist()))}" for w, v in zip(words, vectors, strict=True)]
    content = ("\n".join(rows) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["glove.txt", "glove.txt.gz"])
def test_vectors_of_a_file(name, tmp_path):
    words = ["unheard", *PRAISE, *THINGS, "later"]
    vectors = RNG.normal(size=(len(words), DIM)).astype("float32")
    path = file_of(tmp_path / name, words, vectors)
    learner = make(source=None, vectors=path).fit(TEXTS, Y)
    ids = learner.vectorizer_.vocabulary_
    for word, vector in zip(words, vectors, strict=True):
        np.testing.assert_array_equal(learner.weights_[0][ids[word]], vector)
    assert set(BLAME) < set(ids)  # drawn, as no vector is known
    whole = make(source=None, vectors=WordVectors(words, vectors)).fit(TEXTS, Y)
    np.testing.assert_array_equal(
        whole.predict_proba(["unheard fine"]), learner.predict_proba(["unheard fine"])
    )
    file_of(path, words, vectors + 1)  # the same path, another content
    assert learner.weights_[0][ids["film"]] + 1 == pytest.approx(
        clone(learner).fit(TEXTS, Y).weights_[0][ids["film"]]
    )


def test_a_digest_knows_the_content_of_the_file(tmp_path):
    from stackens.store import data_digest, fit_key

    path = file_of(tmp_path / "v.txt", ["film"], np.ones((1, DIM)))
    data = data_digest(TEXTS, Y)
    before = fit_key(make(source=None, vectors=path), data)
    assert isinstance(before, str)
    assert before == fit_key(make(source=None, vectors=path), data)
    file_of(path, ["film"], np.zeros((1, DIM)))
    assert before != fit_key(make(source=None, vectors=path), data)


# ---- nothing is trained twice -------------------------------------------------------------------


def test_a_search_pretrains_once(trained):
    grid = {"estimator__units": [3, 4], "trainable": [False, True]}
    search = GridSearchCV(make(), grid, cv=3).fit(TEXTS, Y)
    assert trained.count("pretraining") == 1 + 1  # networks of 3 units pretrain one of 3 units
    assert len(trained) == 2 + 4 * 3 + 1
    expected = sklearn.model_selection.GridSearchCV(make(), grid, cv=3).fit(TEXTS, Y)
    for k in range(3):
        np.testing.assert_array_equal(
            search.cv_results_[f"split{k}_test_score"], expected.cv_results_[f"split{k}_test_score"]
        )


def test_with_a_network_of_its_own_all_candidates_pretrain_once(trained):
    grid = {"estimator__units": [3, 4, 5], "estimator__dropout": [0.0, 0.2]}
    GridSearchCV(make(source_estimator=network()), grid, cv=3, refit=False).fit(TEXTS, Y)
    assert trained.count("pretraining") == 1
    assert len(trained) == 1 + 6 * 3


def test_a_stack_pretrains_once_for_all_folds(trained):
    learners = [("frozen", make()), ("tuned", make(trainable=True))]
    StackingClassifier(learners, cv=3).fit(TEXTS, Y)
    assert trained.count("pretraining") == 1
    assert len(trained) == 1 + 2 * 4


def test_a_store_keeps_both_trainings(trained, tmp_path):
    store = JobStore(tmp_path)
    stack = StackingClassifier([("a", make(estimator=network(random_state=None)))], memory=store)
    first = stack.set_params(random_state=3).fit(TEXTS, Y)
    n_trained = len(trained)
    _pretraining._KNOWN.clear()  # as another process would see it
    again = clone(stack).fit(TEXTS, Y)
    assert len(trained) == n_trained == 1 + 6
    np.testing.assert_array_equal(first.predict_proba(SOURCE), again.predict_proba(SOURCE))


def test_what_is_kept_of_a_fit_serves_the_same_network_without_it(trained, tmp_path):
    learner = make(estimator=network(memory=tmp_path)).fit(TEXTS, Y)
    n_trained = len(trained)
    same = clone(learner.estimator_).fit(learner.vectorizer_.transform(TEXTS), Y)
    assert len(trained) == n_trained
    np.testing.assert_array_equal(same.weights_[1], learner.weights_[1])


# ---- alone and in company -----------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_alone_in_a_pipeline_and_in_a_stack():
    alone = make().fit(TEXTS, Y)
    _pretraining._KNOWN.clear()
    upper = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    inside = make_pipeline(upper, make()).fit(TEXTS, Y)
    stack = StackingClassifier([("a", make()), ("b", make(estimator=network(cell="gru")))], cv=3)
    stack.fit(TEXTS, Y)
    expected = alone.predict_proba(SOURCE)
    np.testing.assert_array_equal(inside.predict_proba(SOURCE), expected)
    np.testing.assert_array_equal(stack.named_estimators_["a"].predict_proba(SOURCE), expected)
    other = make(estimator=network(random_state=1)).fit(TEXTS, Y)
    assert not np.array_equal(other.predict_proba(SOURCE), expected)


def test_out_of_fold_predictions_are_those_of_cross_val_predict():
    stack = StackingClassifier([("a", make())], cv=CV).fit(TEXTS, Y)
    expected = sklearn.model_selection.cross_val_predict(
        make(), TEXTS, Y, cv=CV, method="predict_proba"
    )
    np.testing.assert_array_equal(stack.out_of_fold_predictions_.blocks["a"][:, 0], expected[:, 1])


def test_weights_of_rows_reach_the_network():
    weights = np.where(np.arange(len(Y)) < 20, 1.0, 0.0)
    learner = make().fit(TEXTS, Y, sample_weight=weights)
    stack = StackingClassifier([("a", make())], LogisticRegression(), cv=CV)
    stack.fit(TEXTS, Y, sample_weight=weights + 0.1)
    plain = make().fit(TEXTS, Y)
    assert not np.array_equal(learner.weights_[1], plain.weights_[1])
    alone = make().fit(TEXTS, Y, sample_weight=weights + 0.1)
    np.testing.assert_array_equal(stack.named_estimators_["a"].weights_[1], alone.weights_[1])


def test_early_stopping_watches_rows_of_the_fold(monkeypatch):
    groups = np.arange(len(TEXTS)) // 4
    learner = make(source=None, estimator=network(early_stopping=True, epochs=4))
    seen, train = [], stackens.store.train_with_memory
    monkeypatch.setattr(
        stackens.store,
        "train_with_memory",
        lambda jobs, *others, **options: seen.extend(jobs) or train(jobs, *others, **options),
    )
    stack = StackingClassifier([("a", learner)], cv=3).fit(TEXTS, Y, groups=groups)
    folds = {job.name: job for job in seen if job.validation_rows is not None}
    assert sorted(folds) == ["a, fold 0", "a, fold 1", "a, fold 2"]
    for k, (rows, _) in enumerate(stack.out_of_fold_predictions_.splits):
        job = folds[f"a, fold {k}"]
        training, watched = rows[job.training_rows], rows[job.validation_rows]
        np.testing.assert_array_equal(np.union1d(training, watched), rows)
        assert not set(groups[training]) & set(groups[watched])
    job = learner.plan_job(TEXTS, Y, rows=CV[0][0], hold_out=lambda r, f, s: (r[5:], r[:5]))
    np.testing.assert_array_equal(job.validation_rows, np.arange(5))
    np.testing.assert_array_equal(job.rows, np.arange(5, len(CV[0][0])))
    assert len(job.X) == len(CV[0][0])


def test_scikit_learn_knows_what_it_is(tmp_path):
    learner = make()
    assert is_classifier(learner)
    with pytest.raises(NotFittedError):
        learner.predict(TEXTS)
    learner.fit(TEXTS, Y)
    check_is_fitted(learner)
    assert learner.classes_.tolist() == [0, 1]
    assert learner.n_parameters_ == sum(w.size for w in learner.weights_)
    assert len(learner.history_["loss"]) == learner.best_epoch_ + 1 == 2
    loaded = pickle.loads(pickle.dumps(learner))
    np.testing.assert_array_equal(loaded.predict(SOURCE), learner.predict(SOURCE))
    again = clone(learner)
    assert not again.__sklearn_is_fitted__()
    assert again.set_params(estimator__units=3).estimator.units == 3
    assert "EmbeddingPretrainer" in learner._repr_html_()


# ---- leaks --------------------------------------------------------------------------------------


def out_of_fold(learner, texts=TEXTS, y=Y):
    stack = StackingClassifier([("a", learner)], cv=CV, predict_with="folds")
    return stack.fit(texts, y).out_of_fold_predictions_.matrix


def assert_rows_of_the_fold_are_not_seen(make_learner):
    """Another text and label of the same fold are changed: predictions of its neighbours stay."""
    _, test = CV[0]
    texts, y = list(TEXTS), Y.copy()
    texts[test[0]] = " ".join(["film plot strange"] * 60)
    y[test] = 1 - y[test]
    before = out_of_fold(make_learner(TEXTS, Y))[test[1:]]
    after = out_of_fold(make_learner(texts, y), texts, y)[test[1:]]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("source", [None, (SOURCE, SOURCE_Y)], ids=["own rows", "given"])
def test_nothing_of_a_fold_reaches_its_predictions(source, trainable):
    assert_rows_of_the_fold_are_not_seen(lambda *_: make(source=source, trainable=trainable))


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.filterwarnings("ignore::stackens.exceptions.OverlapWarning")
def test_the_canary_sings_when_the_source_holds_the_fold(trainable):
    with pytest.raises(AssertionError):
        assert_rows_of_the_fold_are_not_seen(
            lambda texts, y: make(source=(texts, y), trainable=trainable)
        )


@pytest.mark.filterwarnings("ignore::stackens.exceptions.OverlapWarning")
def test_the_canary_sings_when_rows_are_not_cut_to_the_fold(monkeypatch):
    plan = EmbeddingPretrainer.plan_job

    def leaky(self, X, y, *, rows=None, **options):
        fitted = plan(self, X, y, **options)  # all rows
        return plan(self.set_params(source=(X, y)), X, y, rows=rows, **options) if fitted else None

    monkeypatch.setattr(EmbeddingPretrainer, "plan_job", leaky)
    with pytest.raises(AssertionError):
        assert_rows_of_the_fold_are_not_seen(lambda *_: make(source=None))


def test_a_source_that_holds_the_rows_is_warned_of():
    with pytest.warns(OverlapWarning, match=r"4 of 48 training texts are in `source`"):
        make(source=([*SOURCE, *TEXTS[:4]], [*SOURCE_Y, *Y[:4]])).fit(TEXTS, Y)


# ---- bad input ----------------------------------------------------------------------------------

VECTORS = WordVectors(["film", "plot"], np.ones((2, 7)))
FAULTS = {
    "source and vectors": ({"vectors": VECTORS}, "not both"),
    "vectors of another dimension": (
        {"vectors": VECTORS, "source": None},
        r"7 dimensions.*`estimator` 4: set `embedding_dim=7`",
    ),
    "an embedding of another dimension": (
        {"source_estimator": network(embedding_dim=5)},
        "has 5 dimensions, and that of `estimator` 4",
    ),
    "a vocabulary of another size": (
        {"estimator": network(vocabulary_size=50)},
        "`vocabulary_size`=50.*`max_tokens`=24",
    ),
    "a source vocabulary of another size": (
        {"source_estimator": network(vocabulary_size=50)},
        "`vocabulary_size`=50.*`max_tokens`=24",
    ),
    "no word in common": ({"source": (["chat noir", "chien"], [0, 1])}, "None of the .* words"),
    "no word in common with vectors": (
        {"source": None, "vectors": WordVectors(["chat"], np.ones((1, 4)))},
        "None of the .* words",
    ),
    "no embedding": ({"estimator": LogisticRegression()}, "got LogisticRegression"),
    "another learner": ({"source_estimator": LogisticRegression()}, "got LogisticRegression"),
    "a vectorizer of another kind": ({"vectorizer": LogisticRegression()}, "SequenceVectorizer"),
    "no pair": ({"source": SOURCE}, r"pair \(texts, y\)"),
    "lengths that differ": ({"source": (SOURCE, SOURCE_Y[:5])}, "120.* 5|5.*120|inconsistent"),
    "no vectors": ({"source": None, "vectors": 3}, "path of a file"),
    "several seeds": ({"source_estimator": network(n_seeds=2)}, "n_seeds=1"),
    "given weights": ({"estimator": network(embedding__weights=1)}, "use its `vectors`"),
    "frozen twice": ({"estimator": network(embedding__trainable=False)}, "use its `trainable`"),
    "a bad parameter": ({"estimator": network(units=0)}, "units"),
    "a missing file": ({"source": None, "vectors": "none.txt"}, "there is no file 'none.txt'"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_one_clear_error_before_any_training(case, trained):
    parameters, message = FAULTS[case]
    learner = make(**parameters)
    with pytest.raises((ValueError, TypeError), match=message):
        learner.fit(TEXTS, Y)
    assert trained == (["pretraining"] if case == "no word in common" else [])
    with pytest.raises(NotFittedError):
        check_is_fitted(learner)


@pytest.mark.parametrize(
    ("texts", "y", "message"),
    [
        (TEXTS, None, "requires y"),
        (TEXTS, Y[:5], "inconsistent"),
        (list(range(48)), Y, "row 0 is a int"),
        (TEXTS, np.zeros(48), "1 class"),
    ],
)
def test_data_that_cannot_be_used(texts, y, message, trained):
    with pytest.raises(ValueError, match=message):
        make().fit(texts, y)
    assert trained == []


def test_early_stopping_that_cannot_hold_out_rows(trained):
    learner = make(estimator=network(early_stopping=True), source_estimator=network())
    with pytest.raises(InvalidInputError, match="`early_stopping` holds out"):
        learner.fit(TEXTS, np.where(np.arange(len(Y)) == 5, 2, Y))
    assert trained == []


def test_a_network_without_an_embedding():
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Lambda(lambda ids: keras.ops.one_hot(ids, MAX_TOKENS)),
                keras.layers.GlobalAveragePooling1D(),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )

    learner = make(source_estimator=KerasNetworkClassifier(build, epochs=1, random_state=0))
    with pytest.raises(
        InvalidInputError, match=r"must have one keras\.layers\.Embedding.*it has 0"
    ):
        learner.fit(TEXTS, Y)
