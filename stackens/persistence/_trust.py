"""Which types a file may name, and what stands behind a name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import FunctionType
from typing import Any

from stackens.exceptions import ArchiveError, InvalidInputError
from stackens.persistence._sklearn_types import ESTIMATORS, INTERNALS

__all__ = ["OWN_TYPES", "TYPES_ON_TRUST", "Trust", "find_type", "is_own", "name_of"]

_BUNCH = "sklearn.utils._bunch.Bunch"

# Types of ours, by module; a new estimator is entered here by whoever has looked at what it keeps.
_OWN = {
    "stackens.ensemble._blend": ("_Form",),
    "stackens.ensemble._columnwise": ("ColumnwiseRegressor",),
    "stackens.ensemble._convex_blend": ("ConvexBlendClassifier", "ConvexBlendRegressor"),
    "stackens.ensemble._distilled_classifier": ("DistilledClassifier",),
    "stackens.ensemble._distilled_regressor": ("DistilledRegressor",),
    "stackens.ensemble._ensemble_selection": (
        "EnsembleSelectionClassifier",
        "EnsembleSelectionRegressor",
    ),
    "stackens.ensemble._fallback": ("_ClassAverage", "_ValueAverage"),
    "stackens.ensemble._fold_average": ("FoldAverage",),
    "stackens.ensemble._out_of_fold": ("OutOfFoldPredictions",),
    "stackens.ensemble._stacking": ("StackingClassifier", "StackingRegressor"),
    "stackens.forecasting._history": ("History",),
    "stackens.forecasting._naive": ("NaiveForecaster",),
    "stackens.forecasting._target_transform": ("TargetTransform",),
    "stackens.forecasting._window_forecaster": ("WindowForecaster", "_Trained"),
    "stackens.forecasting._windows": ("WindowLayout", "WindowScale"),
    "stackens.learners._embedding_pretrainer": ("EmbeddingPretrainer",),
    "stackens.learners._keras_network": ("KerasNetworkClassifier", "KerasNetworkRegressor"),
    "stackens.learners._scikeras": ("SciKerasClassifier", "SciKerasRegressor"),
    "stackens.learners._stacked_rnn": ("StackedRNNClassifier", "StackedRNNRegressor"),
    "stackens.learners._transformer": ("TransformerClassifier", "TransformerRegressor"),
    "stackens.model_selection._search": ("GridSearchCV", "RandomizedSearchCV"),
    "stackens.preprocessing._differencer": ("SequenceDifferencer",),
    "stackens.preprocessing._flattener": ("SequenceFlattener",),
    "stackens.preprocessing._imputer": ("SequenceImputer",),
    "stackens.preprocessing._padder": ("SequencePadder",),
    "stackens.preprocessing._patcher": ("SequencePatcher",),
    "stackens.preprocessing._scaler": ("SequenceScaler",),
    "stackens.preprocessing._summarizer": ("SequenceSummarizer",),
    "stackens.preprocessing._vectorizer": ("SequenceVectorizer",),
    "stackens.preprocessing._view": ("View",),
    "stackens.preprocessing._windows": ("SlidingWindows",),
    "stackens.preprocessing._word_vectors": ("WordVectors",),
    "stackens.text._language_model": ("StackedRNNLanguageModel",),
    "stackens.text._tokenizer": ("Tokenizer",),
    "stackens.text._translator": ("SequenceTranslator",),
}
OWN_TYPES = frozenset(f"{module}.{name}" for module, names in _OWN.items() for name in names)
# Ours, and written, but made from a file only if its user says so: compiled code reads its bytes.
TYPES_ON_TRUST = frozenset({"stackens.text._tokenizer.PieceTokenizer"})
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
                self._given[name_of(one)] = one
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

    def given_objects(self) -> list[Any]:
        """Return the types and functions that were given as such."""
        return [one for one in self._given.values() if one is not None]


def name_of(thing: Any) -> str:
    """Return the name under which a type or function can be imported."""
    return f"{thing.__module__}.{thing.__qualname__}"


def is_own(thing: Any) -> bool:
    """Whether an object is one that this package takes apart itself."""
    names = {name_of(cls) for cls in type(thing).__mro__}
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
