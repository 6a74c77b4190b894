"""Two values that behave differently have different digests, or none; never one and the same."""

from __future__ import annotations

import functools
import importlib
import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from stackens.digests._content import Digester, UncertainContentError


def digest(value):
    """The digest, or None where there is none."""
    try:
        return Digester().digest(value)
    except UncertainContentError:
        return None


def define(source, **names):
    """Define `f` as a user would: in a module that no package owns."""
    namespace = {"__name__": "__main__", **names}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace["f"]


def assert_distinct(one, other):
    """The digests are computed one after the other, as those of two runs."""
    first = digest(one())
    again = digest(one())
    second = digest(other())
    assert first == again
    assert first is None or first != second


DYNAMIC = """
def __getattr__(name):
    if name == "dynamic":
        return 1
    raise AttributeError(name)
"""


@pytest.fixture
def user_module(monkeypatch):
    """A module of the user's, whose `N` is in the making of every answer."""
    module = types.ModuleType("a_user_part")
    exec("N = 1\ndef g(): return N\ndef h(): pass\n" + DYNAMIC, vars(module))
    inner = types.ModuleType("a_user_part.inner")
    inner.N = 1
    module.inner = inner
    monkeypatch.setitem(sys.modules, "a_user_part", module)
    monkeypatch.setitem(sys.modules, "a_user_part.inner", inner)
    return module


WITH_A_MODULE = {
    "default": "import a_user_part as m\ndef f(x, m=m): return m.g()",
    "closure": "import a_user_part as m\ndef k(m):\n  return lambda x: m.g()\nf = k(m)",
    "getattr": "import a_user_part as m\ndef f(x): return getattr(m, 'g')()",
    "vars": "import a_user_part as m\ndef f(x): return vars(m)['N']",
    "dict": "import a_user_part as m\ndef f(x): return m.__dict__['N']",
    "dict of modules": "import a_user_part as m\nALL = {'m': m}\ndef f(x): return ALL['m'].g()",
    "list of modules": "import a_user_part as m\nMODULES = [m]\nf = lambda x: MODULES[0].g()",
    "attribute": "import a_user_part as m\nclass A: part = m\nf = lambda x: A.part.g()",
    "argument": "import a_user_part as m\ndef h(m): return m.g()\ndef f(x): return h(m)",
    "variable": "import a_user_part\ndef f(x):\n  m = a_user_part\n  return m.g()",
    "import": "def f(x):\n  import a_user_part as m\n  return getattr(m, 'g')()",
    "import of a part": "def f(x):\n  from a_user_part import inner as m\n  return getattr(m, 'N')",
    "import into a closure": (
        "def f(x):\n  import a_user_part as m\n  def h(): return getattr(m, 'g')()\n  return h()"
    ),
    "package of an import": "def f(x):\n  import a_user_part.inner\n  return a_user_part.g()",
    "part of a module": "import a_user_part as m\ndef f(x): return getattr(m.inner, 'N')",
    "sys.modules": "import sys\ndef f(x): return sys.modules['a_user_part'].g()",
    "sys.modules by name": "from sys import modules\ndef f(x): return modules['a_user_part'].g()",
    "sys as a value": "import sys\nf = lambda x: getattr(sys, 'modu' 'les')['a_user_part'].g()",
    "import_module": (
        "import importlib\ndef f(x): return importlib.import_module('a_user_part').g()"
    ),
    "import_module by name": (
        "from importlib import import_module\ndef f(x): return import_module('a_user_part').g()"
    ),
    "attrgetter": (
        "import operator, a_user_part as m\nget = operator.attrgetter('N')\ndef f(x): return get(m)"
    ),
    "partial": "import functools, a_user_part as m\nf = functools.partial(getattr, m, 'N')",
    "globals of a function": (
        "from a_user_part import h as g\ndef f(x): return g.__globals__['N']"
    ),
    "attrgetter of globals": (
        "import operator\nfrom a_user_part import h as g\n"
        "def f(x): return operator.attrgetter('__globals__')(g)['N']"
    ),
    "method of a module": "import a_user_part as m\ndef f(x): return m.g()",
    "module __getattr__": "import a_user_part as m\ndef f(x): return m.dynamic",
    "eval by another name": "e = eval\ndef f(x): return e('__import__')('a_user_part').N",
    "builtins": "import builtins\ndef f(x): return builtins.eval('N')",
    "partial eval": "from functools import partial\nf = partial(eval, '__import__(\"a_\").N')",
}  # fmt: skip


