"""Which columns of the level-one matrix belong to which learner, told to those who ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["TakesBlocks", "declare_blocks"]


@runtime_checkable
class TakesBlocks(Protocol):
    """A final estimator that wants to know whose column is whose, before ``fit``."""

    def set_level_one_blocks(
        self, blocks: Mapping[str, slice], methods: Mapping[str, str] | None = None
    ) -> Any:
        """Take the columns of each learner, and the method that they come from."""
        ...


def declare_blocks(final: Any, widths: Mapping[str, int], methods: Sequence[str]) -> Any:
    """Tell a final estimator the layout of what it is about to see, if it asks.

    Parameters
    ----------
    final : estimator
        Not fitted yet; not changed unless it is a TakesBlocks.
    widths : mapping of str to int
        Number of columns of each learner, in their order. Further columns are no learner's.
    methods : sequence of str
        What each learner predicts with.

    Returns
    -------
    estimator
        ``final``.
    """
    if not isinstance(final, TakesBlocks):
        return final
    blocks, start = {}, 0
    for name, width in widths.items():
        blocks[name] = slice(start, start + width)
        start += width
    final.set_level_one_blocks(blocks, dict(zip(widths, methods, strict=True)))
    return final
