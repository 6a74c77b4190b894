"""Depth with one layer used again and again, against a layer of its own at every depth.

    python tests/benchmarks/reproduce_depth.py [--seeds 3] [--only TEXT]

A stacked LSTM with residual connections and a transformer encoder, on handwritten digits (a fixed
quarter of the rows to test) and the Japanese vowels (the published split): 1 layer, and N = 2, 4,
6, 12 layers, shared and unshared. Epochs and settings are fixed and equal on all sides; nothing is
chosen by a test row. What is done is in ``docs/benchmarks/results/depth.json``, and is not done
again; ``--only "lstm, 6"`` runs what has this in its name.
"""

from __future__ import annotations

import argparse
import statistics

from _harness import RESULTS
from _runs import Runs, show, write_table
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from stackens import SequenceScaler, StackedRNNClassifier, TransformerClassifier
from stackens.datasets import load_digits_sequences, load_japanese_vowels

TABLE = RESULTS.parent / "depth.txt"
FIGURE = RESULTS.parent / "depth.svg"
DEPTHS = (2, 4, 6, 12)
CASES = [(1, "all"), *((n, sharing) for n in DEPTHS for sharing in ("all", "none"))]
NETWORKS = {
    "LSTM": (StackedRNNClassifier, {"units": 32, "residual": True, "learning_rate": 0.002}),
    "transformer": (
        TransformerClassifier,
        {"d_model": 32, "n_heads": 4, "dropout": 0.1, "learning_rate": 0.001},
    ),
}
EPOCHS = {"digits": 30, "Japanese vowels": 60}


def load(name):
    """Return training and test part."""
    if name == "digits":
        X, y = load_digits_sequences(return_X_y=True)
        X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
        return X_train, y_train, X_test, y_test
    train = load_japanese_vowels("train", return_X_y=True)
    return *train, *load_japanese_vowels("test", return_X_y=True)


def run(network, n_layers, sharing, epochs, seed, data):
    X_train, y_train, X_test, y_test = data
    make, settings = NETWORKS[network]
    learner = make(
        n_layers=n_layers, layer_sharing=sharing, epochs=epochs, random_state=seed, **settings
    )
    model = make_pipeline(SequenceScaler(), learner).fit(X_train, y_train)
    return {"accuracy": model.score(X_test, y_test), "parameters": model[-1].n_parameters_}


def describe(n_layers, sharing):
    if n_layers == 1:
        return "1 layer"
    return f"{n_layers} {'shared' if sharing == 'all' else 'unshared'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    runs = Runs("depth")
    parts = {
        (data, network): runs.part(
            f"{data}, {network}", {"epochs": EPOCHS[data], "network": NETWORKS[network][1]}
        )
        for data in EPOCHS
        for network in NETWORKS
    }
    loaded: dict = {}
    for seed in range(options.seeds):  # a whole table for the first seed, then the next one
        for (data, network), part in parts.items():
            for n_layers, sharing in CASES:
                case = describe(n_layers, sharing)
                is_done = str(seed) in part.get(case, {})
                if is_done or options.only.lower() not in f"{data}, {network}, {case}".lower():
                    continue
                if data not in loaded:
                    loaded[data] = load(data)
                arguments = (network, n_layers, sharing, EPOCHS[data], seed, loaded[data])
                runs.do(part, case, seed, lambda a=arguments: run(*a))
                write(parts)
    write(parts)
    draw(parts)


def write(parts) -> None:
    rows = []
    for (data, network), part in parts.items():
        for case in (describe(*c) for c in CASES):
            found = part.get(case, {})
            cells = [show(found, "accuracy"), show(found, "parameters", 0).split(" ")[0]]
            cells.append(show(found, "cpu_seconds", 1))
            rows.append((data, network, case, *cells, str(len(found))))
    head = ("data", "network", "layers", "test accuracy", "parameters", "CPU seconds", "seeds")
    write_table(TABLE, "Mean over seeds ± their standard deviation", head, rows)


def draw(parts) -> None:
    """Draw accuracy against depth, with the spread of the seeds, once two depths are there."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "depth"  # the same numbers, the same file
    fig, axes = plt.subplots(
        1, len(parts), figsize=(3.2 * len(parts), 3), layout="constrained", squeeze=False
    )
    for ax, ((data, network), part) in zip(axes[0], parts.items(), strict=True):
        for label, sharing in (("shared", "all"), ("unshared", "none")):
            depths = [n for n in (1, *DEPTHS) if part.get(describe(n, sharing))]
            scores = [[r["accuracy"] for r in part[describe(n, sharing)].values()] for n in depths]
            spread = [statistics.stdev(s) if len(s) > 1 else 0.0 for s in scores]
            means = [statistics.mean(s) for s in scores]
            ax.errorbar(depths, means, spread, marker="o", capsize=3, label=label)
        ax.set(title=f"{data}, {network}", xlabel="layers", ylabel="test accuracy")
        ax.set_xticks((1, *DEPTHS))
    axes[0][0].legend()
    fig.savefig(FIGURE, metadata={"Date": None})
    plt.close(fig)


if __name__ == "__main__":
    main()
