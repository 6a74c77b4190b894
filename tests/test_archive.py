"""An archive gives back exactly what was written, or says that it cannot."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import stackens
from stackens.archive import read_archive, write_archive
from stackens.exceptions import ArchiveError, InvalidInputError

quickly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?"),
    npst.complex_number_dtypes(),
    npst.unicode_string_dtypes(max_len=5),
    npst.byte_string_dtypes(max_len=5),
)
ARRAYS = st.dictionaries(
    st.text(max_size=8),
    npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    max_size=4,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
META = st.dictionaries(st.text(), JSON, max_size=3)


def assert_same(found, arrays, meta):
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()  # NaN payloads and -0.0 included
    assert found.meta == meta


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.archive"


@pytest.fixture
def written(path):
    """An archive with one array of each kind, and its bytes."""
    arrays = {
        "numbers": np.linspace(0, 1, 7),
        "whole": np.arange(6, dtype=np.int32).reshape(2, 3),
        "flags": np.array([True, False]),
        "words": np.array(["α", "beta"]),
        "bytes": np.array([b"a", b"bc"]),
        "scalar": np.float32(3.5),
        "nothing": np.zeros((0, 3)),
    }
    meta = {"epochs": 3, "loss": 0.1, "names": ["a", None, True]}
    size = write_archive(path, arrays, meta, kind="test")
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    assert path.stat().st_size == size
    return arrays, meta, path.read_bytes()


@quickly
@given(arrays=ARRAYS, meta=META)
def test_what_was_written_comes_back(path, arrays, meta):
    size = write_archive(path, arrays, meta, kind="test")
    assert path.stat().st_size == size
    assert_same(read_archive(path, kind="test"), arrays, meta)
    assert_same(read_archive(path, kind="test", mmap=True), arrays, meta)


@quickly
@given(data=st.data(), arrays=ARRAYS, meta=META)
def test_any_flipped_bit_is_found(path, data, arrays, meta):
    write_archive(path, arrays, meta, kind="test")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    original = path.read_bytes()
    path.write_bytes(bytes(content))
    if bytes(content) == original:  # two flips of one bit
        assert_same(read_archive(path, kind="test"), arrays, meta)
    else:
        with pytest.raises(ArchiveError):
            read_archive(path, kind="test")


@quickly
@given(data=st.data(), arrays=ARRAYS, meta=META, mmap=st.booleans())
def test_any_truncation_and_any_addition_is_found(path, data, arrays, meta, mmap):
    size = write_archive(path, arrays, meta, kind="test")
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, size - 1))])
    with pytest.raises(ArchiveError):
        read_archive(path, kind="test", mmap=mmap)
    path.write_bytes(content + data.draw(st.binary(min_size=1, max_size=100)))
    with pytest.raises(ArchiveError):
        read_archive(path, kind="test", mmap=mmap)


@quickly
@given(content=st.binary(max_size=300))
def test_foreign_files_are_refused(path, content):
    for start in (b"", b"stackens-archive", b"stackens-archive" + struct.pack("<I", 1)):
        path.write_bytes(start + content)
        with pytest.raises(ArchiveError):
            read_archive(path, kind="test")


def test_every_single_bit_counts(path, written):
    *_, content = written
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(bytes(flipped))
        with pytest.raises(ArchiveError):
            read_archive(path, kind="test")


def test_a_pickle_is_not_opened(path, tmp_path):
    marker = tmp_path / "executed"

    class Payload:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ArchiveError, match="no archive"):
        read_archive(path, kind="test")
    with path.open("wb") as file:
        np.save(file, np.array([Payload()], dtype=object), allow_pickle=True)
    with pytest.raises(ArchiveError, match="no archive"):
        read_archive(path, kind="test")
    assert not marker.exists()
    np.load(path, allow_pickle=True)
    assert marker.exists()  # so it would have been seen


def forge(header, data=b""):
    """Put a header into a file whose checksums are right."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    prefix = struct.pack("<16sIQ", b"stackens-archive", 1, len(text))
    start = prefix + hashlib.sha256(prefix + text).digest() + text
    return start + bytes(-len(start) % 64) + data


