"""The classification sets of ``bench_accuracy.py``: how each is split, and its level 0.

Settings are common ones, or were chosen by cross-validation on training rows
(``bench_accuracy.py --tune SET``), never by test rows. Functions that work on each row by itself
cannot leak; whatever learns from rows is a step of a Pipeline, and fitted within folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from stackens import (
    SequenceDifferencer,
    SequenceFlattener,
    SequenceScaler,
    SequenceSummarizer,
    SequenceVectorizer,
    StackedRNNClassifier,
    datasets,
)
from stackens.sequences import as_object_array


@dataclass
class Task:
    """A set with its rows, and how it is split."""

    X: Any
    y: np.ndarray
    is_test: np.ndarray | None = None
    groups: np.ndarray | None = None
    how: str = "standard split"

    def splits(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test rows: given, one group after the other, or a third at random."""
        rows = np.arange(len(self.y))
        if self.groups is not None:
            yield from LeaveOneGroupOut().split(rows, self.y, self.groups)
        elif self.is_test is not None:
            yield rows[~self.is_test], rows[self.is_test]
        else:
            yield train_test_split(rows, test_size=1 / 3, stratify=self.y, random_state=seed)

    def cv(self, seed: int) -> Any:
        """Return the splitter inside the training rows."""
        if self.groups is not None:
            return GroupKFold(3)
        n_splits = 5 if len(self.y) < 2_000 else 3
        return StratifiedKFold(n_splits, shuffle=True, random_state=seed)


@dataclass
class Entry:
    """A set: loader, learners, and published figures."""

    load: Callable[[], Task]
    learners: Callable[[], list[tuple[str, Any]]]
    published: dict[str, float] = field(default_factory=dict)
    goal: float | None = None


# ---- of each row by itself ----------------------------------------------------------------------


