"""
Does depth need parameters?
===========================

One recurrent layer, or one transformer block, used six times over, against six of their own:
handwritten digits, read row by row. Where do the transformers look, and how spread out is it? No
download. With STACKENS_EXAMPLES=quick the networks train for fewer epochs.
"""

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from stackens import (
    AttentionDisplay,
    AttentionEntropyDisplay,
    StackedRNNClassifier,
    TransformerClassifier,
)
from stackens.datasets import load_digits_sequences

QUICK = os.environ.get("STACKENS_EXAMPLES") == "quick"

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Six networks
# ------------
# A deep stack of recurrent layers trains with residual connections only; a transformer has them.
# The baseline of each kind is a single layer.
epochs = 4 if QUICK else 15
if QUICK:
    print(f"Quick: {epochs} epochs, so lower accuracies.")
networks = {}
for depth, sharing in [(1, "all"), (6, "all"), (6, "none")]:
    settings = {"n_layers": depth, "layer_sharing": sharing, "epochs": epochs, "random_state": seed}
    label = f"{depth} {'shared' if sharing == 'all' else 'unshared'}"
    networks["LSTM", label] = StackedRNNClassifier(32, residual=True, **settings)
    networks["transformer", label] = TransformerClassifier(32, **settings)

# %%
# Accuracy and parameters
# -----------------------
for (kind, label), network in networks.items():
    accuracy = network.fit(X_train, y_train).score(X_test, y_test)
    print(f"{kind:12} {label:11} {network.n_parameters_:7,} parameters, accuracy {accuracy:.3f}")

# %%
# Attention
# ---------
# The map of one digit: layers downwards, heads to the right. Entropy says how many rows of the
# image a row looks at.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
shared, unshared = (networks["transformer", f"6 {kind}"] for kind in ("shared", "unshared"))
AttentionDisplay.from_estimator(shared, X_test[:1]).plot(left)
left.set_title(f"6 shared blocks look at a {y_test[0]}")
AttentionEntropyDisplay.from_estimator(
    {"6 shared": shared, "6 unshared": unshared}, X_test[:100]
).plot(right)
right.set_title("How spread out is it?")
figure = Path("demo_output") / "depth.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"Figure: {figure.resolve()}")
