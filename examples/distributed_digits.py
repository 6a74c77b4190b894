"""
Does a stack that was trained on a cluster predict the same?
============================================================

joblib is the seam: within ``joblib.parallel_config("dask")`` the networks of a stack train on
whatever cluster a Dask client is connected to. Here it is one of two worker processes on this
machine; ``Client("tcp://scheduler:8786")`` would be the only change for a real one. A worker that
dies costs time: its networks are trained again.

Needs ``pip install "stackens[cpu,distributed,plot]"``; no download. With STACKENS_EXAMPLES=quick
the networks train for fewer epochs.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"
EPOCHS = 5 if QUICK else 15


# %%
# An ordinary stack
# -----------------
def make_stack():
    return StackingClassifier(
        [
            ("lstm", StackedRNNClassifier(32, epochs=EPOCHS)),
            ("gru", StackedRNNClassifier(32, cell="gru", epochs=EPOCHS)),
        ],
        random_state=0,
    )


def timed_fit(X, y):
    started = time.perf_counter()
    stack = make_stack().fit(X, y)
    return stack, time.perf_counter() - started


# %%
# Here, and there
# ---------------
# Worker processes import this file, so that everything that runs is in a function.
def main():
    from dask.distributed import Client, LocalCluster

    if QUICK:
        print(f"Quick: {EPOCHS} epochs, so a lower score.")
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

    fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
    ax.barh(["this process", "two fresh workers"], [seconds_here, seconds_there], color="tab:blue")
    ax.invert_yaxis()
    ax.set(xlabel="seconds for 12 networks, start of the workers included")
    ax.set_title(f"The same predictions: {'yes' if same else 'no'}")
    figure = Path("demo_output") / "distributed_digits.png"
    figure.parent.mkdir(exist_ok=True)
    fig.savefig(figure, dpi=120)
    print(f"Figure: {figure.resolve()}")


if __name__ == "__main__":
    main()