def as_patches(X, size):
    """Write ``size`` timesteps side by side: fewer, wider steps."""
    n, steps, channels = X.shape
    return X[:, : steps // size * size].reshape(n, steps // size, size * channels)


def normalize_utterances(X):
    """Subtract each recording's mean and divide by its deviation: microphone and voice."""
    return as_object_array([(x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3) for x in X])


def resample(X, n_steps):
    """Bring sequences to one length by linear interpolation."""
    rows = []
    for x in X:
        places = np.linspace(0, len(x) - 1, n_steps)
        rows.append([np.interp(places, np.arange(len(x)), channel) for channel in x.T])
    return np.transpose(rows, (0, 2, 1))


def as_pairs(X):
    """Write two frames side by side: half the steps."""
    return as_object_array([x[: len(x) // 2 * 2].reshape(len(x) // 2, 2 * x.shape[1]) for x in X])


def each_row(function, **options):
    return FunctionTransformer(function, kw_args=options)


def as_letters(texts):
    return np.array([list(text) for text in texts])


def towards_the_middle(texts):
    """Write the bases left and right of the middle side by side, from the ends inwards."""
    bases = as_letters(texts)[:, :, np.newaxis] == np.array(list("ACGT"))
    half = bases.shape[1] // 2
    halves = [bases[:, :half], bases[:, : half - 1 : -1]]
    return np.concatenate(halves, axis=2).astype(np.float32)


# ---- learners -----------------------------------------------------------------------------------


def rnn(units, *before, **options):
    settings = {"bidirectional": True, "dropout": 0.2, "learning_rate": 0.003, "batch_size": 16}
    return make_pipeline(
        *before, SequenceScaler(), StackedRNNClassifier(units, **{**settings, **options})
    )


def flat_svc(*before, c=10.0, **options):
    return make_pipeline(*before, SequenceFlattener(), StandardScaler(), svc(c, **options))


def svc(c, **options):
    return CalibratedClassifierCV(SVC(C=c, **options), cv=3, ensemble=False)


def flat_linear(*before):
    linear = LogisticRegression(max_iter=3000)
    return make_pipeline(*before, SequenceFlattener(), StandardScaler(), linear)


def flat_trees(*before):
    return make_pipeline(*before, SequenceFlattener(), ExtraTreesClassifier(300))


def summary_linear(*before, c=1.0):
    return make_pipeline(
        *before, SequenceSummarizer(), StandardScaler(), LogisticRegression(C=c, max_iter=3000)
    )


def summary_trees(*before):
    return make_pipeline(*before, SequenceSummarizer(), ExtraTreesClassifier(300))


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


def random_convolutions(*before, c=0.1):
    linear = LogisticRegression(C=c, max_iter=3000)
    return make_pipeline(*before, SequenceScaler(), RandomConvolutions(), StandardScaler(), linear)


def few_long_series(patch):
    """Level 0 for tens of univariate series: no deep network; averages of three seeds."""

    def learners():
        wide = each_row(as_patches, size=patch)
        moving = SequenceDifferencer()

        def network(**options):
            return rnn(32, moving, wide, epochs=80, n_seeds=3, **options)

        return [
            ("bilstm", network(pooling="max")),
            ("bigru", network(cell="gru", pooling="mean")),
            ("convolutions", random_convolutions()),
            ("convolutions of changes", random_convolutions(moving)),
            ("svc", flat_svc()),
            ("trees", flat_trees(moving)),
            ("linear", flat_linear()),
        ]

    return learners


def motion_learners():
    moving = SequenceDifferencer()
    return [
        ("bilstm", rnn(48, moving, pooling="mean", epochs=60)),
        ("bigru", rnn(48, moving, cell="gru", pooling="max", epochs=60)),
        ("deep", rnn(48, moving, n_layers=2, pooling="mean", epochs=50)),
        ("convolutions", random_convolutions()),
        ("summary", summary_linear(moving)),
        ("trees", summary_trees(moving)),
    ]


def vowel_learners():
    """Level 0 for few recordings: averages of three seeds, as for the other small sets."""
    moving = SequenceDifferencer()
    same_length = each_row(resample, n_steps=20)

    def network(**options):
        return rnn(48, epochs=50, n_seeds=3, **options)

    return [
        ("bilstm", network(pooling="max")),
        ("bigru", network(cell="gru", pooling="mean")),
        ("deep", network(n_layers=2, pooling="max", dropout=0.3)),
        ("convolutions", random_convolutions(same_length)),
        ("svc", flat_svc(each_row(resample, n_steps=10))),
        ("summary", summary_linear()),
        ("trees", summary_trees(moving)),
    ]


def pen_learners():
    moving = SequenceDifferencer()
    small = {"batch_size": 128, "learning_rate": 0.006, "dropout": 0.1}
    return [
        ("bilstm", rnn(48, epochs=25, **small)),
        ("bigru", rnn(48, moving, cell="gru", epochs=25, **small)),
        ("deep", rnn(48, moving, n_layers=2, pooling="mean", epochs=25, **small)),
        ("svc", flat_svc(moving, c=10.0)),
        ("neighbours", make_pipeline(SequenceFlattener(), KNeighborsClassifier(3))),
        ("trees", flat_trees(moving)),
    ]


def speech_learners():
    frames = (each_row(normalize_utterances), SequenceDifferencer())
    before = (*frames, each_row(as_pairs))
    large = {"batch_size": 32, "learning_rate": 0.005, "dropout": 0.3}
    return [
        ("bilstm", rnn(32, *before, pooling="max", epochs=15, **large)),
        ("bigru", rnn(32, *before, cell="gru", pooling="mean", epochs=15, **large)),
        ("svc", flat_svc(frames[0], each_row(resample, n_steps=15), c=3.0)),
        ("summary", summary_linear(*frames, c=0.1)),
        ("trees", summary_trees(*frames)),
    ]


def question_learners():
    def words(cell, **options):
        settings = {"embedding_dim": 64, "dropout": 0.4, "learning_rate": 0.006, "batch_size": 128}
        return make_pipeline(
            SequenceVectorizer(5000, max_length=20, token_pattern=r"\S+"),
            StackedRNNClassifier(
                48,
                cell=cell,
                vocabulary_size=5000,
                **{"bidirectional": True, **settings, **options},
            ),
        )

    def linear(c):
        return make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 3), token_pattern=r"\S+", sublinear_tf=True),
                TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True),
            ),
            CalibratedClassifierCV(LinearSVC(C=c), cv=3, ensemble=False),
        )

    return [
        ("bilstm", words("lstm", pooling="max", epochs=6)),
        ("bigru", words("gru", pooling="attention", epochs=6)),
        ("deep", words("lstm", n_layers=2, pooling="mean", epochs=6)),
        ("linear", linear(0.5)),
    ]


