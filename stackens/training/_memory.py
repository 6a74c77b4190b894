"""How much memory there is, and how much the layers of a network take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["available_bytes", "count_outputs"]

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


def count_outputs(model: Any, n_timesteps: int) -> int:
    """Estimate how many numbers the layers of a network take for one row, with their gradients.

    Recurrent layers keep their gates and states for every step.
    """
    layers = model._flatten_layers(include_self=False)
    return sum(_output_size(layer, n_timesteps) for layer in layers)


def _output_size(layer: Any, n_steps: int) -> int:
    """Numbers that one row needs in one layer, forward and backward."""
    if hasattr(layer, "units") and hasattr(layer, "recurrent_dropout"):
        return 12 * n_steps * int(layer.units)
    try:
        shape = layer.output.shape[1:]
    except (AttributeError, ValueError):
        return 0
    return 3 * int(np.prod([n_steps if size is None else size for size in shape]))
