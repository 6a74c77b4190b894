"""Which process makes what, agreed on by files in a shared folder.

A claim is a small file that its holder touches every few seconds. It is abandoned if its holder
was a process of this machine that lives no more, or if nobody touched it for a while. That while
is the time between the looks of whoever wants it, so that clocks of different machines need not
agree, and who was asleep himself does not take that for silence. Files are made and moved by
operations that every file system does at once, so that no locks are needed. Should two processes
hold the same claim all the same, they do the same work twice, and nothing else.

filelock's SoftFileLease is the same idea, but takes a thread and an open file for each of hundreds
of claims, and gives an error where peers have other settings; waiting, telling who is waited for
and sweeping would stay here. Locks of the system (portalocker) say nothing of a holder that is lost
or hangs on another machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_SUFFIX = ".claim"
_CLAIM = re.compile(r"[0-9a-f]{64}\.claim(-[0-9a-f]{32})?")
_LONGEST_PAUSE = 1.0  # seconds between two looks at a claim
_LONGEST_GAP = 5.0  # more than that between two looks does not count as silence: who looks was busy
_LONG_WAIT = 30.0  # seconds after which it is said that somebody else is waited for


class Claim:
    """The right to make one entry; a context manager, at whose end it is given back.

    Parameters
    ----------
    path : Path or None
        The file; None is a claim that nobody else can see.
    """

    def __init__(self, path: Path | None, token: str = "") -> None:
        self._path, self._token = path, token
        self._pid = os.getpid()

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        path, self._path = self._path, None
        if path is None or self._pid != os.getpid():  # a fork does not own its parent's claims
            return
        _heart().remove(self)
        if _read_holder(path).get("token") == self._token:  # nobody has taken it over
            _unlink(path)

    def touch(self) -> None:
        """Show that the holder lives."""
        path = self._path
        if path is not None:
            touch(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.release()


@dataclass
class SeenClaim:
    """What was seen of somebody's claim, from the first look to the last one."""

    state: tuple[int, int]
    looked: float
    silent: float = 0.0  # seconds without a change
    in_all: float = 0.0  # seconds

    def look(self, state: tuple[int, int]) -> None:
        now = time.monotonic()
        gap = min(now - self.looked, _LONGEST_GAP)
        self.silent = self.silent + gap if state == self.state else 0.0
        self.in_all += gap
        self.state, self.looked = state, now


class ClaimFolder:
    """The claims in one folder.

    Parameters
    ----------
    folder : Path
        Where they are.
    ensure : callable
        Makes the folder.
    stale_after : float
        Seconds without a sign of life after which a claim is abandoned.
    seen : dict of Path to SeenClaim
        What is known of claims of others, from one look to the next; it is written to.
    on_long_wait : callable
        ``on_long_wait(holder)`` is called with what a claim says about its holder, at each look at
        one that has been in the way for long.
    """

    def __init__(
        self,
        folder: Path,
        ensure: Callable[[], None],
        stale_after: float,
        seen: dict[Path, SeenClaim],
        on_long_wait: Callable[[dict[str, Any]], None],
    ) -> None:
        self.folder, self.stale_after = folder, stale_after
        self._ensure, self._seen, self._on_long_wait = ensure, seen, on_long_wait

    def claim(self, key: str) -> Claim | None:
        """Take a claim; None if somebody who lives has it.

        One that is abandoned and cannot be removed is of no meaning.
        """
        self._ensure()
        path = self._path(key)
        for _ in range(2):  # once more if the one that was there turns out to be abandoned
            claim = self._create(path)
            if claim is not None:
                return claim
            if not self._is_abandoned(path):
                return None
            if not _take_away(path):
                return Claim(None)
        return None

    def wait(self, key: str, timeout: float | None) -> bool:
        """Wait until nobody has the claim; return whether that is so."""
        path = self._path(key)
        started, pause = time.monotonic(), 0.02
        while True:
            if self._is_abandoned(path):
                _take_away(path)
                return True
            if timeout is not None and time.monotonic() - started >= timeout:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _is_abandoned(self, path: Path) -> bool:
        """Look at a claim: whether it is gone, or its holder is dead or was silent for too long."""
        state = _state(path)
        if state is None:
            self._seen.pop(path, None)
            return True
        seen = self._seen.setdefault(path, SeenClaim(state, time.monotonic()))
        seen.look(state)
        holder = _read_holder(path)
        if seen.silent > self.stale_after or _is_dead(holder):
            return _state(path) == state  # not touched or replaced just now
        if seen.in_all > _LONG_WAIT:
            self._on_long_wait(holder)
        return False

    def sweep(self) -> None:
        """Remove the claims of processes of this machine that live no more."""
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if _CLAIM.fullmatch(path.name) and _is_dead(_read_holder(path)):
                    _unlink(path)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _create(self, path: Path) -> Claim | None:
        token = uuid.uuid4().hex
        holder = json.dumps({**_identity(), "token": token}).encode()
        # Written aside and linked: a claim that can be seen says whose it is.
        aside = path.with_name(f"{path.name}-{token}")
        try:
            _write_new(aside, holder)
            os.link(aside, path)
        except FileExistsError:
            return None
        except OSError:  # a file system without links: nearly as good
            return self._create_without_link(path, token, holder)
        finally:
            _unlink(aside)
        return self._hold(path, token)

    def _create_without_link(self, path: Path, token: str, holder: bytes) -> Claim | None:
        try:
            _write_new(path, holder)
        except FileExistsError:
            return None
        return self._hold(path, token)

    def _hold(self, path: Path, token: str) -> Claim:
        self._seen.pop(path, None)
        claim = Claim(path, token)
        _heart().add(claim, self.stale_after / 6)
        return claim


