"""
What becomes of the losers of a search?
=======================================

A grid search trains every candidate on every fold and keeps one. The others have predicted the rows
that they did not see as well, which is all that a stack asks of its learners: ``from_search`` makes
one of the best, and its ``fit`` trains nothing but their refits. Is that better than the winner?

Handwritten digits, read row by row; no download. With STACKENS_EXAMPLES=quick there are fewer rows
and epochs.
"""

import os
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from stackens import ConvexBlendClassifier, StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences
from stackens.model_selection import GridSearchCV

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=500 if QUICK else 1000, stratify=y, random_state=0
)
epochs = 12 if QUICK else 25
if QUICK:
    print(f"Quick: {len(X_train)} training rows and {epochs} epochs, so lower scores.")

# %%
# The search
# ----------
# Twelve candidates on three folds: 36 networks in one run, and one more for the winner.
grid = {
    "cell": ["lstm", "gru"],
    "units": [16, 32, 64],
    "learning_rate": [0.003, 0.01],
}
search = GridSearchCV(
    StackedRNNClassifier(bidirectional=True, dropout=0.1, epochs=epochs, random_state=0),
    grid,
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
started = perf_counter()
search.fit(X_train, y_train)
n_searched = search.store_.info().n_entries
print(f"search: {n_searched} networks in {perf_counter() - started:.1f} s")
results = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
columns = [*(f"param_{name}" for name in grid), "mean_test_score", "std_test_score"]
print(results[columns].head(5).round(4).to_string(index=False))

# %%
# The stack
# ---------
# The folds of the best four are found again; the refit of the winner as well.
stack = StackingClassifier.from_search(search, top=4, final_estimator=ConvexBlendClassifier())
started = perf_counter()
stack.fit(X_train, y_train)
n_more = search.store_.info().n_entries - n_searched
print(f"stack: {n_more} more networks in {perf_counter() - started:.1f} s")
board = stack.leaderboard(X_test, y_test)
print(board[["out_of_fold", "test"]].round(4).to_string())

# %%
# Candidates were chosen by their scores on the training rows, so that those flatter. Rows that
# neither search nor stack has seen decide.
winner = search.best_estimator_.predict(X_test) == y_test
stacked = stack.predict(X_test) == y_test
gain = stacked.astype(float) - winner
print(
    f"{len(y_test)} test rows: winner {winner.mean():.4f} (its score in the search was "
    f"{search.best_score_:.4f}), stack of four {stacked.mean():.4f}: {gain.mean():+.4f} ± "
    f"{gain.std() / np.sqrt(len(gain)):.4f} (standard error)"
)

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
labels = [
    f"{cell}, {units} units, {rate:g}"
    for cell, units, rate in results[[f"param_{name}" for name in grid]].itertuples(index=False)
]
colors = ["tab:orange"] * 4 + ["tab:gray"] * (len(results) - 4)
left.barh(
    labels, results["mean_test_score"], xerr=results["std_test_score"], color=colors, capsize=2
)
left.invert_yaxis()
low = results["mean_test_score"].min() - 2 * results["std_test_score"].max()
left.set(xlim=(max(low, 0), 1), xlabel="accuracy in the search (± deviation of folds)")
left.set_title("Twelve candidates; four become learners")
shown = pd.Series({"winner": winner.mean(), "average": board.loc["average", "test"]})
shown["stack"] = stacked.mean()
error = np.sqrt(shown * (1 - shown) / len(y_test))
right.errorbar(shown.index, shown, yerr=error, fmt="o", capsize=4, markersize=8)
right.set(ylabel="test accuracy (± standard error)", title="Rows that nobody chose by")
right.margins(x=0.3)
right.grid(axis="y", alpha=0.3)
figure = Path("demo_output") / "search_is_a_stack.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
