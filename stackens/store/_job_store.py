"""A folder that keeps what was trained, by the key of everything that it depends on.

Each entry is one archive, written at once or not at all, checked when it is read, and named by its
key. Whatever happens to the folder, the worst that follows is a warning and a new training: no
method raises for a damaged, foreign, read-only or full one.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from stackens.archive import TEMPORARY_PREFIX, Archive, read_archive, write_archive
from stackens.exceptions import ArchiveError, InvalidInputError, StoreWarning, warn_user
from stackens.store._claims import Claim, ClaimFolder, SeenClaim, touch

# The last part is the format of keys and entries together: another one is another folder.
_FOLDER = "stackens-store-1"
_KEY = re.compile(r"[0-9a-f]{64}")
_OWN_FILE = re.compile(r"([0-9a-f]{64})\.(entry|checkpoint)")
_LONGEST_WRITE = 3600.0  # seconds; a temporary file older than that was left behind


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds.

    Attributes
    ----------
    location : Path
        Its folder.
    n_entries : int
        Finished jobs.
    n_checkpoints : int
        Jobs that were interrupted, or run now.
    n_bytes : int
        Of both.
    oldest, newest : float or None
        When the least and the most recently used of them was used, in seconds since 1970.

    Examples
    --------
    >>> import tempfile
    >>> from stackens import JobStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = JobStore(folder)
    ...     kept = store.put("0" * 64, {"weights": [1.0, 2.0]}, {}, kind="example")
    ...     info = store.info()
    >>> info.n_entries, info.n_checkpoints
    (1, 0)
    """

    location: Path
    n_entries: int
    n_checkpoints: int
    n_bytes: int
    oldest: float | None
    newest: float | None


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    size: int
    used: float


