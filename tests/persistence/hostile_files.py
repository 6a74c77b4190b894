"""Makes files that want to do harm: hundreds, most of them with right checksums.

Each generator yields a name and either bytes, or a function that makes whatever it is at a path.
What applies to an entry of a store is done to one, too.
Every attempt to run something would write the file that `CANARY` names.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import stackens
from stackens.archive import read_archive, write_archive
from stackens.persistence._files import _FORMAT
from stackens.store import JobStore, KeptFit, put_fit
from stackens.text import SequenceTranslator, StackedRNNLanguageModel

CANARY = "STACKENS_CANARY"  # a variable of the environment
DATA = Path(__file__).parent / "data"
NETWORK, STACK = DATA / "format_4_network.stackens", DATA / "format_4_stack.stackens"
GOOD, BAD = "a", "b"  # how keys of entries begin
Made = tuple[str, "bytes | Callable[[Path], Any]"]


class Evil:
    """Unpickled, it writes the canary."""

    def __reduce__(self):
        return exec, (f"import os; open(os.environ[{CANARY!r}], 'w').close()",)


def hostile_files(folder: Path) -> Iterator[Made]:
    """Yield all of them; ``folder`` is for files that are needed on the way."""
    yield from damaged()
    yield from of_other_kinds()
    yield from no_files()
    yield from headers()
    estimators = {**tables(), **readers()}
    for name, estimator in estimators.items():
        stackens.save(estimator, folder / name)
    base = {"network": NETWORK, "stack": STACK, **{name: folder / name for name in estimators}}
    groups = {values: "network", networks: "network", objects: "stack", texts: "translator"}
    for name, source, change in changes(base, {**groups, **IN_PARTS}):
        yield name, rewritten(base[source], change)


def hostile_entries(store: JobStore) -> Iterator[tuple[str, str]]:
    """Keep fits whose parts of scikit-learn want to do harm; yield names and keys."""
    base = {}
    for number, (name, estimator) in enumerate(tables().items()):
        key = f"{GOOD}{number:063}"
        assert put_fit(store, key, KeptFit(None, None, 0.1, estimator))
        base[name] = store.get(key, kind="fit")
    for number, (name, source, change) in enumerate(changes(base, IN_PARTS)):
        key, found = f"{BAD}{number:063}", base[source]
        meta, arrays = {"objects": [copy.deepcopy(found.meta["estimator"])]}, dict(found.arrays)
        change(meta, arrays)
        meta = {**found.meta, "estimator": meta["objects"][0]}
        assert store.put(key, arrays, meta, kind="fit")
        yield name, key


def changes(base: Container[str], groups: dict) -> Iterator[tuple[str, str, Callable]]:
    """Yield name, source and function of what is done to good files or entries."""
    for group, start in groups.items():
        for name, change in group():
            source = name.partition(":")[0]
            yield f"{group.__name__}: {name}", source if source in base else start, change


def tables() -> dict[str, Any]:
    """Fit estimators of scikit-learn."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 3
    X[:, 3] = np.arange(60) % 5
    made = {
        "forest": RandomForestClassifier(2, max_depth=3, random_state=0).fit(X, y),
        "boosting": GradientBoostingClassifier(n_estimators=1, random_state=0).fit(X, y),
        "histogram": HistGradientBoostingClassifier(
            max_iter=1, categorical_features=[3], min_samples_leaf=2
        ).fit(X, y),
        "mlp": MLPClassifier((2,), max_iter=9, tol=1e3, n_iter_no_change=1, random_state=0),
        "words": CountVectorizer().fit(["a file of words"]),
        "vocabulary": make_pipeline(CountVectorizer(), TfidfTransformer()).fit(
            [" ".join(f"w{i}" for i in range(1000))]
        ),
        "codes": OneHotEncoder().fit(X[:, 3:]),
    }
    made["mlp"].fit(X, y)
    return made


def readers() -> dict[str, Any]:
    """Fit estimators that read and write texts."""
    translator = SequenceTranslator(8, n_heads=2, n_layers=1, epochs=1, random_state=0)
    language = StackedRNNLanguageModel(embedding_dim=4, units=4, epochs=1, random_state=0)
    return {
        "translator": translator.fit(["a b", "b a"], ["x y", "y x"]),
        "language": language.fit(["a text of some length"]),
    }


def rewritten(source: Path, change: Callable) -> Callable[[Path], Any]:
    """Change meta and arrays of a file, and write it with right checksums."""

    def write(path: Path) -> None:
        archive = read_archive(source, kind="estimator")
        meta, arrays = copy.deepcopy(archive.meta), dict(archive.arrays)
        made = change(meta, arrays)
        write_archive(path, arrays, made if isinstance(made, dict) else meta, kind="estimator")

    return write


# ---- bytes --------------------------------------------------------------------------------------


def damaged() -> Iterator[Made]:
    rng = np.random.default_rng(0)
    for source in (NETWORK, STACK):
        data = source.read_bytes()
        for size in sorted({0, 1, 15, 16, 28, 60, *rng.integers(61, len(data) - 1, 20).tolist()}):
            yield f"{source.stem} cut to {size} bytes", data[:size]
        for place in sorted({3, 17, 21, 40, 61, *rng.integers(0, len(data), 25).tolist()}):
            flipped = bytearray(data)
            flipped[place] ^= 1 << int(rng.integers(8))
            yield f"{source.stem} with byte {place} flipped", bytes(flipped)
        yield f"{source.stem} and more", data + bytes(64)
        yield f"{source.stem} twice", data + data


