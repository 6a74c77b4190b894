"""``make_stack`` beside its learners, and beside what is strong without networks, on real sets.

    python tests/benchmarks/bench_accuracy.py [SET …] [--seeds 3] [--only COLUMN …] [--aeon PYTHON]

``PYTHON`` is the interpreter of an environment that has aeon, which is no dependency here; without
it, aeon's columns are left as they were written. aeon takes rows of one length only: others are
padded with zeros for it. Seconds are the processor's, of ``fit``, aeon's after its compilation.
Each set has a JSON in ``docs/benchmarks/results/accuracy``; what is in it is not run again, unless
``make_stack`` chooses otherwise now.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402 - after the threads were set

PEERS = {
    "MiniRocket": ("series", {"aeon": "MiniRocketClassifier"}),
    "MultiRocket-Hydra": ("series", {"aeon": "MultiRocketHydraClassifier"}),
    "words and characters, linear SVC": ("words", {"C": 0.5}),
    "letters in a row, linear SVC": ("letters", {"C": 0.5}),
    "letters at their places, linear SVC": ("letters", {"C": 0.1}),
}
# Columns of ``make_stack``, by its options; the default first.
STACKS = {"make_stack": {}} | {f"make_stack, {b}": {"budget": b} for b in ("seconds", "best")}
AVERAGE, CHOSEN = "average", "chosen out of fold"
SHORTEST = 10  # timesteps that MultiRocket takes
POINT = 0.005  # of accuracy, below the best peer, that is a miss


# ---- stacks -------------------------------------------------------------------------------------


def choose(task, train, seed, options):
    """Return what ``make_stack`` chooses by training rows, and how to fit it."""
    from stackens.recipes import make_stack

    groups = None if task.groups is None else task.groups[train]
    X, y = task.X[train], task.y[train]
    stack = make_stack(X, y, groups=groups, random_state=seed, **options)
    return stack, partial(stack.fit, X, y, groups=groups)


def choice(task, options):
    """Return settings that differ whenever other stacks are chosen."""
    train, _ = next(iter(task.splits(0)))
    shown = choose(task, train, 0, options)[0].__repr__(N_CHAR_MAX=sys.maxsize)
    return {"stack": hashlib.sha256(shown.encode()).hexdigest()[:16]}


def run_stack(task, options, seed):
    """Fit; return accuracies, also of its learners, and whose test rows only one has right."""
    from _harness import Stopwatch

    right, seconds = {}, 0.0
    for train, test in task.splits(seed):
        stack, fit = choose(task, train, seed, options)
        with Stopwatch() as watch:
            fit()
        seconds += watch.cpu_seconds
        for name, predicted in predictions(stack, task.X[test]).items():
            right.setdefault(name, []).append(predicted == task.y[test])
    rows = {name: np.concatenate(parts) for name, parts in right.items()}
    mine = rows.pop("stack")
    others = {
        name: {
            "accuracy": float(its.mean()),
            "only_stack": int((mine & ~its).sum()),
            "only_it": int((its & ~mine).sum()),
        }
        for name, its in rows.items()
    }
    sizes = {"n_train": len(train), "n_test": len(mine)}
    return {"accuracy": float(mine.mean()), "fit_s": seconds, **sizes, "others": others}


def predictions(stack, X):
    """Return what the stack predicts, each learner of it, one chosen out of fold, the average."""
    names = list(stack.out_of_fold_predictions_.blocks)
    outputs = {
        name: learner.predict_proba(X)
        for name, learner in zip(names, stack.estimators_, strict=True)
    }
    outputs[AVERAGE] = np.mean(list(outputs.values()), axis=0)
    outputs[CHOSEN] = outputs[stack.leaderboard()["out_of_fold"][names].idxmax()]
    found = {name: stack.classes_[output.argmax(axis=1)] for name, output in outputs.items()}
    return {"stack": stack.predict(X), **found}


# ---- peers --------------------------------------------------------------------------------------


def linear_peer(name, C):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
    from sklearn.svm import LinearSVC

    grams = partial(TfidfVectorizer, sublinear_tf=True)
    if name.startswith("words"):
        words = grams(ngram_range=(1, 3), token_pattern=r"\S+")
        columns = make_union(words, grams(ngram_range=(2, 5), analyzer="char_wb"))
    elif "places" in name:
        letters = FunctionTransformer(lambda texts: np.array([list(text) for text in texts]))
        columns = make_pipeline(letters, OneHotEncoder(handle_unknown="ignore"))
    else:
        columns = grams(ngram_range=(1, 6), analyzer="char")
    return make_pipeline(columns, LinearSVC(C=C))


def run_linear(column, settings, task, seed):
    make = partial(linear_peer, column, **settings)
    return run_peer(make, task.X, task.y, task.splits(seed))


def run_peer(make, X, y, splits):
    """Return the accuracy over the test rows of all splits, and the seconds of ``fit``."""
    from _harness import Stopwatch

    right, seconds = [], 0.0
    for train, test in splits:
        peer = make()
        with Stopwatch() as watch:
            peer.fit(X[train], y[train])
        seconds += watch.cpu_seconds
        right.append(peer.predict(X[test]) == y[test])
    right = np.concatenate(right)
    sizes = {"n_train": len(train), "n_test": len(right)}
    return {"accuracy": float(right.mean()), "fit_s": seconds, **sizes}


def run_aeon(python, kind, task, seeds):
    """Run this file in aeon's interpreter, on the same rows; yield what each seed gives."""
    from bench_convolutions import channels_first

    n_steps = max(SHORTEST, *map(len, task.X))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.pkl"
        path.write_bytes(
            pickle.dumps(
                {
                    "X": channels_first(task.X, n_steps),
                    "y": task.y,
                    "splits": {seed: list(task.splits(seed)) for seed in seeds},
                }
            )
        )
        done = subprocess.run(
            [python, __file__, "--child", kind, str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{kind} failed:\n{done.stderr[-3000:]}")
    return map(json.loads, done.stdout.splitlines()[-len(seeds) :])


def child(kind, path):
    from aeon.classification import convolution_based

    kind = getattr(convolution_based, kind)
    X, y, splits = pickle.loads(Path(path).read_bytes()).values()
    few = np.concatenate([np.flatnonzero(y == label)[:4] for label in np.unique(y)])
    kind(random_state=0).fit(X[few], y[few]).predict(X[few])  # compiles
    for seed, parts in splits.items():
        print(json.dumps(run_peer(partial(kind, random_state=seed), X, y, parts)))


# ---- columns ------------------------------------------------------------------------------------


def sides(name, only, aeon):
    """Yield a column, its settings, and a function of seeds, for what can be run on a set."""
    from _accuracy_sets import SETS

    task = SETS[name].load()
    for column, (kind, settings) in PEERS.items():
        if kind != SETS[name].kind or (only and column not in only):
            continue
        if kind != "series":
            yield column, settings, partial(map, partial(run_linear, column, settings, task))
        elif aeon:
            yield column, settings, partial(run_aeon, aeon, settings["aeon"], task)
    for column, chosen in STACKS.items():
        if only and column not in only:
            continue
        yield column, choice(task, chosen), partial(map, partial(run_stack, task, chosen))


# ---- table --------------------------------------------------------------------------------------


def mean(runs, key="accuracy"):
    return statistics.mean(run[key] for run in runs.values())


def others(runs, name):
    """Return the runs of what is inside a stack."""
    return {seed: run["others"][name] for seed, run in runs.items()}


def best_single(runs):
    """Return the learner with the best mean on the test rows: known only afterwards."""
    names = set.intersection(*(set(run["others"]) for run in runs.values())) - {AVERAGE, CHOSEN}
    return max(sorted(names), key=lambda name: mean(others(runs, name)))


def lead(runs, name):
    """Return what the stack gains on one of its own, and the standard error over test rows."""
    gaps, errors = [], []
    for run in runs.values():
        n, its = run["n_test"], run["others"][name]
        wins, losses = its["only_stack"], its["only_it"]
        gaps.append((wins - losses) / n)
        errors.append(np.sqrt(((wins + losses) / n - gaps[-1] ** 2) / n))
    # The same test rows in each run: more runs make the error hardly smaller.
    return statistics.mean(gaps), statistics.mean(errors)


def cell(runs, *, label="", timed=True):
    from _runs import show

    if not runs:
        return "–"
    seconds = mean(runs, "fit_s") if timed else 0.0
    took = f" ({seconds:.{0 if seconds >= 10 else 2}f} s)" if timed else ""
    return f"{label}{show(runs, 'accuracy')}{took}"


def row_of(name, columns, stacks, published):
    first = next(iter(columns.values()))
    sizes = next(iter(first.values()))
    default = columns.get("make_stack", {})
    best = best_single(default) if default else None
    peers = [
        cell(columns[peer], label="" if kind == "series" else f"{peer}: ")
        for peer, (kind, _) in PEERS.items()
        if peer in columns
    ]
    return [
        f"{name} ({sizes['n_train']} / {sizes['n_test']})",
        *(cell(columns.get(column)) for column in stacks),
        *(cell(others(default, one), timed=False) if default else "–" for one in (CHOSEN, AVERAGE)),
        cell(others(default, best), label=f"{best} ", timed=False) if default else "–",
        *[*peers, "–", "–"][:2],
        "; ".join(f"{who} {score:.3f}" for who, score in published.items()) or "–",
    ]


def spread(gaps):
    n, points = len(gaps), 100 * np.array(gaps)
    error = f" ± {points.std(ddof=1) / np.sqrt(n):.2f}" if n > 1 else ""
    return f"{points.mean():+.2f}{error} points, {n} sets"


def summary(found, column):
    """Say how much a stack gains, as points of accuracy with the standard error over sets."""
    runs = {name: columns[column] for name, columns in found.items() if column in columns}
    beside = {
        name: mean(mine) - max(mean(found[name][peer]) for peer in PEERS if peer in found[name])
        for name, mine in runs.items()
        if any(peer in found[name] for peer in PEERS)
    }
    misses = [f"{name} ({100 * gap:+.1f})" for name, gap in beside.items() if gap < -POINT]
    if beside:
        yield (
            f"- {column}, beside the better peer: {spread(list(beside.values()))}; more than "
            f"{100 * POINT:.1f} below: {', '.join(misses) or 'nowhere'}."
        )
    for peer in (peer for peer, (kind, _) in PEERS.items() if kind == "series"):
        gaps = [
            mean(mine) - mean(found[name][peer])
            for name, mine in runs.items()
            if peer in found[name]
        ]
        if gaps:
            yield f"- {column}, beside {peer}: {spread(gaps)}."
    for inside, what in ((CHOSEN, "the learner chosen out of fold"), (AVERAGE, "the average")):
        gaps = [lead(mine, inside)[0] for mine in runs.values()]
        yield f"- {column}, beside {what}: {spread(gaps)}."
    leads = {name: lead(mine, best_single(mine)) for name, mine in runs.items()}
    worse = [name for name, (gap, error) in leads.items() if gap < -2 * error]
    yield (
        f"- {column}, beside its best learner in hindsight: more than two standard errors of the "
        f"paired difference below: {', '.join(worse) or 'nowhere'}."
    )


def write(folder, path):
    from _accuracy_sets import SETS
    from _runs import write_table

    found, stacks = {}, list(STACKS)
    for name in SETS:
        file = folder / f"{file_name(name)}.json"
        parts = json.loads(file.read_text())["parts"] if file.exists() else {}
        columns = {column: part["runs"][column] for column, part in parts.items() if part["runs"]}
        if columns:
            found[name] = columns
    rows = [row_of(name, columns, stacks, SETS[name].published) for name, columns in found.items()]
    head = ("Set (training / test rows)", *stacks, "Chosen out of fold", "Average")
    head += ("Best learner in hindsight", "MiniRocket", "MultiRocket-Hydra", "Published")
    write_table(path, "Test accuracy (seconds of the processor to fit)", head, rows)
    lines = [
        line
        for column in stacks
        if any(column in columns for columns in found.values())
        for line in summary(found, column)
    ]
    with path.open("a") as file:
        file.write("\n" + "\n".join(lines) + "\n")
    print("\n".join(lines))


def file_name(name):
    return name.replace(", ", "_").replace(",", "").replace(" ", "_")


def main():
    from _accuracy_sets import SETS
    from _harness import RESULTS
    from _runs import Runs
    from sklearn.exceptions import ConvergenceWarning

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", help="names of sets; none is all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="columns of the table; none is all")
    parser.add_argument("--aeon", help="interpreter that has aeon")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    folder = RESULTS / "accuracy"
    for name in options.sets or SETS:
        try:
            columns = list(sides(name, options.only, options.aeon))
        except OSError as error:
            print(f"{name} is left out: {error}")
            continue
        runs = Runs(file_name(name), folder)
        for column, settings, side in columns:
            part = runs.part(column, settings)
            lacking = [s for s in range(options.seeds) if str(s) not in part.get(column, {})]
            if lacking:
                print(f"== {name}", flush=True)
                found = side(lacking)
            for seed in lacking:
                runs.do(part, column, seed, partial(next, found))
    write(folder, RESULTS.parent / "accuracy.txt")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
