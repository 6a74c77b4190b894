"""Whatever comes in, an estimator does its work or says, in its own words, what it wanted.

A case is one call: ``subject.method(X, y, sample_weight, groups)``, each argument drawn from a
table of kinds. STACKENS_FUZZ_CASES is how many are drawn in all; `make fuzz` draws thousands.
All failures are collected, and reported once for each place where an error came from.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import inspect
import math
import os
import signal
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from public_estimators import CLASSES_OF_ESTIMATORS, LEARNERS, make
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

import stackens
from stackens import model_selection, text
from stackens.convolutions import POOLING

CASES = int(os.environ.get("STACKENS_FUZZ_CASES", "100"))
SECONDS = 60  # what takes longer hangs; a first compilation on a busy machine takes a few
N, T, F = 10, 4, 2
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N, T))
SEQUENCES = RNG.normal(size=(N, T, F))
RAGGED = [SEQUENCES[i, : 2 + i % 3] for i in range(N)]
TOKENS = RNG.integers(1, 6, size=(N, T))
TEXTS = ["a b", "b c a", "c", "a a b", "b", "c b", "a c", "b b c", "c c", "a"]
LABELS = np.arange(N) % 2
VALUES = RNG.normal(size=N)
FRAME = pd.DataFrame(TABLE, columns=list("abcd"))


# ---- kinds of input ------------------------------------------------------------------------------


def ragged(sequences):
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def changed(array, place, value, dtype=None):
    array = np.array(array, dtype=dtype)
    array[place] = value
    return array


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def mapped(array):
    path = Path(tempfile.mkdtemp()) / "array.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def of_arrays(name, array):
    """The same numbers in all forms that NumPy has for them, and with what does not belong."""
    middle, last = (1,) * array.ndim, (1, -1)
    return {
        f"{name}": lambda: array.copy(),
        f"{name} float32": lambda: array.astype(np.float32),
        f"{name} float16": lambda: array.astype(np.float16),
        f"{name} integers": lambda: (array * 10).astype(int),
        f"{name} bool": lambda: array > 0,
        f"{name} Fortran": lambda: np.asfortranarray(array),
        f"{name} read-only": lambda: read_only(array),
        f"{name} other byte order": lambda: array.astype(">f8"),
        f"{name} reversed strides": lambda: array[::-1],
        f"{name} memory map": lambda: mapped(array),
        f"{name} masked": lambda: np.ma.masked_array(array, mask=array > 1),
        f"{name} objects": lambda: array.astype(object),
        f"{name} text of numbers": lambda: array.astype(str),
        f"{name} complex": lambda: array + 1j,
        f"{name} datetimes": lambda: (array * 1000).astype("datetime64[s]"),
        f"{name} lists": lambda: array.tolist(),
        f"{name} NaN": lambda: changed(array, middle, np.nan),
        f"{name} NaN at the end": lambda: changed(array, last, np.nan),
        f"{name} NaN at the start": lambda: changed(array, (1, 0), np.nan),
        f"{name} NaN row": lambda: changed(array, 1, np.nan),
        f"{name} NaN everywhere": lambda: np.full_like(array, np.nan),
        f"{name} inf": lambda: changed(array, middle, np.inf),
        f"{name} huge": lambda: changed(array, middle, 1e300),
        f"{name} all huge": lambda: array * 1e38,
        f"{name} None": lambda: changed(array, middle, None, object),
        f"{name} a word": lambda: changed(array, middle, "word", object),
        f"{name} a dict": lambda: changed(array, middle, {}, object),
        f"{name} no rows": lambda: array[:0],
        f"{name} one row": lambda: array[:1],
        f"{name} one step": lambda: array[:, :1],
        f"{name} no steps": lambda: array[:, :0],
        f"{name} wider": lambda: np.concatenate([array, array], axis=-1),
        f"{name} no width": lambda: array[..., :0],
    }


X_KINDS = {
    **of_arrays("table", TABLE),
    **of_arrays("sequences", SEQUENCES),
    **{
        f"sparse {kind}": lambda kind=kind: getattr(scipy.sparse, kind)(TABLE * (TABLE > 0))
        for form in ("csr", "csc", "coo", "dok", "lil", "bsr", "dia")
        for kind in (f"{form}_array", f"{form}_matrix")
    },
    "one dimension": lambda: VALUES.copy(),
    "four dimensions": lambda: SEQUENCES[..., None],
    "scalar": lambda: np.array(3.0),
    "frame": lambda: FRAME.copy(),
    "frame other order": lambda: FRAME[list("dcba")],
    "frame other names": lambda: FRAME.rename(columns=str.upper),
    "frame same names": lambda: FRAME.set_axis(list("aabb"), axis=1),
    "frame names of two types": lambda: FRAME.set_axis(["a", 1, "c", 2], axis=1),
    "frame odd index": lambda: FRAME.set_axis(list("zyxwvutsrq")),
    "frame nullable": lambda: FRAME.convert_dtypes().mask(FRAME > 1),
    "frame category": lambda: FRAME.assign(a=pd.Categorical(list("aabbc") * 2)),
    "frame datetime": lambda: FRAME.assign(a=pd.date_range("2020", periods=N)),
    "frame words": lambda: FRAME.assign(a=TEXTS),
    "frame None": lambda: FRAME.assign(a=[None] * N),
    "frame no rows": lambda: FRAME[:0],
    "frame of sequences": lambda: pd.DataFrame({"a": ragged([s[:, 0] for s in RAGGED])}),
    "nested frame": lambda: pd.DataFrame(
        {c: [pd.Series(s[:, k]) for s in RAGGED] for k, c in enumerate("ab")}
    ),
    "series": lambda: pd.Series(VALUES),
    "dated series": lambda: pd.Series(VALUES, pd.date_range("2020", periods=N)),
    "ragged list": lambda: [s.copy() for s in RAGGED],
    "ragged array": lambda: ragged(RAGGED),
    "ragged lists": lambda: [s.tolist() for s in RAGGED],
    "ragged tuple": lambda: tuple(RAGGED),
    "ragged of no length": lambda: [*RAGGED[:-1], np.zeros((0, F))],
    "ragged of other widths": lambda: [*RAGGED[:-1], np.zeros((3, F + 1))],
    "ragged with words": lambda: [*RAGGED[:-1], [["a", "b"]]],
    "ragged with None": lambda: [*RAGGED[:-1], None],
    "ragged with NaN": lambda: [*RAGGED[:-1], np.full((3, F), np.nan)],
    "ragged with a number": lambda: [*RAGGED[:-1], 3.0],
    "ragged of one dimension": lambda: [s[:, 0] for s in RAGGED],
    "ragged generator": lambda: (s for s in RAGGED),
    "frames": lambda: [pd.DataFrame(s, columns=["x", "y"]) for s in RAGGED],
    "frames of two orders": lambda: [
        pd.DataFrame(s, columns=["x", "y"][:: 1 if i else -1]) for i, s in enumerate(RAGGED)
    ],
    "frames with words": lambda: [pd.DataFrame({"x": ["a"], "y": ["b"]})] * N,
    "list of series": lambda: [pd.Series(s[:, 0]) for s in RAGGED],
    "tokens": lambda: TOKENS.copy(),
    "tokens int8": lambda: TOKENS.astype(np.int8),
    "tokens unsigned": lambda: TOKENS.astype(np.uint64),
    "tokens beyond": lambda: changed(TOKENS, (0, 0), 10**6),
    "tokens huge": lambda: changed(TOKENS, (0, 0), 2**62),
    "tokens below zero": lambda: changed(TOKENS, (0, 0), -1),
    "tokens all zero": lambda: np.zeros_like(TOKENS),
    "tokens as floats": lambda: TOKENS.astype(float),
    "tokens with fractions": lambda: TOKENS + 0.5,
    "tokens ragged": lambda: [list(row[: 1 + i % 3]) for i, row in enumerate(TOKENS)],
    "tokens of no length": lambda: [[], *TOKENS[1:].tolist()],
    "texts": lambda: list(TEXTS),
    "texts array": lambda: np.array(TEXTS),
    "texts series": lambda: pd.Series(TEXTS),
    "texts column": lambda: np.array(TEXTS)[:, None],
    "texts empty": lambda: [""] * N,
    "texts one empty": lambda: ["", *TEXTS[1:]],
    "texts unknown": lambda: ["zz yy"] * N,
    "texts bytes": lambda: [t.encode() for t in TEXTS],
    "texts with None": lambda: [None, *TEXTS[1:]],
    "texts with a number": lambda: [3, *TEXTS[1:]],
    "texts none": list,
    "one text": lambda: "a b c",
    "nothing": lambda: None,
    "dict": lambda: {"a": TABLE, "b": SEQUENCES},
    "set": lambda: {1, 2, 3},
    "number": lambda: 3,
    "class": lambda: LogisticRegression,
    "list of nothing": lambda: [None] * N,
}
Y_KINDS = {
    "labels": lambda: LABELS.copy(),
    "label words": lambda: np.array(["dog", "bird"])[LABELS],
    "label objects": lambda: np.array(["dog", "bird"], dtype=object)[LABELS],
    "label floats": lambda: LABELS.astype(float),
    "label bytes": lambda: np.array([b"dog", b"bird"])[LABELS],
    "bool": lambda: LABELS > 0,
    "list": lambda: LABELS.tolist(),
    "tuple": lambda: tuple(LABELS.tolist()),
    "series odd index": lambda: pd.Series(LABELS, index=range(100, 100 + N)),
    "categories": lambda: pd.Series(pd.Categorical(np.array(["x", "y"])[LABELS])),
    "nullable": lambda: pd.Series(LABELS, dtype="Int64"),
    "nullable NA": lambda: pd.Series([pd.NA, *LABELS[1:]], dtype="Int64"),
    "values": lambda: VALUES.copy(),
    "values read-only": lambda: read_only(VALUES),
    "values other byte order": lambda: VALUES.astype(">f8"),
    "values text": lambda: VALUES.astype(str),
    "column": lambda: VALUES[:, None],
    "label column": lambda: LABELS[:, None],
    "two columns": lambda: np.column_stack([VALUES, -VALUES]),
    "frame": lambda: pd.DataFrame({"p": VALUES, "q": -VALUES}),
    "multilabel": lambda: np.column_stack([LABELS, 1 - LABELS, np.arange(N) % 3 == 0]).astype(int),
    "multilabel constant": lambda: np.column_stack([LABELS, np.ones(N, int)]),
    "sparse": lambda: scipy.sparse.csr_array(np.column_stack([LABELS, 1 - LABELS])),
    "sparse column": lambda: scipy.sparse.csr_matrix(VALUES[:, None]),
    "three dimensions": lambda: SEQUENCES.copy(),
    "one class": lambda: np.zeros(N, int),
    "a class of one row": lambda: np.r_[np.zeros(N - 1, int), 1],
    "each row a class": lambda: np.arange(N),
    "constant": lambda: np.ones(N),
    "NaN": lambda: changed(VALUES, 0, np.nan),
    "inf": lambda: changed(VALUES, 0, np.inf),
    "huge": lambda: changed(VALUES, 0, 1e300),
    "None inside": lambda: [None, *LABELS[1:]],
    "a number among words": lambda: [3, *np.array(["dog", "bird"])[LABELS[1:]].tolist()],
    "masked": lambda: np.ma.masked_array(LABELS, mask=LABELS > 0),
    "complex": lambda: VALUES + 1j,
    "datetimes": lambda: pd.date_range("2020", periods=N),
    "ragged": lambda: [[1.0, 2.0], [1.0]] * (N // 2),
    "series of lists": lambda: pd.Series([[1.0, 2.0]] * N),
    "too short": lambda: LABELS[:-1],
    "too long": lambda: np.r_[LABELS, 0],
    "no rows": lambda: LABELS[:0],
    "scalar": lambda: 3.0,
    "one word": lambda: "dog",
    "dict": lambda: {"y": LABELS},
    "nothing": lambda: None,
    "texts": lambda: list(TEXTS),
}
WEIGHT_KINDS = {
    "ones": lambda: np.ones(N),
    "list": lambda: [1] * N,
    "zeros": lambda: np.zeros(N),
    "negative": lambda: changed(np.ones(N), 0, -1),
    "NaN": lambda: changed(np.ones(N), 0, np.nan),
    "huge": lambda: changed(np.ones(N), 0, 1e300),
    "words": lambda: ["a"] * N,
    "None inside": lambda: [None] * N,
    "too short": lambda: np.ones(N - 1),
    "column": lambda: np.ones((N, 1)),
    "scalar": lambda: 2.0,
}
GROUP_KINDS = {
    "groups": lambda: np.arange(N) // 2,
    "words": lambda: np.repeat(list("abcde"), 2),
    "one group": lambda: np.zeros(N, int),
    "each row": lambda: np.arange(N),
    "NaN": lambda: changed(np.arange(N) // 2, 0, np.nan, float),
    "None inside": lambda: [None, *range(1, N)],
    "too short": lambda: np.arange(N - 1),
    "column": lambda: (np.arange(N) // 2)[:, None],
    "scalar": lambda: 1,
}


# ---- who is asked --------------------------------------------------------------------------------


def dense(outputs, activation):
    def build(meta):
        layers = [keras.layers.Flatten(), keras.layers.Dense(meta[outputs], activation=activation)]
        return keras.Sequential([keras.Input(meta["X_shape_"][1:]), *layers])

    return build


RNN = {"units": 2, "epochs": 1, "batch_size": 8, "random_state": 0}
CLASSIFIER, REGRESSOR = stackens.StackedRNNClassifier(**RNN), stackens.StackedRNNRegressor(**RNN)
OF_TOKENS = stackens.StackedRNNClassifier(vocabulary_size=9, embedding_dim=2, **RNN)
LINEAR_CLASSIFIERS = [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]
LINEAR_REGRESSORS = [("a", Ridge()), ("b", Ridge(2))]
STACK_C = stackens.StackingClassifier(LINEAR_CLASSIFIERS, cv=2, random_state=0)
STACK_R = stackens.StackingRegressor(LINEAR_REGRESSORS, cv=2, random_state=0)
C_GRID = {"C": [0.1, 1.0]}


@dataclass(frozen=True)
class Subject:
    """An estimator, and what it is made for."""

    estimator: BaseEstimator
    X: object
    y: object = None


def subjects():
    numbers = {
        "rnn of seeds": tuple(clone(e).set_params(n_seeds=2) for e in (CLASSIFIER, REGRESSOR)),
        "stack of rnn": (
            stackens.StackingClassifier([("n", CLASSIFIER), ("m", CLASSIFIER)], cv=2),
            stackens.StackingRegressor([("n", REGRESSOR)], Ridge(), cv=2, predict_with="folds"),
        ),
    }
    tables = {
        "stack": (STACK_C, STACK_R),
        "stack passthrough": tuple(
            clone(s).set_params(passthrough=True, fallback="best") for s in (STACK_C, STACK_R)
        ),
        "distilled": (
            stackens.DistilledClassifier(STACK_C, CLASSIFIER, random_state=0),
            stackens.DistilledRegressor(STACK_R, REGRESSOR, random_state=0),
        ),
        "blend": (stackens.ConvexBlendClassifier(), stackens.ConvexBlendRegressor()),
        "selection": (
            stackens.EnsembleSelectionClassifier(random_state=0),
            stackens.EnsembleSelectionRegressor(random_state=0),
        ),
        "super learner": (
            stackens.DiscreteSuperLearnerClassifier(),
            stackens.DiscreteSuperLearnerRegressor(),
        ),
        "columnwise": (None, stackens.ColumnwiseRegressor(Ridge())),
        "grid": (model_selection.GridSearchCV(LogisticRegression(), C_GRID, cv=2), None),
        "random": (
            model_selection.RandomizedSearchCV(LogisticRegression(), C_GRID, n_iter=2, cv=2),
            None,
        ),
    }
    for X, pairs in [(SEQUENCES, numbers), (TABLE, tables)]:
        for name, (classifier, regressor) in pairs.items():
            if classifier is not None:
                yield f"{name} classifier", Subject(classifier, X, LABELS)
            if regressor is not None:
                yield f"{name} regressor", Subject(regressor, X, VALUES)
    for name in LEARNERS:
        learner = make(name).set_params(batch_size=8)
        if "build" in learner.get_params():
            output = ("n_classes_", "softmax") if is_classifier(learner) else ("n_outputs_", None)
            learner.set_params(build=dense(*output))
        yield name, Subject(learner, SEQUENCES, LABELS if is_classifier(learner) else VALUES)
    proba = np.clip(np.abs(TABLE) / 4, 0.01, 0.99)
    for name in ("blend", "selection", "super learner"):
        yield f"{name} classifier", Subject(tables[name][0], proba, LABELS)
    yield "rnn of tokens", Subject(OF_TOKENS, TOKENS, LABELS)
    yield "pretrainer", Subject(make("EmbeddingPretrainer"), TEXTS, LABELS)
    for transformer in [
        stackens.HydraConvolutions(3, 4, random_state=0),
        stackens.RandomConvolutions(
            84 * 8, pooling=list(POOLING), differences=True, random_state=0
        ),
        stackens.SequenceDifferencer(),
        stackens.SequenceFlattener(),
        stackens.SequenceImputer(),
        stackens.SequencePadder(),
        stackens.SequencePatcher(2),
        stackens.SequenceScaler(),
        stackens.SequenceSummarizer(),
        stackens.SlidingWindows(2),
        stackens.View(channels=[0]),
    ]:
        yield type(transformer).__name__, Subject(transformer, SEQUENCES)
    yield "vectorizer", Subject(stackens.SequenceVectorizer(9, max_length=4), TEXTS)
    yield "naive forecaster", Subject(stackens.NaiveForecaster(2), VALUES)
    window = stackens.WindowForecaster(Ridge(), 2, cv=None)
    yield "window forecaster", Subject(window, VALUES)
    model = text.StackedRNNLanguageModel(
        2, level="word", embedding_dim=2, batch_size=2, window=2, epochs=1, random_state=0
    )
    yield "language model", Subject(model, TEXTS)
    translator = text.SequenceTranslator(
        4, n_heads=2, n_layers=1, max_length=6, epochs=1, beam_width=1, random_state=0
    )
    yield "translator", Subject(translator, TEXTS, TEXTS)


SUBJECTS = dict(subjects())
METHODS = (
    "fit",
    "refit",
    "partial_fit",
    "fit_transform",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "predict_interval",
    "transform",
    "inverse_transform",
    "score",
    "score_samples",
    "update",
)
OUTPUT = ("predict", "predict_proba", "decision_function", "predict_interval", "transform")


# ---- what is looked at ---------------------------------------------------------------------------


class Hangs(BaseException):
    """Raised by the alarm; no ``except Exception`` stops it."""


def ring(signum, frame):
    raise Hangs


def same(a, b) -> bool:
    """Whether two inputs are equal to the last bit, NaN and types included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ma.MaskedArray):
        return same(a.data, b.data) and same(np.asarray(a.mask), np.asarray(b.mask))
    if isinstance(a, np.ndarray):
        alike = a.dtype == b.dtype and a.shape == b.shape
        return alike and (
            all(map(same, a.ravel(), b.ravel()))
            if a.dtype == object
            else a.tobytes() == b.tobytes()
        )
    if isinstance(a, pd.DataFrame):
        columns = a.columns.equals(b.columns) and a.index.equals(b.index)
        return columns and all(same(a.iloc[:, k], b.iloc[:, k]) for k in range(a.shape[1]))
    if isinstance(a, pd.Series):
        return a.index.equals(b.index) and (a.dtype == b.dtype) and same(list(a), list(b))
    if isinstance(a, pd.Index):
        return a.equals(b)
    if scipy.sparse.issparse(a):
        return a.shape == b.shape and same(a.toarray(), b.toarray())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a is b or a is pd.NA is b or (a != a and b != b) or bool(a == b)


