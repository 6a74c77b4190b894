"""Whatever happens to a store, a fit gives what it gives without one."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.exceptions import StoreWarning
from stackens.store import JobStore

EXAMPLES = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    return rng.normal(size=(30, 4, 2)) + 0.5 * y[:, None, None], y


def make_networks():
    rnn = StackedRNNClassifier(3, epochs=4, dropout=0.2, batch_size=5, random_state=0)
    return StackingClassifier([("rnn", rnn)], cv=3)


def make_others():
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    forest = RandomForestClassifier(2, max_depth=2, random_state=0)
    return StackingClassifier([("linear", linear), ("forest", forest)], cv=3)


class Case:
    """A stack, what it predicts, and the files of a store that it has filled."""

    def __init__(self, stack, X, y, path):
        self.stack, self.X, self.y = stack, X, y
        self.expected = self.outcome(None)
        store = JobStore(path, checkpoint_every=0.0)
        with pytest.MonkeyPatch.context() as patch:  # checkpoints stay, as after a kill
            patch.setattr(JobStore, "discard_checkpoint", lambda self, key: None)
            assert self.outcome(store) == self.expected
        self.files = {p.name: p.read_bytes() for p in store.info().location.iterdir()}

    def outcome(self, memory):
        stack = clone(self.stack).set_params(memory=memory).fit(self.X, self.y)
        return stack.predict_proba(
            self.X
        ).tobytes(), stack.out_of_fold_predictions_.matrix.tobytes()

    def fill(self, path, **settings):
        """Make a store of these files, without the checkpoints of what is done."""
        store = JobStore(path, **settings)
        folder = store.info().location
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            if name.endswith(".entry"):
                (folder / name).write_bytes(content)
        return store, folder

    def check(self, store, *, warns=None, heals=True):
        """Fit with a store; return what it warned of."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert self.outcome(store) == self.expected
        assert {w.category for w in caught} <= {StoreWarning}
        if warns is not None:
            assert bool(caught) == warns
        if heals:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert self.outcome(JobStore(store.location)) == self.expected
            assert store.info().n_checkpoints == 0
        return [str(w.message) for w in caught]


@pytest.fixture(scope="module", params=[make_networks, make_others])
def case(request, data, tmp_path_factory):
    X, y = data
    X = X if request.param is make_networks else X.reshape(len(X), -1)
    return Case(request.param(), X, y, tmp_path_factory.mktemp("store"))


def test_the_files_are_those_of_all_jobs(case):
    kinds = [name.rpartition(".")[2] for name in case.files]
    n_jobs = 4 * len(case.stack.estimators)
    assert kinds.count("entry") == n_jobs
    assert kinds.count("checkpoint") == (n_jobs if case.stack.estimators[0][0] == "rnn" else 0)


def damaged(draw, content):
    position = draw(st.integers(0, len(content) - 1))
    kind = draw(st.sampled_from(["truncate", "flip", "empty", "garbage", "longer", "zeros"]))
    if kind == "flip":
        flipped = bytearray(content)
        flipped[position] ^= 1 << draw(st.integers(0, 7))
        return bytes(flipped)
    return {
        "truncate": content[:position],
        "empty": b"",
        "garbage": draw(st.binary(max_size=200)),
        "longer": content + b"\0",
        "zeros": bytes(len(content)),
    }[kind]


@settings(max_examples=12, **EXAMPLES)
@given(data=st.data())
def test_damaged_entries_and_checkpoints(case, tmp_path, data):
    store, folder = case.fill(tmp_path)
    name = data.draw(st.sampled_from(sorted(case.files)))
    if name.endswith(".checkpoint"):  # of a job that was interrupted
        (folder / name).with_suffix(".entry").unlink()
    (folder / name).write_bytes(damaged(data.draw, case.files[name]))
    (message,) = case.check(store, warns=True)
    assert "is made anew" in message


