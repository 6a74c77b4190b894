"""Every public name says what it takes, what it gives and what it raises, and shows it.

The reference (``docs/api/index.rst.in``) is the list of public names. numpydoc reads the docstrings
and judges their form; what it does not look at (shapes, defaults, errors, examples) is judged here.
That the examples run is shown by pytest's ``--doctest-modules``, which all of them go through.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from reference import read_reference

import stackens

validate = pytest.importorskip("numpydoc.validate", reason="needs numpydoc: pip install numpydoc")

# What a name in the reference may not do, in the words of numpydoc; its other codes are a matter of
# taste (blank lines, periods) or ask for sections that not every name needs (See Also).
REFUSED = {
    "GL08": "no docstring",
    "SS01": "no summary",
    "PR01": "a parameter is not documented",
    "PR02": "a documented parameter does not exist",
    "PR03": "parameters are in another order",
    "PR07": "a parameter has no description",
    "PR10": "no space before the colon of a parameter",
    "RT01": "it returns something, and does not say what",
    "YD01": "it yields something, and does not say what",
}
# Keras calls these by itself, and says what they take. Their docstrings give the shapes.
CALLED_BY_KERAS = {
    "build",
    "call",
    "compute_mask",
    "compute_output_shape",
    "compute_output_spec",
    "get_config",
    "from_config",
    "inner_loop",
}
# Rooms whose names are for users; those of the others are the seams between rooms, and only the
# names that users need are in the reference.
ROOMS_OF_USERS = (
    "datasets",
    "exceptions",
    "forecasting",
    "layers",
    "model_selection",
    "networks",
    "persistence",
    "preprocessing",
    "recipes",
    "text",
)
CONTAINERS = ("list", "dict", "tuple", "mapping")  # their arrays have a shape each
ARRAY = re.compile(r"\b(array-like|array|ndarray|arrays)\b")


@cache
def public_names() -> dict[str, Any]:
    """Everything in the reference, by its full name."""
    lines = [line for line in read_reference().splitlines() if line.startswith("   ")]
    names = [line.strip() for line in lines if re.fullmatch(r"   [\w.]+", line)]
    return {name: resolve(name) for name in names}


def resolve(name: str) -> Any:
    room, _, rest = name.rpartition(".")
    return getattr(import_module(f"stackens.{room}") if room else stackens, rest)


def members_of(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that were written here, inherited ones included."""
    for name, member in inspect.getmembers_static(cls):
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        is_ours = str(getattr(function, "__module__", "")).startswith("stackens.")
        if is_ours and not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def documented() -> list[tuple[str, str, Any]]:
    """Every public name, and the methods of the classes: full name for people, for numpydoc."""
    found = []
    for name, value in public_names().items():
        found.append((name, f"stackens.{name}", value))
        if inspect.isclass(value):
            found += [
                (f"{name}.{member}", f"stackens.{name}.{member}", function)
                for member, function in members_of(value)
            ]
    return found


def docstring(full_name: str) -> Any:
    return validate.Validator(validate.get_doc_object(validate.Validator._load_obj(full_name)))


def complaints(full_name: str, value: Any) -> list[str]:
    """What is missing in the docstring of one name."""
    found = validate.validate(full_name)
    member = full_name.rpartition(".")[2]
    errors = [(code, text) for code, text in found["errors"] if code in REFUSED]
    if member in CALLED_BY_KERAS:
        errors = [(code, text) for code, text in errors if code in ("GL08", "SS01")]
    if is_record(value) or has_keras_arguments(value):
        errors = [(code, text) for code, text in errors if code != "PR01"]
    said = [f"{code}: {text}" for code, text in errors]
    if found["errors"] and any(code == "GL08" for code, _ in found["errors"]):
        return said
    doc = docstring(full_name)
    if member not in CALLED_BY_KERAS:
        said += [*without_default(doc, value), *without_shape(doc)]
    return [*said, *undocumented_fields(doc, value), *unsaid_errors(doc, value)]


def is_record(value: Any) -> bool:
    """Whether it is a class whose constructor takes what its attributes are."""
    return is_dataclass(value) or hasattr(value, "_fields")


def has_keras_arguments(value: Any) -> bool:
    """Whether it is a layer that takes the arguments of its parent, a layer of Keras."""
    if not inspect.isclass(value):
        return False
    named_at = next(cls for cls in value.__mro__ if "__init__" in cls.__dict__)
    return named_at.__module__.startswith("keras.")