def finite(value) -> bool:
    """Whether no number in an output is NaN."""
    if scipy.sparse.issparse(value):
        value = value.data
    if isinstance(value, (list, tuple)) or getattr(value, "dtype", 0) is np.dtype(object):
        return all(map(finite, value))
    try:
        return not np.isnan(np.asarray(value, dtype=float)).any()
    except (TypeError, ValueError):  # texts
        return True


def origin(error):
    """The last frame that is ours or scikit-learn's, and whether a ``raise`` stands there."""
    frames, traceback = [], error.__traceback__
    while traceback:
        frames.append(traceback)
        traceback = traceback.tb_next
    names = [t.tb_frame.f_globals.get("__name__", "?") for t in frames]
    own = ("stackens", "sklearn.", __name__)
    last = max(k for k, name in enumerate(names) if name.startswith(own))
    code, at = frames[last].tb_frame.f_code, frames[last].tb_lasti
    raised = last == len(frames) - 1 and dis.opname[code.co_code[at]] in (
        "RAISE_VARARGS",
        "RERAISE",
    )
    return names[last], raised, f"{names[last]}:{frames[last].tb_lineno}"


def complaint_about(error) -> str | None:
    """Say what is wrong with an error: it must be a refusal in our or scikit-learn's words."""
    module, raised, place = origin(error)
    where = f"{type(error).__name__} at {place}: {str(error)[:160]}"
    if not isinstance(
        error, (ValueError, TypeError, AttributeError, FloatingPointError, RuntimeError)
    ):
        return f"an error of another kind: {where}"
    if not str(error):
        return f"no message: {where}"
    if module.startswith("sklearn."):
        return None
    if module.startswith("stackens") and raised:
        return None
    return f"a raw error: {where}"


