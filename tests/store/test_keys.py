"""A key says everything that a result depends on, and nothing else."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from enum import Enum
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from public_estimators import CLASSES_OF_ESTIMATORS, make
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stackens import (
    KerasNetworkClassifier,
    SequenceScaler,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
)
from stackens.adapters import adapt
from stackens.digests._content import Digester, UncertainContentError
from stackens.public_names import public_name
from stackens.store._keys import (
    NoKey,
    data_digest,
    fit_key,
    network_key,
    prediction_key,
)
from stackens.training import EarlyStopping

quickly = settings(max_examples=60, deadline=None)


def digest(value):
    return Digester().digest(value)


def rows_digest(values, rows=None):
    return Digester().digest_rows(values, rows)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 5, 2)), np.arange(12) % 3


def key_of(learner, X, y, rows=None, **params):
    """Key of a learner's network, as a stack would ask for it."""
    planned = adapt(clone(learner))
    return network_key(planned, planned.plan_job(X, y, rows=rows, name="some name", **params))


# ---- rows ---------------------------------------------------------------------------------------


@st.composite
def arrays_and_rows(draw):
    array = draw(
        npst.arrays(
            st.one_of(
                npst.floating_dtypes(),
                npst.integer_dtypes(),
                npst.boolean_dtypes(),
                npst.unicode_string_dtypes(max_len=4),
                npst.datetime64_dtypes(),
            ),
            npst.array_shapes(min_dims=1, max_dims=3, max_side=5),
        )
    )
    rows = draw(st.lists(st.integers(0, len(array) - 1), max_size=8))
    return array, np.array(rows, dtype=int)


@quickly
@given(case=arrays_and_rows())
def test_rows_selected_before_or_after_and_any_layout_are_the_same(case):
    array, rows = case
    expected = rows_digest(array[rows])
    wide = np.repeat(array, 2, axis=0)
    for layout in (array, np.asfortranarray(array), wide[::2], array[::-1][::-1]):
        assert rows_digest(layout, rows) == expected
        assert rows_digest(layout[rows]) == expected
    mask = np.isin(np.arange(len(array)), rows)
    assert rows_digest(array, mask) == rows_digest(array[mask])
    assert rows_digest(array, slice(1, None)) == rows_digest(array[1:])


@quickly
@given(case=arrays_and_rows(), data=st.data())
def test_one_other_value_is_another_digest(case, data):
    array, _ = case
    changed = array.copy()
    place = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    if array.dtype.kind == "U":
        changed[place] = "x" if array[place] != "x" else "y"
    else:
        raw = changed.view(f"V{array.dtype.itemsize}")  # of a scalar NumPy turns the bytes round
        raw[place] = bytes(b ^ 1 for b in raw[place].tobytes())
    assert rows_digest(changed) != rows_digest(array)
    others = np.delete(np.arange(len(array)), place[0])
    assert rows_digest(changed, others) == rows_digest(array, others)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(6), np.zeros((6, 1))),
        (np.zeros(2), np.zeros(2, "f4")),
        (np.zeros(0), np.zeros((0, 1))),
        (np.array(["ab", "c"]), np.array(["a", "bc"])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([True]), np.array([1], "i1")),
    ],
)
def test_type_and_shape_count(one, other):
    assert rows_digest(one) != rows_digest(other)


def test_ragged_rows_are_the_same_as_list_and_as_array(data):
    X, _ = data
    ragged = [row[: 2 + i % 3] for i, row in enumerate(X)]
    boxed = np.empty(len(ragged), dtype=object)
    for i, row in enumerate(ragged):
        boxed[i] = np.asfortranarray(row)
    rows = np.array([0, 3, 6])  # all of one length
    expected = rows_digest([ragged[i] for i in rows])
    assert rows_digest(boxed, rows) == rows_digest(ragged, rows) == expected
    changed = [row.copy() for row in ragged]
    changed[3][0, 0] += 1
    assert rows_digest(changed, rows) != expected
    changed[0] = changed[0][:-1]
    assert rows_digest(changed, [1, 2]) == rows_digest(ragged, [1, 2])


def test_strings_do_not_depend_on_the_longest_one():
    words = np.array(["a", "bc", "a much longer one"])
    rows = [0, 1]
    assert rows_digest(words, rows) == rows_digest(["a", "bc"]) == rows_digest(words[:2])
    assert rows_digest(words.astype(object), rows) == rows_digest(["a", "bc"])
    assert rows_digest(["a", "bc"]) != rows_digest(["ab", "c"])


