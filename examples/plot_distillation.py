"""
How much of a stack fits into one network?
==========================================

A stack of networks and other learners knows more than a small network that is trained on the same
few labels, but takes long to predict. The small network can learn from the stack instead: from what
that says of rows that it has not seen, and of rows that nobody has labelled.

Handwritten digits; no download. With STACKENS_EXAMPLES=quick the networks train for fewer epochs.
"""

import os
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from stackens import (
    DistilledClassifier,
    SequenceFlattener,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

X, y = load_digits_sequences(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=600, stratify=y, random_state=0)
X_known, X_unlabelled, y_known, _ = train_test_split(
    X, y, train_size=200, stratify=y, random_state=0
)

# %%
# The teacher, and the network alone
# ----------------------------------
# 200 rows are labelled, all others are not.
epochs = 10 if QUICK else 40
if QUICK:
    print(f"Quick: {epochs} epochs, so lower accuracies.")
flat = SequenceFlattener()
stack = StackingClassifier(
    [
        ("lstm", StackedRNNClassifier(32, bidirectional=True, epochs=epochs)),
        ("gru", StackedRNNClassifier(32, cell="gru", epochs=epochs)),
        ("svc", make_pipeline(flat, SVC(C=10.0))),
        ("trees", make_pipeline(flat, ExtraTreesClassifier(300))),
    ],
    LogisticRegression(max_iter=2000),
    random_state=0,
).fit(X_known, y_known)
small = StackedRNNClassifier(24, epochs=2 * epochs + 20, random_state=0)
alone = small.fit(X_known, y_known)

# %%
# The same network as a student
# -----------------------------
# The stack's out-of-fold predictions are read, it is not refitted.
student = DistilledClassifier(stack, small, label_weight=0.1, prefit=True)
student.fit(X_known, y_known, X_unlabelled=X_unlabelled)


# %%
# Accuracy and time
# -----------------
def measure(model):
    model.predict(X_test)  # compiles
    seconds = []
    for _ in range(9):
        started = perf_counter()
        model.predict(X_test)
        seconds.append(perf_counter() - started)
    return min(seconds), model.score(X_test, y_test)


found = {
    "stack": measure(stack),
    "network on labels": measure(alone),
    "student of the stack": measure(student),
}
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, (seconds, accuracy) in found.items():
    print(f"{name}: accuracy {accuracy:.4f}, {1000 * seconds:.1f} ms for {len(X_test)} rows")
    ax.scatter(1000 * seconds, accuracy)
    ax.annotate(name, (1000 * seconds, accuracy), (6, 4), textcoords="offset points")
ax.set(
    xscale="log",
    xlabel="ms to predict 600 rows",
    ylabel="test accuracy",
    title="A stack and its student",
)
ax.margins(0.3)
figure = Path("demo_output") / "distillation.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
