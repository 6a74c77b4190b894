"""What the final estimator sees of sequences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from stackens import SequenceFlattener, StackingClassifier, StackingRegressor, View, make_views
from stackens.exceptions import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5, 2))
Y = np.arange(40) % 2
LENGTHS = 1 + np.arange(40) % 5
RAGGED = [x[:n] for x, n in zip(X, LENGTHS, strict=True)]
LEARNERS = [("linear", make_pipeline(SequenceFlattener(), LogisticRegression()))]

BY_HAND = {
    "last": lambda x: x[-1],
    "mean": lambda x: x.mean(axis=0),
    "summary": lambda x: np.concatenate(
        [x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0), x[-1]]
    ),
}


def padded():
    filled = np.full((40, 7, 2), np.nan)
    for row, x in zip(filled, RAGGED, strict=True):
        row[: len(x)] = x
    return filled


@pytest.mark.parametrize("how", list(BY_HAND))
@pytest.mark.parametrize("kind", ["ragged", "padded"])
def test_sequences_become_a_table(how, kind):
    sequences = RAGGED if kind == "ragged" else padded()
    stack = StackingClassifier(LEARNERS, passthrough=how, cv=4).fit(sequences, Y)
    expected = np.array([BY_HAND[how](x) for x in RAGGED])
    found = stack.transform(sequences)[:, 1:]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert stack.final_estimator_.n_features_in_ == 1 + expected.shape[1]
    names = stack.get_feature_names_out()
    assert names[:2].tolist() == ["stackingclassifier_linear", f"{how}0"]
    assert len(names) == 1 + expected.shape[1]
    other = stack.with_final_estimator(LogisticRegression(C=0.1), sequences)
    expected_stack = StackingClassifier(
        LEARNERS, LogisticRegression(C=0.1), passthrough=how, cv=4
    ).fit(sequences, Y)
    np.testing.assert_allclose(
        other.predict_proba(sequences), expected_stack.predict_proba(sequences), rtol=1e-9
    )
    assert "stack" in stack.leaderboard().index


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix, pd.DataFrame])
def test_a_function_makes_the_table(make):
    def first(x):
        return make(np.asarray(x)[:, 0])

    stack = StackingRegressor(
        [("ridge", make_pipeline(SequenceFlattener(), Ridge()))], Ridge(), passthrough=first
    ).fit(X, X[:, 0, 0])
    matrix = stack.transform(X)
    matrix = matrix.toarray() if scipy.sparse.issparse(matrix) else matrix
    np.testing.assert_allclose(matrix[:, 1:], X[:, 0])
    assert stack.get_feature_names_out().tolist()[1:] == ["passthrough0", "passthrough1"]


def test_a_view_goes_along():
    views = make_views(signal=X, static=X[:, 0])
    learners = [("linear", make_pipeline(View("signal"), *[s for _, s in LEARNERS[0][1].steps]))]
    stack = StackingClassifier(learners, passthrough=View("static").fit_transform).fit(views, Y)
    np.testing.assert_array_equal(stack.transform(views)[:, 1:], X[:, 0])


def test_what_is_no_table_is_refused():
    with pytest.raises(InvalidInputError, match="'last', 'mean', 'summary', or a function"):
        StackingClassifier(LEARNERS, passthrough=True).fit(X, Y)
    with pytest.raises(InvalidInputError, match=r"of shape \(40, n_columns\); got \(40, 5, 2\)"):
        StackingClassifier(LEARNERS, passthrough=lambda x: x).fit(X, Y)
    with pytest.raises(ValueError, match="passthrough"):
        StackingClassifier(LEARNERS, passthrough="first").fit(X, Y)


@pytest.mark.parametrize("predict_with", ["refit", "folds"])
def test_columns_of_a_data_frame_keep_their_names(predict_with):
    frame = pd.DataFrame(X[:, 0], columns=["age", "size"])
    learners = [("linear", LogisticRegression())]
    stack = StackingClassifier(learners, cv=3, passthrough=True, predict_with=predict_with)
    table = stack.set_output(transform="pandas").fit(frame, Y).transform(frame)
    assert table.columns.to_list() == ["stackingclassifier_linear", "age", "size"]
    pd.testing.assert_frame_equal(table[["age", "size"]], frame)
    assert stack.feature_names_in_.tolist() == ["age", "size"]
    with pytest.raises(ValueError, match="feature names"):
        stack.predict(frame[["size", "age"]])
