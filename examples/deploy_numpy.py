"""
What does a stack need where it predicts?
=========================================

NumPy. A stack of stacked RNNs on handwritten digits is trained, exported to one file, and loaded by
a fresh process in which neither TensorFlow nor scikit-learn nor SciPy can be imported. Are the
answers the same, and how long does one row take? No download.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from stackens import StackedRNNClassifier, StackingClassifier, export_numpy
from stackens.datasets import load_digits_sequences

X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Training, as ever
# -----------------
stack = StackingClassifier(
    [
        ("lstm", StackedRNNClassifier(32, n_layers=2, epochs=10)),
        ("bilstm", StackedRNNClassifier(32, bidirectional=True, epochs=10)),
        ("gru", StackedRNNClassifier(32, cell="gru", pooling="mean", epochs=10)),
    ],
    LogisticRegression(max_iter=1000),
    cv=3,
    random_state=0,
)
stack.fit(X_train, y_train)

# %%
# One file
# --------
# Predictions for the test rows are compared before it is written.
folder = Path(tempfile.mkdtemp())
size = export_numpy(stack, folder / "digits.stackens", X_test)
np.save(folder / "rows.npy", X_test)
print(f"{size / 1024:.0f} KiB")

# %%
# Another process
# ---------------
# It stands for a small server, or a device: libraries other than NumPy are as if not installed.
SERVER = """
import sys, time

class NumpyOnly:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "sklearn", "scipy"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NumpyOnly())
import numpy as np
from stackens import portable

predictor = portable.load(sys.argv[1])
rows = np.load(sys.argv[2])
np.save(sys.argv[3], predictor.predict(rows))
times = []
for row in rows[:100]:
    started = time.perf_counter()
    predictor.predict(row[np.newaxis])
    times.append(1e3 * (time.perf_counter() - started))
np.save(sys.argv[4], times)
"""
started = time.perf_counter()
files = [str(folder / name) for name in ("digits.stackens", "rows.npy", "classes.npy", "ms.npy")]
subprocess.run([sys.executable, "-c", SERVER, *files], check=True)
print(f"a process from start to end: {time.perf_counter() - started:.2f} s")

# %%
# The same answers
# ----------------
answers = np.load(folder / "classes.npy")
same = (answers == stack.predict(X_test)).mean()
print(f"equal to the stack's: {same:.1%}; test accuracy {(answers == y_test).mean():.3f}")

# %%
# One row at a time
# -----------------
# The baseline is the stack itself, in this process.
stack.predict(X_test[:1])  # compiles
here = []
for row in X_test[:100]:
    started = time.perf_counter()
    stack.predict(row[np.newaxis])
    here.append(1e3 * (time.perf_counter() - started))
there = np.load(folder / "ms.npy")
print(f"one row: NumPy {np.median(there):.2f} ms, the stack {np.median(here):.2f} ms (medians)")

fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.boxplot([there, here], orientation="horizontal", tick_labels=["NumPy", "TensorFlow"])
ax.set(xscale="log", xlabel="ms to predict one row", title="The same stack of three networks")
figure = Path("demo_output") / "deploy_numpy.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
