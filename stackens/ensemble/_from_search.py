"""The best candidates of searches, as learners of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from stackens.ensemble._fit import last_step
from stackens.exceptions import InvalidInputError


def collect_candidates(
    searches: Sequence[Any], top: int | Sequence[int]
) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the best candidates of fitted searches, by name, and how a stack finds their fits.

    Parameters
    ----------
    searches : sequence of fitted searches
        All on the same rows and splits.
    top : int or sequence of int
        How many candidates of each.

    Returns
    -------
    estimators, options
        Options are ``cv`` and ``memory`` of the searches.
    """
    searches = list(searches) if isinstance(searches, (list, tuple)) else [searches]
    if not searches:
        raise InvalidInputError("`from_search` needs at least one fitted search; got none.")
    counts = [top] * len(searches) if isinstance(top, int) else list(top)
    if len(counts) != len(searches) or min(counts) < 1:
        raise InvalidInputError(
            f"`top` must be a positive number, or one for each of {len(searches)} searches; got "
            f"{top!r}."
        )
    for search in searches:
        check_is_fitted(search, "cv_results_")
    base = [getattr(s, "base_estimator_", s.estimator) for s in searches]
    names = _name_searches(base)
    estimators = []
    for name, search, estimator, count in zip(names, searches, base, counts, strict=True):
        parameters = search.cv_results_["params"]
        for rank, i in enumerate(_best_first(search)[:count], start=1):
            learner = clone(estimator).set_params(**clone(parameters[i], safe=False))
            estimators.append((f"{name}_{rank}", learner))
    return estimators, {"cv": _common_splitter(searches), "memory": _common_store(searches, base)}


def _best_first(search: Any) -> np.ndarray:
    results = search.cv_results_
    column = f"rank_test_{search.refit}" if search.multimetric_ else "rank_test_score"
    if column not in results:
        raise InvalidInputError(
            "A search by several scores must say with `refit` which of them ranks the candidates."
        )
    scores = results[column.replace("rank", "mean", 1)]
    order = np.argsort(results[column], kind="stable")
    return order[np.isfinite(scores[order])]  # without candidates that failed


def _name_searches(estimators: Sequence[Any]) -> list[str]:
    names = [type(last_step(estimator)).__name__.lower() for estimator in estimators]
    return [f"{n}{i}" if names.count(n) > 1 else n for i, n in enumerate(names, start=1)]


def _common_splitter(searches: Sequence[Any]) -> Any:
    """Return the splitter, if it is the same for all."""
    splitters = [getattr(s, "splitter_", s.cv) for s in searches]
    first = splitters[0]
    for splitter in splitters[1:]:
        if splitter is not first and repr(splitter) != repr(first):
            raise InvalidInputError(
                f"All searches must have the same splits; got `cv` {first!r} and {splitter!r}."
            )
    return first


def _common_store(searches: Sequence[Any], estimators: Sequence[Any]) -> Any:
    """Return where the first search kept its networks."""
    for search, estimator in zip(searches, estimators, strict=True):
        store = getattr(search, "store_", None)
        store = getattr(last_step(estimator), "memory", None) if store is None else store
        if store is not None:
            return store
    return None
