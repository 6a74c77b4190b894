"""Arrays and JSON in one file, with checksums, and no code in it.

An archive is written to a temporary name in the same folder and then renamed, so that a reader
finds the old file, the new one, or none. Every byte is covered by a checksum: what is read is
exactly what was written, or :class:`~stackens.exceptions.ArchiveError` is raised. Nothing is ever
unpickled or executed.

The layout, all numbers little-endian: 16 bytes of magic; the format's version (4 bytes); the
length of the header (8 bytes); the SHA-256 of these and the header (32 bytes); the header, which is
JSON; then the arrays in C order, each at a multiple of 64 bytes, zeros between them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import re
import stat
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from stackens.exceptions import ArchiveError, InvalidInputError

__all__ = ["TEMPORARY_PREFIX", "Archive", "open_whole", "read_archive", "write_archive"]

# Files that a killed writer left behind begin with this; whoever owns the folder may sweep them.
TEMPORARY_PREFIX = ".stackens-tmp-"

_MAGIC = b"stackens-archive"
_VERSION = 1
_PREFIX = struct.Struct("<16sIQ")
_DIGEST_SIZE = hashlib.sha256().digest_size
_HEADER_START = _PREFIX.size + _DIGEST_SIZE
_ALIGNMENT = 64
_PIECE = 1 << 22  # bytes read, written and hashed at once
# Far beyond what is ever written; what is more would be memory for the asking.
_HEADER_LIMIT = 1 << 26  # bytes
_CONTAINER_LIMIT = 2_000_000  # lists and dicts of the header, each of which takes 60 bytes or more
_DIMENSION_LIMIT = 1 << 48

# Booleans, integers, floating and complex numbers, byte and unicode strings.
_KINDS = "biufcSU"
_DTYPE = re.compile(rf"[<>|][{_KINDS}][0-9]{{1,9}}")

# Where the system has them: do not follow a link, do not wait for a pipe's other end.
_SAFE_OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, eq=False)
class Archive:
    """What an archive holds.

    Attributes
    ----------
    kind : str
        What it is, as its writer called it, e.g. ``"network"``.
    arrays : dict of str to ndarray
        The arrays, in the order in which they were given.
    meta : dict
        Everything else: JSON.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from stackens.archive import read_archive, write_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights")
    ...     size = write_archive(path, {"bias": [0.5, 1.0]}, {"epochs": 3}, kind="example")
    ...     archive = read_archive(path, kind="example")
    >>> archive.kind, archive.arrays["bias"], archive.meta
    ('example', array([0.5, 1. ]), {'epochs': 3})
    """

    kind: str
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]


def write_archive(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Any],
    meta: Mapping[str, Any] | None = None,
    *,
    kind: str,
    check: Callable[[Path], None] | None = None,
    follow_symlinks: bool = False,
) -> int:
    """Write arrays and JSON to a file, which appears whole or not at all.

    Parameters
    ----------
    path : path-like
        The file; one that is there is replaced, and keeps its mode. Its folder must exist.
    arrays : mapping of str to array-like
        Arrays of booleans, numbers, byte strings or unicode strings, of any shape.
    meta : mapping, default=None
        JSON: dicts with string keys, lists, strings, finite numbers, booleans, None. Nothing that
        JSON would change is accepted, so that it comes back equal.
    kind : str
        What the file is; ``read_archive`` refuses another kind.
    check : callable, default=None
        Is given the whole file under its temporary name. What it raises is raised, and there is no
        new file.
    follow_symlinks : bool, default=False
        Whether the file that a symbolic link names is written, instead of the link replaced.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    InvalidInputError
        If an array or ``meta`` is of a type that cannot be kept.
    ArchiveError
        If the file cannot be written: no space, no permission, no such folder, or there is
        something else by that name, such as a pipe.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from stackens.archive import read_archive, write_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights")
    ...     size = write_archive(path, {"kernel": np.eye(2)}, {"epochs": 3}, kind="example")
    ...     read_archive(path, kind="example").meta
    {'epochs': 3}
    """
    path = Path(path)
    checked = {_check_name(name): _check_array(name, value) for name, value in arrays.items()}
    described, total = _describe(checked)
    header = _encode_json({"kind": kind, "meta": dict(meta or {}), "arrays": described})
    # The header's own length moves the arrays, so that their offsets count from its end.
    prefix = _PREFIX.pack(_MAGIC, _VERSION, len(header))
    try:
        with open_whole(path, check, follow_symlinks=follow_symlinks) as file:
            file.write(prefix + _digest(prefix, header) + header)
            _pad(file, _HEADER_START + len(header))
            for array in checked.values():
                _write_array(file, array)
    except ArchiveError:
        raise
    except OSError as error:
        raise ArchiveError(f"Cannot write {path}: {error}") from error
    return _aligned(_HEADER_START + len(header)) + total


@contextlib.contextmanager
def open_whole(
    path: Path,
    check: Callable[[Path], None] | None = None,
    *,
    follow_symlinks: bool = False,
) -> Iterator[BinaryIO]:
    """Open a file for writing that appears whole when the block ends, or not at all.

    Parameters
    ----------
    path : Path
        The file; one that is there stays as it is until it is replaced by one of its mode. Its
        folder must exist.
    check : callable, default=None
        Is given the temporary name when all is written; what it raises keeps the file away.
    follow_symlinks : bool, default=False
        Whether the file that a symbolic link names is written, instead of the link replaced.

    Yields
    ------
    file
        Open for bytes, under a temporary name in the same folder.

    Raises
    ------
    ArchiveError
        If there is no such folder, or the path is of something that is no regular file.
    OSError
        If it cannot be written.
    """
    if follow_symlinks and path.is_symlink():
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise ArchiveError(
            f"Cannot write {path}: there is no folder {path.parent}. Make it first, with "
            "`pathlib.Path(…).mkdir(parents=True)`, or write to one that is there."
        )
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{uuid.uuid4().hex}"
    mode = _mode_to_keep(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _mode_to_keep(path: Path) -> int | None:
    """Return the mode of the file that is going to be replaced; None of what has none to keep."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found):
        return None
    if not stat.S_ISREG(found):
        raise ArchiveError(
            f"Cannot write {path}: it is no regular file, and would be replaced by one. Give the "
            "name of a file, or one that is not there yet."
        )
    return found & 0o777