@pytest.mark.parametrize("source", WITH_A_MODULE.values(), ids=WITH_A_MODULE)
def test_what_a_module_may_mean_counts_or_there_is_no_key(user_module, source):
    def changed():
        user_module.N = user_module.inner.N = 2
        exec(DYNAMIC.replace("1", "2"), vars(user_module))
        return define(source)

    assert_distinct(lambda: define(source), changed)


HAVE_A_KEY = [
    "import a_user_part as m\ndef f(x): return m.g()",
    "import a_user_part as m\ndef f(x): return m.inner.N",
    "def f(x):\n  import a_user_part as m\n  return m.g()",
    "def f(x):\n  from a_user_part import g, inner as i\n  return g(i.N)",
    "from a_user_part import g as f",
    "import numpy as np\ndef f(x, m=np): return m.mean(x)",
    "import numpy as np, math\nALL = {'a': np, 'b': math}\ndef f(x): return ALL['a'].mean(x)",
    "import numpy as np\ndef f(x, name='mean'): return getattr(np, name)(x)",
    "import sys\ndef f(x): return sys.maxsize",
    "import importlib.metadata\ndef f(x): return importlib.metadata.version",
    "from collections import namedtuple\nP = namedtuple('P', 'a b')\ndef f(x): return P(1, x)",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n  a: int\nf = A(1)",
    "from enum import Enum\nclass A(Enum):\n  A = 1\nf = A.A",
]  # fmt: skip


@pytest.mark.parametrize("source", HAVE_A_KEY)
def test_what_can_be_seen_has_a_key(user_module, source):
    found = digest(define(source))
    assert found is not None
    assert found == digest(define(source))


@pytest.mark.parametrize("name", ["profile", "this_is_not_one", "colorsys"])
def test_a_module_that_is_named_like_one_of_python_is_the_users(tmp_path, monkeypatch, name):
    def load(content):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text(content)
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        return define(f"import {name}\ndef f(x): return {name}.g()"), module.g

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    one, other = load("def g(): return 1\n"), load("def g(): return 2 + 2\n")
    for a, b in zip(one, other, strict=True):
        assert_distinct(lambda a=a: a, lambda b=b: b)
    monkeypatch.delitem(sys.modules, name, raising=False)


def classes(source):
    return lambda: define(source)


class Hidden:
    def __init__(self, shown, hidden):
        self.shown, self.hidden = shown, hidden

    def __getstate__(self):
        return {"shown": self.shown}


class HiddenInSlots:
    __slots__ = ("hidden", "shown")

    def __init__(self, shown, hidden):
        self.shown, self.hidden = shown, hidden

    def __reduce__(self):
        return (HiddenInSlots, (self.shown, 0))


class Remade(Hidden):
    def __reduce__(self):
        return (Remade, (self.shown, 0))


class Partial(functools.partial):
    def __call__(self, x):
        return 1


class Array(np.ndarray):
    pass


class Frame(pd.DataFrame):
    pass


class Sparse(scipy.sparse.csr_array):
    pass


class Number(np.float64):
    def __add__(self, other):
        return 1.0


class Seeded(np.random.RandomState):
    def rand(self, *shape):
        return np.ones(shape)


def spawned(n):
    rng = np.random.default_rng(0)
    rng.spawn(n)
    return rng


def with_attributes(function, **attributes):
    vars(function).update(attributes)
    return function


