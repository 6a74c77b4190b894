"""Rare settings by ``part__name``, as SciKeras spells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator

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
        self._set_routed(given["routed"])

    def _set_routed(self, routed: dict[str, Any]) -> None:
        for name, value in routed.items():
            setattr(self, name, value)

    def _all_routed(self) -> dict[str, Any]:
        """Return what the constructor took beyond its named parameters."""
        own = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    def _check_routed(self) -> None:
        """Refuse names that belong to no part; scikit-learn wants this in ``fit``."""
        for name in self._all_routed():
            part, _, rest = name.partition("__")
            if part not in self._routed_parts or not rest:
                known = ", ".join(sorted(self._get_param_names()))
                parts = ", ".join(f"{part}__…" for part in self._routed_parts)
                raise TypeError(
                    f"{type(self).__name__} has no parameter `{name}`. It has {known}, {parts}."
                )

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
        routed = {k: v for k, v in params.items() if k.partition("__")[0] in self._routed_parts}
        routed = {k: v for k, v in routed.items() if "__" in k}
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
            raise ValueError(f"`{part}__{name}` is spelled `{own[name]}`.")
        if name not in known:
            raise ValueError(
                f"Unknown setting `{part}__{name}`: {target.__name__} takes "
                f"{', '.join(sorted(known))}."
            )
