"""The classification sets of ``bench_accuracy.py``, from the cheapest on, and how each is split."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut, train_test_split

from stackens import datasets


@dataclass
class Task:
    """A set with its rows, and how it is split."""

    X: Any
    y: np.ndarray
    is_test: np.ndarray | None = None
    groups: np.ndarray | None = None

    def splits(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test rows: given, one group after the other, or a third at random."""
        rows = np.arange(len(self.y))
        if self.groups is not None:
            yield from LeaveOneGroupOut().split(rows, self.y, self.groups)
        elif self.is_test is not None:
            yield rows[~self.is_test], rows[self.is_test]
        else:
            yield train_test_split(rows, test_size=1 / 3, stratify=self.y, random_state=seed)


@dataclass
class Entry:
    """A set: its loader, what it is made of, and published figures."""

    load: Callable[[], Task]
    kind: str = "series"  # or "letters", "words"
    published: dict[str, float] = field(default_factory=dict)


def standard(load, *args):
    def task():
        bunch = load(*args)
        return Task(bunch.data, bunch.target, bunch.is_test)

    return task


def more(name):
    def task():
        path = Path(os.environ.get("STACKENS_DATA", ".")) / "ucr_more" / f"{name}.npz"
        with np.load(path, allow_pickle=False) as found:
            return Task(found["X"], found["y"], found["is_test"])

    return task


def load_speech(*, by_speaker):
    bunch = datasets.load_fsdd()
    some = bunch.take % 5 == 0  # a fifth of the time
    groups = bunch.speaker[some] if by_speaker else None
    return Task(bunch.data[some], bunch.target[some], groups=groups)


def load_splice():
    X, y = datasets.load_splice(return_X_y=True)
    _, firsts = np.unique(X.astype(str), return_index=True)  # some sequences come twice
    rows = np.sort(firsts)
    return Task(X[rows], y[rows])


def load_reviews():
    bunch = datasets.load_imdb()
    rng = np.random.default_rng(0)
    parts = [rng.permutation(np.flatnonzero(bunch.is_test == one)) for one in (False, True)]
    rows = np.concatenate([parts[0][:2_000], parts[1][:5_000]])
    return Task(bunch.data[rows], bunch.target[rows], bunch.is_test[rows])


def ucr(name, **published):
    return Entry(standard(datasets.load_ucr, name), published=published)


def other(name, **published):
    return Entry(more(name), published=published)


SETS = {
    "Coffee": other("Coffee", TWIESN=0.971, ResNet=1.000),
    "GunPoint": ucr("GunPoint", TWIESN=0.961, ResNet=0.991),
    "ItalyPowerDemand": ucr("ItalyPowerDemand", TWIESN=0.880, ResNet=0.963),
    "ArrowHead": ucr("ArrowHead", TWIESN=0.659, ResNet=0.845),
    "BasicMotions": ucr("BasicMotions"),
    "ERing": other("ERing"),
    "ECG200": other("ECG200", TWIESN=0.842, ResNet=0.874),
    "Plane": other("Plane", TWIESN=1.000, ResNet=1.000),
    "SyntheticControl": other("SyntheticControl", TWIESN=0.874, ResNet=0.998),
    "JapaneseVowels": Entry(
        standard(datasets.load_japanese_vowels),
        published={"TWIESN": 0.965, "ResNet": 0.992, "FCN": 0.993},
    ),
    "NATOPS": Entry(standard(datasets.load_natops), published={"signature kernel": 0.922}),
    "Libras": Entry(standard(datasets.load_libras), published={"TWIESN": 0.794, "ResNet": 0.954}),
    "FSDD": Entry(
        lambda: load_speech(by_speaker=False),
        published={"nearest neighbour, official split": 0.973},
    ),
    "FSDD, new speakers": Entry(
        lambda: load_speech(by_speaker=True), published={"nearest neighbour": 0.523}
    ),
    "PenDigits": Entry(
        standard(datasets.load_pendigits),
        published={"nearest neighbour": 0.977, "signature features": 0.983},
    ),
    "splice": Entry(load_splice, "letters"),
    "TREC": Entry(
        standard(datasets.load_trec), "words", {"CNN, random vectors": 0.882, "CNN": 0.928}
    ),
    "IMDB, 2,000 rows": Entry(load_reviews, "words"),
}
