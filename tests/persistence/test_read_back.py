"""What `save` writes can be read again: boosters are, and what cannot be is refused by name."""

from __future__ import annotations

import operator
import re

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import stackens
from stackens import StackingClassifier
from stackens.exceptions import InvalidInputError, UntrustedTypesError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = np.arange(60) % 3
LIGHTGBM = {"n_estimators": 3, "min_child_samples": 2, "n_jobs": 1, "verbose": -1}
XGBOOST = {"n_estimators": 3, "n_jobs": 1}
CATBOOST = {"iterations": 3, "thread_count": 1, "verbose": False, "allow_writing_files": False}
BOOSTERS = {
    "LGBMClassifier": lightgbm.LGBMClassifier(**LIGHTGBM),
    "LGBMRegressor": lightgbm.LGBMRegressor(**LIGHTGBM),
    "XGBClassifier": xgboost.XGBClassifier(**XGBOOST),
    "XGBRegressor": xgboost.XGBRegressor(**XGBOOST),
    "XGBRFRegressor": xgboost.XGBRFRegressor(**XGBOOST),
    "CatBoostClassifier": catboost.CatBoostClassifier(**CATBOOST),
    "CatBoostRegressor": catboost.CatBoostRegressor(**CATBOOST),
}


def assert_loaded_when_trusted(estimator, path, names):
    """The file says which names it needs, and predicts the same when they are given."""
    stackens.save(estimator, path)
    found = stackens.file_info(path).untrusted_types
    assert set(found) == names
    with pytest.raises(UntrustedTypesError) as caught:
        stackens.load(path)
    assert caught.value.names == list(found)
    again = stackens.load(path, trusted=found)
    for method in {"predict", "predict_proba"} & set(dir(estimator)):
        expected = getattr(estimator, method)(X)
        np.testing.assert_array_equal(getattr(again, method)(X), expected)


def names_of(*models):
    kinds = [type(model) for model in models]
    kinds += [lightgbm.Booster] if any("lightgbm" in kind.__module__ for kind in kinds) else []
    kinds += [xgboost.Booster] if any("xgboost" in kind.__module__ for kind in kinds) else []
    return {f"{kind.__module__}.{kind.__name__}" for kind in kinds}


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_booster(name, tmp_path):
    model = BOOSTERS[name].fit(X, Y)
    assert_loaded_when_trusted(model, tmp_path / "some", names_of(model))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # LightGBM's own names
def test_a_stack_of_boosters(tmp_path):
    names = [name for name in BOOSTERS if name.endswith("Classifier")]
    learners = [(name, BOOSTERS[name]) for name in names]
    stack = StackingClassifier([*learners, ("line", LogisticRegression())], cv=2).fit(X, Y)
    assert_loaded_when_trusted(
        stack, tmp_path / "some", names_of(*(BOOSTERS[name] for name in names))
    )


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_booster_that_is_not_fitted(name, tmp_path):
    stackens.save(BOOSTERS[name].__class__(), tmp_path / "some")
    found = stackens.load(
        tmp_path / "some", trusted=stackens.file_info(tmp_path / "some").untrusted_types
    )
    assert type(found) is type(BOOSTERS[name])


# ---- what could not be read ---------------------------------------------------------------------


class HoldsAnOperator(BaseEstimator):
    """It is written, and `load` would refuse it whoever trusts it."""

    def fit(self, X, y=None):
        self.function_ = operator.itemgetter(1)
        return self


class RefusesItsState(BaseEstimator):
    """It is written, and its own code does not take it back."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def __setstate__(self, state):
        raise OSError("there is no such device")


@pytest.mark.parametrize("kind", [HoldsAnOperator, RefusesItsState])
@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: make_pipeline(one, Ridge())])
def test_what_could_not_be_read_is_not_written(kind, wrap, tmp_path):
    path = tmp_path / "some"
    stackens.save(LogisticRegression(C=3.0), path)
    before, estimator = path.read_bytes(), wrap(kind().fit(X))
    with pytest.raises(
        InvalidInputError, match=r"cannot be saved: .*(itemgetter|no such)"
    ) as caught:
        stackens.save(estimator, path)
    assert type(estimator).__name__ in str(caught.value)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["some"]


@pytest.mark.parametrize(
    "step", [FunctionTransformer(lambda x: x), CountVectorizer(tokenizer=str.split)]
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_function_without_a_name_is_refused_by_its_place(step, inside, tmp_path):
    estimator = make_pipeline(step, Ridge())
    if inside:
        estimator = StackingClassifier([("pipe", estimator)])
    name = f"{type(step).__name__.lower()}.{'func' if hasattr(step, 'func') else 'tokenizer'}"
    place = re.escape(f"`{'estimators.0.1.' if inside else ''}{name}`")
    with pytest.raises(InvalidInputError, match=f"cannot write {place}: .*holds no code"):
        stackens.save(estimator, tmp_path / "some")
    assert not list(tmp_path.iterdir())


def test_categories_that_are_strings_are_written(tmp_path):
    y = np.arange(60) % 2
    columns = {"a": X[:, 0], "k": pd.Categorical(np.where(y, "u", "v")), "b": X[:, 1]}
    frame = pd.DataFrame(columns)
    model = HistGradientBoostingClassifier(max_iter=2).fit(frame, y)
    stackens.save(model, tmp_path / "some")
    found = stackens.load(tmp_path / "some")
    np.testing.assert_array_equal(found.predict_proba(frame), model.predict_proba(frame))


def test_what_is_too_deep_to_be_read_is_not_written(tmp_path):
    nested = 1.0
    for _ in range(100):
        nested = [nested]
    estimator = StackingClassifier([("line", LogisticRegression())], cv=nested)
    with pytest.raises(InvalidInputError, match=r"cannot be saved: .*nested too deeply"):
        stackens.save(estimator, tmp_path / "some")
    assert not list(tmp_path.iterdir())