def test_frames_count_by_value_column_and_index():
    frame = pd.DataFrame(
        {"a": [1.0, 2.0, 3.0], "b": ["x", "y", None], "c": pd.Categorical(["u", "v", "u"])}
    )
    frame["d"] = pd.array([1, None, 3], dtype="Int64")
    rows = [2, 0]
    assert rows_digest(frame, rows) == rows_digest(frame.iloc[rows])
    assert rows_digest(frame["a"], rows) == rows_digest(frame["a"].iloc[rows])
    different = [
        frame.rename(columns={"a": "z"}),
        frame[["b", "a", "c", "d"]],
        frame.assign(a=[1.0, 2.0, 4.0]),
        frame.astype({"a": "float32"}),
        frame.set_axis([5, 6, 7]),
        frame.assign(c=pd.Categorical(["u", "v", "u"], categories=["v", "u"])),
    ]
    digests = [rows_digest(other) for other in (frame, *different)]
    assert len(set(digests)) == len(digests)


def test_sparse_matrices_count_by_their_entries():
    dense = np.array([[0, 1.0, 2], [3, 0, 0], [0, 0, 4]])
    sparse = scipy.sparse.csr_array(dense)
    rows = [2, 0]
    assert rows_digest(sparse, rows) == rows_digest(scipy.sparse.csr_array(dense[rows]))
    unsorted = scipy.sparse.csr_array(([2.0, 1, 3, 4], [2, 1, 0, 2], [0, 2, 3, 4]), shape=(3, 3))
    assert rows_digest(unsorted) == rows_digest(sparse)
    assert rows_digest(scipy.sparse.csr_array(dense * 2)) != rows_digest(sparse)


