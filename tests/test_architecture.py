"""The imports of the package follow the rooms of the design, and nobody goes round them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import stackens

DESIGN = Path(__file__).parent.parent / "docs" / "design.rst"
ROW = re.compile(r" {3}\* - ``(\w+)``\n {5}- (?:.+\n)+? {5}- (.+(?:\n {7}.+)*)")


def read_rooms(page: str) -> dict[str, set[str]]:
    """Who may import whom, by the tables of the page; the first one is the foundation."""
    foundation, others = (dict(ROW.findall(t)) for t in page.split(".. list-table::")[1:3])
    rooms = {}
    for room, imports in {**foundation, **others}.items():
        names = set(re.findall(r"\w+", imports)) - {"nothing"}
        rooms[room] = names - {"foundation"} | set(foundation if "foundation" in names else ())
    return rooms


# A room that is not here has no place yet: add it to the page first.
ROOMS = read_rooms(DESIGN.read_text(encoding="utf-8"))
TENSORFLOW_ROOMS = {"layers", "networks", "training", "learners", "text"}
TENSORFLOW = {"tensorflow", "keras"}
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}
DYNAMIC_IMPORTS = {"import_module", "__import__"}
COMPUTING_ROOMS = {"persistence", "public_names"}  # may import by a name that is no literal
IMPORT_IN_A_STRING = re.compile(r"(stackens(?:\.\w+)+):(\w+)")  # as entry points are written
FACADE = "stackens"  # the top-level __init__.py: it may name every room, and no third party


@dataclass(frozen=True)
class Import:
    """One imported module or name, in full, and where it is imported."""

    path: Path
    line: int
    target: str  # "" where only running the code would tell

    @property
    def room(self) -> str:
        return "" if self.target.split(".")[0] != "stackens" else (self.target + ".").split(".")[1]

    @property
    def top_level(self) -> str:
        return self.target.split(".")[0]


def room_of(path: Path, package: Path) -> str:
    first = path.relative_to(package).parts[0]
    return FACADE if first == "__init__.py" else first.removesuffix(".py")


@cache
def imports_of(path: Path, package: Path) -> list[Import]:
    """All imports of a file, those in functions and under TYPE_CHECKING included."""
    parents = ["stackens", *path.relative_to(package).parent.parts]
    return [
        Import(path, node.lineno, target)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for target in targets_of(node, parents)
    ]


def targets_of(node: ast.AST, parents: list[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = parents[: len(parents) - level + 1] if level else []
            return [".".join([*base, *([module] if module else []), a.name]) for a in names]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return [literal_argument(node)] if name in DYNAMIC_IMPORTS else []
        case ast.Constant(value=str(text)) if found := IMPORT_IN_A_STRING.fullmatch(text):
            return [".".join(found.groups())]
    return []


def literal_argument(call: ast.Call) -> str:
    match call.args:
        case [ast.Constant(value=str(target)), *_]:
            return target
    return ""


def find_violations(package: Path, rooms: dict[str, set[str]] = ROOMS) -> list[str]:
    """Describe every import, file and folder of ``package`` that breaks the design."""
    found: list[str] = []
    for path in sorted(package.rglob("*.py")):
        room = room_of(path, package)
        where = path.relative_to(package)
        if room not in rooms and room != FACADE:
            found.append(f"{where}: room {room!r} is not in the table")
        if any(Path(part).stem.lstrip("_") in VAGUE_NAMES for part in where.parts):
            found.append(f"{where}: a helper lives with its user, under a name of its own")
        complaints = ((i.line, judge(room, i, rooms)) for i in imports_of(path, package))
        found.extend(f"{where}:{line}: {text}" for line, text in complaints if text)
    return found + find_misplaced_seams(package) + find_circles(package)


def judge(room: str, imported: Import, rooms: dict[str, set[str]]) -> str:
    """Say what is wrong with an import from ``room``; empty if nothing is."""
    if not imported.target:
        return "" if room in COMPUTING_ROOMS else f"{room} imports by a computed name"
    if imported.top_level == "stackens":
        return judge_room(room, imported, rooms)
    if imported.top_level in TENSORFLOW and room not in TENSORFLOW_ROOMS:
        return f"{room} imports {imported.top_level}"
    allowed_third_parties = {FACADE: set(), "portable": {"numpy"}}.get(room)
    if allowed_third_parties is None or imported.top_level in sys.stdlib_module_names:
        return ""
    if imported.top_level in allowed_third_parties:
        return ""
    return f"{room} imports {imported.top_level}"


def judge_room(room: str, imported: Import, rooms: dict[str, set[str]]) -> str:
    other = imported.room
    if room == FACADE or other in (room, "__version__"):
        return ""
    if other not in rooms.get(room, set()):
        return f"{room} imports {imported.target}"
    if any(part.startswith("_") for part in imported.target.split(".")):
        return f"{room} reaches into {imported.target}, which is private to {other}"
    return ""


def find_misplaced_seams(package: Path) -> list[str]:
    """The exceptions of the design: one importer of SciKeras, an import by string in two rooms."""
    all_imports = [
        imported for path in sorted(package.rglob("*.py")) for imported in imports_of(path, package)
    ]
    scikeras = {i.path.relative_to(package) for i in all_imports if i.top_level == "scikeras"}
    by_string = {i.path.relative_to(package) for i in all_imports if not i.target}
    found = [f"{p}: scikeras is for learners" for p in scikeras if p.parts[0] != "learners"]
    if len(scikeras) > 1:
        found.append(f"scikeras is imported by {len(scikeras)} files; expected one")
    for room in {p.parts[0] for p in by_string}:
        number = sum(p.parts[0] == room for p in by_string)
        if number > 1:
            found.append(f"{number} files import by a computed name; expected one")
    return found


def find_circles(package: Path) -> list[str]:
    """Files that import each other; the façade, which loads its rooms late, ends every way."""
    files = {module_of(path, package): path for path in package.rglob("*.py")}
    graph = {
        module: {enclosing_file(i.target, files) for i in imports_of(path, package)} - {module}
        for module, path in files.items()
        if module != FACADE
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["a circle: " + " <- ".join(error.args[1])]
    return []


def module_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join([FACADE, *(part for part in parts if part != "__init__")])


def enclosing_file(target: str, files: Container[str]) -> str:
    """The file in which an imported name is; FACADE for what is none of ours."""
    while target and target not in files:
        target = target.rpartition(".")[0]
    return target or FACADE


PACKAGE = Path(stackens.__file__).parent


def test_no_arrow_leaves_the_table():
    assert find_violations(PACKAGE) == []


def test_every_arrow_of_the_table_is_walked():
    ground = dict(ROW.findall(DESIGN.read_text(encoding="utf-8").split(".. list-table::")[1]))
    walked = {
        (room_of(path, PACKAGE), imported.room)
        for path in PACKAGE.rglob("*.py")
        for imported in imports_of(path, PACKAGE)
    }
    drawn = {(room, other) for room, others in ROOMS.items() for other in others}
    named = {(room, other) for room, other in drawn if room in ground or other not in ground}
    assert named <= walked


def test_the_page_names_rooms_and_its_arrows_make_no_circle():
    assert set().union(*ROOMS.values()) <= set(ROOMS)
    TopologicalSorter(ROOMS).prepare()


@pytest.mark.parametrize(
    ("room", "name", "complaint"),
    [
        pytest.param("ensemble", "inspection", "ensemble imports stackens.inspection"),
        pytest.param("text", "foundation", "text imports stackens.exceptions"),
        pytest.param("targets", "frames", "targets imports stackens.frames"),
    ],
)
def test_a_page_that_disagrees_with_the_imports_is_caught(room, name, complaint):
    page = DESIGN.read_text(encoding="utf-8")
    row = next(m for m in ROW.finditer(page) if m[1] == room)
    changed = page[: row.start(2)] + row[2].replace(name, "nothing") + page[row.end(2) :]
    assert any(complaint in found for found in find_violations(PACKAGE, read_rooms(changed)))


def test_a_room_that_the_page_forgets_is_caught():
    page = DESIGN.read_text(encoding="utf-8").replace("* - ``views``", "* - ``vistas``")
    assert "views.py: room 'views' is not in the table" in find_violations(
        PACKAGE, read_rooms(page)
    )


def test_exactly_one_file_imports_scikeras():
    importers = {
        path.relative_to(PACKAGE).parts[0]: path
        for path in PACKAGE.rglob("*.py")
        if any(imported.top_level == "scikeras" for imported in imports_of(path, PACKAGE))
    }
    assert list(importers) == ["learners"]


def imports_of_the_stub(folder: Path = PACKAGE) -> list[tuple[str, ast.alias]]:
    """Where a type checker finds each name of the package; a star is the stub of a room."""
    tree = ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8"))
    found: list[tuple[str, ast.alias]] = []
    for node in tree.body:
        match node:
            case ast.ImportFrom(module=module, names=[ast.alias(name="*")]):
                inner = imports_of_the_stub(PACKAGE / module.rpartition(".")[2])
                found += [(module, alias) for _, alias in inner]
            case ast.ImportFrom(module=module, names=names):
                found += [(module, alias) for alias in names]
    return found


def test_the_top_level_names_are_those_that_type_checkers_see():
    aliases = [alias for _, alias in imports_of_the_stub()]
    assert all(alias.name == alias.asname for alias in aliases)  # others are private to a stub
    seen = [alias.name for alias in aliases]
    assert len(seen) == len(set(seen))
    assert set(seen) == {*stackens.__all__, "layers", "networks"}


def test_the_top_level_names_are_promised_by_their_rooms_which_are_names_too():
    imports = imports_of_the_stub()
    rooms = {alias.name for module, alias in imports if module == "stackens"}
    assert rooms <= ROOMS.keys()
    for module, alias in imports:
        if module != "stackens":
            assert module.removeprefix("stackens.") in rooms
            assert alias.name in import_module(module).__all__
            assert getattr(stackens, alias.name) is getattr(import_module(module), alias.name)


def test_a_stub_names_the_files_in_which_the_names_of_its_room_are():
    for module, alias in imports_of_the_stub(PACKAGE / "learners"):
        assert module.startswith("stackens.learners.")
        assert getattr(import_module(module), alias.name).__module__ == module


@pytest.fixture
def plant(tmp_path):
    """Write files into a small lawful package, and return what the checker says."""

    def write_and_check(**files: str) -> list[str]:
        lawful = {
            "__init__": "from stackens.public_names import import_lazily\n",
            "public_names": "from importlib import import_module\nimport_module(name)\n",
            "exceptions": "",
            "sequences": "import numpy as np\nfrom stackens.exceptions import InvalidInputError\n",
            "layers/__init__": "from stackens.layers._cell import Cell\n",
            "layers/_cell": "import keras\nimport tensorflow as tf\n",
            "networks/__init__": "import keras\nfrom stackens.layers import Cell\n",
            "training/__init__": "from ._adapters import adapt\nfrom ..sequences import take\n",
            "training/_adapters": "def adapt(estimator):\n    return estimator\n",
            "persistence/_trust": "import importlib\nimportlib.import_module(path)\n",
            "learners/__init__": "from stackens.networks import build\nimport stackens.training\n",
            "learners/_wrapper": "def wrap():\n    from scikeras.wrappers import KerasClassifier\n",
            "ensemble/__init__": "import sklearn\nfrom stackens.training import train\n",
            "portable/__init__": "import json\nimport numpy as np\n",
        }
        for name, text in {**lawful, **files}.items():
            path = tmp_path / "stackens" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return find_violations(tmp_path / "stackens")

    return write_and_check


def test_a_lawful_tree_passes(plant):
    assert plant() == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        pytest.param(
            "ensemble/_bad", "from stackens.learners import A", "ensemble imports stackens.learners"
        ),
        pytest.param(
            "ensemble/_bad", "import stackens.learners as s", "ensemble imports stackens.learners"
        ),
        pytest.param(
            "ensemble/_bad", "from stackens import learners", "ensemble imports stackens.learners"
        ),
        pytest.param("ensemble/_bad", "from ..learners import A", "imports stackens.learners"),
        pytest.param("ensemble/_bad", "from .. import learners", "imports stackens.learners"),
        pytest.param(
            "ensemble/_bad",
            "def late():\n    from stackens.networks import build",
            "_bad.py:2: ensemble imports stackens.networks",
        ),
        pytest.param(
            "ensemble/_bad",
            "if TYPE_CHECKING:\n    from stackens.networks import build",
            "ensemble imports stackens.networks",
        ),
        pytest.param(
            "ensemble/_bad", "from stackens import StackedRNNClassifier", "ensemble imports"
        ),
        pytest.param("training/_bad", "from stackens.layers import A", "training imports"),
        pytest.param("training/_bad", "import_module('stackens.learners')", "training imports"),
        pytest.param("training/_bad", "__import__(name)", "training imports by a computed name"),
        pytest.param("persistence/_bad", "__import__(name)", "2 files import by a computed name"),
        pytest.param(
            "training/_bad",
            "ADAPTERS = {'a.B': 'stackens.learners:adapt'}",
            "training imports stackens.learners.adapt",
        ),
        pytest.param("ensemble/_bad", "import_module(name)", "imports by a computed name"),
        pytest.param("exceptions", "import stackens.sequences", "exceptions imports"),
        pytest.param("ensemble/_bad", "import keras", "ensemble imports keras"),
        pytest.param(
            "ensemble/_bad",
            "def late():\n    import tensorflow.raw_ops",
            "ensemble imports tensorflow",
        ),
        pytest.param("__init__", "import numpy", "stackens imports numpy"),
        pytest.param("__init__", "import keras", "stackens imports keras"),
        pytest.param("__init__", "__import__(name)", "stackens imports by a computed name"),
        pytest.param("portable/_bad", "import scipy.special", "portable imports scipy"),
        pytest.param("portable/_bad", "import stackens.sequences", "portable imports"),
        pytest.param("learners/_bad", "import scikeras", "imported by 2 files"),
        pytest.param("training/_bad", "import scikeras", "scikeras is for learners"),
        pytest.param(
            "learners/_bad",
            "from stackens.training._job import Job",
            "reaches into stackens.training._job",
        ),
        pytest.param(
            "learners/_bad",
            "from stackens.training import _job",
            "reaches into stackens.training._job",
        ),
        pytest.param(
            "layers/_cell",
            "import keras\nif TYPE_CHECKING:\n    from stackens.layers import Cell",
            "a circle: stackens.layers",
        ),
        pytest.param(
            "training/_adapters",
            "def late():\n    from . import take",
            "a circle: stackens.training",
        ),
        pytest.param("utils/__init__", "", "room 'utils' is not in the table"),
        pytest.param("ensemble/_utils", "", "a helper lives with its user"),
        pytest.param("attic", "", "room 'attic' is not in the table"),
    ],
)
def test_a_planted_fault_is_caught(plant, name, text, complaint):
    found = plant(**{name: text})
    assert [line for line in found if complaint in line], found
