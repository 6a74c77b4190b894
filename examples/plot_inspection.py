"""
Why does the stack not beat its best learner?
=============================================

Handwritten digits, read row by row, and only 140 of them: is that enough for a final estimator that
weighs every class of every learner? Displays show what each learner adds, and the report says in
words what is in the way.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from stackens import (
    ConvexBlendClassifier,
    CostAccuracyDisplay,
    LearnerContributionDisplay,
    LearnerCorrelationDisplay,
    LearnerWeightsDisplay,
    OutOfFoldCalibrationDisplay,
    SequenceFlattener,
    StackedRNNClassifier,
    StackingClassifier,
    TrainingCurvesDisplay,
)
from stackens.datasets import load_digits_sequences
from stackens.inspection import diagnose

X, y = load_digits_sequences(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=140, test_size=1000, stratify=y, random_state=0
)

# %%
# A stack of few rows
# -------------------
# 30 columns of probabilities are much for a logistic regression that sees 140 rows.
stack = StackingClassifier(
    [
        ("lstm", StackedRNNClassifier(units=32, epochs=40)),
        ("gru", StackedRNNClassifier(cell="gru", units=32, epochs=80, early_stopping=True)),
        (
            "forest",
            make_pipeline(SequenceFlattener(), RandomForestClassifier(100, random_state=0)),
        ),
    ],
    LogisticRegression(C=100, max_iter=5000),
    cv=3,
    random_state=0,
)
stack.fit(X_train, y_train)
print(stack.leaderboard(X_test, y_test).round(4).to_string())

# %%
# What do the displays say?
# -------------------------
figure, axes = plt.subplots(2, 3, figsize=(15, 8), layout="constrained")
TrainingCurvesDisplay.from_estimator(stack).plot(axes[0, 0])
LearnerCorrelationDisplay.from_estimator(stack).plot(axes[0, 1])
LearnerWeightsDisplay.from_estimator(stack).plot(axes[0, 2])
LearnerContributionDisplay.from_estimator(stack).plot(axes[1, 0])
OutOfFoldCalibrationDisplay.from_estimator(stack).plot(axes[1, 1])
CostAccuracyDisplay.from_estimator(stack).plot(axes[1, 2])
folder = Path("demo_output")
folder.mkdir(exist_ok=True)
figure.savefig(folder / "inspection.png", dpi=70)

# %%
# And in words?
# -------------
for finding in diagnose(stack):
    print(f"\n{finding.title}: {finding.text}")
report = stack.report(folder / "report.html", X_test, y_test, title="Digits, read row by row")

# %%
# What helps?
# -----------
# A blend has three weights in the place of 310 coefficients, and a fallback lets the best learner
# predict where the stack's honest score does not beat it. Neither trains a learner again.
blend = stack.with_final_estimator(ConvexBlendClassifier())
print(f"\nTest accuracy of the stack: {stack.score(X_test, y_test):.4f}")
print(f"Test accuracy of the blend: {blend.score(X_test, y_test):.4f}")
safe = stack.set_params(fallback="best").with_final_estimator(stack.final_estimator)
print(f"Test accuracy with fallback: {safe.score(X_test, y_test):.4f} by {safe.predicts_with_}")
(folder / "notebook.html").write_text(f"<!DOCTYPE html>\n{blend._repr_html_()}", encoding="utf-8")
print(f"Report: {report.resolve()}")
