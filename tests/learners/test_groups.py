"""Early stopping of a learner that is no part of a stack: whole groups are held out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from public_estimators import CLASSES_OF_ESTIMATORS, data_for, make
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from stackens import StackingClassifier, StackingRegressor
from stackens.exceptions import InvalidInputError
from stackens.learners.base import NetworkLearner

N_ROWS = 24
GROUPS = np.array([f"subject {k}" for k in np.arange(N_ROWS) // 4])  # both classes in each
LEARNERS = [n for n, c in CLASSES_OF_ESTIMATORS.items() if issubclass(c, NetworkLearner)]
ALL = [*LEARNERS, "EmbeddingPretrainer"]


def stopping(name, **parameters):
    settings = {"early_stopping": True, "validation_fraction": 0.3, "random_state": 0, **parameters}
    prefix = "" if name in LEARNERS else "estimator__"
    return make(name).set_params(**{prefix + key: value for key, value in settings.items()})


@pytest.fixture
def jobs(monkeypatch):
    """Jobs of all networks that are planned, members of an average included."""
    seen, plan = [], NetworkLearner.plan_job

    def plan_job(self, *args, **options):
        job = plan(self, *args, **options)
        seen.extend([job, *job.members])
        return job

    monkeypatch.setattr(NetworkLearner, "plan_job", plan_job)
    return seen


def assert_groups_are_whole(jobs):
    assert jobs
    for job in jobs:
        training, validation = job.training_rows, job.validation_rows
        assert_array_equal(np.sort(np.r_[training, validation]), np.arange(N_ROWS))
        assert len(training) > len(validation) > 0
        assert not set(GROUPS[training]) & set(GROUPS[validation])


@pytest.mark.parametrize("name", ALL)
def test_no_group_is_on_both_sides(name, jobs):
    stopping(name).fit(*data_for(name), groups=GROUPS)
    assert_groups_are_whole(jobs)


@pytest.mark.parametrize("name", ALL)
def test_the_canary_sings_without_groups(name, jobs):
    stopping(name).fit(*data_for(name))
    assert all(set(GROUPS[j.training_rows]) & set(GROUPS[j.validation_rows]) for j in jobs)
    with pytest.raises(AssertionError):
        assert_groups_are_whole(jobs)


def test_each_network_of_an_average_holds_out_groups_of_its_own(jobs):
    name = "StackedRNNClassifier"
    stopping(name, n_seeds=4).fit(*data_for(name), groups=GROUPS)
    assert_groups_are_whole(jobs)
    assert len({tuple(np.sort(job.validation_rows)) for job in jobs}) > 1


@pytest.mark.parametrize("name", ["StackedRNNClassifier", "TransformerRegressor"])
def test_a_learner_watches_the_rows_that_its_refit_in_a_stack_watches(name, jobs):
    stack = StackingClassifier if is_classifier(make(name)) else StackingRegressor
    stack = stack([("a", stopping(name))], cv=2, refit_epochs="early_stopping")
    stack.fit(*data_for(name), groups=GROUPS)
    (refit,) = [job for job in jobs if job.name == "a, refit on all rows"]
    alone = stopping(name).plan_job(*data_for(name), groups=GROUPS)
    assert_array_equal(alone.validation_rows, refit.validation_rows)
    assert_array_equal(alone.training_rows, refit.training_rows)


@pytest.mark.parametrize("rows", [None, np.arange(20, 3, -1)])
@pytest.mark.parametrize("name", ["StackedRNNClassifier", "EmbeddingPretrainer"])
def test_a_planned_job_takes_groups_of_all_rows(name, rows):
    job = stopping(name).plan_job(*data_for(name), rows=rows, groups=GROUPS)
    groups = GROUPS if rows is None or name in LEARNERS else GROUPS[rows]
    assert not set(groups[job.training_rows]) & set(groups[job.validation_rows])
    n_rows = N_ROWS if rows is None else len(rows)
    assert len(job.training_rows) + len(job.validation_rows) == n_rows


@pytest.mark.parametrize("settings", [{"early_stopping": False}, {"validation_rows": "latest"}])
@pytest.mark.parametrize("name", ["StackedRNNRegressor", "EmbeddingPretrainer"])
def test_who_holds_out_no_rows_or_others_trains_as_without_groups(name, settings):
    with_groups = stopping(name, **settings).fit(*data_for(name), groups=GROUPS)
    without = stopping(name, **settings).fit(*data_for(name))
    for a, b in zip(with_groups.weights_, without.weights_, strict=True):
        assert_array_equal(a, b)
    assert with_groups.history_ == without.history_


NO_GROUPS = {
    "another length": (GROUPS[:9], "`groups` has 9, and `X` has 24"),
    "None": ([None, *GROUPS[1:]], "holds None in row 0"),
    "one group": (np.zeros(N_ROWS), "holds out whole groups, and all 24 training rows"),
}


@pytest.mark.parametrize("name", ["StackedRNNClassifier", "EmbeddingPretrainer"])
@pytest.mark.parametrize("case", NO_GROUPS)
def test_groups_that_cannot_be_held_out_are_refused_before_training(case, name, monkeypatch):
    monkeypatch.setattr(NetworkLearner, "_train", lambda *_, **__: pytest.fail("trained"))
    groups, message = NO_GROUPS[case]
    learner = stopping(name)
    with pytest.raises(InvalidInputError, match=message):
        learner.fit(*data_for(name), groups=groups)
    with pytest.raises(NotFittedError):
        check_is_fitted(learner)
