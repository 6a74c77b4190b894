"""Rare settings by ``part__name``, as SciKeras spells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator

from stackens.exceptions import InvalidInputError
from stackens.parameters import did_you_mean

__all__ = ["RoutedParameters", "check_routed_names"]


_PARAM_NAMES: dict[type, list[str]] = {}


class RoutedParameters(BaseEstimator):
    """Estimator whose constructor also takes ``part__name`` for the parts that it declares.

    A subclass lists its parts in ``_routed_parts``; its constructor takes ``**routed`` and calls
    ``_set_parameters(locals())``. They are parameters like any other: ``get_params``,
    ``set_params``, ``clone`` and searches see them.
    """

    _routed_parts: tuple[str, ...] = ()

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Reading the signature takes longer than all the rest of a fit that a store serves.
        if cls not in _PARAM_NAMES:
            _PARAM_NAMES[cls] = super()._get_param_names()
        return list(_PARAM_NAMES[cls])

    def _set_parameters(self, given: Mapping[str, Any]) -> None:
        """Assign what the constructor was given: its ``locals()``."""
        for name, value in given.items():
            if name not in ("self", "routed", "__class__"):
                setattr(self, name, value)
        self._refuse_unknown(given["routed"], TypeError)
        self._set_routed(given["routed"])

    def _set_routed(self, routed: dict[str, Any]) -> None:
        for name, value in routed.items():
            setattr(self, name, value)

    def _all_routed(self) -> dict[str, Any]:
        """Return what the constructor took beyond its named parameters."""
        return {name: value for name, value in vars(self).items() if self._is_routed(name)}

    def _is_routed(self, name: str) -> bool:
        # scikit-learn's check of constructors takes the name of `**routed` for a parameter, and
        # nothing that is in the signature may be an error before `fit`.
        part, _, rest = name.partition("__")
        return name == "routed" or (part in self._routed_parts and bool(rest))

    def _validate_params(self) -> None:
        if "routed" in vars(self):
            raise TypeError(self._describe_unknown("routed", self._get_param_names()))
        super()._validate_params()

    def _refuse_unknown(self, names: Iterable[str], error: type[Exception]) -> None:
        """Refuse names that are no parameters and belong to no part."""
        known = self._get_param_names()
        for name in names:
            if name not in known and not self._is_routed(name):
                raise error(self._describe_unknown(name, known))

    def _describe_unknown(self, name: str, known: list[str]) -> str:
        parts = ", ".join(f"{part}__…" for part in self._routed_parts)
        return (
            f"{type(self).__name__} has no parameter `{name}`.{self._advise(name, known)} "
            f"It has {', '.join(sorted(known))}, {parts}."
        )

    def _advise(self, name: str, known: list[str]) -> str:
        if name == "vectors" and "embedding" in self._routed_parts:
            return f" Put it into an EmbeddingPretrainer({type(self).__name__}(…), vectors=…)."
        return did_you_mean(name, known)

    def _routed(self, part: str) -> dict[str, Any]:
        """Return the settings of one part, without its prefix."""
        prefix = f"{part}__"
        return {k.removeprefix(prefix): v for k, v in vars(self).items() if k.startswith(prefix)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the parts included.

        Parameters
        ----------
        deep : bool, default=True
            Also those of contained estimators.

        Returns
        -------
        dict
        """
        return {**super().get_params(deep=deep), **self._all_routed()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the parts included.

        Parameters
        ----------
        **params : dict
            Name and value.

        Returns
        -------
        self
        """
        routed = {name: value for name, value in params.items() if self._is_routed(name)}
        nested = [
            n for n in params if hasattr(getattr(self, n.partition("__")[0], 0), "set_params")
        ]
        self._refuse_unknown(params.keys() - nested, InvalidInputError)
        self._set_routed(routed)
        super().set_params(**{k: v for k, v in params.items() if k not in routed})
        return self


def check_routed_names(
    part: str, names: Any, target: Callable[..., Any], *, own: dict[str, str] | None = None
) -> None:
    """Refuse settings that ``target`` does not take, before any training.

    Parameters
    ----------
    part : str
        Prefix, for the message.
    names : collection of str
        Settings that were given.
    target : callable
        The class or function that will get them.
    own : dict, default=None
        Arguments of ``target`` that have a spelling of their own, and which.
    """
    if not names:  # as nearly always: reading a signature takes time
        return
    own = own or {}
    parameters = inspect.signature(target).parameters.values()
    skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    known = {p.name for p in parameters if p.kind not in skip} - {"self"} - set(own)
    # What Keras's optimizers and layers take by **kwargs is named in their base class.
    for name in names:
        if name in own:
            raise InvalidInputError(f"`{part}__{name}` is spelled `{own[name]}`.")
        if name not in known:
            raise InvalidInputError(
                f"Unknown setting `{part}__{name}`: {target.__name__} takes "
                f"{', '.join(sorted(known))}.{did_you_mean(name, known)}"
            )
