"""What changes and patches are worth to recurrent networks where rows are few.

    python tests/benchmarks/reproduce_few_rows.py [--seeds 2]

The same two bidirectional networks, an LSTM and a GRU, on the training rows of four sets: on the
series as they are, with the change from step to step beside each value, on patches of timesteps,
and on both. Accuracies are out of fold (5 folds); test rows are not touched, as ``make_stack``'s
rules come from these figures.
"""

from __future__ import annotations

import argparse
from functools import partial

from _accuracy_sets import SETS
from _harness import RESULTS
from _runs import Runs, show, write_table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from stackens import (
    SequenceDifferencer,
    SequencePatcher,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
)

TABLE = RESULTS.parent / "few_rows.txt"
PATCHES = {"GunPoint": 5, "ArrowHead": 8, "Libras": 2, "ItalyPowerDemand": 1}
WAYS = {
    "as they are": (False, False),
    "changes": (True, False),
    "patches": (False, True),
    "both": (True, True),
}
SETTINGS = {
    "units": 32,
    "bidirectional": True,
    "dropout": 0.1,
    "batch_size": 16,
    "epochs": 60,
    "learning_rate": 0.003,
}
POOLING = {"lstm": "max", "gru": "mean"}
HEAD = ("set", "series", *(f"{cell.upper()} network" for cell in POOLING), "CPU seconds")


def network(cell, steps):
    model = StackedRNNClassifier(cell=cell, pooling=POOLING[cell], **SETTINGS)
    return make_pipeline(*steps, model)


def out_of_fold(name, way, seed):
    """Return the accuracy of each network on rows of other folds."""
    task = SETS[name].load()
    X, y = task.X[~task.is_test], task.y[~task.is_test]
    with_changes, in_patches = WAYS[way]
    steps = [SequenceDifferencer()] if with_changes else []
    steps.append(SequenceScaler())
    if in_patches:
        steps.append(SequencePatcher(PATCHES[name]))
    stack = StackingClassifier(
        [(cell, network(cell, steps)) for cell in POOLING],
        LogisticRegression(),
        cv=StratifiedKFold(5, shuffle=True, random_state=seed),
        predict_with="folds",
        random_state=seed,
    ).fit(X, y)
    scores = stack.leaderboard()["out_of_fold"]
    return {"n_rows": len(y), **{cell: float(scores[cell]) for cell in POOLING}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    runs, rows = Runs("few_rows"), []
    for name, size in PATCHES.items():
        part = runs.part(name, {**SETTINGS, "patch": size})
        for way, (_, in_patches) in WAYS.items():
            if in_patches and size == 1:
                continue
            for seed in range(options.seeds):
                runs.do(part, way, seed, partial(out_of_fold, name, way, seed))
            found = part[way]
            n_rows = next(iter(found.values()))["n_rows"]
            shown = [show(found, cell) for cell in POOLING]
            rows.append((f"{name} ({n_rows} rows)", way, *shown, show(found, "cpu_seconds", 0)))
            write_table(TABLE, "Accuracy out of fold; mean over seeds ± deviation", HEAD, rows)


if __name__ == "__main__":
    main()
