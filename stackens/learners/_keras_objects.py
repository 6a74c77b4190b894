"""Small objects of Keras that are parameters of learners, as a name and JSON, and back."""

from __future__ import annotations

from typing import Any

from stackens.exceptions import InvalidInputError
from stackens.learners._targets import CLASSIFICATION_LOSSES, REGRESSION_LOSSES

# Exactly these classes, by their module in `keras`: each is made by its constructor from numbers
# and strings. Keras's own way back from a configuration imports what the configuration says.
_CLASSES = {
    "constraints": ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"),
    "initializers": (
        "Constant",
        "GlorotNormal",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "LecunNormal",
        "LecunUniform",
        "Ones",
        "Orthogonal",
        "RandomNormal",
        "RandomUniform",
        "TruncatedNormal",
        "VarianceScaling",
        "Zeros",
    ),
    "losses": tuple(sorted({*CLASSIFICATION_LOSSES.values(), *REGRESSION_LOSSES.values()})),
    "optimizers.schedules": (
        "CosineDecay",
        "CosineDecayRestarts",
        "ExponentialDecay",
        "InverseTimeDecay",
        "PiecewiseConstantDecay",
        "PolynomialDecay",
    ),
    "regularizers": ("L1", "L1L2", "L2", "OrthogonalRegularizer"),
}
_PLAIN = (bool, int, float, str, type(None))


def describe_keras_object(value: Any) -> tuple[str, str, dict[str, Any]] | None:
    """Describe an object of Keras by module, class and arguments.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    (str, str, dict) or None
        None if it is nothing of Keras.

    Raises
    ------
    InvalidInputError
        If it is of Keras, and none of those that can be made again from numbers and strings.
    """
    if type(value).__module__.partition(".")[0] != "keras":
        return None
    import keras

    name = type(value).__name__
    for module, names in _CLASSES.items():
        if name in names and type(value) is getattr(_find_module(keras, module), name):
            config = {k: v for k, v in value.get_config().items() if k != "dtype"}
            if all(_is_plain(v) for v in config.values()):
                return module, name, config
    raise InvalidInputError(
        f"A file cannot hold the {name} of Keras: it would have to be made from a configuration "
        "that says what to import. Give its name as a string, where there is one, or leave it out."
    )


def make_keras_object(module: Any, name: Any, config: Any) -> Any:
    """Do the reverse.

    Parameters
    ----------
    module, name : str
        As described.
    config : dict
        Arguments of the constructor: numbers, strings, lists of them.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If there is no such class, or an argument is no number or string.
    """
    import keras

    if name not in _CLASSES.get(module, ()) or not isinstance(config, dict):
        raise ValueError(f"no object of Keras that a file may hold: {module}.{name}")
    if not all(isinstance(key, str) and _is_plain(value) for key, value in config.items()):
        raise ValueError(f"arguments of {module}.{name} that are no numbers or strings")
    return getattr(_find_module(keras, module), name)(**config)


def _find_module(keras: Any, module: str) -> Any:
    for part in module.split("."):
        keras = getattr(keras, part)
    return keras


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(one, _PLAIN) for one in value)
    return isinstance(value, _PLAIN)
