"""Film reviews, 25,000 to train and 25,000 to test: the sources' networks, and two stacks.

    STACKENS_DATA=FOLDER python tests/benchmarks/reproduce_imdb.py [--seeds 3] [--only TEXT]

The tutorial's two SimpleRNN(64), as it runs them: plain Keras, batches of 32, 5 epochs, the last
100 tokens padded in front, its test rows as validation rows after every epoch. The slides'
networks: Embedding(10000, 32) on 500 words, then three LSTM(32, dropout=0.2), or a bidirectional
one. A stack of stacked RNNs alone, and the same beside two linear models of words; both start from
the text, each fold with a vocabulary of its own, and the second takes the networks of the first
from the store. Their settings were chosen on 5,000 of the training rows (``--choose``);
epochs are fixed, and nothing is chosen by a test row. What is done is in
``docs/benchmarks/results/reviews.json``, and is not done again.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile

import numpy as np
from _harness import RESULTS, Stopwatch
from _runs import Runs, show, write_table
from scipy.sparse import diags
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from stackens import SequenceVectorizer, StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_imdb

TABLE = RESULTS.parent / "reviews.txt"
FIGURE = RESULTS.parent / "reviews.svg"
VOCABULARY = 10_000

# ---- the tutorial -------------------------------------------------------------------------------

TUTORIAL = {"units": 64, "embedding_dim": 32, "length": 100, "epochs": 5, "batch_size": 32}
# As published, after each of the 5 epochs.
PUBLISHED = {
    "training": (0.6674, 0.8253, 0.8881, 0.9313, 0.9611),
    "test": (0.7664, 0.7672, 0.8018, 0.7909, 0.7653),
}


def tokens(texts, test_texts, length, vocabulary=VOCABULARY):
    vectorizer = SequenceVectorizer(max_tokens=vocabulary, max_length=length, truncation="left")
    return vectorizer.fit_transform(texts), vectorizer.transform(test_texts)


def pad_in_front(X):
    moved = np.zeros_like(X)
    for row, ids in zip(moved, X, strict=True):
        n = np.count_nonzero(ids)
        row[len(row) - n :] = ids[:n]
    return moved


def run_tutorial(data, seed):
    import keras

    keras.utils.set_random_seed(seed)
    texts, y, test_texts, y_test = data
    X, X_test = (pad_in_front(ids) for ids in tokens(texts, test_texts, TUTORIAL["length"]))
    model = keras.Sequential(
        [
            keras.Input((TUTORIAL["length"],)),
            keras.layers.Embedding(VOCABULARY, TUTORIAL["embedding_dim"]),
            keras.layers.SimpleRNN(TUTORIAL["units"], return_sequences=True),
            keras.layers.SimpleRNN(TUTORIAL["units"]),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    with Stopwatch() as watch:
        history = model.fit(
            X,
            y,
            epochs=TUTORIAL["epochs"],
            batch_size=TUTORIAL["batch_size"],
            validation_data=(X_test, y_test),
            verbose=0,
        ).history
    return {
        "accuracy": history["val_accuracy"][-1],
        "parameters": model.count_params(),
        "fit_seconds": watch.seconds,
        "fit_cpu_seconds": watch.cpu_seconds,
        "training": history["accuracy"],
        "test": history["val_accuracy"],
    }


# ---- the slides ---------------------------------------------------------------------------------

SLIDES = {
    "vocabulary_size": VOCABULARY,
    "embedding_dim": 32,
    "units": 32,
    "dropout": 0.2,
    "pooling": "last",
    "epochs": 5,
    "batch_size": 128,
}
SLIDES_LENGTH = 500
SLIDES_NETWORKS = {
    "three LSTM(32)": {"n_layers": 3},
    "bidirectional LSTM(32)": {"n_layers": 1, "bidirectional": True},
}


def run_slides(name, data, seed):
    texts, y, test_texts, y_test = data
    X, X_test = tokens(texts, test_texts, SLIDES_LENGTH)
    network = StackedRNNClassifier(**SLIDES, **SLIDES_NETWORKS[name], random_state=seed)
    with Stopwatch() as watch:
        network.fit(X, y)
    return {
        "accuracy": network.score(X_test, y_test),
        "parameters": network.n_parameters_,
        "fit_seconds": watch.seconds,
        "fit_cpu_seconds": watch.cpu_seconds,
    }


# ---- stacks -------------------------------------------------------------------------------------

LENGTH = 400
NETWORK = {
    "vocabulary_size": 20_000,
    "embedding_dim": 64,
    "units": 32,
    "dropout": 0.3,
    "pooling": "max",
    "learning_rate": 0.004,
    "epochs": 2,
    "batch_size": 128,
}
LEARNERS = {
    "two GRU(32)": {"cell": "gru"},
    "two LSTM(32)": {"cell": "lstm"},
    "two bidirectional GRU(16)": {"cell": "gru", "bidirectional": True, "units": 16},
}
WORDS = {"min_df": 2, "token_pattern": r"\w+|[!?.,]"}
TFIDF = {"ngram_range": (1, 2), "sublinear_tf": True, "C": 30.0}
BAYES = {"ngram_range": (1, 3), "binary": True, "C": 1.0}
LINEAR = {
    "linear, TF-IDF of word pairs": TFIDF,
    "linear, word triples weighted by naive Bayes": BAYES,
}
STACKS = {"RNNs alone": False, "RNNs and linear models": True}


def make_network(settings):
    return make_pipeline(
        SequenceVectorizer(
            max_tokens=NETWORK["vocabulary_size"], max_length=LENGTH, truncation="left"
        ),
        StackedRNNClassifier(**{**NETWORK, **settings}),
    )


class NaiveBayesWeights(TransformerMixin, BaseEstimator):
    """Multiplies every term by how much oftener it is in one of two classes.

    S. Wang and C. Manning, *Baselines and bigrams: simple, good sentiment and topic
    classification*, 2012: the logarithm of the ratio of a term's shares, one added to each count.
    """

    def fit(self, X, y):
        shares = []
        for label in np.unique(y):
            counts = 1 + np.asarray(X[np.asarray(y) == label].sum(axis=0)).ravel()
            shares.append(counts / counts.sum())
        self.weights_ = np.log(shares[1] / shares[0])
        return self

    def transform(self, X):
        return X @ diags(self.weights_)


def make_linear(settings):
    options = {key: value for key, value in settings.items() if key != "C"}
    linear = LogisticRegression(C=settings["C"], solver="liblinear", dual=True, max_iter=300)
    if settings is TFIDF:
        return make_pipeline(TfidfVectorizer(**WORDS, **options), linear)
    return make_pipeline(CountVectorizer(**WORDS, **options), NaiveBayesWeights(), linear)


def run_stacks(data, seed):
    texts, y, test_texts, y_test = data
    networks = [(name, make_network(settings)) for name, settings in LEARNERS.items()]
    linear = [(name, make_linear(settings)) for name, settings in LINEAR.items()]
    found = {}
    with tempfile.TemporaryDirectory() as store:
        for stack_name, has_linear in STACKS.items():
            learners = [*networks, *linear] if has_linear else networks
            stack = StackingClassifier(
                learners,
                LogisticRegression(),
                stack_method="logit",
                memory=store,
                random_state=seed,
            )
            with Stopwatch() as watch:
                stack.fit(texts, y)
            board = stack.leaderboard(test_texts, y_test)[["out_of_fold", "test"]]
            found[stack_name] = {
                "accuracy": float(board.loc["stack", "test"]),
                "fit_seconds": watch.seconds,
                "fit_cpu_seconds": watch.cpu_seconds,
                "board": board.T.to_dict(),
            }
    return {"stacks": found}


def choose(data):
    """Score each learner on 5,000 training rows that it was not trained on."""
    texts, y, *_ = data
    split = train_test_split(texts, y, test_size=5000, stratify=y, random_state=0)
    X, X_held_out, y, y_held_out = split
    learners = {name: make_network(settings) for name, settings in LEARNERS.items()}
    learners |= {name: make_linear(settings) for name, settings in LINEAR.items()}
    for name, learner in learners.items():
        print(f"{name}: {learner.fit(X, y).score(X_held_out, y_held_out):.4f}", flush=True)


# ---- everything ---------------------------------------------------------------------------------


def load():
    """Return training and test part; the rows of the files are sorted by label."""
    data = load_imdb()
    parts = []
    for is_wanted in (~data.is_test, data.is_test):
        order = np.random.default_rng(0).permutation(np.flatnonzero(is_wanted))
        parts += [data.data[order], data.target[order]]
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--choose", action="store_true", help="score settings on training rows")
    options = parser.parse_args()
    if options.choose:
        choose(load())
        return
    runs = Runs("reviews")
    tutorial = runs.part("tutorial", TUTORIAL)
    slides = runs.part("slides", {**SLIDES, "length": SLIDES_LENGTH, "of": SLIDES_NETWORKS})
    stacks = runs.part(
        "stacks",
        {**NETWORK, "length": LENGTH, "of": LEARNERS, "words": WORDS, "linear": LINEAR},
    )
    data = None
    for seed in range(options.seeds):
        cells = [
            (stacks, "stacks", run_stacks),
            *((slides, name, functools.partial(run_slides, name)) for name in SLIDES_NETWORKS),
            (tutorial, "two SimpleRNN(64), plain Keras", run_tutorial),
        ]
        for part, name, run in cells:
            if str(seed) in part.get(name, {}) or options.only.lower() not in name.lower():
                continue
            data = data or load()
            runs.do(part, name, seed, functools.partial(run, data, seed))
            write(tutorial, slides, stacks)
    write(tutorial, slides, stacks)
    draw(tutorial)


def write(tutorial, slides, stacks) -> None:
    both = {**tutorial, **slides}
    rows = [
        (name, "tutorial" if name in tutorial else "slides", found) for name, found in both.items()
    ]
    done = stacks.get("stacks", {})
    for learner in (*LEARNERS, *LINEAR):
        boards = {s: r["stacks"]["RNNs and linear models"]["board"] for s, r in done.items()}
        rows.append(
            (learner, "a learner", {s: {"accuracy": b[learner]["test"]} for s, b in boards.items()})
        )
    rows += [(name, "a stack", {s: r["stacks"][name] for s, r in done.items()}) for name in STACKS]
    cells = [
        (
            name,
            what,
            show(found, "accuracy"),
            show(found, "fit_cpu_seconds", 0),
            show(found, "parameters", 0).split(" ")[0],
            str(len(found)),
        )
        for name, what, found in rows
    ]
    head = (
        "model",
        "what",
        "test accuracy",
        "CPU seconds of training",
        "parameters",
        "seeds",
    )
    write_table(TABLE, "25,000 film reviews to train, 25,000 to test", head, cells)


def draw(tutorial) -> None:
    """Draw training and test accuracy after each epoch, beside the published ones."""
    import matplotlib.pyplot as plt

    runs = [run for found in tutorial.values() for run in found.values()]
    if not runs:
        return
    plt.rcParams["svg.hashsalt"] = "reviews"  # the same numbers, the same file
    fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    epochs = range(1, TUTORIAL["epochs"] + 1)
    for part, colour in (("training", "C0"), ("test", "C1")):
        means = [
            statistics.mean(values) for values in zip(*(run[part] for run in runs), strict=True)
        ]
        ax.plot(epochs, means, "o-", color=colour, label=f"{part}, run again")
        ax.plot(epochs, PUBLISHED[part], "x:", color=colour, label=f"{part}, published")
    ax.set(title="Two SimpleRNN(64) on film reviews", xlabel="epoch", ylabel="accuracy")
    ax.set_xticks(epochs)
    ax.legend()
    fig.savefig(FIGURE, metadata={"Date": None})
    plt.close(fig)


if __name__ == "__main__":
    main()