class JobStore:
    """Keeps trained networks and predictions in a folder, so that nothing is trained twice.

    Estimators take it as ``memory``; it can be shared by any number of them, and by processes. It
    survives ``clone`` and pickling.

    Parameters
    ----------
    location : path-like
        A folder, made when it is first needed. The store keeps to a folder of its own inside.
    stale_after : float, default=60.0
        Seconds after which the claim of a process that shows no sign of life is taken over: it
        was stopped, or died on another machine. (One that died on this machine is noticed at
        once.) Give all that share a folder the same; living ones show it six times in that while.
    checkpoint_every : float, default=60.0
        Seconds between two checkpoints of a network in training, from which an interrupted one
        goes on; 0 is after every epoch, ``math.inf`` never.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from stackens.store import JobStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = JobStore(folder)
    ...     key = "0" * 64
    ...     _ = store.put(key, {"a": np.arange(3)}, {"epochs": 5}, kind="example")
    ...     store.get(key, kind="example").arrays["a"], store.info().n_entries
    (array([0, 1, 2]), 1)
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        stale_after: float = 60.0,
        checkpoint_every: float = 60.0,
    ) -> None:
        self.location = location
        self.stale_after = stale_after
        self.checkpoint_every = checkpoint_every
        self._warned: set[str] = set()
        self._has_written = False
        self._seen_claims: dict[Path, SeenClaim] = {}

    # ---- entries -------------------------------------------------------------------------------

    def get(self, key: str, *, kind: str) -> Archive | None:
        """Return an entry, or None if there is none that can be used.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        kind : str
            What the entry must be.

        Returns
        -------
        Archive or None
            A damaged entry is removed, with a :class:`~stackens.exceptions.StoreWarning`.
        """
        path = self._path(key, "entry")
        found = self._read(path, key, kind)
        if found is not None:
            touch(path)  # the least recently used go first
        return found

    def put(
        self, key: str, arrays: Mapping[str, Any], meta: Mapping[str, Any], *, kind: str
    ) -> bool:
        """Keep an entry; one that is there is replaced.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        arrays : mapping of str to array-like
            Its arrays.
        meta : mapping
            What else belongs to it, as JSON.
        kind : str
            What it is.

        Returns
        -------
        bool
            False, with one warning for this store, if it cannot be kept.
        """
        return self._write(self._path(key, "entry"), key, arrays, meta, kind)

    def discard(self, key: str) -> None:
        """Remove an entry, if it is there.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        """
        self._remove(self._path(key, "entry"))

    def reject(self, key: str, error: Exception) -> None:
        """Remove an entry that was read and is not understood, with a warning.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        error : Exception
            Why.
        """
        self._reject(self._path(key, "entry"), error)

    # ---- checkpoints: the same, under another name ---------------------------------------------

    def get_checkpoint(self, key: str) -> Archive | None:
        """Return the state of an interrupted job, if there is one that can be used.

        Parameters
        ----------
        key : str
            Of the job.

        Returns
        -------
        Archive or None
        """
        return self._read(self._path(key, "checkpoint"), key, "checkpoint")

    def put_checkpoint(self, key: str, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
        """Keep the state of a running job, in place of an earlier one.

        Parameters
        ----------
        key : str
            Of the job.
        arrays, meta : mapping
            As for ``put``.

        Returns
        -------
        bool
            Whether it was kept.
        """
        return self._write(self._path(key, "checkpoint"), key, arrays, meta, "checkpoint")

    def discard_checkpoint(self, key: str) -> None:
        """Remove the state of a job, if it is there.

        Parameters
        ----------
        key : str
            Of the job.
        """
        self._remove(self._path(key, "checkpoint"))

    def reject_checkpoint(self, key: str, error: Exception) -> None:
        """Remove a state that was read and does not fit its job, with a warning.

        Parameters
        ----------
        key : str
            Of the job.
        error : Exception
            Why.
        """
        self._reject(self._path(key, "checkpoint"), error)

    # ---- between processes ---------------------------------------------------------------------

    def claim(self, key: str) -> Claim | None:
        """Say that this process makes an entry, unless another one says so.

        Claims save work and nothing else: without one, two processes do the same work and keep
        the same result. Do not wait for others while holding one.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.

        Returns
        -------
        Claim or None
            A context manager that gives it back; None if another process is at work. Where the
            folder cannot be written, everybody gets a claim.
        """
        _check_key(key)
        try:
            return self._claims.claim(key)
        except OSError as error:
            self._warn("write", f"cannot be written, so that nothing is kept: {error}")
            return Claim(None)

    def wait(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody makes an entry: it is there, or its maker gave up or died.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        timeout : float, default=None
            Longest time to wait, in seconds; None is for ever.

        Returns
        -------
        bool
            Whether it is free now.
        """
        _check_key(key)
        try:
            self._refuse_link()
        except OSError:  # there are no claims then
            return True
        return self._claims.wait(key, timeout)

    # ---- housekeeping --------------------------------------------------------------------------

    def info(self) -> StoreInfo:
        """Count what is there.

        Returns
        -------
        StoreInfo
        """
        files = list(self._files())
        used = [file.used for file in files]
        return StoreInfo(
            location=self._folder,
            n_entries=sum(file.kind == "entry" for file in files),
            n_checkpoints=sum(file.kind == "checkpoint" for file in files),
            n_bytes=sum(file.size for file in files),
            oldest=min(used, default=None),
            newest=max(used, default=None),
        )

    def prune(self, max_bytes: int | None = None, max_age: float | timedelta | None = None) -> int:
        """Remove what was not used for longest, until the limits are kept.

        Also removes what killed processes left behind.

        Parameters
        ----------
        max_bytes : int, default=None
            Size that entries and checkpoints may have together; None is any.
        max_age : float or timedelta, default=None
            How long ago (in seconds) they may have been used last; 0 removes all, None is any
            time. A time in the future (a clock was set back) counts as so long ago.

        Returns
        -------
        int
            Bytes that were removed.
        """
        limit = _check_limits(max_bytes, max_age)
        files = sorted(self._files(), key=lambda file: file.used)
        total = sum(file.size for file in files)
        removed = 0
        for file in files:
            is_too_old = limit is not None and _age(file.used) >= limit
            is_too_much = max_bytes is not None and total - removed > max_bytes
            if (is_too_old or is_too_much) and self._remove(file.path):
                removed += file.size
        self._sweep(older_than=_LONGEST_WRITE)
        return removed

    def clear(self) -> None:
        """Remove all entries and checkpoints, and nothing else that may be in the folder."""
        for file in list(self._files()):
            self._remove(file.path)
        self._sweep(older_than=_LONGEST_WRITE)

    # ---- inside --------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return Path(self.location).expanduser().absolute() / _FOLDER

    @property
    def _claims(self) -> ClaimFolder:
        return ClaimFolder(
            self._folder,
            self._ensure_folder,
            self.stale_after,
            self._seen_claims,
            self._warn_of_wait,
        )

    def _path(self, key: str, kind: str) -> Path:
        return self._folder / f"{_check_key(key)}.{kind}"

    def _ensure_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._refuse_link()

    def _refuse_link(self) -> None:
        if self._folder.is_symlink():  # the location may be one; what is inside leads nowhere else
            raise ArchiveError(f"{self._folder} is a symbolic link, which is not followed.")

    def _read(self, path: Path, key: str, kind: str) -> Archive | None:
        try:
            self._refuse_link()
            found = read_archive(path, kind=kind)
            content = found.meta.get("content")
            if found.meta.get("key") != key or not isinstance(content, dict):
                raise ArchiveError(f"{path} holds another entry than its name says.")
        except FileNotFoundError:
            return None
        except OSError as error:
            if not isinstance(error.__cause__, OSError):  # damaged, not just out of reach
                self._remove(path)
            self._warn(path.name, f"has an entry that cannot be used and is made anew: {error}")
            return None
        except MemoryError as error:
            self._warn(path.name, f"has an entry that is too large for the memory: {error}")
            return None
        return Archive(kind, found.arrays, content)

    def _write(
        self, path: Path, key: str, arrays: Mapping[str, Any], meta: Mapping[str, Any], kind: str
    ) -> bool:
        try:
            self._ensure_folder()
            if not self._has_written:  # once, what killed processes left behind
                self._has_written = True
                self._sweep(older_than=_LONGEST_WRITE)
            write_archive(path, arrays, {"key": key, "content": dict(meta)}, kind=kind)
        except InvalidInputError as error:
            self._warn(kind, f"cannot keep a result of this kind: {error}")
            return False
        except OSError as error:
            self._warn("write", f"cannot be written, so that nothing is kept: {error}")
            return False
        return True

    def _reject(self, path: Path, error: Exception) -> None:
        self._remove(path)
        self._warn(
            path.name,
            f"has an entry that cannot be used and is made anew: {path} is of another version: "
            f"{type(error).__name__}: {error}",
        )

    def _remove(self, path: Path) -> bool:
        """Remove a file, or a link itself; say whether it is gone because of that."""
        try:
            self._refuse_link()
            path.unlink()
        except OSError:
            return False
        return True

    def _files(self) -> Iterator[_File]:
        """Find the files that this store has written."""
        for path, status in self._scan():
            match = _OWN_FILE.fullmatch(path.name)
            if match and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                yield _File(path, match[2], status.st_size, status.st_mtime)

    def _scan(self, prefix: str = "") -> Iterator[tuple[Path, os.stat_result]]:
        try:
            self._refuse_link()
            names = sorted(os.listdir(self._folder))  # noqa: PTH208 - an error is raised here
        except OSError:
            return
        for name in (name for name in names if name.startswith(prefix)):
            with contextlib.suppress(OSError):  # somebody else removed it just now
                path = self._folder / name
                yield path, path.lstat()

    def _sweep(self, older_than: float) -> None:
        """Remove temporary files and claims that killed processes left behind."""
        for path, status in self._scan(TEMPORARY_PREFIX):
            if _age(status.st_mtime) > older_than:
                self._remove(path)
        with contextlib.suppress(OSError):
            self._refuse_link()
            self._claims.sweep()

    def _warn_of_wait(self, holder: dict[str, Any]) -> None:
        machine = str(holder.get("machine", "unknown")).partition(" ")[0]
        self._warn(
            "wait",
            f"has what is wanted here in the making: waiting for process {holder.get('pid')} on "
            f"{machine}, until it is done or shows no sign of life for {self.stale_after:g} s.",
        )

    def _warn(self, about: str, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            warn_user(f"The store at {self._folder} {message}", StoreWarning)

    # ---- a handle, not a copy of the folder ----------------------------------------------------

    def __repr__(self) -> str:
        return f"JobStore({str(self.location)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobStore) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash(self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, ...]:
        settings = (self.stale_after, self.checkpoint_every)
        return (_open_store, (str(self._folder.parent), *settings))

    def __sklearn_clone__(self) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _age(moment: float) -> float:
    """Seconds between a moment and now; what comes from the future is no younger for that."""
    return abs(time.time() - moment)


def _open_store(location: str, stale_after: float, checkpoint_every: float) -> JobStore:
    return JobStore(location, stale_after=stale_after, checkpoint_every=checkpoint_every)


def _check_key(key: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidInputError(f"A key has 64 hexadecimal digits; got {key!r}.")
    return key


def _check_limits(max_bytes: int | None, max_age: float | timedelta | None) -> float | None:
    limit = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
    for name, value in (("max_bytes", max_bytes), ("max_age", limit)):
        if value is not None and not value >= 0:
            raise InvalidInputError(f"`{name}` must be >= 0; got {value}.")
    return limit
