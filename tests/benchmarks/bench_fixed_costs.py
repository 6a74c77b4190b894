"""What a network costs before its first epoch: building, tracing, initial weights, first step.

Seconds, in one process after all imports, for the three LSTM learners of bench_stack.py in turn
(the first one also warms TensorFlow up), and for a GRU, whose recurrence XLA compiles.
"""

from __future__ import annotations

import functools

import numpy as np
from _harness import Stopwatch, main


def measure(first):
    import bench_stack

    from stackens.networks import build_stacked_rnn
    from stackens.training import Architecture, Job, Optimizer, initial_weights, train
    from stackens.training._program import find_program

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(32, 8, 8)).astype("float32"), rng.integers(10, size=32)
    found = {}
    names = list(bench_stack.LEARNERS) if first == "lstm" else ["gru", "lstm"]
    for name in names:
        how = {"cell": "gru", "units": (32, 32)} if name == "gru" else bench_stack.LEARNERS[name]
        options = {"n_features": 8, "output_units": 10, "output_activation": "softmax", **how}
        job = Job(
            Architecture(build_stacked_rnn, options),
            X,
            y,
            "sparse_categorical_crossentropy",
            Optimizer("Adam", 0.003),
            seed=0,
            epochs=1,
            batch_size=32,
        )
        with Stopwatch() as watch:
            program = find_program(job)
        found[f"{name}_build"] = watch.seconds
        with Stopwatch() as watch:
            program.prepare(job)
        found[f"{name}_trace"] = watch.seconds
        with Stopwatch() as watch:
            weights = initial_weights(job.architecture, 0)
        found[f"{name}_initial_weights"] = watch.seconds
        with Stopwatch() as watch:
            train([job])
        found[f"{name}_first_step"] = watch.seconds
        with Stopwatch() as watch:
            for _ in range(18):
                program.new_state(job, weights)
        found[f"{name}_18_towers"] = watch.seconds
    return found


SIDES = {name: functools.partial(measure, name) for name in ("lstm", "gru")}

if __name__ == "__main__":
    main(__file__, SIDES)