FORECASTERS = (stackens.NaiveForecaster, stackens.WindowForecaster)
FITS = ("fit", "refit", "fit_transform")
CONTINUES = ("partial_fit", "update")
FITTED: dict[str, tuple[BaseEstimator, list]] = {}


def outputs(subject, estimator):
    """What a fitted estimator makes of its own data."""
    names = [n for n in OUTPUT if n != "predict_interval" and callable(getattr(estimator, n, None))]
    first = None if isinstance(estimator, FORECASTERS) else subject.X
    return [getattr(estimator, name)(first) for name in names]


def fitted(name):
    if name not in FITTED:
        subject = SUBJECTS[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = clone(subject.estimator).fit(subject.X, subject.y)
            FITTED[name] = estimator, outputs(subject, estimator)
    return FITTED[name]


def is_fitted(estimator) -> bool:
    """Whether it says so; what has nothing to learn always does."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return get_tags(estimator).requires_fit


def predicts_as(before, subject, estimator) -> bool:
    try:
        return same(outputs(subject, estimator), before)
    except Exception:
        return False


def prepare(name, method):
    """The estimator that is asked, and what it predicted before if it must still do so."""
    if method in ("fit", "fit_transform"):
        return clone(SUBJECTS[name].estimator), None
    kept, before = fitted(name)
    return copy.deepcopy(kept) if method in (*CONTINUES, "refit") else kept, before


def arguments_for(bound, method, kinds):
    known = inspect.signature(bound).parameters
    named = {k: kinds[k]() for k in ("sample_weight", "groups") if k in kinds and k in known}
    takes_y = method in (*FITS, *CONTINUES, "score")
    return (kinds["X"](), kinds["y"]()) if takes_y else (kinds["X"](),), named


def look_after(subject, estimator, method, before, error):
    """Complain about the state in which a call has left an estimator."""
    if method in FITS:
        if error is None or method == "fit_transform":  # which may have failed after the fit
            return
        if is_fitted(estimator) and (before is None or not predicts_as(before, subject, estimator)):
            yield f"half fitted after {type(error).__name__}: {str(error)[:80]}"
    elif (error or method not in CONTINUES) and not predicts_as(before, subject, estimator):
        yield f"what was fitted before a {method} is not there any more"


def finite_where_it_must(estimator, method, X, result):
    """Whether predictions are numbers, those of a newly fitted estimator of its rows included.

    Of a transformer NaN comes out where it went in, and as padding of ragged sequences.
    """
    if method in ("fit", "refit") and hasattr(estimator, "predict"):
        with contextlib.suppress(Exception):  # a generator is at its end, a forecaster knows no X
            return finite(estimator.predict(X))
    return method not in OUTPUT or method == "transform" or finite(result)


def examine(name, method, kinds):
    """Do one case; yield complaints about what happened."""
    subject = SUBJECTS[name]
    estimator, before = prepare(name, method)
    bound = getattr(estimator, "fit" if method == "refit" else method)
    given_, named = arguments_for(bound, method, kinds)
    can_compare = not inspect.isgenerator(given_[0])
    untouched = copy.deepcopy((given_, named)) if can_compare else None
    error = None
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        result = bound(*given_, **named)
    except Hangs:
        yield f"hangs: more than {SECONDS} s"
        return
    except Exception as caught:
        error = caught
        yield complaint_about(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if error is None and not finite_where_it_must(estimator, method, given_[0], result):
        yield f"NaN comes out after {method}"
    if can_compare and not same((given_, named), untouched):
        yield "its input was changed"
    yield from look_after(subject, estimator, method, before, error)


# ---- the generator -------------------------------------------------------------------------------


@st.composite
def calls(draw, name):
    """A method, and a kind for each argument; often those that the estimator is made for."""
    subject = SUBJECTS[name]
    known = fitted(name)[0]
    method = draw(
        st.sampled_from([m for m in METHODS if m == "refit" or callable(getattr(known, m, None))])
    )
    names, kinds = {}, {}
    for argument, table, good in [
        ("X", X_KINDS, subject.X),
        ("y", Y_KINDS, subject.y),
        ("sample_weight", WEIGHT_KINDS, None),
        ("groups", GROUP_KINDS, None),
    ]:
        if draw(st.integers(0, 9)) < (4 if argument == "X" else 7):
            if argument in ("X", "y"):
                names[argument], kinds[argument] = "good", lambda good=good: copy.deepcopy(good)
            continue
        kind = draw(st.sampled_from(sorted(table)))
        names[argument], kinds[argument] = kind, table[kind]
    return method, names, kinds


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_input_is_used_or_refused(name):
    found = Counter()
    signal.signal(signal.SIGALRM, ring)

    @settings(
        max_examples=math.ceil(CASES / len(SUBJECTS)),
        phases=[Phase.generate],
        database=None,
        derandomize="STACKENS_FUZZ_CASES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(name))
    def every(case):
        method, names, kinds = case
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for complaint in filter(None, examine(name, method, kinds)):
                found[f"{method}: {complaint}"] += 1
                examples.setdefault(f"{method}: {complaint}", names)

    examples: dict[str, dict] = {}
    every()
    report = [f"{n} x {what} {examples[what]}" for what, n in found.most_common()]
    assert not report, "\n".join([f"{name}: {len(report)} kinds of failures", *report])


def test_every_public_estimator_is_asked():
    asked = {type(subject.estimator) for subject in SUBJECTS.values()}
    assert asked == set(CLASSES_OF_ESTIMATORS.values())
