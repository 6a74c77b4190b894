"""Writes ``convolutions.npz``: what MiniRocket and MultiRocket of aeon 1.6, which it needs, find.

Rows are random numbers of equal length. Of MultiRocket, two kinds of features of the series are
kept: aeon shifts those of first differences by one timestep, and counts runs in a way of its own.
"""

from pathlib import Path

import numpy as np


def main():
    from aeon.transformations.collection.convolution_based import MiniRocket, MultiRocket

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
    np.savez_compressed(Path(__file__).with_name("convolutions.npz"), **kept)


if __name__ == "__main__":
    main()
