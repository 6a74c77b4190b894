"""
Can the trials of a search become a stack?
==========================================

Optuna chooses the network, prunes bad ones early, and its best trials become a stack.

Every trial is a cross-validation of one network. Its folds report each epoch through
``on_epoch_end``, which keeps networks in the fast engine; a trial that looks bad is pruned there.
All networks are kept in one store, so that the stack of the best trials trains nothing but refits.

Needs ``pip install "stackens[cpu,examples]"``.
"""

from __future__ import annotations

import logging
import tempfile
import time

import numpy as np
import optuna
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split

from stackens import JobStore, StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences

N_TRIALS, N_SPLITS, EPOCHS = 12, 3, 12


def make_learner(trial, store, on_epoch_end=None):
    return StackedRNNClassifier(
        units=trial.suggest_categorical("units", [16, 32]),
        cell=trial.suggest_categorical("cell", ["lstm", "gru"]),
        n_layers=trial.suggest_int("n_layers", 1, 2),
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        epochs=EPOCHS,
        random_state=0,
        memory=store,
        on_epoch_end=on_epoch_end,
    )


def make_objective(X, y, store):
    splits = list(StratifiedKFold(N_SPLITS).split(X, y))

    def objective(trial):
        scores = []
        for fold, (train, test) in enumerate(splits):

            def report(epoch, logs, fold=fold):
                """Stop this network if the trial shall be pruned."""
                if fold > 0:  # pruned or not, that is known after the first fold
                    return False
                trial.report(logs["loss"], step=epoch)
                return trial.should_prune()

            learner = make_learner(trial, store, report).fit(X[train], y[train])
            if fold == 0 and len(learner.history_["loss"]) < EPOCHS:
                raise optuna.TrialPruned
            scores.append(log_loss(y[test], learner.predict_proba(X[test])))
        return float(np.mean(scores))

    return objective


def main():
    optuna.logging.set_verbosity(logging.WARNING)
    X, y = load_digits_sequences(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        store = JobStore(folder)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=0),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3),
        )
        started = time.perf_counter()
        study.optimize(make_objective(X, y, store), n_trials=N_TRIALS)
        done = [t for t in study.trials if t.state is optuna.trial.TrialState.COMPLETE]
        print(
            f"{len(done)} trials of {N_SPLITS} folds, {len(study.trials) - len(done)} pruned: "
            f"{time.perf_counter() - started:.1f} s, {store.info().n_entries} networks kept"
        )
        best = sorted(done, key=lambda t: t.value)[:3]
        for trial in best:
            print(f"  log-loss {trial.value:.3f}: {trial.params}")
        # The hook is no part of a trained network, so the folds of the trials are found again.
        learners = [(f"trial{t.number}", make_learner(t, store)) for t in best]
        started = time.perf_counter()
        stack = StackingClassifier(
            learners, LogisticRegression(max_iter=1000), cv=StratifiedKFold(N_SPLITS), memory=store
        ).fit(X, y)
        print(
            f"stack of the best {len(best)}: {time.perf_counter() - started:.1f} s, "
            f"{store.info().n_entries} networks kept, accuracy {stack.score(X_test, y_test):.3f} "
            "on rows that nobody has seen"
        )


if __name__ == "__main__":
    main()
