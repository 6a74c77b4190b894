"""Level 0: learners of sequences.

Their names are written in ``__init__.pyi``, beside this file, and nowhere else.
"""

from __future__ import annotations

from stackens.public_names import import_lazily, read_stub

_HOME_OF_NAME = read_stub(__loader__, __path__[0])
# Files name these by this room too; importing them changes Keras.
_OF_SCIKERAS = dict.fromkeys(
    ("SciKerasClassifier", "SciKerasRegressor"), "stackens.learners._scikeras"
)
__all__ = list(_HOME_OF_NAME)
__getattr__ = import_lazily(__name__, _HOME_OF_NAME | _OF_SCIKERAS)