def undocumented_fields(doc: Any, value: Any) -> Iterator[str]:
    if is_record(value):
        said = f"{doc.doc['Parameters']} {doc.doc['Attributes']}"
        fields = getattr(value, "_fields", None) or value.__dataclass_fields__
        for field in fields:
            if not field.startswith("_") and not re.search(rf"\b{field}\b", said):
                yield f"`{field}` is not documented"


def without_default(doc: Any, value: Any) -> Iterator[str]:
    """Parameters whose default is not said where their type is."""
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return
    for names, kind, description in doc.doc["Parameters"]:
        for name in names.split(", "):
            parameter = parameters.get(name)
            has_one = parameter is not None and parameter.default is not inspect.Parameter.empty
            is_said = "default" in kind or is_reference(kind, description) or kind == "None"
            if has_one and not is_said:
                yield f"the default of `{name}` is not said"


def is_reference(kind: str, description: list[str]) -> bool:
    """Whether it only says where a parameter is described: ``As in fit``."""
    return not kind and " ".join(description).startswith(("As in", "As for"))


def without_shape(doc: Any) -> Iterator[str]:
    """Arrays whose shape is said neither in their type nor in their description."""
    for section in ("Parameters", "Attributes", "Returns"):
        for name, kind, description in doc.doc[section]:
            text = " ".join([kind, *description])
            is_one = ARRAY.search(kind) and not kind.startswith(
                ("list", "dict", "tuple", "mapping")
            )
            if is_one and not re.search(r"shape|scalar|1-D|2-D|[Aa]s in", text):
                yield f"the shape of `{name or kind}` is not said"


def unsaid_errors(doc: Any, value: Any) -> Iterator[str]:
    """Errors that its own lines raise, and that its docstring does not mention."""
    if inspect.isclass(value) or not inspect.isfunction(inspect.unwrap(value)):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))
    except (OSError, SyntaxError):
        return
    for name in sorted(set(raised_by(tree))):
        if name not in str(doc.doc) and name not in ("AttributeError", "NotImplementedError"):
            yield f"it raises {name}, and does not say so"


def raised_by(node: ast.AST) -> Iterator[str]:
    """Names of errors; what is raised within ``try`` or ``with`` may become another one."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Raise(exc=ast.Call(func=function)):
                yield ast.unparse(function).rpartition(".")[2]
            case ast.Try() | ast.With():
                continue
            case _:
                yield from raised_by(child)


@pytest.mark.parametrize(
    ("full_name", "value"),
    [pytest.param(full, value, id=name) for name, full, value in documented()],
)
def test_docstring_is_complete(full_name, value):
    assert complaints(full_name, value) == []


@pytest.mark.parametrize("name", public_names())
def test_an_example_is_shown(name):
    text = inspect.getdoc(public_names()[name]) or ""
    assert re.search(r"^Examples\n-{8}\n", text, re.MULTILINE), f"{name} has no Examples"
    assert ">>> " in text.partition("Examples\n")[2]


@pytest.mark.parametrize("room", ROOMS_OF_USERS)
def test_all_that_users_can_have_is_in_the_reference(room):
    module = import_module(f"stackens.{room}")
    ours = {id(value) for value in public_names().values()}
    missing = [name for name in module.__all__ if id(getattr(module, name)) not in ours]
    assert missing == []


@pytest.mark.parametrize(
    "room", [module.name for module in pkgutil.iter_modules(stackens.__path__)]
)
def test_what_rooms_give_each_other_has_docstrings(room):
    module = import_module(f"stackens.{room}")
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            own = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
            assert own, f"stackens.{room}.{name} has no docstring"


# ---- the judge is judged -------------------------------------------------------------------------


def scale(values, factor=1.0):
    """Scale.

    Parameters
    ----------
    values : ndarray
        What is scaled.
    factor : float
        By how much.
    """
    if factor == 0:
        raise ValueError("`factor` must not be 0; got 0.")
    return values * factor


def test_what_is_missing_is_found():
    found = complaints(f"{scale.__module__}.scale", scale)
    assert [text.split(":")[0] for text in found if text[:4] in REFUSED] == ["RT01"]
    assert "the default of `factor` is not said" in found
    assert "the shape of `values` is not said" in found
    assert "it raises ValueError, and does not say so" in found
