"""What a kind of job needs for its compiled program; whoever imports this imports TensorFlow."""

from __future__ import annotations

from stackens.training._architecture import ProgramCache, WeightLayout, freeze
from stackens.training._job import Shared
from stackens.training._program import FlatProgram, TowerState, count_outputs
from stackens.training._updates import make_flat_rule

__all__ = [
    "FlatProgram",
    "ProgramCache",
    "Shared",
    "TowerState",
    "WeightLayout",
    "count_outputs",
    "freeze",
    "make_flat_rule",
]
