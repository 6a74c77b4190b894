"""
Where does a gene go on? Splice junctions beside KBANN
======================================================

DNA: where the code of a gene is cut into pieces, an exon ends and an intron begins (EI), or the
other way round (IE). Do networks that read 60 bases base by base find these places as well as
KBANN did, a network of 1991 that was built from what biologists know?

KBANN's errors are those of ten-fold cross-validation with 1,000 of the 3,190 rows, so that it
learnt from 900. Here the learners have 1,000 rows, and all others are the test.

The data are read from the folder that STACKENS_DATA names. With STACKENS_EXAMPLES=quick fewer
networks train, for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stackens import (
    ConvexBlendClassifier,
    SequenceFlattener,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_splice

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

try:
    X, y = load_splice(return_X_y=True)
except OSError as error:
    print(f"This example needs data that are not here. {error}")
    sys.exit()

# %%
# Some sequences are there twice. A test row whose twin was trained on says nothing, so it goes.
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, stratify=y, random_state=0
)
is_new = ~np.isin(X_test.astype(str), X_train.astype(str))
X_test, y_test = X_test[is_new], y_test[is_new]
print(f"{len(X_train)} training rows, {len(X_test)} test rows; {(~is_new).sum()} twins left out")

# %%
# What is known about the place
# -----------------------------
# KBANN was built from rules of biologists. All that the learners here are told is that the cut, if
# there is one, is in the middle: the networks read from both ends towards it, so that what they
# read last, and remember best, is what lies beside it. The linear model has a column for every base
# at every place.
epochs = 10 if QUICK else 30
if QUICK:
    print(f"Quick: {epochs} epochs and one seed, so greater errors.")


def towards_the_cut(texts):
    bases = np.array([list(text) for text in texts])[:, :, np.newaxis] == np.array(list("ACGT"))
    before, after = bases[:, :30], bases[:, :29:-1]
    return np.concatenate([before, after], axis=2).astype(np.float32)  # (n, 30, 8)


def network(cell):
    size = {"dropout": 0.3, "learning_rate": 0.005, "epochs": epochs, "n_seeds": 1 if QUICK else 3}
    return make_pipeline(
        FunctionTransformer(towards_the_cut), StackedRNNClassifier(32, cell=cell, **size)
    )


linear = LogisticRegression(C=0.3, max_iter=2000)
stack = StackingClassifier(
    [
        ("lstm", network("lstm")),
        ("gru", network("gru")),
        (
            "linear",
            make_pipeline(FunctionTransformer(towards_the_cut), SequenceFlattener(), linear),
        ),
    ],
    ConvexBlendClassifier(),
    random_state=0,
)
stack.fit(X_train, y_train)
print("Weights:", {name: round(w, 2) for name, w in stack.final_estimator_.weights_.items()})

# %%
# Errors of each class, in percent
# --------------------------------
# Published: G. Towell, M. Noordewier and J. Shavlik, in the description of the data at UCI, 1992.
classes = ["N", "EI", "IE"]


def errors(predicted):
    wrong = predicted != y_test
    return [100 * wrong[y_test == kind].mean() for kind in classes]


# As in scikit-learn, the learners of a stack predict the numbers of classes.
found = {
    name: errors(stack.classes_[learner.predict(X_test)])
    for name, learner in stack.named_estimators_.items()
}
found["stack"] = errors(stack.predict(X_test))
found["KBANN (published)"] = [4.62, 7.56, 8.47]
found["backprop (published)"] = [5.29, 5.74, 10.75]
table = pd.DataFrame(found, index=classes).T
print(table.round(2).to_string())
rows = pd.Series(y_test).value_counts()[classes].to_numpy()
rates = table.loc["stack"].to_numpy() / 100
chance = 100 * np.sqrt(rates * (1 - rates) / rows)
for kind, error, plus_minus, kbann in zip(
    classes, table.loc["stack"], chance, table.loc["KBANN (published)"], strict=True
):
    print(f"{kind}: stack {error:.2f} ± {plus_minus:.2f} %, KBANN {kbann:.2f} %")

# %%
# Errors of rows, not of runs: another draw of 1,000 rows gives another figure.
fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
table.T.rename(
    index={k: f"{k} ({n} test rows)" for k, n in zip(classes, rows, strict=True)}
).plot.bar(
    ax=ax,
    rot=0,
    width=0.8,
    color=["#a6cee3", "#6baed6", "#c7c7c7", "#08519c", "#d95f02", "#fdae6b"],
)
at = [patch.get_x() + patch.get_width() / 2 for patch in ax.containers[3]]
ax.errorbar(at, table.loc["stack"], yerr=chance, fmt="none", color="black", capsize=3)
ax.set(ylabel="error (%)", title="Splice junctions: errors of each class")
ax.legend(ncols=2)
figure = Path("demo_output") / "splice_sites.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
