"""Loads all files of a folder and entries of a store, and says in JSON lines what came of it.

    python load_each.py FOLDER

A process of its own. What Python does meanwhile is watched by an audit hook: running of code and
programs, connections, imports, and every file that is opened for writing, or opened at all outside
of FOLDER and the interpreter's own folders. Memory is limited.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stackens
from stackens.exceptions import ArchiveError, UntrustedTypesError
from stackens.store import JobStore, get_fit

ROOM = 1 << 30  # bytes of address space beyond what libraries take
FORBIDDEN = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "shutil.",
    "socket.",
    "subprocess.Popen",
    "ctypes.dlopen",
    "marshal.loads",
    "code.__new__",
)
SEEN: list[str] = []
WATCH = [False]


def hook(event: str, arguments: tuple) -> None:
    if not WATCH[0]:
        return
    if event.startswith(FORBIDDEN):
        SEEN.append(f"{event} {arguments!r}"[:200])
    elif event == "open":
        path, mode, _ = arguments
        if isinstance(path, int):  # a descriptor, whose opening was seen
            return
        writes = isinstance(mode, str) and set(mode) & set("wax+")
        inside = str(path).startswith((FOLDER, sys.prefix, sys.base_prefix, *ALLOWED))
        if writes or not inside:
            SEEN.append(f"open {path!r} {mode!r}")


def main() -> None:
    # What loading needs is imported before, by loading what is in order.
    for path in sorted(Path(FOLDER, "good").iterdir()):
        stackens.load(path)
    entries = sorted(path.stem for path in Path(FOLDER, "store").rglob("*.entry"))
    good = [key for key in entries if key.startswith("a")]
    assert good
    assert all(serve(key) is not None for key in good)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    size = int(status["VmSize"].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    sys.addaudithook(hook)
    for path in sorted(Path(FOLDER, "bad").iterdir()):
        looks = (stackens.load, stackens.file_info)
        report = {"name": path.name, **{look.__name__: watched(look, path) for look in looks}}
        print(json.dumps(report), flush=True)
    for key in entries[len(good) :]:
        print(json.dumps({"name": key, "serve": watched(serve, key)}), flush=True)


def serve(key: str) -> object:
    """Return the estimator that is kept, or None."""
    kept = get_fit(JobStore(Path(FOLDER, "store")), key)
    return kept and kept.estimator


def watched(what: Callable[[Any], object], source: Any) -> dict[str, Any]:
    """Call it, and say what came of it, and what it did."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    SEEN.clear()
    signal.alarm(60)
    WATCH[0] = True
    try:
        found = what(source)
        outcome, message = "nothing" if found is None else "loaded", repr(type(found))
    except (ArchiveError, UntrustedTypesError, FileNotFoundError) as error:
        outcome, message = type(error).__name__, str(error)
    except BaseException as error:
        outcome, message = f"unclear {type(error).__name__}", str(error)
    WATCH[0] = False
    signal.alarm(0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "outcome": outcome,
        "message": message[:400],
        "seen": list(SEEN),
        "megabytes": grown / 1024,
    }


if __name__ == "__main__":
    FOLDER = sys.argv[1]
    ALLOWED = (*map(str, sys.path[1:]), "/proc/", "/sys/", "/dev/null")
    main()