def record(first, second):
    return np.array([(1.0, 2.0)], [(first, "f8"), (second, "f8")])


FRAME = pd.DataFrame({"a": [1.0, 2.0]})
PAIRS = {
    "metaclass": (
        classes("class M(type):\n  def m(cls): return 1\nclass A(metaclass=M): pass\nf = A"),
        classes("class M(type):\n  def m(cls): return 2\nclass A(metaclass=M): pass\nf = A"),
    ),
    "property subclass": (
        classes("class P(property):\n  def __get__(*a): return 1\nclass f:\n  p = P(len)"),
        classes("class P(property):\n  def __get__(*a): return 2\nclass f:\n  p = P(len)"),
    ),
    "property and its subclass": (
        classes("class f:\n  p = property(len)"),
        classes("class P(property):\n  def __get__(*a): return 2\nclass f:\n  p = P(len)"),
    ),
    "state of a property subclass": (
        classes("class P(property): pass\np = P(len)\np.k = 1\nclass f:\n  p = p"),
        classes("class P(property): pass\np = P(len)\np.k = 2\nclass f:\n  p = p"),
    ),
    "staticmethod subclass": (
        classes("class f:\n  p = staticmethod(len)"),
        classes("class P(staticmethod):\n  def __get__(*a): return 2\nclass f:\n  p = P(len)"),
    ),
    "static and class method": (
        classes("class f:\n  p = staticmethod(repr)"),
        classes("class f:\n  p = classmethod(repr)"),
    ),
    "partial subclass": (lambda: functools.partial(int, 1), lambda: Partial(int, 1)),
    "attribute of a partial": (
        lambda: with_attributes(functools.partial(int, 1), k=1),
        lambda: with_attributes(functools.partial(int, 1), k=2),
    ),
    "typed cache": (
        classes("from functools import lru_cache\n@lru_cache(typed=True)\ndef f(x): return x"),
        classes("from functools import lru_cache\n@lru_cache(typed=False)\ndef f(x): return x"),
    ),
    "state that is left out": (lambda: Hidden(1, 1), lambda: Hidden(1, 2)),
    "slots that are left out": (lambda: HiddenInSlots(1, 1), lambda: HiddenInSlots(1, 2)),
    "made anew without state": (lambda: Remade(1, 1), lambda: Remade(1, 2)),
    "python_function": (
        classes("class A: python_function = len\nf = A()\nA.__call__ = lambda s: s.k\nf.k = 1"),
        classes("class A: python_function = len\nf = A()\nA.__call__ = lambda s: s.k\nf.k = 2"),
    ),
    "array subclass": (lambda: np.ones(2), lambda: np.ones(2).view(Array)),
    "matrix": (lambda: np.ones((2, 2)), lambda: np.ones((2, 2)).view(np.matrix)),
    "frame subclass": (lambda: FRAME, lambda: Frame(FRAME)),
    "sparse subclass": (
        lambda: scipy.sparse.csr_array(np.eye(2)),
        lambda: Sparse(scipy.sparse.csr_array(np.eye(2))),
    ),
    "number subclass": (lambda: np.float64(1), lambda: Number(1)),
    "random state subclass": (lambda: np.random.RandomState(0), lambda: Seeded(0)),
    "spawned generator": (lambda: spawned(0), lambda: spawned(1)),
    "field names": (lambda: record("a", "b"), lambda: record("b", "a")),
    "field names of a scalar": (lambda: record("a", "b")[0], lambda: record("b", "a")[0]),
    "ordered categories": (
        lambda: pd.Series(pd.Categorical(["a", "b"])),
        lambda: pd.Series(pd.Categorical(["a", "b"], ordered=True)),
    ),
    "order of categories": (
        lambda: pd.Series(pd.Categorical(["a", "b"], ["a", "b"])),
        lambda: pd.Series(pd.Categorical(["a", "b"], ["b", "a"])),
    ),
    "categorical index": (
        lambda: FRAME.set_axis(pd.CategoricalIndex(["a", "b"], ["a", "b"])),
        lambda: FRAME.set_axis(pd.CategoricalIndex(["a", "b"], ["b", "a"])),
    ),
    "categorical columns": (
        lambda: FRAME.set_axis(pd.CategoricalIndex(["a"], ["a", "b"]), axis=1),
        lambda: FRAME.set_axis(pd.CategoricalIndex(["a"], ["b", "a"]), axis=1),
    ),
    "name of the index": (lambda: FRAME.rename_axis("a"), lambda: FRAME.rename_axis("b")),
    "name of the columns": (
        lambda: FRAME.rename_axis("a", axis=1),
        lambda: FRAME.rename_axis("b", axis=1),
    ),
    "names of levels": (
        lambda: FRAME.set_axis(pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["a", "b"])),
        lambda: FRAME.set_axis(pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["b", "a"])),
    ),
    "zone of the index": (
        lambda: FRAME.set_axis(pd.date_range("2024", periods=2, tz="UTC")),
        lambda: FRAME.set_axis(
            pd.date_range("2024", periods=2, tz="UTC").tz_convert("Europe/Vienna")
        ),
    ),
    "attributes of a frame": (lambda: with_attrs(1), lambda: with_attrs(2)),
}


