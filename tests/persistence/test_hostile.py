"""Files that want to do harm get an error that says so, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import stackens

HERE = Path(__file__).parent
LOADER = HERE / "load_each.py"
spec = importlib.util.spec_from_file_location("hostile_files", HERE / "hostile_files.py")
hostile = importlib.util.module_from_spec(spec)
sys.modules["hostile_files"] = hostile  # pickles name it
spec.loader.exec_module(hostile)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """What came of each file and entry, in a process of its own whose memory is limited."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "bad").mkdir()
    (folder / "good").mkdir()
    (folder / "made").mkdir()
    canary = folder / "canary"
    names = {}
    for number, (name, content) in enumerate(hostile.hostile_files(folder / "made")):
        path = folder / "bad" / f"{number:04}.stackens"
        names[path.name] = name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)
    entries = hostile.hostile_entries(stackens.JobStore(folder / "store"))
    names |= {key: f"entry: {name}" for name, key in entries}
    for source in (hostile.NETWORK, hostile.STACK, *(folder / "made").iterdir()):
        (folder / "good" / source.name).write_bytes(source.read_bytes())
    before = sorted(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(LOADER), str(folder)],
        env={**os.environ, hostile.CANARY: str(canary)},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert sorted(folder.rglob("*")) == before  # nothing was written, nothing removed
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    last = names[found[-1]["name"]] if found else "none"
    assert done.returncode == 0, f"after {last!r}: {done.stderr[-3000:]}"
    assert len(found) == len(names)
    return {names[one["name"]]: one for one in found}


@pytest.fixture(scope="module")
def reports(watched):
    """Of the files."""
    return {name: one for name, one in watched.items() if "load" in one}


@pytest.fixture(scope="module")
def served(watched):
    """Of the entries of a store."""
    return {name: one["serve"] for name, one in watched.items() if "serve" in one}


CONTROL = """
import importlib.util, json, os, pickle, subprocess, sys
spec = importlib.util.spec_from_file_location("load_each", sys.argv[1])
watch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(watch)
watch.FOLDER, watch.ALLOWED = sys.argv[2], ()
inside, outside = os.path.join(sys.argv[2], "inside"), os.path.join(sys.argv[2], "..", "outside")
outside = os.path.abspath(outside)
deeds = {
    "reads a file of the folder": lambda: open(inside).close(),
    "unpickles": lambda: pickle.loads(bytes.fromhex(sys.argv[3])),
    "reads another file": lambda: open(outside).close(),
    "writes a file": lambda: open(inside, "a").close(),
    "removes a file": lambda: os.remove(inside),
    "runs a command": lambda: os.system("true"),
    "runs a program": lambda: subprocess.run([sys.executable, "-c", ""]),
}
sys.addaudithook(watch.hook)
found = {}
for name, deed in deeds.items():
    watch.SEEN.clear()
    watch.WATCH[0] = True
    deed()
    watch.WATCH[0] = False
    found[name] = list(watch.SEEN)
print(json.dumps(found))
"""


def test_the_watch_sees_what_files_must_not_do(tmp_path):
    """The hook of the process that loads them, where each deed is done on purpose."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    (tmp_path / "outside").touch()
    done = subprocess.run(
        [
            *(sys.executable, "-c", CONTROL, LOADER),
            *(f"{tmp_path / 'folder'}", hostile.pickle.dumps(hostile.Evil()).hex()),
        ],
        env={**os.environ, hostile.CANARY: str(tmp_path / "canary")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("reads a file of the folder") == []
    assert {name for name, deeds in seen.items() if not deeds} == set()
    assert (tmp_path / "canary").exists()  # what no file may leave behind


def test_there_are_hundreds(reports):
    assert len(reports) >= 400


def test_every_file_is_refused_with_a_clear_error(reports):
    clear = {"ArchiveError", "UntrustedTypesError"}
    wrong = {k: v["load"] for k, v in reports.items() if v["load"]["outcome"] not in clear}
    wrong.pop("a symbolic link to nothing", None)
    assert not wrong
    for one in reports.values():
        assert len(one["load"]["message"]) > 20


def test_nothing_is_run_opened_or_written(reports):
    assert not {k: v for k, v in reports.items() if v["load"]["seen"] or v["file_info"]["seen"]}


def test_memory_stays_small(reports):
    """A header of nine megabytes of brackets is the largest of what is read at all."""
    for name, one in reports.items():
        for what in ("load", "file_info"):
            assert one[what]["megabytes"] < 200, name


def test_looking_at_a_file_is_as_safe(reports):
    """What a file says of itself may be read where only making it is refused."""
    outcomes = {one["file_info"]["outcome"] for one in reports.values()}
    assert outcomes <= {"loaded", "ArchiveError", "UntrustedTypesError", "FileNotFoundError"}


def test_a_store_serves_none_of_its_estimators(served):
    """So that they are trained anew, as those that it could not keep."""
    assert len(served) >= 180
    assert {one["outcome"] for one in served.values()} == {"nothing"}
    assert not {name: one for name, one in served.items() if one["seen"]}
    assert max(one["megabytes"] for one in served.values()) < 200
