"""An embedding pretrained on film reviews: with against without, on two tasks with fewer rows.

    STACKENS_DATA=FOLDER python tests/benchmarks/reproduce_pretraining.py [--seeds 5]

The slides' three steps. The source is IMDB's 25,000 training reviews without the 500 of the seed,
and without any text that comes among those 500 or among the test rows. The tasks are TREC (5,452
questions, 500 to test) and sentiment again, on those 500 reviews alone, tested on 5,000 of IMDB's
test reviews. For each seed one LSTM is trained on the source; a network of the same settings is
then trained on the task without it, with the embedding frozen, and with it trained on. Epochs are
fixed and equal on all sides; nothing is chosen by a test row. Reviews are cut to their last 80
tokens. What is done is in ``docs/benchmarks/results/pretraining.json``, and is not done again.
"""

from __future__ import annotations

import argparse

import numpy as np
from _harness import RESULTS
from _runs import Runs, show, write_table
from sklearn.pipeline import make_pipeline

from stackens import EmbeddingPretrainer, SequenceVectorizer, StackedRNNClassifier
from stackens.datasets import load_imdb, load_trec

TABLE = RESULTS.parent / "pretraining.txt"
N_FEW, N_TEST = 500, 5000
TOKENS = {"max_tokens": 10_000, "max_length": 80, "truncation": "left"}
NETWORK = {"units": 32, "embedding_dim": 32, "pooling": "max", "learning_rate": 0.004}
SOURCE = {**NETWORK, "epochs": 2, "batch_size": 128}
TASKS = {
    "TREC": {**NETWORK, "epochs": 8, "batch_size": 64},
    "500 reviews": {**NETWORK, "epochs": 12, "batch_size": 32},
}
WAYS = {"without": None, "frozen": False, "trained on": True}


def rows_of(seed, imdb):
    """Return the 500 rows of a seed, test rows that are the same for all, and the source's."""
    is_test = imdb.is_test
    few = np.random.default_rng(seed).choice(np.flatnonzero(~is_test), N_FEW, replace=False)
    test = np.random.default_rng(99).choice(np.flatnonzero(is_test), N_TEST, replace=False)
    barred = set(imdb.data[few]) | set(imdb.data[is_test])
    source = [i for i in np.flatnonzero(~is_test) if imdb.data[i] not in barred]
    return few, test, np.random.default_rng(seed + 1000).permutation(source)


def data_of(task, seed, imdb, trec):
    if task == "TREC":
        return [v[k] for k in (~trec.is_test, trec.is_test) for v in (trec.data, trec.target)]
    few, test, _ = rows_of(seed, imdb)
    return [imdb.data[few], imdb.target[few], imdb.data[test], imdb.target[test]]


def run(task, trainable, seed, imdb, trec):
    X, y, X_test, y_test = data_of(task, seed, imdb, trec)
    network = StackedRNNClassifier(**TASKS[task], random_state=seed)
    vectorizer = SequenceVectorizer(**TOKENS)
    if trainable is None:
        network.set_params(vocabulary_size=TOKENS["max_tokens"])
        model = make_pipeline(vectorizer, network).fit(X, y)
        return {"accuracy": model.score(X_test, y_test), "coverage": None}
    _, _, source = rows_of(seed, imdb)
    model = EmbeddingPretrainer(
        network,
        source=(imdb.data[source], imdb.target[source]),
        source_estimator=StackedRNNClassifier(**SOURCE, random_state=seed),
        vectorizer=vectorizer,
        trainable=trainable,
    ).fit(X, y)
    return {"accuracy": model.score(X_test, y_test), "coverage": model.coverage_}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    runs = Runs("pretraining")
    parts = {
        task: runs.part(task, {"tokens": TOKENS, "source": SOURCE, "network": TASKS[task]})
        for task in TASKS
    }
    wanted = [(s, t, w) for s in seeds for t in TASKS for w in WAYS]
    wanted = [(s, t, w) for s, t, w in wanted if str(s) not in parts[t].get(w, {})]
    if wanted:
        imdb, trec = load_imdb(), load_trec()
    for seed, task, way in wanted:  # one seed after the other: its source is trained once
        run_it = lambda t=task, w=way, s=seed: run(t, WAYS[w], s, imdb, trec)  # noqa: E731
        runs.do(parts[task], way, seed, run_it)
        write(parts)
    write(parts)


def write(parts) -> None:
    rows = []
    for task, part in parts.items():
        without = part.get("without", {})
        for way in WAYS:
            found = part.get(way, {})
            both = {
                s: {"gain": found[s]["accuracy"] - without[s]["accuracy"]}
                for s in found
                if s in without and way != "without"
            }
            cells = [show(found, "accuracy"), show(both, "gain"), show(found, "coverage", 2)]
            rows.append((task, way, *cells, str(len(found))))
    head = ("task", "embedding", "test accuracy", "gain", "tokens with a vector", "seeds")
    write_table(TABLE, "Mean over seeds ± their standard deviation", head, rows)


if __name__ == "__main__":
    main()
