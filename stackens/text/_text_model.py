"""What estimators that learn from texts have in common: a network, trained in time, and kept."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from stackens.parameters import TIME_LIMIT
from stackens.store import JobStore, NoKey, train_alone
from stackens.training import Architecture, Trainable, TrainedNetwork, require_keras

POSITIVE_INT = Interval(Integral, 1, None, closed="left")


class TextModel(BaseEstimator):
    """Base of the estimators that train one network on texts."""

    weights_: list[np.ndarray]
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "epochs": [POSITIVE_INT],
        "time_limit": TIME_LIMIT,
        "memory": [None, str, os.PathLike, HasMethods("cache"), JobStore],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _architecture(self) -> Architecture:
        """Return the network."""

    @abstractmethod
    def _key(self, job: Any) -> str | NoKey:
        """Return the key of everything that the trained network depends on."""

    def _begin(self) -> float | None:
        """Check the parameters before a fit; return when its time is up, in seconds since 1970."""
        require_keras()
        self._validate_params()
        return None if self.time_limit is None else time.time() + float(self.time_limit)

    def _train(self, job: Trainable, deadline: float | None) -> TrainedNetwork:
        """Train the network, and take its weights."""
        trained = train_alone(job, self, key_of=lambda _, job: self._key(job), deadline=deadline)
        self.weights_, self.history_ = trained.weights, trained.history
        return trained

    def _check_weights(self, at_least: int) -> None:
        """Refuse weights out of a file that are not those of the network that it asks for.

        It is built only if there are as many numbers as it needs, which is ``at_least`` so many.
        """
        weights: Any = self.weights_
        is_list = isinstance(weights, list) and all(isinstance(w, np.ndarray) for w in weights)
        if not is_list or any(w.dtype not in (np.float32, np.float64) for w in weights):
            raise ValueError("weights that are no list of arrays of floats")
        n_found = sum(w.size for w in weights)
        if n_found < at_least:
            raise ValueError(f"{n_found} weights, where the network has {at_least} or more")
        shapes = [tuple(variable.shape) for variable in self._architecture().build().weights]
        found = [w.shape for w in weights]
        if found != shapes:
            raise ValueError(f"weights of shapes {found}, where the parameters say {shapes}")

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of the network, embeddings included."""
        check_is_fitted(self)
        return int(sum(w.size for w in self.weights_))

    def __sklearn_is_fitted__(self) -> bool:
        return "weights_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
