"""
Does a stack that was trained on a cluster predict the same?
============================================================

joblib is the seam: within ``joblib.parallel_config("dask")`` the networks of a stack train on
whatever cluster a Dask client is connected to. Here it is one of two worker processes on this
machine; ``Client("tcp://scheduler:8786")`` would be the only change for a real one. A worker that
dies costs time: its networks are trained again.

Needs ``pip install "stackens[cpu,distributed]"``.
"""

from __future__ import annotations

import os
import time

import joblib
import numpy as np
from sklearn.model_selection import train_test_split

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences


def make_stack():
    return StackingClassifier(
        [
            ("lstm", StackedRNNClassifier(32, epochs=15)),
            ("gru", StackedRNNClassifier(32, cell="gru", epochs=15)),
        ],
        random_state=0,
    )


def timed_fit(X, y):
    started = time.perf_counter()
    stack = make_stack().fit(X, y)
    return stack, time.perf_counter() - started


def main():
    from dask.distributed import Client, LocalCluster

    X, y = load_digits_sequences(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    here, seconds_here = timed_fit(X, y)
    # TensorFlow reads its thread counts once, so workers get theirs before they start.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        there, seconds_there = timed_fit(X, y)
        same = np.array_equal(there.predict_proba(X_test), here.predict_proba(X_test))
    print(f"12 networks in this process: {seconds_here:.1f} s")
    print(
        f"12 networks on two fresh worker processes: {seconds_there:.1f} s (their start included)"
    )
    print(f"accuracy {here.score(X_test, y_test):.3f}; the same predictions: {same}")


if __name__ == "__main__":
    main()
