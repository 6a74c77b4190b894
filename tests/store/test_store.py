"""The store never gives a wrong result, never raises for its folder's sake, and is shared."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from datetime import timedelta

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import SequenceFlattener, archive
from stackens.exceptions import InvalidInputError, StoreWarning
from stackens.sklearn_parts import pack_part
from stackens.store import JobStore, KeptFit, check_memory, fit_once, get_fit, put_fit
from stackens.store._entries import get_network, put_network
from stackens.training import TrainedNetwork

KEY, OTHER = "a" * 64, "b" * 64
ARRAYS = {"weights": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "β"])}
META = {"epochs": 3, "losses": [0.5, 0.25]}


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "location")


@pytest.fixture
def folder(store):
    """The folder that the store keeps to, with one entry."""
    assert store.put(KEY, ARRAYS, META, kind="test")
    return next((store.location).iterdir())


def assert_kept(store, key=KEY):
    found = store.get(key, kind="test")
    assert found.meta == META
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)


@contextmanager
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ---- entries ------------------------------------------------------------------------------------


def test_nothing_is_made_before_something_is_kept(store):
    assert store.get(KEY, kind="test") is None
    assert store.info().n_entries == 0
    assert store.prune(max_bytes=0) == 0
    store.clear()
    store.discard(KEY)
    assert not store.location.exists()


def test_what_is_kept_is_served_until_it_is_discarded(store):
    assert store.put(KEY, ARRAYS, META, kind="test")
    assert_kept(store)
    assert_kept(JobStore(str(store.location)))
    assert store.get(OTHER, kind="test") is None
    assert store.put(KEY, {}, {"other": 1}, kind="test")
    assert store.get(KEY, kind="test").meta == {"other": 1}
    store.discard(KEY)
    assert store.get(KEY, kind="test") is None


@pytest.mark.parametrize("key", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n", None])
def test_keys_are_keys(store, key):
    for use in (
        lambda: store.get(key, kind="test"),
        lambda: store.put(key, {}, {}, kind="test"),
        lambda: store.claim(key),
        lambda: store.wait(key),
    ):
        with pytest.raises(InvalidInputError, match="64 hexadecimal digits"):
            use()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_entry_is_a_miss_that_can_be_replaced(store, folder, data):
    path = folder / f"{KEY}.entry"
    assert store.put(KEY, ARRAYS, META, kind="test")
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    with pytest.warns(StoreWarning, match="cannot be used and is made anew"):
        assert JobStore(store.location).get(KEY, kind="test") is None
    assert not path.exists()
    with no_warning():
        assert store.get(KEY, kind="test") is None
        assert store.put(KEY, ARRAYS, META, kind="test")
        assert_kept(store)


def test_an_entry_of_another_name_version_or_kind_is_a_miss(store, folder):
    good = (folder / f"{KEY}.entry").read_bytes()
    version = good[:16] + struct.pack("<I", 2) + good[20:]
    for content in (good, version, b"", b"foreign", pickle.dumps(ARRAYS)):
        (folder / f"{OTHER}.entry").write_bytes(content)
        with pytest.warns(StoreWarning):
            assert JobStore(store.location).get(OTHER, kind="test") is None
    with pytest.warns(StoreWarning, match="holds 'test'; expected 'network'"):
        assert get_network(store, KEY) is None
    archive.write_archive(folder / f"{KEY}.entry", {}, {"key": KEY}, kind="test")
    with pytest.warns(StoreWarning, match="another entry than its name says"):
        assert JobStore(store.location).get(KEY, kind="test") is None


def test_links_are_not_followed(store, folder, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(folder / f"{KEY}.entry", outside)
    content = outside.read_bytes()
    (folder / f"{KEY}.entry").symlink_to(outside)
    with pytest.warns(StoreWarning, match="symbolic link"):
        assert store.get(KEY, kind="test") is None
    assert outside.read_bytes() == content
    (folder / f"{KEY}.entry").symlink_to(outside)
    assert store.put(KEY, ARRAYS, META, kind="test")
    assert_kept(store)
    (folder / f"{OTHER}.entry").symlink_to(outside)
    store.clear()
    assert outside.read_bytes() == content
    assert not list(folder.iterdir())


def test_a_linked_folder_is_not_used(store, folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    with pytest.warns(StoreWarning, match="symbolic link"):
        assert store.get(KEY, kind="test") is None
    with pytest.warns(StoreWarning, match="symbolic link"):
        assert not store.put(OTHER, ARRAYS, META, kind="test")
    store.discard(KEY)
    assert store.wait(KEY)
    store.prune(max_bytes=0)
    store.clear()
    assert sorted(elsewhere.iterdir()) == before


def test_a_folder_in_the_place_of_an_entry_costs_a_warning(store, folder):
    (folder / f"{OTHER}.entry").mkdir()
    with pytest.warns(StoreWarning, match="no regular file"):
        assert store.get(OTHER, kind="test") is None
    with pytest.warns(StoreWarning, match="cannot be written"):
        assert not store.put(OTHER, ARRAYS, META, kind="test")
    store.clear()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_folder_that_cannot_be_written_costs_one_warning(store, folder, monkeypatch, number):
    opened = os.open

    def fail_to_write(path, flags, *args, **kwargs):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", fail_to_write)
    with pytest.warns(StoreWarning, match="cannot be written, so that nothing is kept"):
        assert not store.put(OTHER, ARRAYS, META, kind="test")
    with no_warning(), store.claim(OTHER) as claim:
        assert claim is not None
        assert not store.put(OTHER, ARRAYS, META, kind="test")
    assert_kept(store)


def test_a_full_disk_leaves_no_claim_of_nobody(store, folder, monkeypatch):
    def fail(descriptor, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.warns(StoreWarning, match="No space left"), store.claim(OTHER) as claim:
            assert claim is not None
    assert sorted(folder.iterdir()) == before
    assert store.wait(OTHER, timeout=0.0)


@pytest.mark.parametrize("damage", ["no meta", "no arrays", "other types"])
def test_an_entry_that_is_not_understood_is_a_miss(store, folder, damage):
    trained = TrainedNetwork([np.ones(2)], {"loss": [1.0]}, 0, 0.1)
    for put, get, kind in (
        (lambda: put_network(store, KEY, trained), get_network, "network"),
        (lambda: put_fit(store, KEY, KeptFit(np.eye(2), None, 0.1)), get_fit, "fit"),
    ):
        assert put()
        found = store.get(KEY, kind=kind)
        meta = {} if damage == "no meta" else found.meta
        if damage == "other types":
            meta = dict.fromkeys(meta, "foreign")
        store.put(KEY, {} if damage == "no arrays" else found.arrays, meta, kind=kind)
        fresh = JobStore(store.location)
        with pytest.warns(StoreWarning, match="is made anew: .* is of another version"):
            assert get(fresh, KEY) is None
        with no_warning():
            assert get(fresh, KEY) is None
            assert put()
            assert get(fresh, KEY) is not None


def test_a_file_in_the_place_of_the_location_costs_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    store = JobStore(tmp_path / "file")
    with pytest.warns(StoreWarning, match="cannot be used"):
        assert store.get(KEY, kind="test") is None
    with pytest.warns(StoreWarning, match="cannot be written"):
        assert not store.put(KEY, ARRAYS, META, kind="test")
    assert store.claim(KEY) is not None
    assert store.info().n_entries == 0


def test_an_entry_out_of_reach_is_a_miss_and_stays(store, folder, monkeypatch):
    def fail(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.warns(StoreWarning, match="Permission denied"):
            assert store.get(KEY, kind="test") is None
    assert_kept(store)


def test_content_that_cannot_be_kept_costs_a_warning(store):
    with pytest.warns(StoreWarning, match="cannot keep a result of this kind: Array 'a' must hold"):
        assert not store.put(KEY, {"a": np.array([object()])}, {}, kind="test")
    assert store.get(KEY, kind="test") is None


# ---- housekeeping -------------------------------------------------------------------------------


def test_info_counts_what_is_there(store, folder):
    store.put(OTHER, ARRAYS, META, kind="test")
    store.put_checkpoint("c" * 64, ARRAYS, META)
    (folder / "foreign.txt").write_text("not counted")
    info = store.info()
    files = [path for path in folder.iterdir() if path.suffix != ".txt"]
    assert (info.n_entries, info.n_checkpoints) == (2, 1)
    assert info.n_bytes == sum(path.stat().st_size for path in files)
    assert info.oldest <= info.newest <= time.time() + 1
    assert info.location == folder


def test_prune_removes_what_was_not_used_for_longest(store):
    keys = [digit * 64 for digit in "0123"]
    for key in keys:
        store.put(key, ARRAYS, META, kind="test")
    size = store.info().n_bytes // 4
    folder = store.info().location
    for age, key in enumerate(keys):
        os.utime(folder / f"{key}.entry", (time.time() - 100 * (5 - age),) * 2)
    assert_kept(store, keys[0])  # used just now
    assert store.prune(max_bytes=3 * size) == size
    assert store.get(keys[1], kind="test") is None
    assert store.prune(max_age=timedelta(seconds=250)) == size
    assert store.get(keys[2], kind="test") is None
    assert_kept(store, keys[0])
    assert_kept(store, keys[3])
    assert store.prune() == 0
    assert store.prune(max_age=0.0) + store.prune(max_bytes=0) == 2 * size
    assert store.info().n_entries == 0


def test_what_comes_from_the_future_grows_old_too(store, folder):
    """Written before a clock was set back."""
    store.put_checkpoint(OTHER, ARRAYS, META)
    half = folder / f"{archive.TEMPORARY_PREFIX}half"
    half.write_text("half an entry")
    for path in folder.iterdir():
        os.utime(path, (time.time() + 10_000,) * 2)
    assert store.prune(max_age=20_000) == 0
    assert not half.exists()
    assert store.prune(max_age=0) > 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("limits", [{"max_bytes": -1}, {"max_age": -1.0}, {"max_age": np.nan}])
def test_limits_are_checked(store, limits):
    with pytest.raises(InvalidInputError, match="must be >= 0"):
        store.prune(**limits)


def test_clear_leaves_what_the_store_did_not_write(store, folder):
    store.put_checkpoint(OTHER, ARRAYS, META)
    foreign = [folder / "foreign.entry", folder / "notes.txt", store.location / "mine"]
    for path in foreign:
        path.write_text("")
    store.clear()
    assert sorted([*folder.iterdir(), *(p for p in store.location.iterdir() if p.is_file())]) == (
        sorted(foreign)
    )


def test_what_killed_writers_left_is_swept(store, folder):
    old, young = (folder / f"{archive.TEMPORARY_PREFIX}{age}" for age in ("old", "young"))
    for path in (old, young):
        path.write_text("half an entry")
    os.utime(old, (time.time() - 10_000,) * 2)
    JobStore(store.location).put(OTHER, ARRAYS, META, kind="test")
    assert not old.exists()
    assert young.exists()


# ---- as a parameter -----------------------------------------------------------------------------


def test_memory_is_a_folder_a_joblib_memory_or_a_store(store, tmp_path):
    assert check_memory(None) is None
    assert check_memory(store) is store
    assert check_memory(tmp_path) == check_memory(str(tmp_path)) == JobStore(tmp_path)
    assert check_memory(joblib.Memory(str(tmp_path), verbose=0)) == JobStore(tmp_path)
    assert check_memory(joblib.Memory(None)) is None
    with pytest.raises(InvalidInputError, match=r"`memory` must be None, a folder.*got int"):
        check_memory(3)


def test_a_store_is_a_handle(store, monkeypatch, tmp_path):
    assert copy.deepcopy(store) is clone(Pipeline([("a", None)], memory=store)).memory is store
    assert pickle.loads(pickle.dumps(store)) == store
    assert hash(pickle.loads(pickle.dumps(store))) == hash(store)
    assert store != JobStore(tmp_path)
    often = JobStore(store.location, checkpoint_every=1.5)
    assert store != often == pickle.loads(pickle.dumps(often))
    relative = JobStore("here")
    monkeypatch.chdir(tmp_path)
    relative.put(KEY, ARRAYS, META, kind="test")
    elsewhere = pickle.loads(pickle.dumps(relative))
    monkeypatch.chdir("/")
    assert_kept(elsewhere)
    assert str(tmp_path) not in str(JobStore("~/here").info().location)
    at_home = JobStore("~/here")
    assert pickle.loads(pickle.dumps(at_home)).info().location == at_home.info().location
    assert repr(JobStore("here")) == "JobStore('here')"


def keep_one(store, key):
    return store.put(key, ARRAYS, META, kind="test")


def test_workers_of_joblib_use_the_same_store(store):
    keys = [f"{i:064x}" for i in range(4)]
    assert all(joblib.Parallel(n_jobs=2)(joblib.delayed(keep_one)(store, key) for key in keys))
    for key in keys:
        assert_kept(store, key)


# ---- networks and predictions -------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, [], [np.int64(7), np.ones(3, "f4")]])
def test_networks_come_back_bit_for_bit(store, state):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(3, 2)).astype("f4"), np.zeros(0), np.float64(2)]
    history = {"val_loss": [0.1, np.nan], "loss": [np.inf, 1 / 3]}
    trained = TrainedNetwork(weights, history, 1, 0.7, state)
    assert put_network(store, KEY, trained)
    found = get_network(store, KEY)
    for one, other in zip(found.weights, weights, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    assert list(found.history) == ["val_loss", "loss"]
    np.testing.assert_array_equal(list(found.history.values()), list(history.values()))
    assert all(type(v) is float for values in found.history.values() for v in values)
    assert (found.best_epoch, found.seconds) == (1, 0.7)
    assert (found.optimizer_state is None) == (state is None)
    for one, other in zip(found.optimizer_state or [], state or [], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("values", [np.eye(3), np.array(["a", "b"]), [np.eye(2), np.ones((2, 2))]])
@pytest.mark.parametrize("classes", [None, np.array([0, 2])])
def test_predictions_come_back(store, values, classes):
    assert put_fit(store, KEY, KeptFit(values, classes, 0.5))
    found = get_fit(store, KEY)
    assert type(found.values) is type(values)
    np.testing.assert_array_equal(found.values, values)
    assert found.seconds == 0.5
    assert found.estimator is None
    np.testing.assert_array_equal(found.classes, classes)
    assert get_fit(store, OTHER) is None


def test_predictions_that_are_no_arrays_are_not_kept(store):
    import scipy.sparse

    sparse = KeptFit(scipy.sparse.csr_array(np.eye(3)), None, 0.1)
    assert not put_fit(store, KEY, sparse)
    objects = KeptFit(np.array(["a", None], dtype=object), None, 0.1)
    with pytest.warns(StoreWarning, match="cannot keep"):
        assert not put_fit(store, KEY, objects)


X = np.random.default_rng(0).normal(size=(40, 4, 2))
Y = np.arange(40) % 2


def fitted(*steps):
    return make_pipeline(SequenceFlattener(), *steps).fit(X, Y)


def test_estimators_of_trusted_types_come_back_by_skops(store):
    pytest.importorskip("skops")
    estimator = fitted(StandardScaler(), LogisticRegression())
    assert put_fit(store, KEY, KeptFit(None, None, 0.1, estimator))
    found = get_fit(store, KEY)
    assert found.values is None
    np.testing.assert_array_equal(found.estimator.predict_proba(X), estimator.predict_proba(X))


def test_a_vocabulary_comes_back(store):
    pytest.importorskip("skops")
    texts = [f"word{i} {'even' if i % 2 == 0 else 'odd'}" for i in range(2000)]
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, np.arange(2000) % 2)
    assert put_fit(store, KEY, KeptFit(None, None, 0.1, words))
    assert len(words[0].vocabulary_) == 2002
    found = get_fit(store, KEY).estimator
    assert found[0].vocabulary_ == words[0].vocabulary_
    np.testing.assert_array_equal(found.predict_proba(texts), words.predict_proba(texts))


class Own(LogisticRegression):
    pass


def put_unchecked(store, estimator, change=lambda part, arrays: None):
    """Keep a fit as an attacker would, who may change what is written."""
    arrays = {}

    def add_array(array):
        arrays[f"estimator/{len(arrays)}"] = array
        return list(arrays)[-1]

    part = pack_part(estimator, add_array)
    change(part, arrays)
    meta = {"is_list": False, "n_values": 0, "seconds": 0.1, "estimator": part}
    assert store.put(KEY, arrays, meta, kind="fit")


@pytest.mark.parametrize(
    "last", [RandomForestClassifier(3), GradientBoostingClassifier(n_estimators=2)], ids=str
)
def test_trees_come_back_if_their_nodes_are_sound(store, last):
    pytest.importorskip("skops")
    estimator = fitted(last.set_params(random_state=0, max_depth=3))
    assert put_fit(store, KEY, KeptFit(None, None, 0.1, estimator))
    found = get_fit(store, KEY).estimator
    np.testing.assert_array_equal(found.predict_proba(X), estimator.predict_proba(X))
    tree = np.ravel(found.steps[-1][1].estimators_)[-1].tree_
    state = {name: np.copy(part) for name, part in tree.__getstate__().items()}
    state |= {name: int(state[name]) for name in ("max_depth", "node_count")}
    for field, value in (
        ("left_child", 0),
        ("right_child", 10**6),
        ("left_child", -7),
        ("feature", 8),
        ("feature", -1),
    ):
        nodes = state["nodes"].copy()
        nodes[field][0] = value  # of the root
        tree.__setstate__({**state, "nodes": nodes})
        put_unchecked(store, found)
        assert get_fit(store, KEY).estimator is None
        assert not put_fit(store, OTHER, KeptFit(None, None, 0.1, found))
        assert made_anew(store, estimator)
    tree.__setstate__(state)
    assert put_fit(store, OTHER, KeptFit(None, None, 0.1, found))


def made_anew(store, estimator):
    """Whether who asks for an estimator has to fit it, and nobody else afterwards."""
    fits = []

    def fit():
        fits.append(estimator)
        return KeptFit(None, None, 0.1, estimator)

    for _ in range(2):
        found = fit_once(KEY, store, fit, needs_estimator=True).estimator
        np.testing.assert_array_equal(found.predict(X), estimator.predict(X))
    return len(fits) == 1


def test_an_estimator_that_does_not_fit_together_is_made_anew(store):
    """What is known only when it is there: a forest of other classes than its labels."""
    pytest.importorskip("skops")
    estimator = fitted(RandomForestClassifier(2))
    spoiled = copy.deepcopy(estimator)
    spoiled[-1].n_classes_ = 10**9
    put_unchecked(store, spoiled)
    assert made_anew(store, estimator)
    assert not put_fit(store, OTHER, KeptFit(None, None, 0.1, spoiled))


def test_boosted_histograms_come_back(store):
    pytest.importorskip("skops")
    estimator = fitted(HistGradientBoostingClassifier(max_iter=2))
    assert put_fit(store, KEY, KeptFit(None, None, 0.1, estimator))
    found = get_fit(store, KEY).estimator
    np.testing.assert_array_equal(found.predict_proba(X), estimator.predict_proba(X))


@pytest.mark.parametrize("last", [Own(), KNeighborsClassifier()], ids=str)
def test_of_other_estimators_only_predictions_are_kept(store, last):
    estimator = fitted(last)
    assert not put_fit(store, KEY, KeptFit(None, None, 0.1, estimator))
    assert put_fit(store, KEY, KeptFit(estimator.predict_proba(X), None, 0.1, estimator))
    found = get_fit(store, KEY)
    assert found.estimator is None
    np.testing.assert_array_equal(found.values, estimator.predict_proba(X))


def test_without_skops_only_predictions_are_kept(store, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    estimator = fitted(LogisticRegression())
    assert not put_fit(store, KEY, KeptFit(None, None, 0.1, estimator))
    assert put_fit(store, KEY, KeptFit(np.eye(2), None, 0.1, estimator))
    assert get_fit(store, KEY).estimator is None


def test_bytes_that_name_other_types_are_not_opened(store):
    pytest.importorskip("skops")
    for change in (
        lambda part, arrays: None,
        lambda part, arrays: arrays.update({part["schema"]: arrays[part["schema"]][:100]}),
        lambda part, arrays: arrays.update({part["schema"]: np.zeros(0, np.uint8)}),
        lambda part, arrays: part.clear(),
    ):
        put_unchecked(store, fitted(Own()), change)
        assert get_fit(store, KEY).estimator is None


# ---- several processes --------------------------------------------------------------------------

PREAMBLE = """
import os, sys, time
import numpy as np
from stackens.store import JobStore
store = JobStore(sys.argv[1])
key = sys.argv[2]
"""


def start(code, store, key=KEY):
    """Run code in another process, up to its first line of output."""
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, store.location, key],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process):
    with process:
        output = process.stdout.read()  # not `communicate`, which misses what is buffered already
    assert process.returncode == 0
    return output


HOLD = "claim = store.claim(key); print('ready', flush=True); time.sleep(60)"


def test_a_claim_excludes_others_until_it_is_given_back(store):
    with store.claim(KEY) as claim:
        assert claim is not None
        assert store.claim(KEY) is None
        assert store.claim(OTHER) is not None
        assert not store.wait(KEY, timeout=0.05)
        answer = start("print('ready', flush=True); print(store.claim(key))", store)
        assert finish(answer) == "None\n"
    assert store.wait(KEY)
    with store.claim(KEY) as claim:
        assert claim is not None
        claim.release()
        claim.release()
    assert not [path for path in store.info().location.iterdir() if KEY in path.name]


def test_who_waits_gets_the_entry_of_who_works(store):
    worker = start(
        """