def test_a_memory_map_is_hashed_in_pieces(tmp_path):
    """Hashing 200 MB of a file takes a small part of that memory."""
    path = tmp_path / "mapped"
    code = """
import resource, sys
import numpy as np
from stackens.digests._content import Digester
mapped = np.memmap(sys.argv[1], "f4", "r", shape=(50_000, 1_000))
Digester().digest_rows(np.zeros((10, 10)))
def grown(): # without the pages of the file, which the system may drop
    return int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1])
import threading
peak, done = [grown()], threading.Event()
def watch():
    while not done.wait(0.002):
        peak.append(grown())
watcher = threading.Thread(target=watch); watcher.start()
Digester().digest_rows(mapped)
print(Digester().digest_rows(mapped, np.arange(0, 50_000, 2)).hex())
done.set(); watcher.join()
print(max(peak) - peak[0])
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("reads /proc")
    array = np.memmap(path, "f4", "w+", shape=(50_000, 1_000))
    array[::1000] = 1
    array.flush()
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    found, kilobytes = done.stdout.split()
    assert found == rows_digest(np.array(array[::2])).hex()
    assert int(kilobytes) < 40_000


# ---- values -------------------------------------------------------------------------------------


class Colour(Enum):
    RED = 1
    BLUE = 2


class Plain:
    def __init__(self, **state):
        vars(self).update(state)


def test_values_of_other_types_or_content_differ():
    values = [
        None, True, 1, 1.0, np.float64(1), np.float32(1), 1j, "1", b"1", (1,), [1], {1}, {1: 1},
        frozenset({1}), [], (), {}, "", [[]], [(), ()], ["ab", "c"], ["a", "bc"], 0.0, -0.0, ...,
        range(3), slice(3), np.dtype("f4"), np.dtype("f8"), np.add, np.mean, len, int, float,
        Colour.RED, Colour.BLUE, Plain(a=1), Plain(a=2), Plain(b=1), Path("a"), Path("b"),
        np.random.RandomState(0), np.random.RandomState(1), np.random.default_rng(0),
        np.random.default_rng(1), KFold(3), KFold(4), RBF(1.0), RBF(2.0), pd.Timestamp(0),
        pd.NA, pd.Timestamp(1), {"a": 1, "b": 2}, {"b": 1, "a": 2}, functools.partial(int, 1),
        functools.partial(int, 2), "abc".upper, "abd".upper, "abc".lower, float("nan"),
    ]  # fmt: skip
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(digests)
    assert digests == [digest(value) for value in values]


def test_equal_content_is_equal_wherever_it_is():
    assert digest([1, "a", {"b": 2.0}]) == digest([1, "".join(["a"]), {"b": 2.0}])
    assert digest({3, 1, 2}) == digest({2, 3, 1})
    shared = [1.5]
    assert digest([shared, shared]) == digest([[1.5], [1.5]])
    assert digest(np.random.RandomState(3)) == digest(np.random.RandomState(3))


def test_what_contains_itself_has_a_digest():
    def make(last):
        value = [1]
        value.append({"self": value, "last": last})
        return value

    assert digest(make(1)) == digest(make(1)) != digest(make(2))


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), (i for i in range(3)), [[{"a": threading.Lock()}]]],
    ids=["lock", "generator", "nested"],
)
def test_what_cannot_be_determined_is_said(value):
    with pytest.raises(UncertainContentError):
        digest(value)


def test_deep_nesting_is_said():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UncertainContentError, match="too deeply"):
        digest(value)


def test_digests_are_the_same_in_another_process():
    code = (
        "import numpy as np\n"
        "from stackens.digests._content import Digester\n"
        "value = [{'a', 'b', 'c'}, {'x': np.arange(3)}, lambda x: x in {'u', 'v', 'w'}, np.mean]\n"
        "print(Digester().digest(value).hex())\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


# ---- functions ----------------------------------------------------------------------------------


def define(source, **names):
    """Define `f` as a user would: in a module that no package owns."""
    namespace = {"__name__": "__main__", **names}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace["f"]


SAME = [
    ("def f(x):\n    return x + 1", "def f(x):\n\n    # a comment\n    return x + 1"),
    ("f = lambda x: x", "g = 3\nf = lambda x: x"),
]
OTHER = [
    ("def f(x): return x + 1", "def f(x): return x + 2"),
    ("def f(x): return x + 1", "def f(x): return x - 1"),
    ("def f(x): return x.a", "def f(x): return x.b"),
    ("def f(x): return f.k\nf.k = 1", "def f(x): return f.k\nf.k = 2"),
    ("def f(x, k=1): return x", "def f(x, k=2): return x"),
    ("def f(x, *, k=1): return x", "def f(x, *, k=2): return x"),
    ("def f(x, k): return x", "def f(x, j): return x"),
    ("N = 1\ndef f(x): return N", "N = 2\ndef f(x): return N"),
    ("def g(): return 1\ndef f(x): return g()", "def g(): return 2\ndef f(x): return g()"),
    (
        "def g(): return 1\ndef f(x):\n    def h(): return g()\n    return h",
        "def g(): return 2\ndef f(x):\n    def h(): return g()\n    return h",
    ),
    (
        "def m(k):\n    def f(x): return k\n    return f\nf = m(1)",
        "def m(k):\n    def f(x): return k\n    return f\nf = m(2)",
    ),
    (
        "from functools import partial\ndef g(k, x): return x\nf = partial(g, 1)",
        "from functools import partial\ndef g(k, x): return x\nf = partial(g, 2)",
    ),
    (
        "from functools import lru_cache\n@lru_cache\ndef f(x): return 1",
        "from functools import lru_cache\n@lru_cache\ndef f(x): return 2",
    ),
    (
        "class A:\n    def m(self): return 1\ndef f(x): return A().m()",
        "class A:\n    def m(self): return 2\ndef f(x): return A().m()",
    ),
    (
        "class A:\n    k = 1\nclass B(A): pass\nf = B",
        "class A:\n    k = 2\nclass B(A): pass\nf = B",
    ),
    (
        "class A:\n    @property\n    def p(self): return 1\nf = A()",
        "class A:\n    @property\n    def p(self): return 2\nf = A()",
    ),
    (
        "class A:\n    @staticmethod\n    def p(): return 1\nf = A().p",
        "class A:\n    @staticmethod\n    def p(): return 2\nf = A().p",
    ),
    (
        "class A:\n    def __init__(self): self.k = 1\n    def m(self): return 0\nf = A().m",
        "class A:\n    def __init__(self): self.k = 1\n    def m(self): return 1\nf = A().m",
    ),
    ("def f(n): return f(n - 1) + 1", "def f(n): return f(n - 1) + 2"),
    (
        "def f(n): return g(n) + 1\ndef g(n): return f(n)",
        "def f(n): return g(n) + 1\ndef g(n): return f(n) * 2",
    ),
    ("import math as m\ndef f(x): return m.e", "import cmath as m\ndef f(x): return m.e"),
    ("def f(x):\n  import math as m\n  m.e", "def f(x):\n  import cmath as m\n  m.e"),
    ("import numpy as np\nf = np.mean", "import numpy as np\nf = np.median"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_where_code_stands_does_not_count(one, other):
    assert digest(define(one)) == digest(define(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_code_does_counts(one, other):
    assert digest(define(one)) == digest(define(one))
    assert digest(define(one)) != digest(define(other))


def test_what_a_module_of_the_user_holds_counts(tmp_path, monkeypatch):
    (tmp_path / "inner_part.py").write_text("UNITS = 3\n")
    (tmp_path / "user_part.py").write_text(
        "import user_part, inner_part\nN = 1\nOTHER = 1\ndef g(): return N + inner_part.UNITS\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    f = define("import user_part\ndef f(x): return user_part.g()")
    import inner_part
    import user_part

    first = digest(f)
    user_part.OTHER = 2
    assert digest(f) == first
    inner_part.UNITS = 4
    second = digest(f)
    user_part.N = 2
    assert len({first, second, digest(f)}) == 3
    inside = define("def f(x):\n    import user_part\n    return user_part.g()")
    first = digest(inside)
    user_part.N = 3
    assert digest(inside) != first


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return eval('x')",
        "def f(x): return globals()['x']",
        "def f(x):\n    import a_module_that_is_not_there\n    return x",
        "import threading\nlock = threading.Lock()\ndef f(x): return lock",
    ],
)
def test_functions_that_hide_something_have_no_digest(source):
    with pytest.raises(UncertainContentError, match="function `f`"):
        digest(define(source))


# ---- estimators ---------------------------------------------------------------------------------


def fitted_key(estimator, X, y, **options):
    return fit_key(estimator, data_digest(X.reshape(len(X), -1), y, **options))


def test_a_parameter_anywhere_inside_counts(data):
    X, y = data
    forest = RandomForestClassifier(3, random_state=0)
    base = make_pipeline(StandardScaler(), VotingClassifier([("a", forest), ("b", Ridge())]))
    changes = [
        {},
        {"standardscaler": FunctionTransformer()},
        {"standardscaler__with_mean": False},
        {"votingclassifier__a__n_estimators": 4},
        {"votingclassifier__a__random_state": 1},
        {"votingclassifier__b__alpha": 2.0},
        {"votingclassifier__weights": [1, 2]},
        {"votingclassifier__b": KNeighborsClassifier()},
    ]
    keys = [fitted_key(clone(base).set_params(**change), X, y) for change in changes]
    assert all(isinstance(key, str) for key in keys)
    assert len(set(keys)) == len(keys)


def test_what_does_not_change_a_result_does_not_change_its_key(data, tmp_path):
    X, y = data
    base = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0))
    expected = fitted_key(base, X, y)
    other = clone(base).set_params(
        memory=str(tmp_path), verbose=True,
        randomforestclassifier__n_jobs=2, randomforestclassifier__verbose=1,
    )  # fmt: skip
    assert fitted_key(other, X, y) == expected
    assert fitted_key(base.fit(X.reshape(12, -1), y), X, y) == expected
    seeded = clone(base).set_params(randomforestclassifier__random_state=np.int64(0))
    assert fitted_key(seeded, X, y) == expected


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(),
        make_pipeline(StandardScaler(), SGDClassifier()),
        LogisticRegression(solver="saga"),
        StackedRNNClassifier(),
        StackingClassifier([("a", StackedRNNClassifier())], random_state=0),
        StackingClassifier([("a", LogisticRegression())], cv=KFold(shuffle=True)),
    ],
    ids=str,
)
def test_unseeded_estimators_have_no_key_and_say_where(data, estimator):
    key = fitted_key(estimator, *data)
    assert isinstance(key, NoKey)
    assert key.unseeded
    assert key.reason.endswith("`random_state` is None")
    assert key.reason.startswith(type(estimator).__name__)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        Ridge(),
        GaussianProcessRegressor(),
        StackingClassifier([("a", LogisticRegression())], cv=KFold()),
    ],
    ids=str,
)
def test_estimators_that_do_not_use_their_seed_have_a_key(data, estimator):
    assert isinstance(fitted_key(estimator, *data), str)


def test_estimators_that_keep_what_they_learnt_have_no_key(data):
    X, y = data
    fitted = SGDClassifier(random_state=0, warm_start=True).fit(X.reshape(12, -1), y)
    for estimator in (
        FrozenEstimator(fitted),
        StackingClassifier([("a", fitted)], cv="prefit"),
        fitted,
    ):
        key = fitted_key(estimator, X, y)
        assert isinstance(key, NoKey)
        assert not key.unseeded
    assert isinstance(fitted_key(clone(fitted), X, y), str)


class Own(ClassifierMixin, BaseEstimator):
    """A user's estimator, in a module without a version."""

    def __init__(self, power=2, memory=3):
        self.power = power
        self.memory = memory

    def fit(self, X, y, sample_weight=None):
        return self


