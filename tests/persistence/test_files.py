"""What `save`, `load` and `file_info` promise beside equal predictions."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import all_estimators

import stackens
from stackens.archive import read_archive, write_archive
from stackens.datasets import load_digits_sequences
from stackens.exceptions import (
    ArchiveError,
    InvalidInputError,
    MissingExtraError,
    UntrustedTypesError,
)
from stackens.learners._shapes import stacked_rnn_shapes, transformer_shapes
from stackens.networks import build_stacked_rnn, build_transformer_encoder
from stackens.persistence._trust import OWN_TYPES, TYPES_ON_TRUST, find_type
from stackens.public_names import public_name
from stackens.sklearn_parts import ESTIMATORS

DATA = Path(__file__).parent / "data"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.stackens"


@pytest.fixture(scope="module")
def learner():
    X, y = load_digits_sequences(return_X_y=True)
    return stackens.StackedRNNClassifier(units=4, epochs=1, random_state=0).fit(X[:90], y[:90])


# ---- old files ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("name", ["network", "stack"])
def test_networks_of_format_4_are_read(name):
    """Other versions of TensorFlow may round differently: to the last bits of float32."""
    X, _ = load_digits_sequences(return_X_y=True)
    expected = np.load(DATA / "format_4_predictions.npz")[name]
    found = stackens.load(DATA / f"format_4_{name}.stackens").predict_proba(X[: len(expected)])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_vocabularies_of_format_4_are_read():
    texts = [f"word{i} {'even' if i % 2 == 0 else 'odd'} Wörter{i}" for i in range(600)]
    expected = np.load(DATA / "format_4_predictions.npz")["words"]
    found = stackens.load(DATA / "format_4_words.stackens").predict_proba(texts[: len(expected)])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_working_days_of_format_4_are_read():
    """They go on as they were."""
    found = stackens.load(DATA / "format_4_days.stackens")
    expected = pd.offsets.CustomBusinessDay(holidays=["2024-02-27"], weekmask="Mon Tue Wed Thu")
    assert found.known_.index.freq == expected
    assert found.known_.index[-1] == pd.Timestamp("2024-03-11")
    assert [str(day.date()) for day in found.predict().index] == [
        "2024-03-12",
        "2024-03-13",
        "2024-03-14",
    ]


@pytest.mark.parametrize(("found", "advice"), [(3, "Fit the estimator again"), (5, "update")])
def test_another_format_is_refused_with_advice(path, found, advice):
    archive = read_archive(DATA / "format_4_network.stackens", kind="estimator")
    meta = {**archive.meta, "format": found}
    write_archive(path, dict(archive.arrays), meta, kind="estimator")
    for read in (stackens.load, stackens.file_info):
        with pytest.raises(ArchiveError, match=rf"format {found}\b.*{advice}"):
            read(path)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_a_parameter_that_is_younger_than_the_file_has_its_default(path):
    archive = read_archive(DATA / "format_4_stack.stackens", kind="estimator")
    stack, network = archive.meta["objects"][-1], archive.meta["objects"][0]
    stack["state"] = [pair for pair in stack["state"] if pair[0] != "fallback"]
    network["parameters"] = [pair for pair in network["parameters"] if pair[0] != "n_seeds"]
    write_archive(path, dict(archive.arrays), archive.meta, kind="estimator")
    found = stackens.load(path)
    assert found.get_params()["fallback"] is None
    assert found.get_params()["lstm__n_seeds"] == 1


@pytest.mark.filterwarnings("ignore:::sklearn")  # about parameters of an older scikit-learn's
def test_a_leaderboard_of_what_is_older_than_some_of_its_columns():
    board = stackens.load(DATA / "format_4_stack.stackens").leaderboard()
    assert set(board.index) == {"lstm", "gru", "linear", "forest", "average", "stack"}
    assert (board["seconds"] > 0).all()
    assert board["cpu_seconds"].isna().all()
    assert "note" not in board


def test_a_vocabulary_is_as_large_as_its_words(tmp_path):
    """Also in a stack, of terms by the ten thousand; a node of text for each was 400 bytes."""
    texts = [f"a{i} b{i * 7 % 1000} c" for i in range(6000)]
    y = np.arange(len(texts)) % 2
    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), MultinomialNB())
    stack = stackens.StackingClassifier([("words", words)], cv=2).fit(texts, y)
    n_terms = len(stack.estimators_[0][0].vocabulary_)
    size = stackens.save(stack, tmp_path / "stack")
    assert size < 100 * n_terms
    found = stackens.load(tmp_path / "stack")
    np.testing.assert_array_equal(found.predict_proba(texts), stack.predict_proba(texts))
    assert found.estimators_[0][0].vocabulary_ == stack.estimators_[0][0].vocabulary_


def test_what_a_file_says_of_itself():
    info = stackens.file_info(DATA / "format_4_stack.stackens")
    assert info.estimator == "StackingClassifier"
    assert info.learners == ("lstm", "gru", "linear", "forest")
    assert info.classes == (0, 1, 2)
    assert info.input_shape == (None, None, 8)
    assert 1 / 3 < info.out_of_fold_score <= 1
    assert info.format == 4
    assert {"keras", "numpy", "python", "scikit-learn", "stackens", "tensorflow"} <= set(
        info.versions
    )
    assert "sklearn.tree._tree.Tree" in info.types
    assert info.untrusted_types == ()
    assert info.n_bytes == (DATA / "format_4_stack.stackens").stat().st_size


def test_looking_at_a_file_makes_nothing(monkeypatch):
    monkeypatch.setattr("stackens.persistence._decode.Content.make", None)
    info = stackens.file_info(DATA / "format_4_network.stackens")
    shapes = stacked_rnn_shapes(
        {
            **dict.fromkeys(("vocabulary_size", "bidirectional", "normalization")),
            "n_features": 8,
            "units": (3,),
            "cell": "lstm",
            "recurrent_options": {},
            "pooling": "last",
            "output_units": 3,
        }
    )
    assert info.n_parameters == sum(np.prod(shape) for shape in shapes)


def test_the_score_is_that_of_the_leaderboard(path):
    X, y = load_digits_sequences(return_X_y=True)
    flat = stackens.SequenceFlattener()
    stack = stackens.StackingClassifier(
        [("linear", make_pipeline(flat, LogisticRegression(max_iter=500)))], cv=2
    ).fit(X[:90], y[:90])
    stackens.save(stack, path)
    assert (
        stackens.file_info(path).out_of_fold_score
        == (stack.leaderboard().loc["stack", "out_of_fold"])
    )


# ---- what is not written ------------------------------------------------------------------------


def test_a_lambda_is_no_file(path):
    with pytest.raises(InvalidInputError, match=r"lambda.*a file holds no code"):
        stackens.save(stackens.KerasNetworkClassifier(lambda meta: None), path)
    assert not path.exists()


def test_an_error_says_where(path):
    stack = stackens.StackingClassifier(
        [("a", stackens.StackedRNNClassifier(loss=lambda y, p: 0)), ("b", LogisticRegression())]
    )
    with pytest.raises(InvalidInputError, match=re.escape("`estimators.0.1.loss`")):
        stackens.save(stack, path)


def test_a_file_that_is_there_stays_when_saving_fails(path, learner):
    stackens.save(learner, path)
    before = path.read_bytes()
    with pytest.raises(InvalidInputError):
        stackens.save(stackens.KerasNetworkClassifier(lambda meta: None), path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("thing", [3, "estimator", Ridge, None])
def test_what_is_no_estimator(path, thing):
    with pytest.raises(InvalidInputError, match="must be an estimator"):
        stackens.save(thing, path)


def test_keras_objects_that_say_what_to_import(path):
    import keras

    seeds = keras.random.SeedGenerator(1)
    for one in (keras.initializers.RandomNormal(seed=seeds), keras.metrics.MeanSquaredError()):
        learner = stackens.StackedRNNRegressor(recurrent__kernel_initializer=one)
        with pytest.raises(InvalidInputError, match="cannot hold the"):
            stackens.save(learner, path)


# ---- trust --------------------------------------------------------------------------------------


def test_types_that_nobody_checks_are_named(path):
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    stackens.save(KNeighborsClassifier().fit(X, y), path)
    with pytest.raises(UntrustedTypesError, match="KNeighborsClassifier") as caught:
        stackens.load(path)
    assert set(caught.value.names) == set(stackens.file_info(path).untrusted_types)
    found = stackens.load(path, trusted=caught.value.names)
    np.testing.assert_array_equal(found.predict(X), KNeighborsClassifier().fit(X, y).predict(X))


def shifted(X):
    return X + 1


def test_trust_in_one_name_is_trust_in_no_other(path):
    stackens.save(make_pipeline(FunctionTransformer(shifted), Ridge()), path)
    with pytest.raises(UntrustedTypesError, match="shifted"):
        stackens.load(path, trusted=["os.system", f"{shifted.__module__}.shift"])
    assert stackens.load(path, trusted=[shifted])[0].func is shifted


@pytest.mark.parametrize("trusted", [True, "os.system", 3, [3], [object()]])
def test_trusting_everything_is_no_option(path, learner, trusted):
    stackens.save(learner, path)
    with pytest.raises(InvalidInputError, match="trusted"):
        stackens.load(path, trusted=trusted)


def test_the_types_of_the_table_are_there():
    for name in OWN_TYPES | TYPES_ON_TRUST:
        assert "._" not in name
        assert public_name(find_type(name)) == name


def test_every_public_estimator_of_ours_can_be_saved():
    public = [getattr(stackens, name) for name in stackens.__all__]
    public += [getattr(stackens.model_selection, n) for n in stackens.model_selection.__all__]
    estimators = {c for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)}
    assert {public_name(cls) for cls in estimators} <= OWN_TYPES


def test_the_estimators_of_scikit_learn_are_its_own():
    """A name that is gone would be a name that somebody else could take."""
    there = {public_name(cls) for _, cls in all_estimators()}
    assert there >= ESTIMATORS


# ---- errors -------------------------------------------------------------------------------------


def test_no_such_file(path):
    with pytest.raises(FileNotFoundError):
        stackens.load(path)
    with pytest.raises(FileNotFoundError):
        stackens.file_info(path)


def test_without_skops(path, monkeypatch, learner):
    monkeypatch.setattr("stackens.sklearn_parts._part.importlib.util.find_spec", lambda name: None)
    stackens.save(learner, path)  # holds nothing of scikit-learn
    assert stackens.load(path).best_epoch_ == learner.best_epoch_
    with pytest.raises(MissingExtraError, match=r"stackens\[store\]"):
        stackens.save(Ridge(), path)
    with pytest.raises(MissingExtraError, match=r"stackens\[store\]"):
        stackens.load(DATA / "format_4_stack.stackens")


def test_an_error_names_the_file(path):
    path.write_bytes(b"something else")
    with pytest.raises(ArchiveError, match=re.escape(str(path))):
        stackens.load(path)


def test_parameters_changed_after_the_fit(path, learner):
    changed = stackens.load(DATA / "format_4_network.stackens").set_params(units=5)
    with pytest.raises(InvalidInputError, match="fit it again"):
        stackens.save(changed, path)


def test_a_file_holds_json_and_arrays_only(path, learner):
    stackens.save(learner, path)
    archive = read_archive(path, kind="estimator")
    assert json.loads(json.dumps(archive.meta)) == archive.meta
    assert archive.meta["versions"]["numpy"] == importlib.metadata.version("numpy")
    assert {array.dtype.kind for array in archive.arrays.values()} <= set("fiubU")


def test_nothing_is_changed_while_it_is_written(tmp_path):
    """Two threads predict, and four save; the words of 2000 terms are arrays in the file."""
    texts = [f"a{i} {'even' if i % 2 == 0 else 'odd'}" for i in range(2000)]
    words = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, np.arange(2000) % 2)
    expected, end = words.predict_proba(texts), threading.Event()

    def predict():
        found = []
        while not end.is_set():
            found.append(words.predict_proba(texts))
        return found

    with ThreadPoolExecutor(6) as pool:
        predicting = [pool.submit(predict) for _ in range(2)]
        saving = [pool.submit(stackens.save, words, tmp_path / f"{i}") for i in range(8)]
        wait(saving)
        end.set()
    for found in (one for job in predicting for one in job.result()):
        np.testing.assert_array_equal(found, expected)
    assert len({(tmp_path / f"{i}").read_bytes() for i in range(8)}) == 1
    np.testing.assert_array_equal(stackens.load(tmp_path / "7").predict_proba(texts), expected)


# ---- shapes of networks, beside Keras -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "bidirectional", "normalization", "pooling"),
    [
        *itertools.product(["lstm", "gru", "simple_rnn"], [False, True], [None], ["last"]),
        ("lstm", True, "layer", "attention"),
        ("gru", False, "batch", "max"),
    ],
)
@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("recurrent", [{}, {"use_bias": False}])
def test_shapes_are_those_that_keras_makes(
    cell, bidirectional, normalization, pooling, tokens, recurrent
):
    options = {
        "output_units": 3,
        "output_activation": "softmax",
        "n_features": None if tokens else 5,
        "vocabulary_size": 11 if tokens else None,
        "embedding_dim": 6,
        "cell": cell,
        "units": (4, 2),
        "bidirectional": bidirectional,
        "normalization": normalization,
        "pooling": pooling,
        "recurrent_options": recurrent,
    }
    built = [array.shape for array in build_stacked_rnn(**options).get_weights()]
    assert stacked_rnn_shapes(options) == built


def test_gru_as_it_was():
    options = {
        "output_units": 1,
        "output_activation": "linear",
        "n_features": 2,
        "cell": "gru",
        "units": (3,),
        "recurrent_options": {"reset_after": False},
    }
    built = [array.shape for array in build_stacked_rnn(**options).get_weights()]
    defaults = dict.fromkeys(("vocabulary_size", "bidirectional", "normalization", "pooling"))
    assert stacked_rnn_shapes({**defaults, **options}) == built


@pytest.mark.parametrize("sharing", ["none", "all", (0, 1, 0, 1), (0, 0, 1, 1)])
@pytest.mark.parametrize("width", [{"n_features": 5}, {"n_features": 4}])
@pytest.mark.parametrize(
    "others",
    [
        {"depth_embedding": True, "normalization": "layer"},
        {"residual": True, "bidirectional": True, "normalization": "batch"},
    ],
)
def test_shapes_of_layers_that_are_shared(sharing, width, others):
    options = {
        "output_units": 3,
        "output_activation": "softmax",
        "vocabulary_size": None,
        "embedding_dim": 6,
        "cell": "lstm",
        "units": (4,) * 4,
        "bidirectional": False,
        "normalization": None,
        "pooling": "mean",
        "recurrent_options": {},
        "layer_sharing": sharing,
        **width,
        **others,
    }
    built = [array.shape for array in build_stacked_rnn(**options).get_weights()]
    assert stacked_rnn_shapes(options) == built


@pytest.mark.parametrize("place", ["beside", "below"])
@pytest.mark.parametrize("tokens", [{"n_features": 5}, {"vocabulary_size": 11}])
@pytest.mark.parametrize(
    "others",
    [
        {"units": (4,), "pooling": "last"},
        {"units": (4, 3), "pooling": "attention", "normalization": "layer"},
        {"units": (6,), "pooling": "mean", "bidirectional": True, "residual": True},
        {"units": (4,) * 3, "pooling": "last", "layer_sharing": (0, 1, 0), "depth_embedding": True},
    ],
    ids=str,
)
def test_shapes_of_networks_with_convolutions(place, tokens, others):
    options = {
        "output_units": 3,
        "output_activation": "softmax",
        "n_features": None,
        "vocabulary_size": None,
        "embedding_dim": 6,
        "cell": "gru",
        "bidirectional": False,
        "normalization": None,
        "recurrent_options": {},
        "convolutions": (7, 8),
        "kernel_sizes": (4, 3),
        "convolution_place": place,
        **tokens,
        **others,
    }
    built = [array.shape for array in build_stacked_rnn(**options).get_weights()]
    assert stacked_rnn_shapes(options) == built


@pytest.mark.parametrize("tokens", [{"n_features": 5}, {"vocabulary_size": 11}])
@pytest.mark.parametrize("embedding_dim", [None, 6])
@pytest.mark.parametrize(
    "others",
    [
        {},
        {"norm_first": False, "pooling": "attention"},
        {"layer_sharing": "cycle_rev", "n_unique_layers": 2, "depth_embedding": True},
        {"layer_sharing": (0, 0, 1, 1), "feed_forward_dim": 7},
    ],
)
def test_shapes_of_transformers(tokens, embedding_dim, others):
    options = {
        "output_units": 3,
        "output_activation": "softmax",
        "n_features": None,
        "vocabulary_size": None,
        "embedding_dim": embedding_dim,
        "d_model": 8,
        "n_heads": 2,
        "n_layers": 4,
        "feed_forward_dim": None,
        "norm_first": True,
        "pooling": "mean",
        "layer_sharing": "none",
        "n_unique_layers": None,
        **tokens,
        **others,
    }
    built = [array.shape for array in build_transformer_encoder(**options).get_weights()]
    assert transformer_shapes(options) == built