def read_archive(
    path: str | os.PathLike[str],
    *,
    kind: str,
    mmap: bool = False,
    follow_symlinks: bool = False,
) -> Archive:
    """Read an archive, and check every byte of it.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it must be.
    mmap : bool, default=False
        Whether the arrays are read-only views of the file instead of copies in memory.
        They are checked all the same, when they are opened.
    follow_symlinks : bool, default=False
        Whether ``path`` may be a symbolic link.

    Returns
    -------
    Archive
        Exactly what was written.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it cannot be read, is damaged, no archive, of another format or of another kind.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from stackens.archive import read_archive, write_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights")
    ...     size = write_archive(path, {"bias": [0.5, 1.0]}, kind="example")
    ...     read_archive(path, kind="another")
    Traceback (most recent call last):
        ...
    stackens.exceptions.ArchiveError: ...
    """
    path = Path(path)
    try:
        with _open_regular(path, follow_symlinks) as file:
            return _read(file, path, kind, mmap)
    except (ArchiveError, FileNotFoundError):
        raise
    except OSError as error:
        raise ArchiveError(f"Cannot read {path}: {error}") from error


# ---- writing ------------------------------------------------------------------------------------


def _check_name(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidInputError(f"Names of arrays must be strings; got {name!r}.")
    return name


def _check_array(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value, order="C")
    if isinstance(value, np.ma.MaskedArray) or not _DTYPE.fullmatch(array.dtype.str):
        what = "a masked array" if isinstance(value, np.ma.MaskedArray) else f"{array.dtype}"
        raise InvalidInputError(
            f"Array {name!r} must hold booleans, numbers or strings; it is {what}. Convert it "
            "first, for example with `astype`."
        )
    return array


def _describe(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], int]:
    """Say for each array what it is, where it begins after the header, and what its digest is."""
    described, offset = [], 0
    for name, array in arrays.items():
        described.append(
            {
                "name": name,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
                "offset": offset,
                "sha256": _array_digest(array),
            }
        )
        offset += _aligned(array.nbytes)
    return described, offset


def _encode_json(header: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(header, allow_nan=False, separators=(",", ":"))
        same = json.loads(text) == header
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"`meta` must be JSON (finite numbers, strings, lists, dicts with string keys): {error}"
        ) from error
    if not same:
        raise InvalidInputError(
            "`meta` would not come back equal from JSON: use lists for tuples, and strings as keys "
            "of dicts."
        )
    return text.encode("ascii")


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    for piece in _pieces(array):
        file.write(piece)
    _pad(file, array.nbytes)


def _pieces(array: np.ndarray) -> Iterator[memoryview]:
    """Yield the bytes of a C-ordered array, a few megabytes at a time."""
    if not array.nbytes:
        return
    data = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


def _array_digest(array: np.ndarray) -> str:
    """Digest of the array's bytes and of the zeros after them."""
    digest = hashlib.sha256()
    for piece in _pieces(array):
        digest.update(piece)
    digest.update(bytes(_aligned(array.nbytes) - array.nbytes))
    return digest.hexdigest()


def _pad(file: BinaryIO, size: int) -> None:
    file.write(bytes(_aligned(size) - size))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _digest(prefix: bytes, header: bytes) -> bytes:
    return hashlib.sha256(prefix + header).digest()


