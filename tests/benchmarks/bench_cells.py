"""One training step of a network of two recurrent layers, alone and as six towers.

Batches of 32 rows of 32 features, Adam, one sigmoid output. A side trains an epoch of 20 steps
(10 for 500 timesteps) after everything is traced and compiled; the shortest of five is taken and
given per step. "stackens six" is six networks side by side: six times the work. ``gflops`` counts
the matrix products of the recurrent layers, forward and twice that backward; ``matmul`` is the
rate of NumPy's float32 matrix product in the same process.
"""

from __future__ import annotations

import functools

import numpy as np
from _harness import best_seconds, main, matmul_gflops

BATCH, FEATURES = 32, 32
WORK = [
    ("lstm", 500, 32),
    ("lstm", 500, 64),
    ("lstm", 500, 128),
    ("lstm", 30, 32),
    ("gru", 30, 32),
    ("gru", 500, 32),
    ("simple_rnn", 30, 32),
    ("simple_rnn", 500, 32),
]
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
REPEATS = 5


def steps_of(n_timesteps):
    return 10 if n_timesteps > 100 else 20


def make_data(n_timesteps):
    rng = np.random.default_rng(0)
    n_rows = steps_of(n_timesteps) * BATCH
    X = rng.normal(size=(n_rows, n_timesteps, FEATURES)).astype("float32")
    return X, rng.integers(0, 2, size=(n_rows, 1)).astype("float32")


def gflop_of_step(cell, n_timesteps, units):
    products = (FEATURES + units) + 2 * units  # rows of both layers' kernels
    return 3 * 2 * GATES[cell] * units * products * BATCH * n_timesteps / 1e9


def stackens(cell, n_timesteps, units):
    from stackens.networks import build_stacked_rnn
    from stackens.training import Architecture, Job, Optimizer, train

    X, y = make_data(n_timesteps)
    options = {
        "cell": cell,
        "units": (units, units),
        "n_features": FEATURES,
        "output_units": 1,
        "output_activation": "sigmoid",
    }
    architecture = Architecture(build_stacked_rnn, options)
    jobs = [
        Job(
            architecture,
            X,
            y,
            "binary_crossentropy",
            Optimizer("Adam", 0.001),
            seed=seed,
            epochs=1,
            batch_size=BATCH,
        )
        for seed in range(6)
    ]
    train(jobs)
    scale = 1e3 / steps_of(n_timesteps)
    one = best_seconds(lambda: train(jobs[:1]), REPEATS) * scale
    six = best_seconds(lambda: train(jobs), REPEATS) * scale
    rate = matmul_gflops()
    reached = 6 * gflop_of_step(cell, n_timesteps, units) / (six / 1e3)
    return {
        "one_ms": one,
        "six_ms": six,
        "gflops": reached,
        "matmul": rate,
        "fraction": reached / rate,
    }


def plain_keras(cell, n_timesteps, units):
    import keras

    names = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}
    layer = getattr(keras.layers, names[cell])
    X, y = make_data(n_timesteps)
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, FEATURES)),
            layer(units, return_sequences=True),
            layer(units),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")

    def fit():
        model.fit(X, y, batch_size=BATCH, verbose=0)

    fit()
    return {"one_ms": best_seconds(fit, REPEATS) * 1e3 / steps_of(n_timesteps)}


def pytorch(cell, n_timesteps, units):
    import torch

    names = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}
    X, y = (torch.from_numpy(a) for a in make_data(n_timesteps))
    recurrent = getattr(torch.nn, names[cell])(FEATURES, units, 2, batch_first=True)
    head = torch.nn.Linear(units, 1)
    optimizer = torch.optim.Adam([*recurrent.parameters(), *head.parameters()])
    loss_of = torch.nn.BCEWithLogitsLoss()

    def fit():
        for start in range(0, len(X), BATCH):
            optimizer.zero_grad()
            last = recurrent(X[start : start + BATCH])[0][:, -1]
            loss_of(head(last), y[start : start + BATCH]).backward()
            optimizer.step()

    fit()
    return {"one_ms": best_seconds(fit, REPEATS) * 1e3 / steps_of(n_timesteps)}


SIDES = {
    f"{name} {cell} T={n_timesteps} units={units}": functools.partial(
        side, cell, n_timesteps, units
    )
    for cell, n_timesteps, units in WORK
    for name, side in [("stackens", stackens), ("keras", plain_keras), ("torch", pytorch)]
}

if __name__ == "__main__":
    main(__file__, SIDES)
