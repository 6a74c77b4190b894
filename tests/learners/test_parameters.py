"""What the constructors of the learners take, keep and describe."""

from __future__ import annotations

import inspect
import re

import pytest
from public_estimators import CLASSES_OF_ESTIMATORS, LEARNERS

CLASSES = [CLASSES_OF_ESTIMATORS[name] for name in LEARNERS]


def described(cls):
    """Names in the section of parameters of a docstring, in order."""
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n", inspect.getdoc(cls), re.DOTALL).group(1)
    names = re.findall(r"^(\*{0,2}\w+(?:, \w+)*) : ", section, re.MULTILINE)
    return [name.lstrip("*") for line in names for name in line.split(", ")]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_is_described_once(cls):
    text = inspect.getdoc(cls)
    assert not re.search("<[a-z_]+>", text)
    assert described(cls) == list(inspect.signature(cls).parameters)
    said = re.findall(r"^(\w+) : .*, default=(\S+)$", text, re.MULTILINE)
    assert len(said) > 10
    for name, default in said:
        assert repr(inspect.signature(cls).parameters[name].default) == default.replace('"', "'")


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_given_is_kept_as_it_is(cls):
    given = {name: object() for name in inspect.signature(cls).parameters if name != "routed"}
    learner = cls(**given, optimizer__clipnorm=1.0)
    kept = learner.get_params(deep=False)
    assert kept.pop("optimizer__clipnorm") == 1.0
    assert kept == given
    assert vars(learner) == {**given, "optimizer__clipnorm": 1.0}
