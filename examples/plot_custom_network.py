"""
Can a Keras network of my own be a learner, and is it worth it?
===============================================================

A stack gains from learners that err on different rows, so another kind of network may add more
than one more recurrent one. Here are a convolutional network from a function that builds it, a
KerasClassifier of SciKeras as it would be used without stackens, and an LSTM. What does each add?

Handwritten digits, read row by row; no download. With STACKENS_EXAMPLES=quick there are fewer rows
and epochs.
"""

import os
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import train_test_split

from stackens import (
    ConvexBlendClassifier,
    KerasNetworkClassifier,
    LearnerCorrelationDisplay,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=400 if QUICK else 1000, stratify=y, random_state=0
)
epochs = 20 if QUICK else 30
if QUICK:
    print(f"Quick: {len(X_train)} training rows and {epochs} epochs, so lower scores.")


# %%
# A network of your own
# ---------------------
# A function from what is known of the data to an uncompiled model. Optimizer, loss, epochs and
# early stopping are parameters of the learner, as of every other one, and it trains in towers: all
# folds are one graph. The network sees three rows of an image at a time.
def build_convolutions(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Conv1D(32, 3, padding="same", activation="relu")(inputs)
    for dilation in (1, 2):
        before = x
        x = keras.layers.Conv1D(32, 3, padding="same", dilation_rate=dilation, activation="relu")(x)
        x = keras.layers.Add()([before, x])
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.3)(x)
    outputs = keras.layers.Dense(meta["n_classes_"], activation="softmax")(x)
    return keras.Model(inputs, outputs)


# %%
# A SciKeras estimator
# --------------------
# It comes from other code, and knows nothing of stacks. SciKeras calls its function with ``meta``.
def build_perceptron(meta, units):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


perceptron = KerasClassifier(
    build_perceptron,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    optimizer__learning_rate=0.005,
    epochs=epochs,
    verbose=0,
    model__units=64,
)

# %%
# Side by side
# ------------
stack = StackingClassifier(
    [
        ("lstm", StackedRNNClassifier(32, bidirectional=True, dropout=0.1, epochs=epochs)),
        ("convolutions", KerasNetworkClassifier(build_convolutions, epochs=epochs)),
        ("perceptron", perceptron),
    ],
    ConvexBlendClassifier(),
    cv=4,
    random_state=0,
)
stack.fit(X_train, y_train)
board = stack.leaderboard(X_test, y_test)
print(board[["out_of_fold", "test", "parameters"]].round(4).to_string())
print("weights:", {name: round(w, 2) for name, w in stack.final_estimator_.weights_.items()})
print(f"{stack.seconds_:.1f} s for 15 networks of three kinds")

# %%
# Beside each of them alone
# -------------------------
# On the same rows, so that the error is that of the rows on which two differ. As in scikit-learn,
# the learners of a stack predict the numbers of classes.
right = {
    name: stack.classes_[learner.predict(X_test)] == y_test
    for name, learner in stack.named_estimators_.items()
}
right["stack"] = stack.predict(X_test) == y_test
for name in stack.named_estimators_:
    gain = right["stack"].astype(float) - right[name]
    print(
        f"stack {right['stack'].mean():.4f}, {name} {right[name].mean():.4f}: {gain.mean():+.4f} ± "
        f"{gain.std() / np.sqrt(len(gain)):.4f} (standard error over {len(gain)} rows)"
    )

# %%
# Who errs with whom
# ------------------
# Learners whose errors go together add little to each other, however good they are.
fig, (left, right_ax) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
LearnerCorrelationDisplay.from_estimator(stack).plot(left)
means = np.array([answers.mean() for answers in right.values()])
error = np.sqrt(means * (1 - means) / len(y_test))
right_ax.errorbar(means, list(right), xerr=error, fmt="o", capsize=4, markersize=8)
right_ax.invert_yaxis()
right_ax.grid(axis="x", alpha=0.3)
right_ax.set(xlabel=f"accuracy on {len(y_test)} test digits (± standard error)")
right_ax.set_title("Each alone, and the stack")
figure = Path("demo_output") / "custom_network.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