class _Heart:
    """One thread of this process that touches all its claims."""

    def __init__(self) -> None:
        self._claims: weakref.WeakSet[Claim] = weakref.WeakSet()
        self._changed = threading.Condition()
        self._pause = 10.0
        self._is_beating = False

    def add(self, claim: Claim, pause: float) -> None:
        with self._changed:
            self._claims.add(claim)
            self._pause = min(self._pause, pause)
            self._changed.notify()
            if not self._is_beating:
                self._is_beating = True
                threading.Thread(target=self._beat, name="stackens-claims", daemon=True).start()

    def remove(self, claim: Claim) -> None:
        with self._changed:
            self._claims.discard(claim)
            self._changed.notify()

    def _beat(self) -> None:
        while True:
            with self._changed:
                if not self._claims:
                    self._is_beating = False
                    return
                self._changed.wait(self._pause)
                claims = list(self._claims)
            for claim in claims:
                claim.touch()


_HEARTS: dict[int, _Heart] = {}


def _heart() -> _Heart:
    """The one of this process: after a fork, neither thread nor locks of the parent's are used."""
    return _HEARTS.setdefault(os.getpid(), _Heart())


# ---- who holds a claim, and whether it lives ----------------------------------------------------


def _identity() -> dict[str, Any]:
    return {"machine": _machine(), "pid": os.getpid(), "started": _start_time(os.getpid())}


def _machine() -> str:
    """Name what process numbers mean something in: a machine since its start, or a container."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - no path, a name
    return " ".join(parts)


def _start_time(pid: int) -> str | None:
    """When a process started, in ticks of the system: numbers of processes are used again."""
    fields = _process_status(pid)
    return fields[19] if fields else None


def _process_status(pid: int) -> list[str]:
    """Fields of /proc/…/stat after the name, from the state on; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder is known to live no more."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or holder.get("machine") != _machine():
        return False  # only its silence will tell
    if not hasattr(os, "fork"):  # os.kill(pid, 0) would end the process on Windows
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    fields = _process_status(pid)
    is_other = bool(fields) and holder.get("started") not in (None, fields[19])
    return is_other or (bool(fields) and fields[0] == "Z")


def _read_holder(path: Path) -> dict[str, Any]:
    """Return what a claim says about its holder; nothing if it is unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _NO_WAIT)
        try:
            holder = json.loads(os.read(descriptor, 4096))
        finally:
            os.close(descriptor)
    except (OSError, ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe of that name would keep us waiting


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a claim is touched or replaced; None if it is not there."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _take_away(path: Path) -> bool:
    """Remove an abandoned claim, but not one that was made in its place just now."""
    token = _read_holder(path).get("token")
    aside = path.with_name(f"{path.name}-{uuid.uuid4().hex}")
    try:
        path.rename(aside)  # of several that try, one succeeds
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if _read_holder(aside).get("token") != token:
        with contextlib.suppress(OSError):
            os.link(aside, path)
    _unlink(aside)
    return True


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.write(descriptor, content)
    except OSError:  # a full disk has room for a name: others would take it for somebody's claim
        _unlink(path)
        raise
    finally:
        os.close(descriptor)


def touch(path: Path) -> None:
    """Set a file's time to now; a link is not followed where the system can do that."""
    with contextlib.suppress(OSError):
        os.utime(path, follow_symlinks=os.utime not in os.supports_follow_symlinks)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
