"""Distributions of a random search, as a name and numbers."""

from __future__ import annotations

from typing import Any

_NAMES = (
    "beta",
    "binom",
    "chi2",
    "expon",
    "gamma",
    "geom",
    "halfnorm",
    "lognorm",
    "loguniform",
    "nbinom",
    "norm",
    "poisson",
    "randint",
    "reciprocal",
    "t",
    "truncnorm",
    "uniform",
)


def describe_distribution(value: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
    """Return name and arguments of a frozen distribution of SciPy; None for all else."""
    if not type(value).__module__.startswith("scipy.stats"):
        return None
    import scipy.stats

    for name in _NAMES:
        if type(getattr(value, "dist", None)) is type(getattr(scipy.stats, name)):
            return name, value.args, value.kwds
    return None


def make_distribution(name: Any, arguments: Any, options: Any) -> Any:
    """Do the reverse; what is no such distribution is a ValueError."""
    import scipy.stats

    numbers = (*arguments, *options.values())
    if name not in _NAMES or not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"a distribution {name!r} of {numbers}")
    return getattr(scipy.stats, name)(*arguments, **options)