def of_other_kinds() -> Iterator[Made]:
    evil = pickle.dumps(Evil())
    npy = io.BytesIO()
    np.save(npy, np.array([Evil()], dtype=object), allow_pickle=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../escaped", evil)
        file.writestr("schema.json", "{}")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", bytes(1 << 26))
    yield "a pickle", evil
    yield "a pickle of protocol 0", pickle.dumps(Evil(), protocol=0)
    yield "a pickle behind our magic", b"stackens-archive" + evil
    yield "a pickle in NumPy's format", npy.getvalue()
    yield "a zip file whose entry climbs out", archive.getvalue()
    yield "a zip bomb", bomb.getvalue()
    yield "a compressed pickle", gzip.compress(evil)
    yield "a gzip bomb", gzip.compress(bytes(1 << 26))
    yield "source code", b"import os\nos.system('true')\n"
    yield "JSON", b'{"class_name": "Lambda", "module": "builtins"}'
    yield "an HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(64)
    yield "zeros", bytes(1 << 16)


def no_files() -> Iterator[Made]:
    yield "a symbolic link", lambda path: path.symlink_to(NETWORK)
    yield "a symbolic link to nothing", lambda path: path.symlink_to(path.with_name("nothing"))
    yield "a symbolic link to zeros", lambda path: path.symlink_to("/dev/zero")
    yield "a folder", lambda path: path.mkdir()
    yield "a symbolic link to a folder", lambda path: path.symlink_to(DATA)
    yield "a pipe that nobody writes to", os.mkfifo


# ---- the header of the archive ------------------------------------------------------------------


def signed(header: Any, rest: bytes = b"", version: int = 1, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    prefix = struct.pack("<16sIQ", b"stackens-archive", version, length)
    data = prefix + hashlib.sha256(prefix + text).digest() + text
    return data + bytes(-len(data) % 64) + rest


def headers() -> Iterator[Made]:
    one = {
        "name": "a",
        "dtype": "<f4",
        "shape": [2],
        "offset": 0,
        "sha256": hashlib.sha256(bytes(64)).hexdigest(),
    }
    good = {"kind": "estimator", "meta": {}, "arrays": []}

    def array(**changes: Any) -> bytes:
        return signed({**good, "arrays": [{**one, **changes}]}, bytes(64))

    yield "header: nothing but a header", signed(good)
    for version in (0, 2, 2**31):
        yield f"header: format {version}", signed(good, version=version)
    for length in (0, 10**6, 2**40, 2**63):
        yield f"header: of {length} bytes", signed(good, length=length)
    yield "header: no JSON", signed(b"{")
    yield "header: a list", signed([])
    yield "header: not text", signed(b"\xff\xfe{}")
    yield "header: nested", signed(b"[" * 50_000 + b"]" * 50_000)
    yield "header: many lists", signed(b"[" + b"[]," * 3_000_000 + b"[]]")
    yield "header: a huge number", signed(b'{"kind": ' + b"9" * 10_000 + b"}")
    yield "header: another kind", signed({**good, "kind": "network"})
    yield "header: no kind", signed({"meta": {}, "arrays": []})
    yield "header: meta is a list", signed({**good, "meta": []})
    yield "header: arrays are a dict", signed({**good, "arrays": {"a": one}})
    yield "header: arrays are numbers", signed({**good, "arrays": [1, 2]})
    yield "header: two arrays of one name", signed({**good, "arrays": [one, one]}, bytes(128))
    second = {**one, "name": "b"}
    yield "header: two arrays in one place", signed({**good, "arrays": [one, second]}, bytes(128))
    yield "header: an array with more keys", array(code="import os")
    for shape in ([-1], [2**62], [2**62, 4], [2**40, 2**40], [1.5], ["2"], [True], 2, None):
        yield f"header: shape {shape}", array(shape=shape)
    yield "header: many dimensions", array(shape=[1] * 10_000)
    yield "header: large dimensions", array(shape=[10**4000] * 100)
    for offset in (-64, 64, 1, 2**62, 10**30, "0", None):
        yield f"header: offset {offset}", array(offset=offset)
    for dtype in ("|O", "O", "|V8", "<M8", "<f3", "<U999999999", "S1,O", "{}", 3, None):
        yield f"header: type {dtype}", array(dtype=dtype)
    for digest in ("", "0" * 64, None, 3):
        yield f"header: checksum {digest}", array(sha256=digest)
    yield "header: name is a number", array(name=3)


# ---- values and objects -------------------------------------------------------------------------

COMMANDS = (
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "subprocess.Popen",
    "pickle.loads",
    "shutil.rmtree",
    "stackens.store._job_store.JobStore",
    "stackens.archive.read_archive",
    "keras.layers.Lambda",
    "keras.models.load_model",
    "stackens.ensemble.StackingClassifierEvil",
    "sklearn.pipeline.Pipeline.__init__",
    "__main__.main",
    "stackens.ensemble._stacking.StackingClassifier",
    "",
    "os",
)


def _replace(**changes: Any) -> Callable:
    return lambda meta, arrays: {**meta, **changes}


def _with_value(value: Any) -> Callable:
    """Put a value into the network's parameters, where its number of epochs was."""

    def change(meta: Any, arrays: Any) -> None:
        for pair in meta["objects"][-1]["parameters"]:
            if pair[0] == "epochs":
                pair[1] = value

    return change


def values() -> Iterator[tuple[str, Callable]]:
    for found in (0, -1, _FORMAT + 1, 10**9, "1", 1.0, True, None, []):
        yield f"format {found!r}", _replace(format=found)
    for found in (None, [], {}, 3, [None], [[]], ["x"], [{}], [{"is": "code"}], [{"is": None}]):
        yield f"objects {found!r}", _replace(objects=found)
    for found in ("no objects", "no format"):
        key = found.split()[1]
        yield found, lambda m, a, key=key: {k: v for k, v in m.items() if k != key}
    for name in COMMANDS:
        yield f"function {name}", _with_value({"name": name})
    nested: Any = 1
    for _ in range(100):
        nested = {"list": [nested]}
    yield "nested", _with_value(nested)
    offset = {"class": "CustomBusinessDay", "n": 1, "normalize": False, "options": {}}
    times = {"kind": "datetime", "freq": None, "zone": None, "unit": "ns", "name": None}
    for value in (
        {"ref": 0},
        {"ref": -1},
        {"ref": True},
        {"ref": "0"},
        {"ref": 10**9},
        {"float": "abc"},
        {"float": None},
        {"array": "nothing"},
        {"array": 3},
        {"scalar": "a0"},
        {"objects": [1, 2], "shape": [3]},
        {"objects": [], "shape": [10**12, 0, -1]},
        {"objects": [1], "shape": None},
        {"dtype": "O"},
        {"dtype": "S1,O"},
        {"dtype": {"names": ["a"], "formats": ["O"]}},
        {"slice": [1, 2, 3, 4]},
        {"masked": [1]},
        {"dict": [[{"list": []}, 1]]},
        {"dict": [1]},
        {"set": [{"list": []}]},
        {"pickle": "gASVKQ=="},
        {"random_state": ["MT19937", {"array": "a0"}, 10**6, 0, 0.0]},
        {"random_state": ["MT19937"]},
        {"keras": ["layers", "Lambda", {"dict": [["function", "x"]]}]},
        {"keras": ["models", "load_model", {"dict": [["filepath", "/etc/passwd"]]}]},
        {"keras": ["losses", "deserialize", {"dict": []}]},
        {"keras": ["initializers", "HeNormal", {"dict": [["seed", {"dict": []}]]}]},
        {"keras": ["initializers", "Constant", {"dict": [["value", {"name": "os.system"}]]}]},
        {"keras": ["initializers", "HeNormal", {"dict": [["code", 1]]}]},
        {"keras": [["initializers"], "HeNormal", {"dict": []}]},
        {"distribution": ["rv_histogram", {"tuple": []}, {"dict": []}]},
        {"distribution": ["os", {"tuple": []}, {"dict": []}]},
        {"distribution": ["norm", {"tuple": [{"dict": []}]}, {"dict": []}]},
        {"times": {**times, "zone": "../../../../etc/passwd", "values": "a0"}},
        {"times": {**times, "zone": "dateutil//etc/passwd", "values": "a0"}},
        {"times": {**times, "freq": "D; import os", "values": "a0"}},
        *(
            {"times": {**times, "freq": {**offset, **change}, "values": "a0"}}
            for change in (
                {"class": "os.system"},
                {"class": "BaseOffset"},
                {"class": "Tick"},
                {"class": ["Day"]},
                {"n": 10**30},
                {"n": True},
                {"n": 1.5},
                {"options": {"code": 1}},
                {"options": {"offset": {"name": "os.system"}}},
                {"options": {"offset": {"seconds": 1e300}}},
                {"options": {"offset": {"seconds": "1"}}},
                {"options": {"holidays": {"tuple": [{"day": "yesterday"}]}}},
                {"options": {"calendar": {"week": "0000000", "holidays": {"tuple": []}}}},
                {"options": {"calendar": {"week": "1111111"}}},
                {"options": {"weekmask": "os.system"}},
                {"options": None},
                {"options": {"offset": {}}},
            )
        ),
        {"times": {**times, "freq": {"class": "Day"}, "values": "a0"}},
        {"times": {**times, "unit": "generic", "values": "a0"}},
        {"times": {**times, "name": {"name": "os.system"}, "values": "a0"}},
        {"times": {**times, "name": ["os.system"], "values": "a0"}},
        {"times": {**times, "values": "a0"}, "name": "os.system"},
        {"times": {"kind": "datetime"}},
    ):
        yield f"value {json.dumps(value)[:70]}", _with_value(value)


def objects() -> Iterator[tuple[str, Callable]]:
    kinds = {
        "object": {"state": []},
        "tuple": {"items": []},
        "bunch": {"items": []},
        "network": {"parameters": [], "fitted": None},
        "scikeras": {"parameters": [], "fitted": None},
    }
    for kind, rest in kinds.items():
        for name in COMMANDS[:10]:
            node = {"is": kind, "type": name, **rest}
            yield f"{kind} {name}", lambda m, a, node=node: m["objects"].append(node)
    stack = "stackens.ensemble.StackingClassifier"
    for kind in ("tuple", "network", "scikeras"):
        node = {"is": kind, "type": stack, **kinds[kind]}
        yield f"a stack as {kind}", lambda m, a, node=node: m["objects"].append(node)
    for name in (
        "__class__",
        "__dict__",
        "__reduce__",
        "predict",
        "fit",
        "a b",
        "",
        "n_features_in_",
    ):
        state = [[name, 1]]
        node = {"is": "object", "type": stack, "state": state}
        yield f"attribute {name!r}", lambda m, a, node=node: m["objects"].append(node)
    yield (
        "an object without state",
        lambda m, a: m["objects"].append({"is": "object", "type": stack}),
    )
    yield (
        "an object that is no estimator",
        lambda m, a: m["objects"].append(
            {"is": "bunch", "type": "sklearn.utils._bunch.Bunch", "items": []}
        ),
    )
    yield (
        "pairs that are none",
        lambda m, a: m["objects"].append({"is": "object", "type": stack, "state": [["a", 1, 2]]}),
    )

    def shared(meta: Any, arrays: Any) -> None:
        """Thirty pipelines, each of which holds the one before twice."""
        meta["objects"] = [{"is": "bunch", "type": "sklearn.utils._bunch.Bunch", "items": []}]
        for number in range(30):
            ref = {"ref": number}
            items = [["a", ref], ["b", ref]]
            meta["objects"].append(
                {"is": "bunch", "type": "sklearn.utils._bunch.Bunch", "items": items}
            )

    yield "objects that hold each other twice", shared


def networks() -> Iterator[tuple[str, Callable]]:
    def set_parameter(name: str, value: Any) -> Callable:
        def change(meta: Any, arrays: Any) -> None:
            pairs = meta["objects"][-1]["parameters"]
            found = [pair for pair in pairs if pair[0] == name]
            found[0][1:] = [value] if found else []
            if not found:
                pairs.append([name, value])

        return change

    def add_parameter(name: str, value: Any) -> Callable:
        return lambda meta, arrays: meta["objects"][-1]["parameters"].append([name, value])

    def set_fitted(name: str, value: Any) -> Callable:
        def change(meta: Any, arrays: Any) -> None:
            for pair in meta["objects"][-1]["fitted"]["dict"]:
                if pair[0] == name:
                    pair[1] = value

        return change

    for name, value in (
        ("units", 10**9),
        ("units", 10**30),
        ("units", 0),
        ("units", 4),
        ("units", {"list": [10**9] * 1000}),
        ("units", "3"),
        ("n_layers", 10**12),
        ("n_layers", 2),
        ("n_seeds", "many"),
        ("cell", "evil"),
        ("cell", "gru"),
        ("bidirectional", True),
        ("pooling", "attention"),
        ("normalization", "batch"),
        ("vocabulary_size", 10**12),
        ("optimizer", {"dict": [["class_name", "Lambda"]]}),
        ("loss", {"dict": [["class_name", "Lambda"], ["module", "os"]]}),
        ("loss", "mean_squared_error_of_another"),
        ("metrics", {"list": [{"dict": [["class_name", "Custom"], ["module", "os"]]}]}),
        ("learning_rate", {"dict": [["class_name", "Custom"], ["module", "os"]]}),
    ):
        yield f"{name} = {json.dumps(value)[:40]}", set_parameter(name, value)
    lambda_layer = [
        ["module", "keras.layers"],
        ["class_name", "Lambda"],
        ["config", {"dict": [["function", {"dict": [["class_name", "__lambda__"]]}]]}],
    ]
    custom = [["module", "os"], ["class_name", "system"], ["config", {"dict": []}]]
    for config in (lambda_layer, custom):
        for name in (
            "recurrent__kernel_initializer",
            "recurrent__recurrent_regularizer",
            "recurrent__activation",
            "recurrent__bias_constraint",
            "embedding__embeddings_initializer",
            "optimizer__clipnorm",
            "loss__reduction",
        ):
            value = {"dict": config}
            yield f"{name} = {config[1][1]}", add_parameter(name, value)
            in_list = {"list": [value]}
            yield f"{name} = [{config[1][1]}]", add_parameter(name, in_list)
    yield "a parameter of no part", add_parameter("code", 1)
    yield "a name that is no string", add_parameter(3, 1)
    for name, value in (
        ("weights", {"list": []}),
        ("weights", {"list": [1, 2, 3, 4, 5]}),
        ("weights", None),
        ("n_members", 0),
        ("n_members", -1),
        ("n_members", 5),
        ("n_members", 10**9),
        ("n_members", "1"),
        ("n_members", True),
        ("history", 3),
        ("history", {"dict": [["loss", 3]]}),
        ("best_epoch", "never"),
        ("input", {"dict": [["shape", {"list": [1, 10**12, 8]}]]}),
        ("input", {"dict": [["shape", {"list": [1, 1, 9]}]]}),
        ("input", {"dict": [["shape", {"list": [-1, 1, 8]}]]}),
        ("input", {"dict": [["shape", 3]]}),
        ("target", {"dict": [["kind", "code"]]}),
        ("target", {"dict": [["kind", "values"], ["n_outputs", 3], ["is_flat", False]]}),
        ("target", {"dict": [["kind", "classes"], ["classes", {"list": [1]}], ["n_outputs", 1]]}),
        ("others", {"dict": [["predict", 1]]}),
        ("others", {"dict": [["__class__", 1]]}),
        ("others", 3),
    ):
        yield f"fitted {name} = {json.dumps(value)[:60]}", set_fitted(name, value)

    def reshape(number: int, make: Callable) -> Callable:
        def change(meta: Any, arrays: Any) -> None:
            name = sorted(a for a in arrays if arrays[a].dtype == np.float32)[number]
            arrays[name] = make(arrays[name])

        return change

    for number in range(3):
        yield f"weights {number} flat", reshape(number, lambda a: a.ravel()[:-1])
        yield f"weights {number} transposed", reshape(number, lambda a: np.array([a, a]))
        yield f"weights {number} whole numbers", reshape(number, lambda a: a.astype(np.int32))
        yield f"weights {number} words", reshape(number, lambda a: a.astype(str))
        yield f"weights {number} empty", reshape(number, lambda a: a[:0])


# ---- parts by skops -----------------------------------------------------------------------------


def _part(meta: Any) -> dict[str, Any]:
    return next(node for node in meta["objects"] if node["is"] == "skops")


def _in_schema(change: Callable) -> Callable:
    """Change the schema of the first part."""

    def write(meta: Any, arrays: Any) -> None:
        part = _part(meta)
        schema = json.loads(arrays[part["schema"]].tobytes())
        before = {node.get("file") for node in _all_nodes(schema)}
        made = change(schema, part, arrays)
        after = {node.get("file") for node in _all_nodes(schema)}
        for name in (before - after) & set(part["entries"]):
            del part["entries"][name]  # or it would be refused for an entry that nothing names
        text = made if isinstance(made, bytes) else json.dumps(schema if made is None else made)
        text = text.encode() if isinstance(text, str) else text
        arrays[part["schema"]] = np.frombuffer(text, np.uint8)

    return write


def _all_nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "__loader__" in node:
            yield node
        for value in node.values():
            yield from _all_nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _all_nodes(value)


def _first(schema: Any, loader: str) -> dict[str, Any]:
    return next(node for node in _all_nodes(schema) if node["__loader__"] == loader)


def parts() -> Iterator[tuple[str, Callable]]:
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    command = {**text, "content": json.dumps("true")}
    arguments = {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [command],
    }
    system = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    evil_nodes = {
        "a function": system,
        "a type": {**system, "__loader__": "TypeNode"},
        "an object": {**system, "__loader__": "ObjectNode", "content": command},
        "a call": {**system, "__loader__": "ConstructorFromReduceNode", "content": arguments},
        "a list of another type": {**system, "__loader__": "ListNode", "content": [command]},
        "a tuple of another type": {**system, "__loader__": "TupleNode", "content": [command]},
        "a set of another type": {**system, "__loader__": "SetNode", "content": [command]},
        "an array of another type": {
            **system,
            "__loader__": "NdArrayNode",
            "type": "numpy",
            "file": "0.npy",
        },
        "a method": {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "MethodNode",
            "content": {"func": "format", "obj": command},
        },
        "an operator": {
            "__class__": "methodcaller",
            "__module__": "operator",
            "__loader__": "OperatorFuncNode",
            "attrs": arguments,
        },
        "a partial": {
            "__class__": "partial",
            "__module__": "functools",
            "__loader__": "PartialNode",
            "content": {"func": system, "args": arguments, "kwds": arguments, "namespace": text},
        },
        "a default": {
            "__class__": "defaultdict",
            "__module__": "collections",
            "__loader__": "DefaultDictNode",
            "content": {"main": command, "default_factory": system},
        },
        "a compiled loss": {**system, "__loader__": "LossNode", "__reduce__": {"args": arguments}},
        "a cached node": {**text, "__loader__": "CachedNode", "__id__": 3},
        "an unknown loader": {**text, "__loader__": "EvilNode"},
        "no loader": {**text, "__loader__": None},
        "a number as type": {**text, "__class__": 3},
        "a forest by another loader": {
            "__class__": "RandomForestClassifier",
            "__module__": "sklearn.ensemble._forest",
            "__loader__": "TypeNode",
        },
        "a store": {
            "__class__": "JobStore",
            "__module__": "stackens.store._job_store",
            "__loader__": "ObjectNode",
            "content": command,
        },
        "JSON that is a list": {**text, "content": []},
    }
    for name, node in evil_nodes.items():

        def put(schema: Any, part: Any, arrays: Any, node: Any = node) -> None:
            schema["content"]["content"]["verbose"] = node

        yield name, _in_schema(put)

        def hide(schema: Any, part: Any, arrays: Any, node: Any = node) -> None:
            """Where only a walk through everything finds it."""
            schema["content"]["key_types"]["content"].append(node)

        yield f"{name}, hidden", _in_schema(hide)
    for protocol in (0, 1, True, "2", 999, -1, None, 2.0):

        def set_protocol(schema: Any, part: Any, arrays: Any, protocol: Any = protocol) -> None:
            schema["protocol"] = protocol

        yield f"protocol {protocol!r}", _in_schema(set_protocol)
    yield "an identity", _in_schema(lambda s, p, a: s.update(__id__=1))
    yield "no dict", _in_schema(lambda s, p, a: [s])
    yield "no JSON", _in_schema(lambda s, p, a: b"{")
    yield "nested", _in_schema(lambda s, p, a: b"[" * 50_000 + b"]" * 50_000)
    yield "many lists", _in_schema(lambda s, p, a: b"[" + b"[]," * 3_000_000 + b"[]]")
    deep: Any = {**text, "content": "1"}
    for _ in range(150):
        deep = {**arguments, "content": [deep]}
    yield "deep", _in_schema(lambda s, p, a: s["content"]["content"].update(verbose=deep))

    def entry(name: str, data: Any) -> Callable:
        """Put an array into an entry, under whatever name, where the first array was."""

        def change(schema: Any, part: Any, arrays: Any) -> None:
            node = next(n for n in _all_nodes(schema) if n["__loader__"] == "NdArrayNode")
            for other in _all_nodes(schema):
                if other.get("file") == node["file"] and other is not node:
                    other["file"] = name
            node["file"] = name
            part["entries"][name] = "evil"
            arrays["evil"] = np.frombuffer(data, np.uint8)

        return _in_schema(change)

    good = io.BytesIO()
    np.save(good, np.arange(3))
    for name in ("../../x.npy", "/etc/passwd", "0.npy/../../x", "..", "", "schema.json", "x" * 300):
        yield f"an entry {name[:20]!r}", entry(name, good.getvalue())
    evil = io.BytesIO()
    np.save(evil, np.array([Evil()], dtype=object), allow_pickle=True)
    yield "an array with a pickle", entry("77.npy", evil.getvalue())
    for shape in ("(1000000000000,)", "(-1,)", "(4, 4)", "(2**60,)", "('a',)", "(True,)", "()"):
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
        head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(16)
        yield f"an array of shape {shape}", entry("77.npy", data)
    head = b"__import__('os').system('true')\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    yield "an array whose header is code", entry("77.npy", data)
    yield "an array that is none", entry("77.npy", b"code")
    yield "an array of a later version", entry("77.npy", b"\x93NUMPY\x09\x00" + good.getvalue()[8:])
    yield "an array that is cut", entry("77.npy", good.getvalue()[:-1])

    def more(meta: Any, arrays: Any) -> None:
        _part(meta)["entries"]["99.npy"] = "more"
        arrays["more"] = np.zeros(3, np.uint8)

    yield "an entry that nothing names", more

    def missing(meta: Any, arrays: Any) -> None:
        _part(meta)["entries"].popitem()

    yield "an entry that is not there", missing

    def floats(meta: Any, arrays: Any) -> None:
        arrays[_part(meta)["schema"]] = np.zeros(4)

    yield "a schema of floats", floats
    sparse = {
        "__class__": "csr_matrix",
        "__module__": "scipy.sparse._csr",
        "__loader__": "SparseMatrixNode",
        "type": "scipy",
        "file": "88.npz",
    }
    for name, made in _sparse_files():

        def put_sparse(schema: Any, part: Any, arrays: Any, made: bytes = made) -> None:
            schema["content"]["content"]["verbose"] = sparse
            part["entries"]["88.npz"] = "sparse"
            arrays["sparse"] = np.frombuffer(made, np.uint8)

        yield f"a sparse matrix {name}", _in_schema(put_sparse)


def _sparse_files() -> Iterator[tuple[str, bytes]]:
    def write(compression: int, **changes: Any) -> bytes:
        arrays = {
            "indices": np.array([0, 1], np.int32),
            "indptr": np.array([0, 1, 2], np.int32),
            "format": np.array(b"csr"),
            "shape": np.array([2, 2]),
            "data": np.ones(2),
            **changes,
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as file:
            for name, array in arrays.items():
                one = io.BytesIO()
                np.save(one, array, allow_pickle=True)
                file.writestr(f"{name}.npy", one.getvalue())
        return buffer.getvalue()

    yield "that is a bomb", write(zipfile.ZIP_DEFLATED, data=np.zeros(1 << 24))
    yield "with a pickle", write(zipfile.ZIP_STORED, data=np.array([Evil()], dtype=object))
    yield "that points outside", write(zipfile.ZIP_STORED, indices=np.array([0, 10**9], np.int32))
    yield "that points before", write(zipfile.ZIP_STORED, indices=np.array([0, -5], np.int32))
    yield "without an end", write(zipfile.ZIP_STORED, indptr=np.array([0, 1, 10**9], np.int32))
    yield "that is no zip file", b"code"


def trees() -> Iterator[tuple[str, Callable]]:
    def nodes(change: Callable) -> Callable:
        return _in_tree("nodes", change)

    def set_field(field: str, place: int, value: int) -> Callable:
        def change(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array[field][place] = value
            return array

        return nodes(change)

    for field in ("left_child", "right_child"):
        for value in (10**6, 2**40, -2, -(2**40), 0):
            yield f"{field} = {value}", set_field(field, 0, value)
        yield f"{field} is a leaf's own", set_field(field, -1, 0)
    for value in (-1, -(2**40), 4, 10**6, 2**40):
        yield f"feature = {value}", set_field("feature", 0, value)
    yield "no nodes", nodes(lambda array: array[:0])
    yield "fewer nodes", nodes(lambda array: array[:1])
    yield "more nodes", nodes(lambda array: np.concatenate([array, array]))
    yield "nodes in a table", nodes(lambda array: array.reshape(1, -1))
    yield "nodes without names", nodes(lambda array: np.zeros(len(array)))
    yield "no values", _in_tree("values", lambda array: array[:0])
    yield "values of fewer classes", _in_tree("values", lambda array: array[:, :, :1].copy())
    yield "values of more outputs", _in_tree("values", lambda array: np.repeat(array, 2, axis=1))

    def numbers(key: str, value: Any) -> Callable:
        def change(schema: Any, part: Any, arrays: Any) -> None:
            tree = _first(schema, "TreeNode")
            places = {"n_features": 0, "n_outputs": 2}
            arguments = tree["__reduce__"]["args"]["content"]
            node = arguments[places[key]] if key in places else tree["content"]["content"][key]
            node["content"] = json.dumps(value)

        return _in_schema(change)

    for key, value in (
        ("node_count", 10**6),
        ("node_count", 0),
        ("node_count", -1),
        ("node_count", "3"),
        ("n_features", 10**6),
        ("n_features", 0),
        ("n_features", -3),
        ("n_outputs", 10**6),
        ("n_outputs", 2**40),
        ("n_outputs", 0),
        ("n_outputs", True),
    ):
        yield f"{key} = {value!r}", numbers(key, value)
    for array in ([10**9], [], [-1], [[3]], [3.0]):

        def set_classes(found: np.ndarray, array: Any = array) -> np.ndarray:
            return np.array(array, dtype=float if array == [3.0] else np.intp)

        yield f"n_classes = {array}", _in_tree(1, set_classes)

    def as_list(schema: Any, part: Any, arrays: Any) -> None:
        content = _first(schema, "TreeNode")["content"]["content"]
        content["nodes"] = content["max_depth"]

    yield "nodes that are a number", _in_schema(as_list)

    def narrower(schema: Any, part: Any, arrays: Any) -> None:
        schema["content"]["content"]["n_features_in_"]["content"] = "2"

    yield "a forest of fewer features", _in_schema(narrower)


def _in_tree(which: Any, change: Callable) -> Callable:
    """Change an array of the first tree."""

    def write(schema: Any, part: Any, arrays: Any) -> None:
        tree = _first(schema, "TreeNode")
        content = (
            tree["content"]["content"] if which != 1 else tree["__reduce__"]["args"]["content"]
        )
        _rewrite_array(content[which], part, arrays, change)

    return _in_schema(write)


def _rewrite_array(node: Any, part: Any, arrays: Any, change: Callable) -> None:
    old = np.load(io.BytesIO(arrays[part["entries"][node["file"]]].tobytes()))
    buffer = io.BytesIO()
    np.save(buffer, change(old))
    node["file"] = "500.npy"
    part["entries"]["500.npy"] = "changed"
    arrays["changed"] = np.frombuffer(buffer.getvalue(), np.uint8)


def boosting() -> Iterator[tuple[str, Callable]]:
    def members(change: Callable) -> Callable:
        def write(schema: Any, part: Any, arrays: Any) -> None:
            change(schema["content"]["content"]["estimators_"], schema)

        return _in_schema(write)

    def to_numbers(node: Any, schema: Any) -> None:
        item = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
        node["content"][0] = {**item, "content": "1"} if "content" in node["content"][0] else item

    def to_itself(node: Any, schema: Any) -> None:
        """A list of members that are scalers, whose `tree_` would be no tree."""
        node.update({**node, "__class__": "list", "__module__": "builtins"})
        node["__loader__"] = "ListNode"
        node.pop("type", None)
        node.pop("shape", None)

    def other_kind(node: Any, schema: Any) -> None:
        for one in _all_nodes(node):
            if one["__class__"] == "DecisionTreeRegressor":
                one["__class__"] = "DecisionTreeClassifier"

    def no_tree(node: Any, schema: Any) -> None:
        for one in _all_nodes(node):
            if "tree_" in one.get("content", {}):
                item = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
                one["content"]["tree_"] = {**item, "content": "1"}

    def fewer(node: Any, schema: Any) -> None:
        schema["content"]["content"]["n_features_in_"]["content"] = "1"

    yield "a member that is a number", members(to_numbers)
    yield "a list of members", members(to_itself)
    yield "members of another kind", members(other_kind)
    yield "members without a tree", members(no_tree)
    yield "fewer features", members(fewer)


def histograms() -> Iterator[tuple[str, Callable]]:
    def set_field(field: str, value: Any, place: int = 0) -> Callable:
        def write(schema: Any, part: Any, arrays: Any) -> None:
            for one in _all_nodes(schema):
                if one["__class__"] == "TreePredictor":
                    node = one["content"]["content"]["nodes"]
                    break

            def change(array: np.ndarray) -> np.ndarray:
                array = array.copy()
                array[field][place] = value
                return array

            _rewrite_array(node, part, arrays, change)

        return _in_schema(write)

    for field in ("left", "right"):
        for value in (10**6, 2**31, 0):
            yield f"{field} = {value}", set_field(field, value)
    for value in (-1, 4, 10**6):
        yield f"feature_idx = {value}", set_field("feature_idx", value)

    def all_categorical(schema: Any, part: Any, arrays: Any) -> None:
        for one in _all_nodes(schema):
            if one["__class__"] == "TreePredictor":
                node = one["content"]["content"]["nodes"]
                break

        def change(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array["is_categorical"], array["bitset_idx"] = 1, 10**6
            return array

        _rewrite_array(node, part, arrays, change)

    yield "categories that do not exist", _in_schema(all_categorical)
    yield "a last node that goes on", set_field("is_leaf", 0, -1)

    def empty(schema: Any, part: Any, arrays: Any) -> None:
        for one in _all_nodes(schema):
            if one["__class__"] == "TreePredictor":
                _rewrite_array(
                    one["content"]["content"]["nodes"], part, arrays, lambda array: array[:0]
                )
                return

    yield "no nodes", _in_schema(empty)


def others() -> Iterator[tuple[str, Callable]]:
    for value in (-1, 625, 10**9):

        def set_position(schema: Any, part: Any, arrays: Any, value: int = value) -> None:
            state = _first(schema, "RandomStateNode")["content"]["content"]["state"]["content"]
            state["pos"]["content"] = json.dumps(value)

        yield f"mlp: a random state at {value}", _in_schema(set_position)

    def generator(schema: Any, part: Any, arrays: Any) -> None:
        content = _first(schema, "RandomStateNode")["content"]["content"]
        content["bit_generator"]["content"] = json.dumps("seed")

    yield "mlp: another generator", _in_schema(generator)

    def change_one(schema: Any, part: Any, arrays: Any) -> None:
        _first(schema, "RandomStateNode")["content"]["content"]["gauss"]["content"] = "1.0"

    yield "boosting: one number for two random states", _in_schema(change_one)
    for value in (0, -1, True, 1.0, "1", None, [1], {}, {"a": 1}):

        def set_number(schema: Any, part: Any, arrays: Any, value: Any = value) -> None:
            for node in _all_nodes(schema):
                if node["__loader__"] == "RandomStateNode":
                    node["__id__"] = value

        yield f"boosting: random states of number {value!r}", _in_schema(set_number)

    def refer(schema: Any, part: Any, arrays: Any) -> None:
        schema["content"]["content"]["verbose"] = {"__id__": 1}

    yield "boosting: a number alone", _in_schema(refer)

    def share(schema: Any, part: Any, arrays: Any) -> None:
        """Take a random state for a number of columns, in front of which it stands."""
        schema["content"]["content"]["n_features_in_"]["__id__"] = 1

    yield "boosting: a number of columns that is a random state", _in_schema(share)

    def hold_itself(schema: Any, part: Any, arrays: Any) -> None:
        node = _first(schema, "RandomStateNode")
        node["content"]["content"]["gauss"] = json.loads(json.dumps(node))

    yield "boosting: a random state in itself", _in_schema(hold_itself)

    def pool(schema: Any, part: Any, arrays: Any) -> None:
        seeds = _first(schema, "RandomGeneratorNode")["content"]["seed_seq"]["content"]
        seeds["pool_size"]["content"] = str(10**12)

    yield "histogram: a pool of seeds", _in_schema(pool)

    def filenames(schema: Any, part: Any, arrays: Any) -> None:
        schema["content"]["content"]["input"]["content"] = json.dumps("filename")

    yield "words: texts that are names of files", _in_schema(filenames)

    def tokenizer(schema: Any, part: Any, arrays: Any) -> None:
        schema["content"]["content"]["tokenizer"] = {
            "__class__": "eval",
            "__module__": "builtins",
            "__loader__": "TypeNode",
        }

    yield "words: a tokenizer that evaluates", _in_schema(tokenizer)


# ---- vocabularies -------------------------------------------------------------------------------


def vocabularies() -> Iterator[tuple[str, Callable]]:
    """Words that are not what was counted, and places where there is none."""

    def node(change):
        return lambda meta, arrays: change(_part(meta)["vocabularies"][0], arrays)

    for path in (
        [],
        ["steps"],
        ["steps", 0],
        ["steps", 0, 1],
        ["steps", 0, 1, "__class__"],
        ["steps", 0, 1, "fit", "__globals__"],
        ["steps", 1, 1, "idf_"],
        ["steps", 7, 1, "vocabulary_"],
        ["steps", 0, 1, "vocabulary_", "w0"],
        ["nothing"],
        [None],
        [True],
        [["steps"]],
        "steps",
        7,
    ):
        yield f"path {path!r}", node(lambda one, _, path=path: one.update(path=path))

    def array(name, make):
        def change(one, arrays):
            arrays[one[name]] = make(arrays[one[name]])

        return node(change)

    for what, name, make in (
        ("words end before they begin", "ends", lambda ends: ends[::-1].copy()),
        ("words end behind the text", "ends", lambda ends: ends + 1),
        ("fewer words", "ends", lambda ends: ends[:-1]),
        ("ends are no numbers", "ends", lambda ends: ends.astype(str)),
        ("ends before the text", "ends", lambda ends: ends - 10**6),
        ("no UTF-8", "text", lambda text: np.full_like(text, 255)),
        ("text of numbers", "text", lambda text: text.astype(float)),
        ("one word only", "text", np.zeros_like),
        ("a table of numbers", "numbers", lambda numbers: numbers[:, None]),
        ("fewer numbers", "numbers", lambda numbers: numbers[:-1]),
        ("numbers are words", "numbers", lambda numbers: numbers.astype(str)),
    ):
        yield what, array(name, make)
    for key in ("path", "text", "ends"):
        yield f"no {key}", node(lambda one, _, key=key: one.pop(key) and None)
    yield "an array that is not there", node(lambda one, _: one.update(text="a99"))
    yield "numbers of a list", node(lambda one, _: one.pop("numbers") and None)
    for found in (7, "text", [7], {"path": []}):
        yield (
            f"for vocabularies {found!r}",
            lambda meta, _, found=found: _part(meta).update(vocabularies=found),
        )
    twice = lambda meta, _: _part(meta)["vocabularies"].append(_part(meta)["vocabularies"][0])  # noqa: E731
    yield "twice in one place", twice


# What is done to parts of scikit-learn, and which estimator is taken if the name names none.
IN_PARTS = {
    parts: "forest",
    trees: "forest",
    boosting: "boosting",
    histograms: "histogram",
    others: "mlp",
    vocabularies: "vocabulary",
}


# ---- translators and language models ------------------------------------------------------------


def texts() -> Iterator[tuple[str, Callable]]:
    """Networks of other sizes than the weights, and vocabularies that are none."""

    def attribute(name, value, at=-1):
        def change(meta, arrays):
            pairs = meta["objects"][at]["state"]
            pairs[[key for key, _ in pairs].index(name)][1] = value

        return change

    def network(name, value):
        def change(meta, arrays):
            state = dict(meta["objects"][-1]["state"])
            pairs = state["_network"]["dict"]
            pairs[[key for key, _ in pairs].index(name)][1] = value

        return change

    def array(name, make):
        return lambda meta, arrays: arrays.update({name: make(arrays[name])})

    for name, value in (
        ("source_size", 10**9),
        ("source_size", "6"),
        ("target_size", 5),
        ("d_model", 10**9),
        ("d_model", 16),
        ("d_model", None),
        ("n_heads", 3),
        ("n_heads", 0),
        ("feed_forward_dim", 10**9),
        ("feed_forward_dim", 10**30),
        ("feed_forward_dim", 16),
        ("feed_forward_dim", -1),
        ("dropout", 2.0),
        ("encoder_sharing", {"tuple": []}),
        ("encoder_sharing", {"tuple": [0, 1]}),
        ("encoder_sharing", {"tuple": [10**9]}),
        ("encoder_sharing", "all"),
        ("decoder_sharing", {"tuple": [0, 10**9]}),
        ("decoder_sharing", {"tuple": ["0"]}),
        ("depth_embedding", True),
        ("tied_embeddings", "all"),
        ("tied_embeddings", "none"),
    ):
        yield f"network's {name} {value!r}", network(name, value)
    for name, value in (
        ("weights_", {"list": []}),
        ("weights_", {"list": [{"array": "a0"}] * 1000}),
        ("weights_", {"list": ["a0"]}),
        ("weights_", None),
        ("_tokenizers", {"list": [{"ref": 0}]}),
        ("_tokenizers", {"list": ["words", "words"]}),
        ("_network", {"dict": []}),
        ("_network", None),
        ("max_length", -1),
        ("length_penalty", "long"),
    ):
        yield f"{name} {str(value)[:40]}", attribute(name, value)
    for name, value in (
        ("vocabulary", {"list": [0, 1, 2, 3, 4, 5]}),
        ("vocabulary", {"list": ["<pad>", "<s>", "</s>", "<unk>", "a"]}),
        ("vocabulary", {"list": ["<pad>", "<s>", "</s>", "<unk>", "b", "a"]}),
        ("vocabulary", "<pad>"),
        ("_ids", {"dict": [["a", 10**9], ["b", 5]]}),
        ("_ids", {"dict": [["a", -1], ["b", 5]]}),
        ("_ids", None),
    ):
        yield f"source's {name} {str(value)[-30:]}", attribute(name, value, at=0)
    yield "an embedding of one row less", array("a0", lambda a: a[:-1])
    yield "an embedding of integers", array("a0", lambda a: a.astype(int))
    yield "a kernel on its side", array("a9", np.transpose)

    def piece(meta, arrays):
        one = meta["objects"][0]
        one["type"] = "stackens.text.PieceTokenizer"
        arrays["a99"] = np.frombuffer(bytes([10, 255, 255, 255, 255, 7]), np.uint8)
        one["state"].append(["model", {"array": "a99"}])

    yield "a model of sentencepiece", piece
    for name, value in (
        ("vocabulary_size", 10**9),
        ("vocabulary_size", None),
        ("units", {"tuple": [10**9]}),
        ("units", {"tuple": [5]}),
        ("units", {"tuple": []}),
        ("embedding_dim", 10**9),
        ("embedding_dim", 5),
        ("cell", "os.system"),
    ):
        yield f"language: network's {name} {value!r}", network(name, value)
    for name, value in (
        ("cell", "os.system"),
        ("_level", "bytes"),
        ("_network", None),
        ("vocabulary_", {"list": ["", ""]}),
        ("vocabulary_", None),
        ("_ids", {"dict": [["a", 10**9]]}),
        ("weights_", {"list": []}),
    ):
        yield f"language: {name} {str(value)[:40]}", attribute(name, value)
