"""Every learner by itself, stacks with three final estimators, and ``make_stack``, on real sets.

``make bench-accuracy``, or ``bench_accuracy.py [SET …]``. One JSON for each set goes into
``docs/benchmarks/results/accuracy``; a set that has one is skipped (``--again`` does it anew).
What is trained is kept in a store, so that an interrupted run goes on where it was, and the second
and third final estimator train no learner. ``--recipe`` does the column of ``make_stack`` anew for
sets that have one. ``--tune`` shows out-of-fold scores on the training rows, and never looks at a
test row: settings were chosen by it.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from pathlib import Path

import numpy as np
from _accuracy_sets import SETS
from _harness import RESULTS, Stopwatch, describe_machine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from stackens import ConvexBlendClassifier, EnsembleSelectionClassifier, StackingClassifier
from stackens.recipes import make_stack

FOLDER = RESULTS / "accuracy"
TABLE = RESULTS.parent / "accuracy.txt"
STORE = (
    Path(os.environ.get("STACKENS_CACHE") or "~/.cache/stackens").expanduser() / "bench_accuracy"
)
FINAL = {
    "stack, logistic regression": lambda: LogisticRegression(max_iter=3000),
    "stack, convex blend": ConvexBlendClassifier,
    "stack, ensemble selection": EnsembleSelectionClassifier,
}
RECIPE = "make_stack"


def stack_of(entry, task, seed, final):
    return StackingClassifier(
        entry.learners(), final(), cv=task.cv(seed), memory=STORE, random_state=seed
    )


def fit(stack, task, rows):
    groups = None if task.groups is None else task.groups[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return stack.fit(task.X[rows], task.y[rows], groups=groups)


def predict_by_recipe(task, train, test, seed):
    """Return what the choice of `make_stack`, who sees training rows alone, predicts; seconds."""
    X, y = task.X[train], task.y[train]
    stack = make_stack(X, y, cv=task.cv(seed), memory=STORE, random_state=seed)
    with Stopwatch() as watch:
        fit(stack, task, train)
    return stack.predict(task.X[test]), watch.seconds


def run_recipe(entry, found):
    """Put what `make_stack` chooses now into a document, beside what is there."""
    task = entry.load()
    scores, seconds = [], 0.0
    for seed in found["seeds"]:
        right = np.full(len(task.y), np.nan)
        for train, test in task.splits(seed):
            predicted, spent = predict_by_recipe(task, train, test, seed)
            right[test] = predicted == task.y[test]
            seconds += spent
        scores.append(float(np.nanmean(right)))
        print(f"  seed {seed}: {scores[-1]:.4f}", flush=True)
    found["test"][RECIPE], found["seconds"][RECIPE] = scores, seconds
    return found


def tune(entry, seed=0):
    """Print out-of-fold scores of the first training part."""
    task = entry.load()
    train, _ = next(iter(task.splits(seed)))
    for name, final in FINAL.items():
        stack = fit(stack_of(entry, task, seed, final), task, train)
        board = stack.leaderboard()
        print(f"{name}, {stack.seconds_:.0f} s")
        print(board[["out_of_fold", "seconds"]].round(4).to_string(), flush=True)


def run(entry, seeds):
    """Return what goes into the JSON of a set."""
    task = entry.load()
    n = len(task.y)
    right: dict[str, np.ndarray] = {}  # name -> (n_seeds, n_rows); NaN where no test row
    held_out: dict[str, list[float]] = {}
    seconds = dict.fromkeys([*FINAL, RECIPE], 0.0)

    def mark(name, k, test, predicted):
        rows = right.setdefault(name, np.full((len(seeds), n), np.nan))
        rows[k, test] = predicted == task.y[test]

    for k, seed in enumerate(seeds):
        for train, test in task.splits(seed):
            for position, (final_name, final) in enumerate(FINAL.items()):
                with Stopwatch() as watch:
                    stack = fit(stack_of(entry, task, seed, final), task, train)
                seconds[final_name] += watch.seconds
                outputs = {final_name: stack.predict(task.X[test])}
                if position == 0:
                    outputs |= predict_each(stack, task.X[test])
                for name, predicted in outputs.items():
                    mark(name, k, test, predicted)
                board = stack.leaderboard()["out_of_fold"]
                for name, score in board.items():
                    name = final_name if name == "stack" else name
                    if name in outputs:
                        held_out.setdefault(name, []).append(float(score))
            predicted, spent = predict_by_recipe(task, train, test, seed)
            seconds[RECIPE] += spent
            mark(RECIPE, k, test, predicted)
        shown = {name: round(float(np.nanmean(rows[k])), 4) for name, rows in right.items()}
        print(f"  seed {seed}: {shown}", flush=True)
    return {
        "how": task.how,
        "n_train": len(next(iter(task.splits(seeds[0])))[0]),
        "n_test": int(np.isfinite(right[final_name][0]).sum()),
        "seeds": list(seeds),
        "published": entry.published,
        "goal": entry.goal,
        "test": {name: np.nanmean(rows, axis=1).tolist() for name, rows in right.items()},
        "out_of_fold": {name: float(np.mean(scores)) for name, scores in held_out.items()},
        "paired": compare(right),
        "seconds": seconds,
    }


def predict_each(stack, X):
    names = stack.out_of_fold_predictions_.blocks
    predicted = {
        name: stack.classes_[np.asarray(learner.predict(X), int)]
        for name, learner in zip(names, stack.estimators_, strict=True)
    }
    outputs = [
        learner.predict_proba(X) if hasattr(learner, "predict_proba") else None
        for learner in stack.estimators_
    ]
    with_probabilities = [p for p in outputs if p is not None]
    average = np.mean(with_probabilities, axis=0)
    return {**predicted, "average of probabilities": stack.classes_[average.argmax(axis=1)]}


def compare(right):
    """Return the paired difference of each stack to each other, over rows, and its error."""
    tested = np.isfinite(right[next(iter(FINAL))]).any(axis=0)
    means = {name: np.nanmean(rows[:, tested], axis=0) for name, rows in right.items()}
    found = {}
    for final in FINAL:
        others = {name: mean for name, mean in means.items() if name not in (*FINAL, RECIPE)}
        gaps = {name: means[final] - mean for name, mean in others.items()}
        found[final] = {
            name: [float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))]
            for name, gap in gaps.items()
        }
    return found


# ---- table --------------------------------------------------------------------------------------


def write_table():
    documents = {
        name: json.loads(path_of(name).read_text()) for name in SETS if path_of(name).exists()
    }
    if not documents:
        return
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 12 12 12 12 18 14", ""]
    lines += cells(
        "Set (training / test rows)",
        "Logistic regression",
        "Convex blend",
        "Ensemble selection",
        "make_stack",
        "Best single learner (its lead over logistic regression, ± standard error)",
        "Published",
    )
    for name, found in documents.items():
        lines += cells(*row_of(name, found))
    lines += ["", *summary(documents), ""]
    for name, found in documents.items():
        lines += ["", f"**{name}**, {found['how']}", "", *details(found)]
    machine = next(iter(documents.values()))["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    lines += ["", f"Seen on: {machine['cpu']}, {machine['cores']} cores; {versions}."]
    TABLE.write_text("\n".join(lines) + "\n")


def path_of(name):
    return FOLDER / f"{name.replace(' ', '_')}.json"


def singles(found):
    return [name for name in found["test"] if name not in FINAL and name in found["out_of_fold"]]


def best_single(found):
    """Return the learner with the best mean on the test rows: known only afterwards."""
    return max(singles(found), key=lambda name: np.mean(found["test"][name]))


def show(scores):
    if not scores:
        return "–"
    spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{spread}"


def row_of(name, found):
    best = best_single(found)
    gap, error = found["paired"]["stack, logistic regression"][best]
    published = "; ".join(f"{who} {score:.3f}" for who, score in found["published"].items())
    return [
        f"{name} ({found['n_train']} / {found['n_test']})",
        *[show(found["test"].get(name, [])) for name in (*FINAL, RECIPE)],
        f"{best} {show(found['test'][best])} ({-gap:+.3f} ± {error:.3f})",
        published or "–",
    ]


def summary(documents):
    """Say where goals are reached or missed."""
    lines = []
    for final in FINAL:
        gaps = {
            name: found["paired"][final][best_single(found)] for name, found in documents.items()
        }
        worse = [name for name, (gap, error) in gaps.items() if gap < -2 * error]
        mean = np.mean([gap for gap, _ in gaps.values()])
        lines.append(
            f"- {final}: {mean:+.4f} beside the best single learner on average; below it by more "
            f"than two standard errors: {', '.join(worse) or 'nowhere'}."
        )
    for name, found in documents.items():
        aims = [("TWIESN", found["published"].get("TWIESN")), ("aim", found["goal"])]
        for what, aim in aims:
            if aim is not None:
                stacks = [who for who in (*FINAL, RECIPE) if who in found["test"]]
                seen = {who.removeprefix("stack, "): np.mean(found["test"][who]) for who in stacks}
                met = [who for who, mean in seen.items() if mean >= aim]
                missed = [f"{who} ({mean:.4f})" for who, mean in seen.items() if mean < aim]
                lines.append(
                    f"- {name}, {what} {aim:.3f}: reached by {', '.join(met) or 'none'}"
                    + (f"; missed by {', '.join(missed)}" if missed else "")
                    + "."
                )
    return lines


def details(found):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += cells("Learner", "Out of fold", "Test", *[f"Seed {seed}" for seed in found["seeds"]])
    for name in sorted(found["test"], key=lambda name: -np.mean(found["test"][name])):
        scores = found["test"][name]
        held_out = found["out_of_fold"].get(name)
        lines += cells(
            name,
            "–" if held_out is None else f"{held_out:.3f}",
            show(scores),
            *[f"{score:.3f}" for score in scores],
        )
    first, *others = (found["seconds"][final] for final in FINAL)
    took = f"{first:.0f} s for the first final estimator, {sum(others):.0f} s for the other two, "
    took += "from the store"
    if RECIPE in found["seconds"]:
        took += f"; {found['seconds'][RECIPE]:.0f} s for {RECIPE}"
    lines += ["", f"{took}."]
    return lines


def cells(*texts):
    return [f"   {'*' if not k else ' '} - {text}" for k, text in enumerate(texts)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", help="names of sets; none is all")
    parser.add_argument("--seeds", type=int, default=3)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--again", action="store_true", help="also what is done")
    modes.add_argument("--recipe", action="store_true", help="make_stack anew, for sets done")
    modes.add_argument("--tune", action="store_true", help="out-of-fold scores only")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in options.sets or SETS:
        if path_of(name).exists() != options.recipe and not (options.tune or options.again):
            continue
        print(f"== {name}", flush=True)
        try:
            SETS[name].load()
        except OSError as error:
            print(f"  left out: {error}")
            continue
        if options.tune:
            tune(SETS[name])
            continue
        if options.recipe:
            document = run_recipe(SETS[name], json.loads(path_of(name).read_text()))
        else:
            document = {**run(SETS[name], range(options.seeds)), "machine": describe_machine()}
        path_of(name).write_text(json.dumps(document, indent=1) + "\n")
        write_table()


if __name__ == "__main__":
    main()
