"""Writes ``convolutions.npz``: what MiniRocket, MultiRocket and Hydra of aeon 1.6 find.

Rows are random numbers of equal length. Of MultiRocket, two kinds of features of the series are
kept: aeon shifts those of first differences by one timestep, and counts runs in a way of its own.
Needs aeon and PyTorch.
"""

from pathlib import Path

import numpy as np


def main():
    from aeon.transformations.collection.convolution_based import (
        HydraTransformer,
        MiniRocket,
        MultiRocket,
    )

    rng = np.random.default_rng(0)
    kept = {}
    for name, n_channels, n_timesteps in (("one", 1, 60), ("several", 4, 33)):
        X = rng.normal(size=(3, n_channels, n_timesteps)).astype(np.float32)
        mini = MiniRocket(n_kernels=168, random_state=0).fit(X)
        n_chosen, indices, dilations, n_biases, biases = mini.parameters
        channels = np.zeros((len(n_chosen), n_channels), bool)
        for row, chosen in zip(channels, np.split(indices, np.cumsum(n_chosen)[:-1]), strict=True):
            row[chosen] = True
        kept |= {f"{name}_X": X.transpose(0, 2, 1), f"{name}_dilations": dilations}
        kept |= {f"{name}_n_biases": n_biases, f"{name}_channels": channels}
        kept |= {f"{name}_biases": biases, f"{name}_proportion": mini.transform(X)}
        if n_channels == 1:
            multi = MultiRocket(n_kernels=168, random_state=0, normalise=False).fit(X)
            *_, biases = multi.parameter
            found = multi.transform(X)[:, : 4 * len(biases)].reshape(len(X), 4, -1)
            kept |= {"multi_biases": biases, "multi_mean": found[:, 2], "multi_index": found[:, 3]}
        hydra = HydraTransformer(3, 4, random_state=0, output_type="numpy").fit(X)
        parts = read_hydra(hydra._hydra, hydra.transform(X), n_channels)
        kept |= {f"{name}_hydra_{key}": part for key, part in parts.items()}
    np.savez_compressed(Path(__file__).with_name("convolutions.npz"), **kept)


def read_hydra(hydra, found, n_channels):
    """Return parts and features of Hydra, group after group."""
    n_dilations, n_orders, n_groups, n_kernels = len(hydra.dilations), 2, hydra.h, hydra.k
    n_all = n_dilations * n_orders * n_groups
    channels = np.zeros((n_all, 1), int)
    if n_channels > 1:
        channels = np.concatenate([drawn.numpy() for drawn in hydra.idx]).reshape(n_all, -1)
    found = found.reshape(len(found), n_dilations * n_orders, 2, n_groups, n_kernels)
    return {
        "orders": np.tile(np.repeat([0, 1], n_groups), n_dilations),
        "dilations": np.repeat(hydra.dilations.numpy(), n_orders * n_groups),
        "channels": channels,
        "weights": hydra.W.numpy().reshape(n_all, n_kernels, 9),
        "found": found.swapaxes(2, 3).reshape(len(found), -1),
    }


if __name__ == "__main__":
    main()
