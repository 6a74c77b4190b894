"""A warning names the line of the user's code that led to it, however deep it arises."""

from __future__ import annotations

import ast
import inspect
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import stackens
from stackens import SlidingWindows, StackedRNNClassifier, StackingClassifier, exceptions
from stackens.text import StackedRNNLanguageModel

PACKAGE = Path(stackens.__file__).parent
X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) // 10


class Failing(GaussianNB):
    def fit(self, X, y):
        raise ValueError("no")


def lacking(n_jobs=None):
    return StackingClassifier([("bayes", GaussianNB())], cv=KFold(3), n_jobs=n_jobs)


def dropping():
    learners = [("bayes", GaussianNB()), ("failing", Failing())]
    return StackingClassifier(learners, cv=2, on_failure="drop")


def keeping(folder):
    return StackingClassifier([("tree", DecisionTreeClassifier())], cv=2, memory=folder)


CASES = {
    "MissingClassWarning": lambda folder: lacking().fit(X, Y),
    "MissingClassWarning in a pipeline": lambda folder: make_pipeline(
        StandardScaler(), lacking()
    ).fit(X, Y),
    "MissingClassWarning of several threads": lambda folder: lacking(n_jobs=2).fit(X, Y),
    "MissingClassWarning in a cross-validation": lambda folder: cross_val_score(
        lacking(), X, Y, cv=3
    ),
    "LearnerDroppedWarning": lambda folder: dropping().fit(X, Y),
    "StoreWarning": lambda folder: keeping(folder).fit(X, Y),
    "UserWarning of windows": lambda folder: SlidingWindows(3).fit_transform(
        [np.zeros((2, 1)), np.zeros((4, 1))]
    ),
    "UserWarning of tokens": lambda folder: StackedRNNClassifier(
        units=2, epochs=1, random_state=0
    ).fit(np.array([[3, 1, 2], [2, 1, 0], [2, 0, 0]]), [0, 1, 1]),
    "UnknownTokenWarning": lambda folder: (
        StackedRNNLanguageModel(units=2, window=4, epochs=1, random_state=0)
        .fit(["abba" * 20])
        .score(["abc"])
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_warning_names_the_line_of_the_user(case, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[case](tmp_path)
    found = [one for one in caught if one.category.__name__ == case.partition(" ")[0]]
    assert found
    lines, first = inspect.getsourcelines(CASES[case])
    for one in found:
        assert one.filename == __file__
        assert first <= one.lineno < first + len(lines)


def test_a_warning_of_one_line_is_given_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            exceptions.warn_user("message", UserWarning)
    assert len(caught) == 1


def test_a_thread_that_nobody_called_has_a_line_too():
    frames = {"__name__": "stackens.thread", "warn": exceptions.warn_user}
    exec(compile("def run(): warn('message', UserWarning)", "thread.py", "exec"), frames)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=frames["run"])
        thread.start()
        thread.join()
    assert [(one.filename, one.lineno) for one in caught] == [("thread.py", 1)]


def test_all_warnings_of_the_package_are_given_by_one_function():
    others = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("warn", "warn_explicit")
    ]
    assert len(others) == 1, others
    assert others[0].startswith("exceptions.py:")
