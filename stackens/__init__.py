"""Stacking ensembles of stacked recurrent networks, for scikit-learn and Keras.

Every name is imported at its first use, so that ``import stackens`` needs neither TensorFlow
nor scikit-learn, and what runs without TensorFlow never asks for it. The names are written in
``__init__.pyi``, beside this file, where type checkers find them too.
"""

from __future__ import annotations

from typing import Any

from stackens.adapters import register_adapter as _register_adapter
from stackens.public_names import import_lazily as _import_lazily
from stackens.public_names import read_stub as _read_stub

__version__ = "0.1.0.dev0"

_HOME_OF_NAME = _read_stub(__loader__, __path__[0])
# Importing them imports TensorFlow, which a star import must not need.
_ROOMS_OF_TENSORFLOW = {"layers", "networks"}
__all__ = sorted(_HOME_OF_NAME.keys() - _ROOMS_OF_TENSORFLOW)
__getattr__ = _import_lazily(__name__, _HOME_OF_NAME)


def _adapt_scikeras(estimator: Any) -> Any:
    from stackens.learners._scikeras import wrap

    return wrap(estimator)


for _name in ("KerasClassifier", "KerasRegressor"):
    _register_adapter(f"scikeras.wrappers.{_name}", _adapt_scikeras)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return [*__all__, "__version__"]
