"""Which types a file may name, and what stands behind a name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import FunctionType
from typing import Any

from stackens import learners
from stackens.exceptions import ArchiveError, InvalidInputError
from stackens.public_names import public_name
from stackens.sklearn_parts import ESTIMATORS, INTERNALS, TRANSFORMERS

_BUNCH = "sklearn.utils._bunch.Bunch"

# Types of ours, by room; a new estimator is entered here by whoever has looked at what it keeps.
_OWN = {
    "ensemble": (
        "AveragingClassifier",
        "AveragingRegressor",
        "ColumnwiseRegressor",
        "ConvexBlendClassifier",
        "ConvexBlendRegressor",
        "DiscreteSuperLearnerClassifier",
        "DiscreteSuperLearnerRegressor",
        "DistilledClassifier",
        "DistilledRegressor",
        "EnsembleSelectionClassifier",
        "EnsembleSelectionRegressor",
        "FoldAverage",
        "OutOfFoldPredictions",
        "StackingClassifier",
        "StackingRegressor",
    ),
    "forecasting": (
        "History",
        "NaiveForecaster",
        "TargetTransform",
        "TrainedRegressors",
        "WindowForecaster",
        "WindowLayout",
        "WindowScale",
    ),
    # Of a learner, only numbers, and parameters of known kinds, are kept, by code of that room.
    "learners": (*vars(learners)["__all__"], "SciKerasClassifier", "SciKerasRegressor"),
    "model_selection": ("GridSearchCV", "RandomizedSearchCV"),
    "preprocessing": ("WordVectors",),  # and its transformers, which a store may hold, too
    "text": ("SequenceTranslator", "StackedRNNLanguageModel", "Tokenizer"),
}
OWN_TYPES = TRANSFORMERS | {
    f"stackens.{room}.{name}" for room, names in _OWN.items() for name in names
}
# Ours, and written, but made from a file only if its user says so: compiled code reads its bytes.
TYPES_ON_TRUST = frozenset({"stackens.text.PieceTokenizer"})
_SCIKERAS = frozenset({"scikeras.wrappers.KerasClassifier", "scikeras.wrappers.KerasRegressor"})
# Searches hold scorers, which are functions.
_TAKEN_APART = _SCIKERAS | {"sklearn.model_selection._search.BaseSearchCV"}
_KNOWN = OWN_TYPES | _SCIKERAS | ESTIMATORS | INTERNALS | {_BUNCH}


class Trust:
    """The names that a file may use: those of this module, and those that a user gives.

    Parameters
    ----------
    trusted : iterable of str, type or function
        What the user trusts beside them; an object stands for its own name.
    """

    def __init__(self, trusted: Any = ()) -> None:
        if isinstance(trusted, str) or not isinstance(trusted, Iterable):
            raise InvalidInputError(
                f"`trusted` must be a list of names, types or functions; got {trusted!r}. Name "
                "each of them: there is no way to trust everything."
            )
        self._given: dict[str, Any] = {}
        for one in trusted:
            if isinstance(one, str):
                self._given[one] = None
            elif isinstance(one, type | FunctionType):
                self._given[public_name(one)] = one
            else:
                raise InvalidInputError(
                    "`trusted` must hold names (`'package.module.Class'`), types or functions; "
                    f"got {one!r}."
                )

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def allows(self, name: str) -> bool:
        """Whether an object of the type may be made."""
        return name in _KNOWN or name in self._given

    def find(self, name: str) -> Any:
        """Return what stands behind a name; it must be allowed."""
        if not self.allows(name):  # whoever calls has asked; asked again, as all hangs on it
            raise ArchiveError(f"{name!r} is not trusted.")
        given = self._given.get(name)
        return find_type(name) if given is None else given


def is_own(thing: Any) -> bool:
    """Whether an object is one that this package takes apart itself."""
    names = {public_name(cls) for cls in type(thing).__mro__}
    return any(name.startswith("stackens.") for name in names) or bool(names & _TAKEN_APART)


def find_type(name: str) -> Any:
    """Import what a name says; only for names that are trusted."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (AttributeError, ImportError, ValueError) as error:
        raise ArchiveError(
            f"The file needs {name!r}, which is not here: {error}. If it is of your own making, "
            "import it, and give it itself in `trusted`."
        ) from error
