"""Parameters of estimators, which are all that a failed ``fit`` leaves.

An error names the parameter, what it takes, and what came.
"""

from __future__ import annotations

import functools
import inspect
import zlib
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from stackens.exceptions import InvalidInputError

__all__ = [
    "LARGEST_SEED",
    "TIME_LIMIT",
    "advise_argument",
    "all_or_nothing",
    "check_choice",
    "check_count",
    "did_you_mean",
    "draw_seed",
    "fill_seeds",
    "forget",
    "known_arguments",
    "stream",
]

LARGEST_SEED = np.iinfo(np.int32).max


class _Seconds(Interval):
    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool) and super().is_satisfied_by(val)


# What `time_limit` may be: True is a number to Python, and no time.
TIME_LIMIT = [_Seconds(Real, 0, None, closed="neither"), None]

# No fit has set these: requests of metadata, the output that was asked for, callbacks with their
# place in a search (scikit-learn removes it itself), and what a stack says of its columns.
_NOT_LEARNT = (
    "_metadata_request",
    "_sklearn_",
    "_skl_",
    "_callback_fit",
    "_parent_callback",
    "_declared_",
)

Method = TypeVar("Method", bound=Callable[..., Any])


def check_count(
    name: str, value: Any, *, least: int = 1, most: float = float("inf"), or_none: bool = False
) -> None:
    """Refuse what is no whole number from ``least`` to ``most``; None only with ``or_none``."""
    if value is None and or_none:
        return
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (is_whole and least <= value <= most):
        span = f">= {least}" if most == float("inf") else f"from {least} to {most}"
        kinds = f"{'None or ' if or_none else ''}an integer {span}"
        raise InvalidInputError(f"`{name}` must be {kinds}; got {value!r}.")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse a value that is not known."""
    if value not in choices:
        raise InvalidInputError(f"`{name}` must be one of {list(choices)}; got {value!r}.")


def draw_seed(random_state: Any) -> int:
    """Return an integer as it is; draw one from a generator, or anew for None."""
    if isinstance(random_state, Integral) and int(random_state) >= 0:
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(LARGEST_SEED))
    except ValueError as error:
        raise InvalidInputError(
            "`random_state` must be an integer >= 0, a numpy.random.RandomState or None; got "
            f"{random_state!r}."
        ) from error


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of one purpose, e.g. the shuffling of epoch ``index``.

    Parameters
    ----------
    seed : int
        Seed of the job.
    purpose : str
        What the numbers are for; different purposes are independent.
    index : int, default=0
        Which epoch, layer, ….

    Returns
    -------
    numpy.random.Generator
    """
    key = (seed, zlib.crc32(purpose.encode()), index)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def fill_seeds(estimator: Any, draw: Callable[[int], Any]) -> Any:
    """Set every ``random_state`` that is None, also those of parts, in the order of their names.

    Parameters
    ----------
    estimator : estimator
        Changed in place.
    draw : callable
        ``draw(end)`` returns a whole number from 0 to ``end - 1``, e.g. ``rng.integers``.

    Returns
    -------
    estimator
        The same.
    """
    missing = {
        name: int(draw(LARGEST_SEED))
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return estimator.set_params(**missing) if missing else estimator


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence, with a space before it, that names the nearest known name, or nothing."""
    known = sorted(known, key=len)
    longer = [one for one in known if len(name) > 1 and one.startswith(name)]
    found = longer or get_close_matches(name, known, n=1)
    return f" Did you mean `{found[0]}`?" if found else ""


def advise_argument(estimator: Any, name: str, known: Iterable[str]) -> str:
    """Return what to do, with a space before it, about an argument that ``fit`` has not."""
    owner, parameters = type(estimator).__name__, estimator.get_params(deep=False)
    if name in parameters:
        return f" It is a parameter of the estimator: `{owner}({name}=…)`."
    if name.startswith("validation") and "early_stopping" in parameters:
        return (
            " Rows to watch are taken from the training rows: "
            f"`{owner}(early_stopping=True, validation_fraction=…)`."
        )
    return did_you_mean(name, [*known, *parameters])


def known_arguments(method: Method) -> Method:
    """Let an inherited method refuse unknown arguments in the name of the estimator's own class."""
    known = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def checked(self: Any, *args: Any, **given: Any) -> Any:
        for name in given.keys() - set(known):
            raise TypeError(
                f"{type(self).__name__}.{method.__name__} has no argument `{name}`; it has "
                f"{', '.join(known)}.{advise_argument(self, name, known)}"
            )
        return method(self, *args, **given)

    return checked  # type: ignore[return-value]


def all_or_nothing(method: Method) -> Method:
    """Let a ``fit`` that fails leave an unfitted estimator, which can be fitted again.

    Where training goes on (``partial_fit``, ``warm_start``), what was fitted before stays instead.
    """

    @functools.wraps(method)
    def guarded(self: Any, *args: Any, **given: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **given)
        except BaseException:
            if method.__name__ == "partial_fit" or getattr(self, "warm_start", False):
                for name in vars(self).keys() - before.keys():
                    delattr(self, name)
                vars(self).update(before)
            else:
                forget(self)
            raise

    return guarded  # type: ignore[return-value]


def forget(estimator: Any) -> None:
    """Delete what a ``fit`` has set, and nothing else."""
    unfitted = type(estimator)(**estimator.get_params(deep=False))
    for name in vars(estimator).keys() - vars(unfitted).keys():
        is_learnt = name.startswith("_") or name.endswith("_")
        if is_learnt and not name.startswith(_NOT_LEARNT):
            delattr(estimator, name)