def test_the_code_of_an_own_class_counts_and_its_memory_is_no_cache(data, monkeypatch):
    first = fitted_key(Own(), *data)
    assert first != fitted_key(Own(power=3), *data)
    assert first != fitted_key(Own(memory=4), *data)
    monkeypatch.setattr(Own, "fit", lambda self, X, y: None)
    assert fitted_key(Own(), *data) != first


def test_what_an_estimator_requests_and_puts_out_counts(data):
    with config_context(enable_metadata_routing=True):
        requests = StandardScaler().set_fit_request(sample_weight=True)
        keys = {fitted_key(requests, *data), fitted_key(StandardScaler(), *data)}
    keys |= {
        fitted_key(StandardScaler(), *data),
        fitted_key(StandardScaler().set_output(transform="pandas"), *data),
    }
    assert len(keys) == 4


def test_data_and_metadata_count(data):
    X, y = data
    weight = np.ones(12)
    other_X, other_y, other_weight = X.copy(), y.copy(), weight.copy()
    other_X[3, 2, 1] += 1e-12
    other_y[3] += 1
    other_weight[3] = 2
    rows = np.arange(3, 9)
    without = np.r_[0:3, 4:12]
    cases = [
        (X, y, None), (other_X, y, None), (X, other_y, None),
        (X, y, weight), (X, y, other_weight), (X, None, None),
    ]  # fmt: skip

    def digests(rows):
        return [data_digest(X, y, rows=rows, params={"sample_weight": w}) for X, y, w in cases]

    assert len(set(digests(rows))) == 6
    assert len(set(digests(without))) == 3  # with and without y or weights
    assert data_digest(X, y, rows=rows, params={"sample_weight": weight, "flag": 3}) == data_digest(
        X[rows], y[rows], params={"flag": 3, "sample_weight": weight[rows], "absent": None}
    )


