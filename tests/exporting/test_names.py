"""Names of columns and channels go into exported predictors, and are compared there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stackens import (
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackingClassifier,
    View,
    export_numpy,
    make_views,
    portable,
)
from stackens.exceptions import InvalidInputError

N = 20
Y = np.arange(N) % 2
RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=(N, 5, 2)) + Y[:, None, None]
TABLE = RNG.normal(size=(N, 2)) + Y[:, None]
FLAT = make_pipeline(SequenceScaler(), SequenceFlattener(), LogisticRegression())
FRAMES = [pd.DataFrame(x, columns=["a", "b"]) for x in SIGNAL]
FRAME = pd.DataFrame(TABLE, columns=["a", "b"])


class Columns:
    """What has columns, and is of no library."""

    def __init__(self, frame, names):
        self.values, self.columns, self.shape = frame[names].to_numpy(), names, frame.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index]


KINDS = {
    "pandas": lambda frame, names: frame[names],
    "polars": lambda frame, names: pl.DataFrame({name: frame[name].to_numpy() for name in names}),
    "no library": Columns,
}
CASES = {
    "learner": (StackedRNNClassifier(2, epochs=1, random_state=0), FRAMES),
    "pipeline of sequences": (FLAT, FRAMES),
    "stack of sequences": (StackingClassifier([("flat", FLAT)], cv=2), FRAMES),
    "linear": (LogisticRegression(), FRAME),
    "view": (make_pipeline(View(columns=[1]), LogisticRegression()), FRAME),
    "stack of tables": (StackingClassifier([("linear", LogisticRegression())], cv=2), FRAME),
}


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory):
    estimator, X = CASES[request.param]
    path = tmp_path_factory.mktemp("names") / "model"
    export_numpy(estimator.fit(X, Y), path, X)
    return portable.load(path), estimator, X


@pytest.mark.parametrize("kind", KINDS)
def test_other_columns_are_refused_and_the_same_taken(kind, exported):
    predictor, estimator, X = exported

    def ask(names):
        make = KINDS[kind]
        rows = [make(x, names) for x in X] if isinstance(X, list) else make(X, names)
        return predictor.predict_proba(rows)

    np.testing.assert_allclose(ask(["a", "b"]), estimator.predict_proba(X), atol=1e-5)
    with pytest.raises(InvalidInputError, match=r"\['a', 'b'\]; got \['b', 'a'\]"):
        ask(["b", "a"])


def test_what_has_no_names_is_taken_by_place(exported):
    predictor, estimator, X = exported
    plain = [x.to_numpy() for x in X] if isinstance(X, list) else X.to_numpy()
    found = predictor.predict_proba(plain)
    np.testing.assert_allclose(found, estimator.predict_proba(X), atol=1e-5)


def test_a_view_that_takes_numbers_compares_the_names_of_its_part(tmp_path):
    model = make_pipeline(View("table", columns=[1]), LogisticRegression())
    export_numpy(model.fit(make_views(table=FRAME), Y), tmp_path / "model")
    predictor = portable.load(tmp_path / "model")
    assert predictor.predict({"table": FRAME}).shape == (N,)
    with pytest.raises(InvalidInputError, match="columns of `X`"):
        predictor.predict({"table": FRAME[["b", "a"]]})
