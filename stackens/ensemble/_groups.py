"""How groups of rows reach whatever splits rows by itself, inside other estimators as well."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from numbers import Real
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.feature_selection import RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multioutput import ClassifierChain, RegressorChain
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object

from stackens.ensemble._splits import consumes_groups
from stackens.exceptions import InvalidInputError

# With `cv=None`: a closed form of leave-one-out, and chains of the true labels.
_SPLIT_NOT_BY_DEFAULT = (RidgeCV, RidgeClassifierCV, ClassifierChain, RegressorChain)


def groups_for(estimator: Any, groups: Any, place: str = "`estimator`") -> dict[str, Any]:
    """Return the metadata of ``fit`` by which groups reach all splits, where nothing is routed.

    Parameters
    ----------
    estimator : estimator
        Anything; a stack, a search, a student or a learner of ours gets them, also in a Pipeline
        or below a TransformedTargetRegressor, unless it was told not to by
        ``set_fit_request(groups=False)``; and so does a search of scikit-learn with a splitter
        for groups.
    groups : array-like of shape (n_samples,) or None
        Group of each row.
    place : str, default="`estimator`"
        What the estimator is, for messages.

    Raises
    ------
    InvalidInputError
        If a part splits its rows by itself, and no groups reach it.
    """
    params = {}
    for path, prefix, part in [] if groups is None else _find_parts(estimator):
        if prefix is not None and _takes_groups(part):
            params[f"{prefix}groups"] = groups
            for inner in _takers_within(part):
                groups_for(inner, groups, place)
        elif _makes_splits(part):
            _refuse_splits(place, path, part)
    return params


def groups_for_final(estimator: Any, groups: Any) -> dict[str, Any]:
    """Return the metadata by which the groups of rows of level one reach a final estimator."""
    if not _routing_enabled():
        return groups_for(estimator, groups, "`final_estimator`")
    is_taker = get_routing_for_object(estimator).consumes("fit", ["groups"])
    return {} if groups is None or not is_taker else {"groups": groups}


def _find_parts(
    part: Any, path: str = "", prefix: str | None = ""
) -> Iterator[tuple[str, str | None, Any]]:
    """Yield an estimator and all inside: where it is, the prefix of its metadata of ``fit``.

    The prefix is None where no metadata comes. What was told to take no groups is left out.
    """
    if not hasattr(part, "fit") or not hasattr(part, "get_params") or isinstance(part, type):
        return
    if isinstance(part, FrozenEstimator) or groups_request(part) is False:
        return
    yield path, prefix, part
    if prefix is not None and _names_groups(part):  # it hands them on by itself
        return
    for name, inner in _children(part).items():
        inner_path = f"{path}__{name}" if path else name
        yield from _find_parts(inner, inner_path, _prefix_of(part, name, prefix))


def _children(part: Any) -> dict[str, Any]:
    return {k: v for k, v in part.get_params(deep=True).items() if "__" not in k}


def _takers_within(part: Any) -> list[Any]:
    """Return what a stack, a student or a search of ours hands groups on to."""
    if not _names_groups(part) or getattr(part, "prefit", False):
        return []
    inner = _children(part)
    if isinstance(inner.get("cv"), str):  # learners are fitted already
        return [inner.get("final_estimator")]
    return [one for name, one in inner.items() if name != "student"]


def _prefix_of(part: Any, name: str, prefix: str | None) -> str | None:
    """Return how metadata comes to what is in a part."""
    if prefix is not None and isinstance(part, Pipeline):
        return f"{prefix}{name}__"
    hands_on = isinstance(part, TransformedTargetRegressor) and name == "regressor"
    return prefix if hands_on else None


def _takes_groups(part: Any) -> bool:
    """Whether groups that its ``fit`` gets reach its splits."""
    is_theirs = isinstance(part, BaseSearchCV | RFECV)  # they hand groups to their splitter alone
    return _names_groups(part) or (is_theirs and consumes_groups(part.cv))


def _names_groups(part: Any) -> bool:
    return "groups" in inspect.signature(part.fit).parameters


def _makes_splits(part: Any) -> bool:
    """Whether it trains on some of its rows to predict others that it draws."""
    params = part.get_params(deep=False)
    if "cv" not in params:
        return bool(params.get("early_stopping")) and params.get("validation_rows") == "auto"
    cv = params["cv"]
    if cv is None and isinstance(part, _SPLIT_NOT_BY_DEFAULT):
        return False
    if isinstance(params.get("estimator"), FrozenEstimator):
        return False
    return cv is None or isinstance(cv, Real) or hasattr(cv, "split")


def _refuse_splits(place: str, path: str, part: Any) -> None:
    params = part.get_params(deep=False)
    setting = f"cv={params['cv']!r}" if "cv" in params else "early_stopping=True"
    name, where = type(part).__name__, f" (`{path}`)" if path else ""
    raise InvalidInputError(
        f"`groups` were given, and {place} has a part that splits rows by itself and does not get "
        f"them: {name}{where} with `{setting}`. Its splits would divide groups. Turn on "
        "scikit-learn's metadata routing, `sklearn.set_config(enable_metadata_routing=True)`, and "
        "let it ask for groups: by `set_fit_request(groups=True)`, or by a splitter for groups as "
        "its `cv`, such as `GroupKFold()`; of searches, those of `stackens.model_selection` get "
        "groups without it. Or use a part that makes no splits (a learner that stops early makes "
        "one, and may divide groups only with another `validation_rows` than 'auto'), or is fitted "
        "already (`FrozenEstimator`)."
    )


def groups_request(estimator: Any) -> Any:
    """Return what ``set_fit_request`` said of groups; None is nothing."""
    if not hasattr(estimator, "_get_metadata_request"):
        return None
    return estimator._get_metadata_request().fit.requests.get("groups")