def test_what_is_predicted_counts(data):
    X, y = data
    X = X.reshape(12, -1)
    train, test = np.arange(8), np.arange(8, 12)
    digest = data_digest(X, y, rows=train)

    def key(**options):
        options = {"rows": test, "method": "predict_proba", **options}
        return prediction_key(KNeighborsClassifier(), digest, X, **options)

    keys = {key(), key(rows=test[:3]), key(method="predict"), key(extra=(1,))}
    assert len(keys) == 4
    assert key() == prediction_key(
        KNeighborsClassifier(), data_digest(X[train], y[train]), X[test], method="predict_proba"
    )
    assert fit_key(KNeighborsClassifier(), digest) not in keys


# ---- networks -----------------------------------------------------------------------------------


def build_dense(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


RNN = StackedRNNClassifier(units=4, epochs=2, random_state=0)


def test_a_fold_of_a_stack_and_a_fit_on_its_rows_meet(data):
    X, y = data
    rows = np.array([7, 1, 3, 0, 8, 5])
    for learner in (
        RNN,
        clone(RNN).set_params(early_stopping=True, validation_fraction=0.5),
        clone(RNN).set_params(class_weight="balanced"),
        KerasNetworkClassifier(build_dense, random_state=0),
        StackedRNNRegressor(units=4, random_state=0),
    ):
        expected = key_of(learner, X[rows], y[rows])
        assert isinstance(expected, str)
        assert key_of(learner, X, y, rows) == expected
        assert key_of(learner, np.asfortranarray(X), y, rows) == expected
    names = np.array(["no", "perhaps", "yes"])
    assert key_of(RNN, X, names[y], rows) == key_of(RNN, X[rows], y[rows])
    weight = np.linspace(1, 2, 12)
    assert key_of(RNN, X, y, rows, sample_weight=weight) == key_of(
        RNN, X[rows], y[rows], sample_weight=weight[rows]
    )


def test_every_part_of_a_network_job_counts(data):
    X, y = data
    changed_X, changed_y = X.copy(), y.copy()
    changed_X[2, 1, 0] += 1e-3
    changed_y[2] = (y[2] + 1) % 3
    weight = np.ones(12)
    changed_weight = weight.copy()
    changed_weight[2] = 1.5
    keys = [
        key_of(RNN, X, y),
        key_of(RNN, changed_X, y),
        key_of(RNN, X, changed_y),
        key_of(RNN, X, y, sample_weight=weight),
        key_of(RNN, X, y, sample_weight=changed_weight),
        key_of(RNN, X, y, rows=np.arange(11)),
        key_of(RNN, X, y, rows=np.arange(12)[::-1]),
    ]
    for change in (
        {"units": 5}, {"cell": "gru"}, {"random_state": 1}, {"epochs": 3}, {"batch_size": 4},
        {"learning_rate": 0.1}, {"optimizer": "sgd"}, {"optimizer__clipnorm": 1.0},
        {"early_stopping": True, "validation_fraction": 0.5}, {"metrics": ["accuracy"]},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}, {"dropout": 0.1},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.6)},
    ):  # fmt: skip
        keys.append(key_of(clone(RNN).set_params(**change), X, y))  # noqa: PERF401
    keys.append(key_of(StackedRNNRegressor(units=4, epochs=2, random_state=0), X, y))
    assert all(isinstance(key, str) for key in keys)
    assert len(set(keys)) == len(keys)
    assert key_of(clone(RNN).set_params(verbose=1), X, y) == keys[0]


