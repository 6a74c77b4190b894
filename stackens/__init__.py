"""Stacking ensembles of stacked recurrent networks, for scikit-learn and Keras.

Every name is imported at its first use, so that ``import stackens`` needs neither TensorFlow
nor scikit-learn, and what runs without TensorFlow never asks for it. The names are written in
``__init__.pyi``, beside this file, where type checkers find them too.
"""

from __future__ import annotations

import ast
from importlib import import_module
from typing import Any

from stackens.adapters import register_adapter as _register_adapter

__version__ = "0.1.0.dev0"

# SPEC 1 of Scientific Python, without its `lazy_loader`: this file is all that is needed of it.
_STUB = ast.parse(__loader__.get_data(f"{__path__[0]}/__init__.pyi"))
_HOME_OF_NAME = {
    alias.name: node.module
    for node in _STUB.body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
# Importing them imports TensorFlow, which a star import must not need.
_ROOMS_OF_TENSORFLOW = {"layers", "networks"}
__all__ = sorted(_HOME_OF_NAME.keys() - _ROOMS_OF_TENSORFLOW)


def __getattr__(name: str) -> object:
    """Import a name from where the stub says that it is (PEP 562)."""
    home = _HOME_OF_NAME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if home == __name__:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(home), name)
    globals()[name] = value  # found without this function from now on
    return value


def _adapt_scikeras(estimator: Any) -> Any:
    from stackens.learners import adapt_scikeras

    return adapt_scikeras(estimator)


for _name in ("KerasClassifier", "KerasRegressor"):
    _register_adapter(f"scikeras.wrappers.{_name}", _adapt_scikeras)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return [*__all__, "__version__"]
