"""How much memory there is, and how much a tower takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from stackens.training._job import Job
    from stackens.training._program import TowerProgram

__all__ = ["available_bytes", "tower_bytes"]

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Return the memory that this process may still take, None if that cannot be known.

    It is what the system calls available, or what is left of the limit of a container (control
    groups, version 2), whichever is less.
    """
    known = [value for value in (_system_bytes(), _container_bytes()) if value is not None]
    return min(known, default=None)


def _system_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container_bytes() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None


def tower_bytes(job: Job, program: TowerProgram) -> int:
    """Estimate what training one job takes beside its data.

    That is the parameters with their gradient, the optimizer's slots and the best weights so
    far, and for one batch the outputs of every layer with their gradients; recurrent layers keep
    their gates and states for every step.
    """
    n_parameters = sum(program.layout.sizes)
    itemsize = np.dtype(program.layout.dtype).itemsize
    n_steps = job.X.shape[1] if job.X.ndim > 1 else 1
    activations = sum(
        _output_size(layer, n_steps) for layer in program.model._flatten_layers(include_self=False)
    )
    per_parameter = 4 + len(program.rule.initial_slots)
    return itemsize * (n_parameters * per_parameter + job.batch_size * activations)


def _output_size(layer: Any, n_steps: int) -> int:
    """Numbers that one row needs in one layer, forward and backward."""
    if hasattr(layer, "units") and hasattr(layer, "recurrent_dropout"):
        return 12 * n_steps * int(layer.units)
    try:
        shape = layer.output.shape[1:]
    except (AttributeError, ValueError):
        return 0
    return 3 * int(np.prod([n_steps if size is None else size for size in shape]))
