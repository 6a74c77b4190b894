"""What the docstrings of the learners have in common, written once."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import ClassifierMixin

_Class = TypeVar("_Class", bound=type)

_TRAINING_PARAMETERS = """\
optimizer : str, default="adam"
    Name of a Keras optimizer. Its other settings are ``optimizer__…``, for example
    ``optimizer__clipnorm``, ``optimizer__clipvalue``, ``optimizer__weight_decay``.
learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default={learning_rate}
    Learning rate.
loss : str, callable or keras.losses.Loss, default=None
    What is minimised; None is {default_loss}. The settings of a named loss are ``loss__…``.
metrics : sequence, default=None
    Keras metrics (names or objects) to record in ``history_``.
batch_size : int, default=32
    Rows of each training step.
epochs : int, default=50
    Passes over the training rows.
augmentation : dict of str to float, default=None
    Random changes of the training rows, new in every epoch, by their names and strengths; rows
    that are held out or predicted are never changed. ``"jitter"`` (0 to 1) adds noise, in standard
    deviations of each channel over the training rows; ``"scaling"`` (0 to 1) multiplies each
    channel of a row by a factor drawn around 1, with this deviation; ``"window"`` (above 0, to 1)
    keeps that fraction of a row, from a random timestep on, stretched to its length;
    ``"time_warp"`` (0 to 1) reads a row at a speed that changes smoothly; ``"mixup"`` (0 to 100)
    mixes two rows of a batch and their targets, by shares of the beta distribution with this
    parameter. For measurements, not for tokens.
early_stopping : bool, default=False
    Hold out some of the training rows, stop when their loss has not improved, and keep the
    weights of the best epoch.
validation_fraction : float in (0, 1), default=0.1
    Fraction of the training rows to hold out{stratified}.
validation_rows : {{"auto", "random", "latest"}}, default="auto"
    Which training rows are held out: drawn at random, or the last ones, for rows that are
    in the order of time. "auto" holds out whole groups if ``fit`` gets ``groups``, as it does
    in a stack or a search of this package that has them; in a stack that trains on the past,
    the latest rows; and else draws at random.
patience : int, default=5
    Epochs without improvement before training stops.
{class_weight}\
warm_start : bool, default=False
    Whether ``fit`` goes on from the present weights and optimizer state; an error if the classes,
    the number of targets or the network are others. A ``fit`` that fails changes nothing then.
callbacks : sequence of keras.callbacks.Callback, default=None
    Callbacks need Keras's own training loop, which is many times slower.
on_epoch_end : callable, default=None
    ``on_epoch_end(epoch, logs)`` after every epoch (from 0), with its loss and metrics, in
    the thread that trains; training stops if it returns True. Unlike a callback it keeps the
    network a tower.
n_seeds : int, default=1
    How many networks are trained, from as many seeds, side by side; their outputs are averaged.
    The first is the one of ``n_seeds=1``.
memory : path-like, joblib.Memory, JobStore or None, default=None
    Where trained networks are kept, and taken from when the same training is wanted again;
    None is nowhere. Needs an int as ``random_state``.
random_state : int, RandomState instance or None, default=None
    Seed of initial weights, order of rows, dropout and held-out rows. The same int gives the
    same network bit for bit, alone or inside a stack.
verbose : int, default=0
    1 shows a bar over the epochs, with the loss and the time left."""

_CLASS_WEIGHT = """\
class_weight : dict, "balanced" or None, default=None
    Weight of each class in the loss; "balanced" is inversely proportional to its frequency in
    the training rows.
"""

_ATTRIBUTES = """\
{target}
n_features_in_ : int
    Channels; of a table, its number of timesteps.
weights_ : list of ndarray
    In the order of ``keras.Model.get_weights``.
history_ : dict of str to list of float
    Loss and metrics of each epoch, ``val_…`` those of the held-out rows.
best_epoch_ : int
    Epoch (from 0) whose weights were kept.
n_parameters_ : int
    Number of parameters.
keras_estimator_ : scikeras.wrappers.{wrapper}
    The same network as a fitted SciKeras estimator, for what ``encode_input`` returns."""

_FOR_CLASSIFIERS = {
    "default_loss": "the cross-entropy that suits the number of classes",
    "stratified": ", stratified by class",
    "class_weight": _CLASS_WEIGHT,
    "target": "classes_ : ndarray of shape (n_classes,)\n    Class labels.",
    "wrapper": "KerasClassifier",
}
_FOR_REGRESSORS = {
    "default_loss": "the mean squared error",
    "stratified": "",
    "class_weight": "",
    "target": "n_outputs_ : int\n    Number of target columns.",
    "wrapper": "KerasRegressor",
}


def with_shared_text(**parts: str) -> Callable[[_Class], _Class]:
    """Fill the docstring of a learner's class.

    ``<training_parameters>`` and ``<attributes>`` become what all learners have, with the words
    for classes or for numbers; ``<name>`` becomes the part of that name.

    Parameters
    ----------
    **parts : str
        Further texts, without indentation.

    Returns
    -------
    callable
        A class decorator.
    """

    def fill(cls: _Class) -> _Class:
        if cls.__doc__ is None:  # python -OO
            return cls
        words = _FOR_CLASSIFIERS if issubclass(cls, ClassifierMixin) else _FOR_REGRESSORS
        shared: dict[str, Any] = {
            "training_parameters": _TRAINING_PARAMETERS.format(
                learning_rate=inspect.signature(cls).parameters["learning_rate"].default, **words
            ),
            "attributes": _ATTRIBUTES.format(**words),
            **parts,
        }
        text = inspect.cleandoc(cls.__doc__)
        for name, part in shared.items():
            text = text.replace(f"<{name}>", textwrap.dedent(part))
        cls.__doc__ = text
        return cls

    return fill
