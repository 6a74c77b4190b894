"""Final estimators beside each other, above learners that are no networks, on few rows.

    python tests/benchmarks/bench_level_one.py [--seeds 3]

Level 0 of a set is trained once for each seed; every final estimator is then fitted on the same
out-of-fold predictions, and judged on the same test rows. Settings were chosen on the sets of
``CHOSEN_ON``; the table reports the others.
"""

from __future__ import annotations

import argparse
import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from _harness import RESULTS
from _runs import Runs, write_table
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from stackens import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
    DiscreteSuperLearnerClassifier,
    DiscreteSuperLearnerRegressor,
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
    SequenceDifferencer,
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    StackingClassifier,
    StackingRegressor,
    datasets,
)

TABLE = RESULTS.parent / "level_one.txt"
ALPHAS = np.logspace(-2, 4, 13)
STORE = (
    Path(os.environ.get("STACKENS_CACHE") or "~/.cache/stackens").expanduser() / "bench_level_one"
)
SHRINKAGES = (0.1, 0.2, 0.4)
# Beginnings of the names of the sets on which settings were chosen.
CHOSEN_ON = ("ArrowHead", "Coffee", "ECG200", "ETTh1", "GunPoint", "NATOPS", "PenDigits", "Plane")


@dataclass
class Rows:
    """Training and test rows of a set."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


# ---- sets ---------------------------------------------------------------------------------------


def standard(load, *args):
    def rows(seed):
        found = load(*args)
        return _by_test(found.data, found.target, found.is_test)

    return rows


def more(name):
    def rows(seed):
        path = Path(os.environ["STACKENS_DATA"]) / "ucr_more" / f"{name}.npz"
        with np.load(path, allow_pickle=False) as found:
            return _by_test(found["X"].astype(float), found["y"], found["is_test"])

    return rows


def some(load, n_rows):
    """Take so many rows of a large set at random, of all classes alike, and 2,000 test rows."""

    def rows(seed):
        X, y = load()
        train, others = train_test_split(
            np.arange(len(y)), train_size=n_rows, stratify=y, random_state=seed
        )
        test = others[:2_000]
        return Rows(X[train], y[train], X[test], y[test])

    return rows


def windows(load, width, ahead, n_rows):
    """Draw windows from the first six tenths of a series; test rows are later."""

    def rows(seed):
        series = np.asarray(load(), float)
        starts = np.arange(len(series) - width - ahead + 1)
        X = np.stack([series[s : s + width] for s in starts])
        y = series[starts + width + ahead - 1]
        y = y if y.ndim == 1 else y[:, -1]
        end = int(0.6 * len(starts))
        train = np.sort(np.random.default_rng(seed).choice(end, n_rows, replace=False))
        test = np.arange(end + width + ahead, len(starts))
        test = test[:: max(1, len(test) // 2_000)]
        X = X if X.ndim == 3 else X[:, :, np.newaxis]
        return Rows(X[train], y[train], X[test], y[test])

    return rows


def _by_test(X, y, is_test):
    if X.dtype == object:
        X = resample(X, 20)
    return Rows(X[~is_test], y[~is_test], X[is_test], y[is_test])


def resample(X, n_steps):
    """Bring sequences to one length by linear interpolation."""
    rows = []
    for x in X:
        places = np.linspace(0, len(x) - 1, n_steps)
        rows.append([np.interp(places, np.arange(len(x)), channel) for channel in x.T])
    return np.transpose(rows, (0, 2, 1))


def pen_digits():
    found = datasets.load_pendigits()
    return resample(found.data, 20), found.target  # eight points are few for convolutions


def spoken_digits():
    found = datasets.load_fsdd()
    return resample(found.data, 20), found.target


def splice():
    X, y = datasets.load_splice(return_X_y=True)
    letters = np.array([list(text) for text in X])[:, :, np.newaxis]
    return (letters == np.array(list("ACGT"))).astype(float), y


CLASSES = {
    "GunPoint": standard(datasets.load_ucr, "GunPoint"),
    "ItalyPowerDemand": standard(datasets.load_ucr, "ItalyPowerDemand"),
    "ArrowHead": standard(datasets.load_ucr, "ArrowHead"),
    "BasicMotions": standard(datasets.load_ucr, "BasicMotions"),
    "ECG200": more("ECG200"),
    "SyntheticControl": more("SyntheticControl"),
    "Plane": more("Plane"),
    "ERing": more("ERing"),
    "Coffee": more("Coffee"),
    "JapaneseVowels": standard(datasets.load_japanese_vowels),
    "NATOPS": standard(datasets.load_natops),
    "Libras": standard(datasets.load_libras),
    "PenDigits, 60 rows": some(pen_digits, 60),
    "PenDigits, 250 rows": some(pen_digits, 250),
    "PenDigits, 1000 rows": some(pen_digits, 1000),
    "FSDD, 150 rows": some(spoken_digits, 150),
    "FSDD, 600 rows": some(spoken_digits, 600),
    "splice, 100 rows": some(splice, 100),
    "splice, 1000 rows": some(splice, 1000),
}
SERIES = {
    "ETTh1": (lambda: datasets.load_etth1().data, 48, 24),
    "sunspots": (lambda: datasets.load_sunspots(), 60, 12),
    "temperatures": (lambda: datasets.load_daily_min_temperatures(), 28, 1),
}
VALUES = {
    f"{name}, {n_rows} rows": windows(*how, n_rows)
    for name, how in SERIES.items()
    for n_rows in (40, 150, 600)
}


# ---- level 0 ------------------------------------------------------------------------------------


class RandomConvolutions(TransformerMixin, BaseEstimator):
    """Largest value and share of positive values of random convolutions (Dempster et al., 2020).

    Nothing is learned from rows but their number of timesteps and channels.
    """

    def __init__(self, n_kernels=500, random_state=None):
        self.n_kernels = n_kernels
        self.random_state = random_state

    def fit(self, X, y=None):
        rng = np.random.default_rng(self.random_state)
        _, n_steps, n_channels = X.shape
        self.kernels_ = [self._draw(rng, n_steps, n_channels) for _ in range(self.n_kernels)]
        return self

    def _draw(self, rng, n_steps, n_channels):
        length = int(rng.choice([7, 9, 11]))
        dilation = int(2 ** rng.uniform(0, np.log2(max(1, (n_steps - 1) / (length - 1)))))
        n_used = int(2 ** rng.uniform(0, np.log2(min(n_channels, length) + 1)))
        channels = rng.choice(n_channels, n_used, replace=False)
        weights = rng.normal(size=(length, n_used))
        padding = (length - 1) * dilation // 2 * int(rng.integers(2))
        return channels, weights - weights.mean(axis=0), dilation, padding, rng.uniform(-1, 1)

    def transform(self, X):
        features = []
        for channels, weights, dilation, padding, bias in self.kernels_:
            part = np.pad(X[:, :, channels], ((0, 0), (padding, padding), (0, 0)))
            n_places = part.shape[1] - (len(weights) - 1) * dilation
            output = bias + sum(
                part[:, k * dilation : k * dilation + n_places] @ weight
                for k, weight in enumerate(weights)
            )
            features += [output.max(axis=1), (output > 0).mean(axis=1)]
        return np.column_stack(features)


def learners(is_class):
    """Return seven learners: on statistics, on values and on random convolutions."""
    linear = LogisticRegression(max_iter=3_000) if is_class else RidgeCV(ALPHAS)
    trees = (ExtraTreesClassifier if is_class else ExtraTreesRegressor)(50)
    neighbours = (KNeighborsClassifier if is_class else KNeighborsRegressor)(3)
    # Of many columns, less is believed.
    last = LogisticRegression(C=0.1, max_iter=3_000) if is_class else linear
    moving, flat = SequenceDifferencer(), SequenceFlattener()
    scaler = make_pipeline(MinMaxScaler(clip=True), StandardScaler())
    kernels = (SequenceScaler(), RandomConvolutions(100), scaler, last)
    steps = {
        "trees": (moving, SequenceSummarizer(), trees),
        "linear": (moving, SequenceSummarizer(), scaler, linear),
        "value_trees": (moving, flat, trees),
        "value_linear": (flat, scaler, linear),
        "neighbours": (flat, neighbours),
        "convolutions": kernels,
        "convolutions of changes": (moving, *kernels),
    }
    return [(name, make_pipeline(*own)) for name, own in steps.items()]


@joblib.Memory(STORE, verbose=0).cache
def level_zero(name, seed):
    """Return what learners predict out of fold and for test rows, targets, and whose columns."""
    is_class = name in CLASSES
    rows = (CLASSES if is_class else VALUES)[name](seed)
    if is_class:
        n_splits = min(5, np.unique(rows.y, return_counts=True)[1].min())
        cv = StratifiedKFold(n_splits, shuffle=True, random_state=seed)
        stack = StackingClassifier(learners(True), ConvexBlendClassifier(), cv=cv)
    else:
        cv = KFold(5, shuffle=True, random_state=seed)
        stack = StackingRegressor(learners(False), ConvexBlendRegressor(), cv=cv)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        stack.set_params(random_state=seed).fit(rows.X, rows.y)
    targets = [rows.y, rows.y_test]
    if is_class:
        targets = [np.searchsorted(stack.classes_, y) for y in targets]
    final = stack.final_estimator_
    methods = dict.fromkeys(final.blocks_, "predict_proba" if is_class else "predict")
    kept = stack.out_of_fold_predictions_
    return kept.matrix, targets[0], stack.transform(rows.X_test), targets[1], final.blocks_, methods


# ---- level 1 ------------------------------------------------------------------------------------


def finals(name):
    """Return every final estimator, by what the table calls it; the first is compared with."""
    is_class = name in CLASSES
    blend = ConvexBlendClassifier if is_class else ConvexBlendRegressor
    best = EnsembleSelectionClassifier if is_class else EnsembleSelectionRegressor
    chosen = DiscreteSuperLearnerClassifier if is_class else DiscreteSuperLearnerRegressor
    linear = LogisticRegression(max_iter=2_000) if is_class else RidgeCV(ALPHAS)
    return {
        "convex blend, shrinkage 0": blend(0.0),
        **{f"convex blend, shrinkage {s}": blend(s) for s in SHRINKAGES},
        'convex blend, "auto"': blend(),
        "average": blend(np.inf),
        "linear model": linear,
        "best learner out of fold": best(0),
        "discrete super learner, smallest loss": chosen(n_standard_errors=0.0),
        "discrete super learner": chosen(),
    }


def judge(name, seed):
    """Return accuracy, or root mean squared error, of every final estimator on the test rows."""
    Z, y, Z_test, y_test, blocks, methods = level_zero(name, seed)
    found = {"n_rows": len(y)}
    for what, final in finals(name).items():
        if hasattr(final, "set_level_one_blocks"):
            final.set_level_one_blocks(blocks, methods)
        predicted = final.fit(Z, y).predict(Z_test)
        if name in CLASSES:
            found[what] = float((predicted == y_test).mean())
        else:
            found[what] = float(np.sqrt(((predicted - y_test) ** 2).mean()))
    return found


# ---- table --------------------------------------------------------------------------------------


def differences(document, names, what):
    """Return what it gains on the first final estimator in each set: points, or % of error."""
    gains = []
    for name in names:
        runs = document[name].values()
        first = next(iter(finals(name)))
        mine, other = (np.mean([run[key] for run in runs]) for key in (what, first))
        gains.append(100 * (mine - other) if name in CLASSES else 100 * (1 - mine / other))
    return np.array(gains)


def cell(gains):
    won, lost = (gains > 1e-9).sum(), (gains < -1e-9).sum()
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.2f} ± {error:.2f} ({won} won, {lost} lost)"


def write(document):
    halves = {"others": False, "chosen on": True}
    kinds = {"points of accuracy": CLASSES, "% of error": VALUES}
    groups = {
        f"{kind}, {half}": [n for n in sets if n in document and n.startswith(CHOSEN_ON) == is_mine]
        for half, is_mine in halves.items()
        for kind, sets in kinds.items()
    }
    whats = list(finals(next(iter(CLASSES))))[1:]
    lines = [
        (what, *(cell(differences(document, names, what)) for names in groups.values()))
        for what in whats
    ]
    head = ("Final estimator", *(f"{who} ({len(names)} sets)" for who, names in groups.items()))
    write_table(
        TABLE,
        "Gain on the convex blend without shrinkage: mean over sets ± standard error",
        head,
        lines,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    runs, document = Runs("level_one"), {}
    for name in [*CLASSES, *VALUES]:
        part = runs.part(name, {"finals": list(finals(name))})
        for seed in range(options.seeds):
            runs.do(part, "finals", seed, partial(judge, name, seed))
        document[name] = part["finals"]
    write(document)


if __name__ == "__main__":
    main()