def described(**changes):
    sha256 = hashlib.sha256(bytes(64)).hexdigest()
    one = {"name": "a", "dtype": "<f8", "shape": [8], "offset": 0, "sha256": sha256}
    return {"kind": "test", "meta": {}, "arrays": [{**one, **changes}]}


def test_the_forger_of_these_tests_can_write_what_is_read(path):
    path.write_bytes(forge(described(), bytes(64)))
    assert_same(read_archive(path, kind="test"), {"a": np.zeros(8)}, {})


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        [],
        {},
        {"kind": "test", "meta": {}, "arrays": {}, "x": 1} | {"arrays": ["a"]},
        {"kind": "test", "meta": [], "arrays": []},
        described(dtype="|O8"),
        described(dtype="<f7"),
        described(dtype="<M8"),
        described(dtype="f8,f8"),
        described(dtype=3),
        described(shape=[-8]),
        described(shape=[8.0]),
        described(shape=[True] * 3),
        described(shape=[1 << 62]),
        described(shape=[0, 1 << 70]),
        described(shape=[1] * 100),
        described(offset=64),
        described(offset=1),
        described(offset=-64),
        described(name=None),
        described(sha256=None),
        described(extra=1),
        {**described(), "arrays": described()["arrays"] * 2},
    ],
    ids=lambda header: str(header)[:60],
)
@pytest.mark.parametrize("mmap", [False, True])
def test_headers_that_nobody_wrote_are_refused(path, header, mmap):
    for n_bytes in (0, 64, 128):
        path.write_bytes(forge(header, bytes(n_bytes)))
        with pytest.raises(ArchiveError):
            read_archive(path, kind="test", mmap=mmap)


def test_another_format_is_named(path, written):
    *_, content = written
    path.write_bytes(content[:16] + struct.pack("<I", 7) + content[20:])
    with pytest.raises(ArchiveError, match="format 7; this version of stackens reads format 1"):
        read_archive(path, kind="test")


def test_another_kind_is_named(path, written):
    with pytest.raises(ArchiveError, match="holds 'test'; expected 'model'"):
        read_archive(path, kind="model")


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array([np.zeros(2), np.zeros(3)], dtype=object),
        np.zeros(2, dtype=[("a", "f8")]),
        np.zeros(2, dtype="M8[s]"),
        np.ma.masked_array([1.0, 2.0], [True, False]),
        None,
    ],
    ids=["objects", "ragged", "structured", "dates", "masked", "None"],
)
def test_arrays_that_cannot_be_kept_are_refused(path, value):
    with pytest.raises(InvalidInputError, match="Array 'a' must hold booleans, numbers or strings"):
        write_archive(path, {"a": value}, kind="test")
    assert not path.exists()


@pytest.mark.parametrize(
    "meta", [{"a": (1, 2)}, {1: 2}, {"a": np.nan}, {"a": np.inf}, {"a": {1}}, {"a": np.zeros(2)}]
)
def test_meta_that_json_would_change_is_refused(path, meta):
    with pytest.raises(InvalidInputError, match="`meta`"):
        write_archive(path, {}, meta, kind="test")
    assert not path.exists()


def test_names_are_strings(path):
    with pytest.raises(InvalidInputError, match="strings; got 3"):
        write_archive(path, {3: np.zeros(2)}, kind="test")


def test_the_layout_of_the_caller_does_not_matter(path, tmp_path):
    base = np.arange(60.0).reshape(5, 12)
    mapped = np.memmap(tmp_path / "mapped", "f8", "w+", shape=base.shape)
    mapped[:] = base
    arrays = {
        "fortran": np.asfortranarray(base),
        "view": base[::2, ::-3],
        "mapped": mapped,
        "broadcast": np.broadcast_to(np.float64(2), (3, 2)),
    }
    write_archive(path, arrays, kind="test")
    found = read_archive(path, kind="test").arrays
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.owndata
        assert found[name].flags.writeable


