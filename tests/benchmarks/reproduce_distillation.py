"""How much a student gains over the same network on labels, beside its stack, and what it costs.

    nice python tests/benchmarks/reproduce_distillation.py [SET …] [--tune] [--again]

Each set is cut into labelled rows, unlabelled rows and test rows, anew for each seed. Three things
are trained: the stack on the labelled rows, a small network on the same labels, and the very same
network as a student of that stack, on labelled and unlabelled rows. The seconds are those of
``predict`` on all test rows, the least of several calls. ``--tune`` compares settings of the
network on labels and of the student by cross-validation within the labelled rows of a seed that is
not reported. Temperature and share of labels were chosen by it, for the digits epochs as well (150
or 400); PenDigits with fewer labels has the settings of PenDigits. No test row was looked at.

One JSON for all goes into ``docs/benchmarks/results``; what it holds already is not done again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import warnings

import numpy as np
from _harness import RESULTS, best_seconds, describe_machine
from _runs import write_table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from stackens import (
    DistilledClassifier,
    SequenceDifferencer,
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences, load_pendigits

PATH = RESULTS / "distillation.json"
TABLE = RESULTS.parent / "distillation.txt"
HEAD = (
    "set",
    "labels",
    "network on labels",
    "gain of the stack",
    "gain of the student",
    "cost of predicting",
)
SEEDS = range(5)
TUNING_SEED = 100
REPEATS = 5


def pendigits():
    bunch = load_pendigits()
    train = ~bunch.is_test
    X = (bunch.data - 50.0) / 50.0
    return X[train], bunch.target[train], X[~train], bunch.target[~train]


def digits():
    X, y = load_digits_sequences(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=600, stratify=y, random_state=0)
    return X, y, X_test, y_test


# Loader, labelled rows, epochs on labels alone, and settings of the student.
SETS = {
    "PenDigits": (pendigits, 400, 150, {"temperature": 2.0, "label_weight": 0.0, "epochs": 40}),
    "PenDigits, few labels": (
        pendigits,
        100,
        150,
        {"temperature": 2.0, "label_weight": 0.0, "epochs": 40},
    ),
    "digits": (digits, 300, 150, {"temperature": 2.0, "label_weight": 0.3, "epochs": 400}),
}
CANDIDATES = {
    "temperature": (1.0, 2.0, 4.0),
    "label_weight": (0.0, 0.3),
    "epochs": (40, 150, 400),
}
EPOCHS_ON_LABELS = (50, 150, 400)


def network(epochs, seed):
    return StackedRNNClassifier(32, learning_rate=0.005, epochs=epochs, random_state=seed)


def learners():
    moving = SequenceDifferencer()
    options = {"bidirectional": True, "dropout": 0.1, "epochs": 25, "batch_size": 128}

    def rnn(*steps, **others):
        model = StackedRNNClassifier(48, learning_rate=0.006, **options, **others)
        return make_pipeline(*steps, SequenceScaler(), model)

    svc = CalibratedClassifierCV(SVC(C=10.0), cv=3, ensemble=False)
    flat = SequenceFlattener()
    return [
        ("bilstm", rnn()),
        ("bigru", rnn(moving, cell="gru")),
        ("deep", rnn(moving, n_layers=2, pooling="mean")),
        ("svc", make_pipeline(moving, flat, StandardScaler(), svc)),
        ("neighbours", make_pipeline(flat, KNeighborsClassifier(3))),
        ("trees", make_pipeline(moving, flat, ExtraTreesClassifier(300))),
    ]


def make_stack(seed):
    return StackingClassifier(
        learners(), LogisticRegression(max_iter=3000), stack_method="logit", random_state=seed
    )


def student_of(stack, seed, *, epochs, **options):
    return DistilledClassifier(stack, network(epochs, seed), prefit=True, **options)


def draw_labelled(y, n_labelled, seed):
    """Return a mask of labelled rows, as many of each class as there are."""
    rows, _ = train_test_split(
        np.arange(len(y)), train_size=n_labelled, stratify=y, random_state=seed
    )
    return np.isin(np.arange(len(y)), rows)


def measure(name, seed):
    """Return accuracies and seconds of one seed."""
    load, n_labelled, epochs, settings = SETS[name]
    X, y, X_test, y_test = load()
    known = draw_labelled(y, n_labelled, seed)
    stack = make_stack(seed).fit(X[known], y[known])
    plain = network(epochs, seed).fit(X[known], y[known])
    student = student_of(stack, seed, **settings)
    student.fit(X[known], y[known], X_unlabelled=X[~known])
    found = {"seed": seed}
    for who, model in (("stack", stack), ("labels", plain), ("student", student)):
        found[who] = float(np.mean(model.predict(X_test) == y_test))
        seconds = best_seconds(lambda model=model: model.predict(X_test), REPEATS)
        found[f"{who}_seconds"] = seconds
    return found


def tune(name):
    """Print accuracies on rows held out of the labelled ones."""
    load, n_labelled, _, settings = SETS[name]
    X, y, _, _ = load()
    known = draw_labelled(y, n_labelled, TUNING_SEED)
    rest, X, y = X[~known], X[known], y[known]
    scores: dict[str, list[float]] = {}
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(X, y):
        stack = make_stack(TUNING_SEED).fit(X[train], y[train])
        models = {"stack": stack}
        for epochs in EPOCHS_ON_LABELS:
            models[f"labels, {epochs}"] = network(epochs, TUNING_SEED).fit(X[train], y[train])
        for values in itertools.product(*CANDIDATES.values()):
            options = dict(zip(CANDIDATES, values, strict=True))
            student = student_of(stack, TUNING_SEED, **{**settings, **options})
            models[str(options)] = student.fit(X[train], y[train], X_unlabelled=rest)
        for who, model in models.items():
            scores.setdefault(who, []).append(float(np.mean(model.predict(X[test]) == y[test])))
    for who, found in scores.items():
        print(f"{name}, {who}: {statistics.mean(found):.4f}", flush=True)


def describe(name, entry):
    """Return a row of the table."""
    rows = entry["rows"]
    cells = [f"{statistics.mean(row['labels'] for row in rows):.4f}"]
    for who in ("stack", "student"):
        gains = [row[who] - row["labels"] for row in rows]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
        cells.append(f"{statistics.mean(gains):+.4f} ± {error:.4f}")
    cost = statistics.median(row["student_seconds"] / row["stack_seconds"] for row in rows)
    return [name, str(entry["n_labelled"]), *cells, f"{cost:.1%}"]


def write(sets):
    title = "Accuracy on test rows, mean of the seeds ± standard error"
    write_table(TABLE, title, HEAD, [describe(name, entry) for name, entry in sets.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []])
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    document = json.loads(PATH.read_text()) if PATH.exists() else {"sets": {}}
    for name in options.sets or SETS:
        if options.tune:
            tune(name)
            continue
        _, n_labelled, epochs, settings = SETS[name]
        kept = document["sets"].get(name, {"rows": []})
        done = {row["seed"]: row for row in kept["rows"] if not options.again}
        for seed in SEEDS:
            if seed not in done:
                done[seed] = measure(name, seed)
                print(f"{name}: {done[seed]}", flush=True)
            rows = [done[k] for k in sorted(done)]
            document["machine"] = describe_machine()
            document["sets"][name] = {
                "n_labelled": n_labelled,
                "epochs_on_labels": epochs,
                "student": settings,
                "rows": rows,
            }
            RESULTS.mkdir(parents=True, exist_ok=True)
            PATH.write_text(json.dumps(document, indent=1) + "\n")
            write(document["sets"])


if __name__ == "__main__":
    main()