def with_attrs(value):
    frame = FRAME.copy()
    frame.attrs["k"] = value
    return frame


@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
def test_what_behaves_differently_is_distinct(one, other):
    assert_distinct(one, other)
    assert_distinct(other, one)


def patches():
    def predict(self, X):
        return np.zeros(len(X))

    named = functools.wraps(Ridge.predict)(predict)
    return {
        "function": predict,
        "function that says it is another": named,
        "property": property(predict),
        "static method": staticmethod(predict),
        "partial": functools.partialmethod(predict),
        "object": Hidden(1, 2),
        "new method": predict,
    }


@pytest.mark.parametrize("owner", Ridge.__mro__[:2], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("name", "patch"), patches().items(), ids=patches())
def test_a_patch_of_an_installed_class_counts(monkeypatch, owner, name, patch):
    values = [Ridge(), Ridge, define("class f(Ridge): pass", Ridge=Ridge)]
    before = [digest(value) for value in values]
    assert None not in before
    member = "a_new_method" if name == "new method" else "predict"
    monkeypatch.setattr(owner, member, patch, raising=False)
    assert not set(before) & {digest(value) for value in values}
    monkeypatch.undo()
    assert before == [digest(value) for value in values]


def test_a_patch_of_an_installed_module_counts(monkeypatch):
    f = define("import numpy as np\ndef f(x): return np.mean(x)")
    before = digest(f)
    monkeypatch.setattr(np, "mean", lambda x: 0)
    assert digest(f) not in (None, before)


ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(
        [0.0, -0.0, 1.0, np.float64(1), np.float32(1), np.int64(1), "", "a", b"", b"a"]
    ),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        inner.map(lambda x: Hidden(1, x)),
        inner.map(lambda x: Remade(1, x)),
        inner.map(lambda x: functools.partial(int, x)),
        inner.map(lambda x: pd.Series([1.0], name="x").set_axis([repr(x)])),
    ),
    max_leaves=6,
)


def spelled(value):
    """Everything that a value is, as text: the oracle."""
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(spelled, value))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{k}: {spelled(v)}' for k, v in value.items())})"
    if isinstance(value, Hidden):
        return f"{type(value).__name__}({spelled(value.hidden)})"
    if isinstance(value, functools.partial):
        return f"partial({spelled(value.args)})"
    if isinstance(value, pd.Series):
        return f"series({value.index[0]})"
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_digests_are_equal_exactly_where_values_are(one, other):
    assert (digest(one) == digest(other)) == (spelled(one) == spelled(other))
    assert digest(pickle.loads(pickle.dumps(one))) is not None