def test_a_plan_that_departs_from_the_parameters_counts(data):
    learner = clone(RNN).set_params(early_stopping=True, validation_fraction=0.5)
    job = learner.plan_job(*data)
    changes = [
        {},
        {"epochs": 1},
        {"batch_size": 3},
        {"shuffle": False},
        {"early_stopping": EarlyStopping(2)},
        {"early_stopping": None, "validation_rows": None},
        {"early_stopping": None, "validation_rows": None, "rows": np.arange(12)},
        {"initial_weights": [np.zeros(3)]},
        {"keep_optimizer_state": True},
    ]
    keys = [network_key(learner, replace(job, **change)) for change in changes]
    assert len(set(keys)) == len(keys)
    assert network_key(learner, replace(job, name="other", callbacks=())) == keys[0]


def test_what_users_register_with_keras_counts(data):
    learner = clone(RNN).set_params(loss="own")
    registered = keras.saving.get_custom_objects()
    keys = []
    for source in ("def f(y, p): return p - y", "def f(y, p): return y - p"):
        registered["own"] = define(source)
        try:
            keys.append(fit_key(learner, data_digest(*data)))
        finally:
            del registered["own"]
    assert isinstance(keys[0], str)
    assert keys[0] != keys[1]


def test_an_earlier_step_counts_through_its_output(data):
    X, y = data
    scaled = SequenceScaler().fit(X).transform(X)
    assert key_of(RNN, scaled, y) != key_of(RNN, X, y)


def test_the_body_of_a_builder_counts(data):
    X, y = data

    def with_units(n):
        def build(meta):
            def scale(x):
                return x * n

            hidden = keras.layers.Dense(2, activation=scale)
            model = build_dense(meta)
            return keras.Sequential([keras.Input(meta["X_shape_"][1:]), hidden, model])

        return build

    def key(build):
        return key_of(KerasNetworkClassifier(build, random_state=0), X, y)

    assert key(with_units(2)) == key(with_units(2))
    assert len({key(build_dense), key(with_units(2)), key(with_units(3))}) == 3


def test_a_function_inside_a_keras_object_counts(data):
    X, y = data

    def scaled(factor):
        def loss(y_true, y_pred):
            return factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

        return loss

    def key(loss):
        return key_of(KerasNetworkClassifier(build_dense, loss=loss, random_state=0), X, y)

    keys = [
        key(loss)
        for loss in (None, scaled(1), scaled(2), keras.losses.CategoricalFocalCrossentropy())
    ]
    assert len(set(keys)) == len(keys)
    assert all(isinstance(key, str) for key in keys)

    def make(factor):
        class Own(keras.losses.Loss):
            def call(self, y_true, y_pred):
                return scaled(factor)(y_true, y_pred)

        return Own()

    assert digest(make(1)) == digest(make(1)) != digest(make(2))