def test_a_flipped_bit_in_every_region_of_an_entry(case, tmp_path):
    name = min(case.files)
    content = case.files[name]
    _, _, length = struct.unpack("<16sIQ", content[:28])
    regions = {0, 15, 16, 19, 20, 27, 28, 59, 60, 60 + length // 2, 59 + length, len(content) - 1}
    regions |= set(range(64, len(content), max(1, len(content) // 4)))
    for position in sorted(regions):
        store, folder = case.fill(tmp_path)
        flipped = bytearray(content)
        flipped[position] ^= 1
        (folder / name).write_bytes(bytes(flipped))
        if name.endswith(".checkpoint"):
            (folder / name).with_suffix(".entry").unlink()
        case.check(store, warns=True)


def put_folder(path):
    path.mkdir()


def put_pipe(path):
    os.mkfifo(path)


def put_link(path):
    outside = path.parent.parent / "outside"
    outside.write_bytes(b"mine")
    path.symlink_to(outside)


def put_text(path):
    path.write_text("{}")


def put_nothing(path):
    path.touch()


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_link, put_text, put_nothing])
@pytest.mark.parametrize("suffix", ["entry", "checkpoint", "claim"])
def test_foreign_things_under_the_names_of_the_store(case, tmp_path, put, suffix):
    if suffix == "checkpoint" and case.stack.estimators[0][0] != "rnn":
        pytest.skip("only networks have checkpoints")
    if put is put_pipe and not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    store, folder = case.fill(tmp_path, stale_after=0.2)
    names = sorted(name for name in case.files if name.endswith(".entry"))
    for name in names[:2]:
        (folder / name).unlink()
        put((folder / name).with_suffix(f".{suffix}"))
    case.check(store, heals=put is not put_folder)
    if put is put_link:
        assert (folder.parent / "outside").read_bytes() == b"mine"


def test_entries_under_the_names_of_others(case, tmp_path):
    """Nothing is taken for what it is not, however well it reads."""
    store, folder = case.fill(tmp_path)
    names = sorted(name for name in case.files if name.endswith(".entry"))
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        (folder / name).write_bytes(case.files[other])
    assert len(case.check(store, warns=True)) == len(names)


def test_entries_of_another_version(case, tmp_path):
    store, folder = case.fill(tmp_path)
    for path in folder.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:16] + struct.pack("<I", 2) + content[20:])
    assert all("format 2" in message for message in case.check(store, warns=True))
    # The folder of another format is not looked into.
    store, folder = case.fill(tmp_path)
    folder.rename(folder.with_name("stackens-store-0"))
    case.check(store, warns=False)
    assert len(list(folder.with_name("stackens-store-0").iterdir())) == store.info().n_entries


def test_a_linked_folder_is_not_used(case, tmp_path):
    store, folder = case.fill(tmp_path)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "elsewhere").iterdir()}
    case.check(store, warns=True, heals=False)
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "elsewhere").iterdir()} == before


def forbid(monkeypatch, folder, number, *, names):
    """Let system calls fail that would change something in a folder."""

    def failing(name):
        call = getattr(os, name)

        def fail(path, *args, **kwargs):
            reads = name == "open" and not args[0] & (os.O_CREAT | os.O_WRONLY)
            if isinstance(path, (str, Path)) and Path(path).is_relative_to(folder) and not reads:
                raise OSError(number, os.strerror(number))
            return call(path, *args, **kwargs)

        monkeypatch.setattr(os, name, fail)

    for name in names:
        failing(name)


@pytest.mark.parametrize("is_filled", [False, True])
def test_a_folder_that_is_read_only(case, tmp_path, monkeypatch, is_filled):
    store, folder = case.fill(tmp_path)
    if not is_filled:
        for path in folder.iterdir():
            path.unlink()
    names = ("open", "unlink", "rename", "replace", "mkdir", "utime", "link")
    with monkeypatch.context() as patch:
        forbid(patch, folder, errno.EROFS, names=names)
        messages = case.check(store, heals=False)
    assert len(messages) == (0 if is_filled else 1)
    assert store.info().n_entries == (len(list(folder.iterdir())) if is_filled else 0)
    case.check(store)


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("n_before", [0, 3])
def test_a_disk_that_is_full(case, tmp_path, monkeypatch, call, n_before):
    store, folder = case.fill(tmp_path)
    for path in folder.iterdir():
        path.unlink()
    done, real = [], getattr(os, call)

    def fail(descriptor, *args):
        done.append(descriptor)
        if len(done) > n_before:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, *args)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        case.check(store, warns=True, heals=False)
    assert {path.suffix for path in folder.iterdir()} <= {".entry", ".checkpoint"}
    case.check(store)


class Payload:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (Path(self.mark),))


@pytest.mark.parametrize("form", ["file", "array", "function", "own name"])
def test_nothing_in_an_entry_is_executed(data, tmp_path, form):
    skops_io = pytest.importorskip("skops.io")
    X, y = data
    case = Case(make_others(), X.reshape(len(X), -1), y, tmp_path / "whole")
    store, folder = case.fill(tmp_path / "store")
    mark = tmp_path / "mark"
    pickled = pickle.dumps(Payload(mark))
    for path in sorted(folder.iterdir()):
        if form == "file":
            path.write_bytes(pickled)
            continue
        kept = store.get(path.stem, kind="fit")
        model = pickled
        if form == "function":
            model = skops_io.dumps(make_pipeline(FunctionTransformer(os.system)).fit(X))
        elif form == "own name":  # as if this package had such a transformer
            model = skops_io.dumps(StandardScaler()).replace(
                b"sklearn.preprocessing._data", b"stackens.preprocessing._data"
            )
        arrays = {**kept.arrays, "model": np.frombuffer(model, np.uint8)}
        assert store.put(path.stem, arrays, kept.meta, kind="fit")
    case.check(store, warns=form == "file")
    assert not mark.exists()
    pickle.loads(pickled)
    assert mark.exists()  # so it would have been seen


def test_two_writers(case, tmp_path):
    """Two threads that fit the same at once, each with its own handle."""
    import threading

    found = []

    def work():
        found.append(case.outcome(JobStore(tmp_path)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [case.expected] * 2
    info = JobStore(tmp_path).info()
    assert (info.n_entries, info.n_checkpoints) == (4 * len(case.stack.estimators), 0)
    assert {path.suffix for path in info.location.iterdir()} == {".entry"}