def splice_learners():
    """Level 0 for 60 bases with a cut in the middle, if any: read from both ends towards it."""

    def bases(cell, **options):
        settings = {"dropout": 0.3, "learning_rate": 0.005, "epochs": 30, "n_seeds": 3}
        network = StackedRNNClassifier(32, cell=cell, **{**settings, **options})
        return make_pipeline(each_row(towards_the_middle), network)

    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    linear = LogisticRegression(C=0.3, max_iter=2000)
    return [
        ("lstm", bases("lstm")),
        ("gru", bases("gru")),
        ("deep", bases("lstm", n_layers=2)),
        ("svc", make_pipeline(each_row(as_letters), one_hot, svc(3.0, gamma=0.02))),
        ("trees", make_pipeline(each_row(as_letters), one_hot, ExtraTreesClassifier(500))),
        ("linear", make_pipeline(each_row(towards_the_middle), SequenceFlattener(), linear)),
    ]


# ---- sets ---------------------------------------------------------------------------------------


def standard(load, *args):
    def task():
        bunch = load(*args)
        return Task(bunch.data, bunch.target, bunch.is_test)

    return task


def load_speech(*, by_speaker):
    bunch = datasets.load_fsdd()
    some = bunch.take % 5 == 0  # a fifth of the time
    X, y, speakers = bunch.data[some], bunch.target[some], bunch.speaker[some]
    if by_speaker:
        return Task(X, y, groups=speakers, how="leave one speaker out, 10 of the 50 takes")
    how = "10 of the 50 takes, a third at random: speakers of test rows are in the training rows"
    return Task(X, y, how=how)


def load_splice():
    X, y = datasets.load_splice(return_X_y=True)
    _, firsts = np.unique(X.astype(str), return_index=True)  # some sequences come twice
    rows = np.sort(firsts)
    return Task(X[rows], y[rows], how="different sequences, a third at random for each seed")


SETS = {
    "GunPoint": Entry(
        standard(datasets.load_ucr, "GunPoint"),
        few_long_series(5),
        {"TWIESN": 0.961, "ResNet": 0.991},
    ),
    "ItalyPowerDemand": Entry(
        standard(datasets.load_ucr, "ItalyPowerDemand"),
        few_long_series(2),
        {"TWIESN": 0.880, "ResNet": 0.963},
    ),
    "ArrowHead": Entry(
        standard(datasets.load_ucr, "ArrowHead"),
        few_long_series(8),
        {"TWIESN": 0.659, "ResNet": 0.845},
    ),
    "BasicMotions": Entry(standard(datasets.load_ucr, "BasicMotions"), few_long_series(4)),
    "JapaneseVowels": Entry(
        standard(datasets.load_japanese_vowels),
        vowel_learners,
        {"TWIESN": 0.965, "ResNet": 0.992, "FCN": 0.993},
        0.985,
    ),
    "NATOPS": Entry(
        standard(datasets.load_natops), motion_learners, {"signature kernel": 0.922}, 0.93
    ),
    "Libras": Entry(
        standard(datasets.load_libras), motion_learners, {"TWIESN": 0.794, "ResNet": 0.954}, 0.90
    ),
    "splice": Entry(load_splice, splice_learners),
    "PenDigits": Entry(
        standard(datasets.load_pendigits),
        pen_learners,
        {"nearest neighbour": 0.9774, "signature features": 0.983},
        0.985,
    ),
    "TREC": Entry(
        standard(datasets.load_trec),
        question_learners,
        {"CNN, random vectors": 0.882, "CNN": 0.928},
        0.90,
    ),
    "FSDD speakers": Entry(
        lambda: load_speech(by_speaker=True),
        speech_learners,
        {"nearest neighbour": 0.523},
        0.75,
    ),
    "FSDD leaky": Entry(
        lambda: load_speech(by_speaker=False),
        speech_learners,
        {"nearest neighbour, official split": 0.973},
    ),
}