with store.claim(key):
    print('ready', flush=True)
    time.sleep(0.5)
    store.put(key, {}, {"by": os.getpid()}, kind="test")
""",
        store,
    )
    assert store.claim(KEY) is None
    assert store.wait(KEY, timeout=30)
    assert store.get(KEY, kind="test").meta == {"by": worker.pid}
    finish(worker)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("reaped", [True, False])
def test_the_claim_of_a_killed_process_is_taken_over_at_once(store, reaped):
    holder = start(HOLD, store)
    assert store.claim(KEY) is None
    holder.kill()
    if reaped:
        holder.wait()
    else:  # it stays in the process table until its parent asks
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    started = time.monotonic()
    assert store.wait(KEY, timeout=30)
    with store.claim(KEY) as claim:
        assert claim is not None
    assert time.monotonic() - started < 10
    holder.communicate()


def test_a_claim_of_another_machine_is_taken_over_when_it_is_silent(store):
    path = store.info().location / f"{KEY}.claim"
    path.parent.mkdir(parents=True)
    path.write_text('{"machine": "another", "pid": 1, "started": null, "token": "x"}')
    patient, hasty = store, JobStore(store.location, stale_after=0.3)
    assert patient.claim(KEY) is None
    assert not patient.wait(KEY, timeout=0.5)

    beating, stopped = threading.Event(), threading.Event()

    def beat():
        while not stopped.wait(0.02):
            os.utime(path)
            beating.set()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        assert beating.wait(5)
        assert not hasty.wait(KEY, timeout=1.0)  # it lives
    finally:
        stopped.set()
        thread.join()
    assert hasty.wait(KEY, timeout=30)
    with hasty.claim(KEY) as claim:
        assert claim is not None


def test_silence_is_counted_from_one_look_to_the_next(store):
    path = store.info().location / f"{KEY}.claim"
    path.parent.mkdir(parents=True)
    path.write_text('{"machine": "another", "pid": 1, "started": null, "token": "x"}')
    hasty = JobStore(store.location, stale_after=0.3)
    deadline = time.monotonic() + 30
    while not hasty.wait(KEY, timeout=0.02):
        assert time.monotonic() < deadline
    path.write_text('{"machine": "another", "token": "x"}')
    while hasty.claim(KEY) is None:  # a claim that is refused is a look, too
        assert time.monotonic() < deadline


def test_who_was_asleep_does_not_take_that_for_silence(store, monkeypatch):
    path = store.info().location / f"{KEY}.claim"
    path.parent.mkdir(parents=True)
    path.write_text('{"machine": "another", "pid": 1, "started": null, "token": "x"}')
    assert store.claim(KEY) is None
    now = time.monotonic()
    monkeypatch.setattr("stackens.store._claims.time.monotonic", lambda: now + 10_000)
    assert store.claim(KEY) is None


def test_an_abandoned_claim_that_nobody_can_remove_is_of_no_meaning(store, monkeypatch):
    """In a folder with a sticky bit, say, that of another user."""
    path = store.info().location / f"{KEY}.claim"
    path.parent.mkdir(parents=True)
    path.write_text('{"machine": "another", "pid": 1, "started": null, "token": "x"}')

    def fail(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    hasty = JobStore(store.location, stale_after=0.1)
    assert hasty.claim(KEY) is None
    monkeypatch.setattr("pathlib.Path.rename", fail)
    assert hasty.wait(KEY, timeout=30)
    for _ in range(2):
        with hasty.claim(KEY) as claim:
            assert claim is not None
    assert path.exists()


def test_a_process_of_the_same_number_is_not_the_holder(store):
    with store.claim(KEY) as claim:
        holder = claim._path.read_text()
        started = f'"started": "{holder.split(chr(34) + "started" + chr(34))[1].split(chr(34))[1]}"'
        if started not in holder:
            pytest.skip("needs /proc")
        claim._path.write_text(holder.replace(started, '"started": "1"'))
        with store.claim(KEY) as taken:
            assert taken is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\x00" * 5000])
def test_an_unreadable_claim_is_a_silent_one(store, content):
    path = store.info().location / f"{KEY}.claim"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert store.claim(KEY) is None
    hasty = JobStore(store.location, stale_after=0.1)
    assert hasty.wait(KEY, timeout=30)
    assert hasty.claim(KEY) is not None


def test_a_holder_shows_that_it_lives(store):
    lively = JobStore(store.location, stale_after=0.6)
    with lively.claim(KEY) as claim:
        first = claim._path.stat().st_mtime_ns
        deadline = time.monotonic() + 20
        while claim._path.stat().st_mtime_ns == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert claim._path.stat().st_mtime_ns != first


def test_a_claim_that_was_taken_over_is_not_given_back_by_its_old_holder(store):
    old = store.claim(KEY)
    old._path.unlink()
    with store.claim(KEY) as new:
        old.release()
        assert new._path.exists()


def test_file_systems_without_links_do(store, monkeypatch):
    def fail(*args, **kwargs):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    with store.claim(KEY) as claim:
        assert claim is not None
        assert store.claim(KEY) is None
    assert store.claim(KEY) is not None


def test_of_many_that_take_over_one_works_at_a_time(store, tmp_path):
    """Eight processes share a counter in a file that only claims protect."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    code = f"""
from pathlib import Path
counter = Path({str(counter)!r})
print('ready', flush=True)
done = 0
while done < 10:
    claim = store.claim(key)
    if claim is None:
        store.wait(key)
        continue
    with claim:
        value = int(counter.read_text())
        time.sleep(0.001)
        counter.write_text(str(value + 1))
    done += 1
"""
    holder = start(HOLD, store)
    workers = [start(code, store) for _ in range(4)]
    holder.kill()
    holder.communicate()
    for worker in workers:
        finish(worker)
    assert counter.read_text() == "40"


def test_two_writers_of_one_entry_leave_a_whole_one(store):
    code = """
print('ready', flush=True)
for i in range(100):
    store.put(key, {"a": np.full(10_000, os.getpid())}, {"by": os.getpid()}, kind="test")
"""
    writers = [start(code, store) for _ in range(2)]
    seen = 0
    with no_warning():
        while any(writer.poll() is None for writer in writers):
            found = store.get(KEY, kind="test")
            if found is not None:
                assert (found.arrays["a"] == found.meta["by"]).all()
                seen += 1
    for writer in writers:
        finish(writer)
    assert seen
    assert [path.name for path in store.info().location.iterdir()] == [f"{KEY}.entry"]