def test_keras_models_count_by_layers_functions_and_weights():
    def make(units=2, function=None, scale=1.0):
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(units, activation=function)],
        )
        model.set_weights([np.full(w.shape, scale) for w in model.get_weights()])
        return model

    functions = [define("def f(x): return x * 2"), define("def f(x): return x * 3")]
    models = [make(), make(units=3), make(scale=2.0), *(make(function=f) for f in functions)]
    digests = [digest(model) for model in models]
    assert len(set(digests)) == len(digests)
    assert digest(make()) == digests[0]


def test_a_scikeras_object_counts_by_its_parameters(data):
    from scikeras.wrappers import KerasClassifier

    X, y = data

    def build(units=3):
        return keras.Sequential(
            [
                keras.Input((5, 2)),
                keras.layers.Flatten(),
                keras.layers.Dense(units, "relu"),
                keras.layers.Dense(3, "softmax"),
            ]
        )

    def key(**params):
        params = {"loss": "sparse_categorical_crossentropy", "random_state": 0, **params}
        return key_of(KerasClassifier(build, verbose=0, **params), X.astype("f4"), y)

    assert key() == key()
    keys = {key(), key(model__units=4), key(random_state=1), key(epochs=2), key(optimizer="adam")}
    assert len(keys) == 5
    assert key(random_state=None).unseeded


def test_generators_count_by_the_seed_that_was_drawn(data):
    X, y = data
    learner = clone(RNN).set_params(random_state=np.random.RandomState(3))
    drawn = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    assert key_of(learner, X, y) == key_of(clone(RNN).set_params(random_state=drawn), X, y)


def test_unseeded_and_continued_networks_have_no_key(data):
    X, y = data
    assert key_of(clone(RNN).set_params(random_state=None), X, y).unseeded
    learner = clone(RNN).set_params(warm_start=True).fit(X, y)
    continued = network_key(learner, learner.plan_job(X, y))
    assert continued == NoKey("it goes on from an earlier training")


def test_another_version_is_another_key(data, monkeypatch):
    from stackens.store import _keys

    first = key_of(RNN, *data)
    known = dict(_keys._known_versions)
    assert known
    for names in known:
        monkeypatch.setattr(_keys, "_known_versions", {**known, names: "0.0"})
        assert key_of(RNN, *data) != first
    monkeypatch.setattr(_keys, "_known_versions", known)
    monkeypatch.setattr(_keys, "_KEY_FORMAT", _keys._KEY_FORMAT + 1)
    assert key_of(RNN, *data) != first


class _KeyMadeError(Exception):
    pass


def test_no_part_of_a_key_names_a_private_file(monkeypatch, tmp_path):
    """So that renaming it changes no key."""
    from stackens.digests import _content
    from stackens.store import _keys
    from stackens.text import SequenceTranslator

    make_key = SequenceTranslator._key

    def key_only(translator, job):
        assert isinstance(make_key(translator, job), str)
        raise _KeyMadeError

    monkeypatch.setattr(SequenceTranslator, "_key", key_only)

    parts, combine = set(), _content.combine

    def recorded(tag, *given):
        parts.update([tag.encode(), *given])
        return combine(tag, *given)

    monkeypatch.setattr(_content, "combine", recorded)
    monkeypatch.setattr(_keys, "combine", recorded)
    digested = data_digest([[0.0], [1.0]], [0, 1])
    for name in CLASSES_OF_ESTIMATORS:
        estimator = make(name)
        seeds = [p for p in estimator.get_params() if p.endswith("random_state")]
        key = fit_key(estimator.set_params(**dict.fromkeys(seeds, 0)), digested)
        if name != "SequenceTranslator":
            assert isinstance(key, str)
            assert any(part.startswith(public_name(type(estimator)).encode()) for part in parts)
    with pytest.raises(_KeyMadeError):  # it has a key of its own, which needs data
        make("SequenceTranslator").set_params(memory=tmp_path).fit(["a b"] * 4, ["b a"] * 4)
    assert not [part for part in parts if re.match(rb"stackens[a-z_.]*\._", part)]
