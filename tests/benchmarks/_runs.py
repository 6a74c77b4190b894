"""Runs that are written down as soon as they are done, so that a script that stopped goes on.

A file of results holds, for each part of a script, its settings and what every run (a name and a
seed) gave. Runs of other settings than today's are forgotten.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from _harness import RESULTS, describe_machine


class Runs:
    """The file of results of one script.

    Parameters
    ----------
    name : str
        Of the file, in the folder of results.
    folder : Path, default=RESULTS
        That folder.
    """

    def __init__(self, name: str, folder: Path = RESULTS) -> None:
        self.path = folder / f"{name}.json"
        self.document = {"parts": {}}
        if self.path.exists():
            self.document = json.loads(self.path.read_text())

    def part(self, name: str, settings: Mapping) -> dict:
        """Return the runs of a part, by name and seed; empty if its settings were others."""
        settings = json.loads(json.dumps(settings))
        found = self.document["parts"].get(name)
        if found is None or found["settings"] != settings:
            found = self.document["parts"][name] = {"settings": settings, "runs": {}}
        return found["runs"]

    def do(self, part: dict, name: str, seed: int, run: Callable[[], Mapping]) -> None:
        """Run, unless that was done; add seconds of the processor and of the clock."""
        done = part.setdefault(name, {})
        if str(seed) in done:
            return
        cpu, wall = time.process_time(), time.perf_counter()
        found = dict(run())
        found["cpu_seconds"] = round(time.process_time() - cpu, 2)
        found["seconds"] = round(time.perf_counter() - wall, 2)
        done[str(seed)] = found
        self.document["machine"] = describe_machine()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part_file = self.path.with_suffix(".part")
        part_file.write_text(json.dumps(self.document, indent=1) + "\n")
        part_file.replace(self.path)
        print(f"{name}, seed {seed}: {found}", flush=True)


def show(runs: Mapping[str, Mapping], key: str, digits: int = 3) -> str:
    """Mean over seeds, and their deviation; a dash where nothing was run."""
    values = [run[key] for run in runs.values() if run.get(key) is not None]
    if not values:
        return "–"
    text = f"{statistics.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {statistics.stdev(values):.{digits}f}"


def write_table(path: Path, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table for a page of the documentation."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
    path.write_text("\n".join(lines) + "\n")