def test_memory_maps_are_views_that_cannot_be_written(path, written):
    arrays, meta, _ = written
    found = read_archive(path, kind="test", mmap=True)
    assert_same(found, arrays, meta)
    assert isinstance(found.arrays["numbers"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.arrays["numbers"][0] = 1


def test_symbolic_links_are_followed_only_on_request(path, written, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ArchiveError, match="symbolic link"):
        read_archive(link, kind="test")
    assert_same(read_archive(link, kind="test", follow_symlinks=True), *written[:2])


def test_writing_replaces_a_link_instead_of_following_it(path, written, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    write_archive(link, {}, {"other": 1}, kind="test")
    assert not link.is_symlink()
    assert path.read_bytes() == written[-1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_neither_folders_nor_pipes_are_read(path, tmp_path):
    os.mkfifo(path)
    with pytest.raises(ArchiveError, match="no regular file"):
        read_archive(path, kind="test")
    with pytest.raises(ArchiveError):
        read_archive(tmp_path, kind="test")


def test_an_absent_file_is_not_a_damaged_one(path):
    with pytest.raises(FileNotFoundError):
        read_archive(path, kind="test")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, written, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ArchiveError, match=f"Cannot write {path}: .*No space left"):
        write_archive(path, {"a": np.zeros(3)}, kind="test")
    assert path.read_bytes() == written[-1]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_grows_too_large_is_removed(path):
    """The system's own refusal, at whatever moment it comes."""
    code = (
        "import resource, sys, numpy as np\n"
        "from stackens.archive import write_archive\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "write_archive(sys.argv[1], {'a': np.zeros(1_000_000)}, kind='test')\n"
    )
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ArchiveError: Cannot write" in done.stderr
    assert not list(path.parent.iterdir())


def test_a_missing_folder_is_an_archive_error(tmp_path):
    with pytest.raises(ArchiveError, match="Cannot write"):
        write_archive(tmp_path / "absent" / "file", {}, kind="test")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_archive_error(path):
    path.parent.chmod(0o500)
    with pytest.raises(ArchiveError, match="Permission denied"):
        write_archive(path, {}, kind="test")
    path.parent.chmod(0o700)


def test_a_killed_writer_leaves_the_old_file(path, written):
    """Kill while a large file is being written, again and again, at other moments."""
    code = (
        "import sys, numpy as np\n"
        "from stackens.archive import write_archive\n"
        "big = np.random.default_rng(0).bytes(8_000_000)\n"
        "arrays = {'a': np.frombuffer(big, np.uint8)}\n"
        "print('ready', flush=True)\n"
        "for i in range(10_000):\n"
        "    write_archive(sys.argv[1], arrays, {'i': i}, kind='test')\n"
    )
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        read_archive(path, kind="test")  # the one before or the new one, but a whole one


@pytest.fixture(scope="module")
def stack():
    X, y = load_iris(return_X_y=True)
    learners = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier())]
    return stackens.StackingClassifier(learners).fit(X, y)


def write_by(write, stack, path):
    stack.report(path) if write == "report" else getattr(stackens, write)(stack, path)


WRITERS = pytest.mark.parametrize("write", ["save", "export_numpy", "report"])


@WRITERS
def test_a_missing_folder_is_named_by_all_that_write_files(write, stack, tmp_path):
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(ArchiveError) as caught:
        write_by(write, stack, path)
    assert str(caught.value).startswith(f"Cannot write {path}: there is no folder {path.parent}.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@WRITERS
@pytest.mark.parametrize("by_link", [False, True])
def test_what_is_no_regular_file_is_never_replaced(write, by_link, stack, tmp_path):
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if by_link:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ArchiveError, match="no regular file"):
        write_by(write, stack, path)
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@WRITERS
@pytest.mark.parametrize("is_there", [False, True])
def test_what_a_link_names_is_written_by_all_that_write_files(write, is_there, stack, tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    if is_there:
        target.write_bytes(b"old")
    link.symlink_to("far/target")
    write_by(write, stack, link)
    assert link.is_symlink()
    assert len(target.read_bytes()) > 100
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(os.name == "nt", reason="modes of its own")
@WRITERS
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_an_existing_file_keeps_its_mode(write, mode, stack, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_by(write, stack, path)
    assert path.stat().st_mode & 0o777 == mode
    assert len(path.read_bytes()) > 100