def _sync_folder(folder: Path) -> None:
    """Make a rename last; not every system can, and the file itself is safe without."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# ---- reading ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _open_regular(path: Path, follow_symlinks: bool) -> Iterator[BinaryIO]:
    flags = os.O_RDONLY | _BINARY | _SAFE_OPEN
    if follow_symlinks:
        flags &= ~getattr(os, "O_NOFOLLOW", 0)
    elif path.is_symlink():
        raise ArchiveError(f"{path} is a symbolic link, which is not followed here.")
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArchiveError(f"{path} is no regular file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _read(file: BinaryIO, path: Path, kind: str, mmap: bool) -> Archive:
    header, start = _read_header(file, path)
    try:
        described = [_Described(**one) for one in header["arrays"]]
        found, meta = header["kind"], header["meta"]
        if any(d.offset != before for d, before in zip(described, _starts(described), strict=True)):
            raise ValueError("arrays that do not follow each other")
        if not isinstance(meta, dict) or len({d.name for d in described}) < len(described):
            raise ValueError("not what this version writes")
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path} has a header that is not understood: {error}") from error
    if found != kind:
        raise ArchiveError(f"{path} holds {found!r}; expected {kind!r}.")
    end = start + sum(d.space for d in described)
    size = os.fstat(file.fileno()).st_size
    if size != end:
        raise ArchiveError(f"{path} is damaged: it has {size} bytes; expected {end}.")
    arrays = {}
    for one in described:
        arrays[one.name] = _read_array(file, path, one, start, mmap)
    return Archive(kind, arrays, meta)


def _read_header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], int]:
    """Return the header and where the arrays begin."""
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size or not prefix.startswith(_MAGIC):
        raise ArchiveError(f"{path} is no archive of stackens, or damaged.")
    _, version, length = _PREFIX.unpack(prefix)
    if version != _VERSION:
        raise ArchiveError(
            f"{path} is damaged, or of format {version}; this version of stackens reads format "
            f"{_VERSION}."
        )
    if length > os.fstat(file.fileno()).st_size:  # before anything of that length is made
        _damaged(path)
    if length > _HEADER_LIMIT:
        raise ArchiveError(
            f"{path} has a header of {length} bytes; at most {_HEADER_LIMIT} is read."
        )
    digest, header = file.read(_DIGEST_SIZE), file.read(length)
    if digest != _digest(prefix, header):
        _damaged(path)
    end = _HEADER_START + length
    if any(file.read(_aligned(end) - end)):
        _damaged(path)
    if header.count(b"[") + header.count(b"{") > _CONTAINER_LIMIT:
        raise ArchiveError(f"{path} has a header of more than {_CONTAINER_LIMIT} parts.")
    try:
        return json.loads(header), _aligned(end)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{path} has a header that is no JSON: {error}") from error


def _damaged(path: Path) -> NoReturn:
    raise ArchiveError(f"{path} is damaged: its checksum is not that of its content.")


def _starts(described: list[_Described]) -> list[int]:
    return [0, *itertools.accumulate(one.space for one in described)][: len(described)]


class _Described:
    """An array as the header describes it; what cannot be is a ValueError."""

    def __init__(
        self, *, name: str, dtype: str, shape: list[int], offset: int, sha256: str
    ) -> None:
        if not isinstance(name, str) or not _DTYPE.fullmatch(dtype):
            raise ValueError(f"array {name!r} of type {dtype!r}")
        sizes = [*shape, offset]
        if len(shape) > 32 or not all(type(n) is int and 0 <= n < _DIMENSION_LIMIT for n in sizes):
            raise ValueError(f"array {name!r} of shape {str(shape)[:60]} at {str(offset)[:60]}")
        self.name, self.dtype, self.shape = name, np.dtype(dtype), tuple(shape)
        self.offset, self.sha256 = offset, sha256
        self.n_bytes = self.dtype.itemsize * math.prod(shape)
        self.space = _aligned(self.n_bytes)


def _read_array(file: BinaryIO, path: Path, one: _Described, start: int, mmap: bool) -> np.ndarray:
    position = start + one.offset
    is_mapped = bool(mmap and one.n_bytes)
    try:
        array: np.ndarray = (
            np.memmap(file, one.dtype, "r", position, one.shape)
            if is_mapped
            else np.empty(one.shape, one.dtype)
        )
    except (ValueError, OverflowError) as error:
        raise ArchiveError(f"{path} has an array that cannot be: {error}") from error
    if not is_mapped:
        file.seek(position)
        for piece in _pieces(array):
            if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
                _damaged(path)
    file.seek(position + one.n_bytes)
    padding = file.read(one.space - one.n_bytes)
    if any(padding) or len(padding) < one.space - one.n_bytes or _array_digest(array) != one.sha256:
        _damaged(path)
    return array
