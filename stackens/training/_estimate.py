"""How long a training will take, before it begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import joblib

from stackens.training._job import Shared
from stackens.training._row_job import Job

# Batches that are timed of each kind of network.
_N_BATCHES = 4


def estimate_seconds(jobs: Sequence[Job], counts: Sequence[int]) -> float | None:
    """Say how long jobs take on this machine, by some batches of each, which leave no trace.

    Parameters
    ----------
    jobs : sequence of Job
        One of each kind. Its program is traced, if it was not yet.
    counts : sequence of int
        How many like it will be trained; they run side by side on all cores.

    Returns
    -------
    float or None
        Seconds, if none stops early; None if only Keras's own fit can train one of them.
    """
    seconds = 0.0
    for job, count in zip(jobs, counts, strict=True):
        part = replace(
            job,
            rows=job.training_rows[: _N_BATCHES * job.batch_size],
            validation_rows=None,
            early_stopping=None,
            on_epoch_end=None,
            observer=None,
            epochs=2,
        )
        program, shared = part.find_program(), Shared()
        if program is None:
            return None
        program.prepare(part)
        state = program.new_state(part, shared.initial_weights(part))
        data = program.read(part, shared)
        program.train(part, state, data, 0, 1)  # the first one has to find its memory
        started = time.perf_counter()
        program.train(part, state, data, 1, 1)
        one_epoch = time.perf_counter() - started
        n_times = 2 * program.count_products(job) / program.count_products(part)
        seconds += count * one_epoch * n_times
    return seconds / min(sum(counts), joblib.cpu_count())
