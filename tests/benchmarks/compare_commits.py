"""Whether this tree is slower than an earlier commit: the same benchmarks of both, in turn.

    python tests/benchmarks/compare_commits.py COMMIT --rounds 5 stack:stackens predict:stackens

Each side is a fresh process with the package, and the benchmark script, of its own tree. Ratios
(this tree to the commit) are taken within a round; their median is what counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from _harness import run_child

TREE = Path(__file__).resolve().parents[2]
SIDES = ("stack:stackens", "predict:stackens", "fixed_costs:lstm", "fixed_costs:gru")


def measure(tree: Path, benchmark: str, side: str) -> dict[str, float]:
    os.environ["PYTHONPATH"] = str(tree)
    found = run_child(str(tree / "tests" / "benchmarks" / f"bench_{benchmark}.py"), side)
    return {name: value for name, value in found.items() if "accuracy" not in name}


def compare(commit: str, sides: list[str], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        git = ["git", "-C", str(TREE), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(before), commit], check=True)
        try:
            for name in sides:
                benchmark, _, side = name.partition(":")
                pairs = []
                for k in range(rounds):
                    trees = (TREE, before) if k % 2 else (before, TREE)
                    found = {tree: measure(tree, benchmark, side) for tree in trees}
                    pairs.append((found[TREE], found[before]))
                for key in pairs[0][0].keys() & pairs[0][1].keys():
                    ratios = sorted(now[key] / then[key] for now, then in pairs)
                    span = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
                    value = median(now[key] for now, _ in pairs)
                    print(
                        f"{name} {key}: {median(ratios):.3f} ({span}), {value:.3g} now", flush=True
                    )
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("commit")
    parser.add_argument("sides", nargs="*", default=list(SIDES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_intermixed_args()
    compare(options.commit, options.sides, options.rounds)
