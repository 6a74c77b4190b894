"""Types are named by their rooms, where they can be imported."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest
from public_estimators import CLASSES_OF_ESTIMATORS
from sklearn.linear_model import LogisticRegression

import stackens
from stackens.public_names import public_name


@pytest.mark.parametrize("name", CLASSES_OF_ESTIMATORS)
def test_a_public_estimator_is_found_by_its_name(name):
    cls = CLASSES_OF_ESTIMATORS[name]
    package, room, found = public_name(cls).split(".")
    assert (package, found) == ("stackens", name)
    assert not room.startswith("_")
    assert getattr(import_module(f"stackens.{room}"), name) is cls


def test_functions_and_what_stands_in_no_private_file():
    assert public_name(stackens.read_word_vectors) == "stackens.preprocessing.read_word_vectors"
    assert public_name(stackens.make_views) == "stackens.views.make_views"


def test_other_packages_keep_their_paths(monkeypatch):
    assert public_name(LogisticRegression) == "sklearn.linear_model._logistic.LogisticRegression"
    like_ours = ModuleType("stackens_more")
    like_ours.Thing = type("Thing", (), {"__module__": "stackens_more._file"})
    monkeypatch.setitem(import_module("sys").modules, "stackens_more", like_ours)
    assert public_name(like_ours.Thing) == "stackens_more._file.Thing"


def test_what_its_room_does_not_give_has_no_public_name():
    """Nor has another of the name of one that it gives."""
    for name in ("Thing", "StackingClassifier"):
        private = type(name, (), {"__module__": "stackens.ensemble._other"})
        assert public_name(private) == f"stackens.ensemble._other.{name}"
