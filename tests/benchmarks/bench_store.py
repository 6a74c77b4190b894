"""What a store costs and saves, as parts of a small fit; run with ``make bench``."""

from __future__ import annotations

import statistics
import tempfile
import time

import numpy as np

from stackens import StackedRNNClassifier
from stackens.datasets import load_digits_sequences
from stackens.store import JobStore, network_key, train_once
from stackens.training import train


def measure(function, repeats=5):
    """Return the median time of a call, in milliseconds."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def train_all(jobs, *, checkpoints, on_trained):
    networks = train(jobs)
    for position, network in enumerate(networks):
        on_trained(position, network)
    return networks


def main():
    X, y = load_digits_sequences(return_X_y=True)
    learner = StackedRNNClassifier(units=32, n_layers=2, epochs=15, random_state=0)
    job = learner.plan_job(X, y)
    (network,) = train([job])  # compiles the program
    fit = measure(lambda: train([job]), repeats=3)
    key = measure(lambda: network_key(learner, job), repeats=20)
    print(f"one fit ({len(X)} digits, 15 epochs): {fit:.0f} ms")
    print(f"its key: {key:.2f} ms, {key / fit:.2%} of the fit")
    with tempfile.TemporaryDirectory() as folder:
        store, name = JobStore(folder), network_key(learner, job)

        def keep():
            store.clear()
            train_once([job], [name], store, train_all)

        kept = measure(keep, repeats=3)
        served = measure(lambda: train_once([job], [name], store, train_all), repeats=20)
        print(f"trained and kept: {kept:.0f} ms; served: {served:.1f} ms, {fit / served:.0f} times")
    big = np.random.default_rng(0).normal(size=(20_000, 100, 8)).astype("f4")
    rows = np.random.default_rng(0).permutation(len(big))[:16_000]
    big_job = learner.plan_job(big, np.arange(len(big)) % 10, rows=rows)
    cost = measure(lambda: network_key(learner, big_job), repeats=3)
    print(f"key of 16,000 rows of {big.nbytes // 2**20} MiB in random order: {cost:.0f} ms")
    print(f"weights: {sum(w.nbytes for w in network.weights) // 1024} KiB")


if __name__ == "__main__":
    main()
