"""Targets, groups, weights and columns that cannot be used are refused before any training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from public_estimators import CLASSES, CLASSES_OF_ESTIMATORS, TABLE, VALUES, data_for, make
from sklearn.model_selection import GroupKFold

from stackens.exceptions import InvalidInputError
from stackens.learners._base import NetworkLearner
from stackens.targets import check_rows

LEARNERS = [n for n, cls in CLASSES_OF_ESTIMATORS.items() if issubclass(cls, NetworkLearner)]
STACKS = ["StackingClassifier", "StackingRegressor", "DistilledClassifier", "DistilledRegressor"]
BLENDS = [n for n in CLASSES_OF_ESTIMATORS if n.startswith(("ConvexBlend", "EnsembleSelection"))]


def test_the_number_of_rows_is_compared_also_for_other_objects():
    check_rows([1, 2], None, np.zeros(2))
    with pytest.raises(InvalidInputError, match=r"\[2, 3\]"):
        check_rows([1, 2], [1, 2, 3])


def with_missing(y, value):
    y = np.asarray(y).astype(object)
    y[3] = value
    return y


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan")])
@pytest.mark.parametrize("name", [*LEARNERS, *STACKS, "EmbeddingPretrainer"])
def test_a_target_that_is_missing_names_the_row(name, missing):
    X, y = data_for(name)
    with pytest.raises(InvalidInputError, match=r"`y` holds (None|<NA>|nan) in row 3"):
        make(name).fit(X, with_missing(y, missing))


@pytest.mark.parametrize("name", STACKS)
def test_a_missing_group_names_the_row(name):
    stack = make(name)
    part = {"cv": GroupKFold(2)} if "Stacking" in name else {"teacher__cv": GroupKFold(2)}
    with pytest.raises(InvalidInputError, match="`groups` holds None in row 3"):
        stack.set_params(**part).fit(*data_for(name), groups=with_missing(["a", "b"] * 12, None))


@pytest.mark.parametrize("weights", [["a"] * 24, ["1"] * 24, np.array(["1"] * 24, object)])
@pytest.mark.parametrize("name", [*LEARNERS, *STACKS, *BLENDS])
def test_weights_that_are_text(name, weights):
    with pytest.raises(InvalidInputError, match=r"`sample_weight` must hold a number.*text"):
        make(name).fit(*data_for(name), sample_weight=weights)


COLUMNS = {
    "times": pd.date_range("2020", periods=24),
    "durations": pd.to_timedelta(np.arange(24), "s"),
    "periods": pd.period_range("2020-01", periods=24, freq="M"),
    "kinds": pd.Categorical(["red", "blue"] * 12),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", [*LEARNERS, "SequenceScaler", "SequenceImputer"])
def test_a_column_that_holds_no_numbers_is_named(name, column):
    frame = pd.DataFrame({"a": VALUES, column: COLUMNS[column]})
    y = VALUES if name.endswith("Regressor") else CLASSES
    advice = "OneHotEncoder" if column == "kinds" else "sequences_from_frame"
    with pytest.raises(InvalidInputError, match=rf"Column '{column}' of `X` holds.*{advice}"):
        make(name).fit(frame, y)


def test_categories_that_are_numbers_are_numbers():
    frame = pd.DataFrame({"a": VALUES, "b": pd.Categorical([1, 2] * 12)})
    assert make("StackedRNNClassifier").fit(frame, CLASSES).n_features_in_ == 2


@pytest.mark.parametrize("name", [*LEARNERS, *STACKS])
def test_a_table_with_a_row_for_each_timestep_is_pointed_to_what_reads_it(name):
    long = pd.DataFrame({"id": np.repeat(np.arange(24), 3), "value": np.arange(72.0)})
    y = VALUES if name.endswith("Regressor") else CLASSES
    with pytest.raises(ValueError, match=r"\[72, 24\].*`sequences_from_frame`"):
        make(name).fit(long, y)
    with pytest.raises(ValueError, match=r"\[24, 23\]\.$"):  # of these it knows nothing
        make(name).fit(TABLE, y[:-1])
