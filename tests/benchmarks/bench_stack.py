"""A stack of three LSTM learners on digits: 5 folds and a refit each, 18 networks; fitted cold.

1,347 handwritten digits as 8 timesteps of 8 features, 15 epochs of batches of 32 rows, Adam with
learning rate 0.003; test accuracy on 450 digits. The peers are what a user would write:
scikit-learn's StackingClassifier over SciKeras or skorch. "keras …" is one plain Keras fit of one
of the learners. "… early" stops each fold early on a tenth of its own training rows (patience 5,
at most 40 epochs) and refits for the median of the folds' best epochs, which peers do by hand.
"""

from __future__ import annotations

import numpy as np
from _harness import Stopwatch, main

EPOCHS, MOST_EPOCHS, PATIENCE, RATE, BATCH = 15, 40, 5, 0.003, 32
LEARNERS = {
    "lstm": {"units": (32, 32), "bidirectional": False},
    "bilstm": {"units": (32,), "bidirectional": True},
    "lstm3": {"units": (32, 32, 32), "bidirectional": False},
}


def load():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X = (X.reshape(-1, 8, 8) / 16).astype("float32")
    return train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)


def final_estimator():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def measure(estimator):
    X, X_test, y, y_test = load()
    with Stopwatch() as watch:
        estimator.fit(X, y)
    return {"seconds": watch.seconds, "accuracy": estimator.score(X_test, y_test)}


def build_keras(meta, units, bidirectional):
    import keras

    model = keras.Sequential([keras.Input((8, 8))])
    for depth, n in enumerate(units, start=1):
        layer = keras.layers.LSTM(n, return_sequences=depth < len(units))
        model.add(keras.layers.Bidirectional(layer) if bidirectional else layer)
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


def stackens():
    import keras  # noqa: F401 - imports are not part of the measurement

    from stackens import StackedRNNClassifier, StackingClassifier

    size = {"epochs": EPOCHS, "learning_rate": RATE, "batch_size": BATCH}
    learners = [(name, StackedRNNClassifier(**how, **size)) for name, how in LEARNERS.items()]
    return measure(StackingClassifier(learners, final_estimator(), random_state=0))


def stackens_builder():
    import keras  # noqa: F401

    from stackens import KerasNetworkClassifier, StackingClassifier

    size = {"epochs": EPOCHS, "learning_rate": RATE, "batch_size": BATCH}
    learners = [
        (name, KerasNetworkClassifier(lambda meta, how=how: build_keras(meta, **how), **size))
        for name, how in LEARNERS.items()
    ]
    return measure(StackingClassifier(learners, final_estimator(), random_state=0))


def stackens_early():
    import keras  # noqa: F401

    from stackens import StackedRNNClassifier, StackingClassifier

    size = {"epochs": MOST_EPOCHS, "learning_rate": RATE, "batch_size": BATCH}
    stop = {"early_stopping": True, "patience": PATIENCE, "validation_fraction": 0.1}
    learners = [
        (name, StackedRNNClassifier(**how, **size, **stop)) for name, how in LEARNERS.items()
    ]
    return measure(StackingClassifier(learners, final_estimator(), random_state=0))


def one_keras_fit(name):
    import keras

    X, X_test, y, y_test = load()
    with Stopwatch() as watch:
        model = build_keras(None, **LEARNERS[name])
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
        model.fit(X, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return {"seconds": watch.seconds, "accuracy": model.evaluate(X_test, y_test, verbose=0)[1]}


def scikeras_learner(how, **options):
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(
        lambda meta: build_keras(meta, **how),
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=RATE,
        batch_size=BATCH,
        verbose=0,
        random_state=0,
        **options,
    )


def scikeras():
    import keras  # noqa: F401
    from sklearn.ensemble import StackingClassifier

    learners = [(name, scikeras_learner(how, epochs=EPOCHS)) for name, how in LEARNERS.items()]
    stack = StackingClassifier(learners, final_estimator(), cv=5, stack_method="predict_proba")
    return measure(stack)


def skorch_learner(how, **options):
    import torch
    from skorch import NeuralNetClassifier

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            units, twice = how["units"], how["bidirectional"]
            self.recurrent = torch.nn.LSTM(
                8, units[0], len(units), batch_first=True, bidirectional=twice
            )
            self.head = torch.nn.Linear(units[0] * (1 + twice), 10)

        def forward(self, x):
            return self.head(self.recurrent(x)[0][:, -1])

    torch.manual_seed(0)
    return NeuralNetClassifier(
        Network,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=BATCH,
        verbose=0,
        **{"train_split": None, **options},
    )


def skorch():
    from sklearn.ensemble import StackingClassifier

    learners = [(name, skorch_learner(how, max_epochs=EPOCHS)) for name, how in LEARNERS.items()]
    stack = StackingClassifier(learners, final_estimator(), cv=5, stack_method="predict_proba")
    return measure(stack)


class ByHand:
    """What a user of a peer writes to stop early inside the folds and refit at the median."""

    def __init__(self, fit_early, fit):
        self.fit_early, self.fit_plain = fit_early, fit

    def fit(self, X, y):
        from sklearn.model_selection import StratifiedKFold, train_test_split

        columns, self.models = [], []
        for how in LEARNERS.values():
            block, best = np.zeros((len(y), 10)), []
            for train, test in StratifiedKFold(5).split(X, y):
                rows, held_out = train_test_split(
                    train, test_size=0.1, stratify=y[train], random_state=0
                )
                model, epoch = self.fit_early(how, X[rows], y[rows], X[held_out], y[held_out])
                block[test] = model.predict_proba(X[test])
                best.append(epoch)
            self.models.append(self.fit_plain(how, X, y, int(np.median(best))))
            columns.append(block)
        self.final = final_estimator().fit(np.hstack(columns), y)
        return self

    def score(self, X, y):
        return self.final.score(np.hstack([m.predict_proba(X) for m in self.models]), y)


def scikeras_early():
    import keras

    def fit_early(how, X, y, X_held_out, y_held_out):
        stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        model = scikeras_learner(how, epochs=MOST_EPOCHS, callbacks=[stop])
        model.fit(X, y, validation_data=(X_held_out, y_held_out))
        return model, int(np.argmin(model.history_["val_loss"])) + 1

    return measure(ByHand(fit_early, lambda h, X, y, n: scikeras_learner(h, epochs=n).fit(X, y)))


def skorch_early():
    from skorch.callbacks import EarlyStopping
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    def fit_early(how, X, y, X_held_out, y_held_out):
        model = skorch_learner(
            how,
            max_epochs=MOST_EPOCHS,
            train_split=predefined_split(Dataset(X_held_out, y_held_out)),
            callbacks=[EarlyStopping(patience=PATIENCE, load_best=True)],
        ).fit(X, y)
        return model, int(np.argmin(model.history[:, "valid_loss"])) + 1

    return measure(ByHand(fit_early, lambda h, X, y, n: skorch_learner(h, max_epochs=n).fit(X, y)))


SIDES = {
    "stackens": stackens,
    "stackens_builder": stackens_builder,
    "stackens_early": stackens_early,
    "keras_lstm": lambda: one_keras_fit("lstm"),
    "keras_bilstm": lambda: one_keras_fit("bilstm"),
    "keras_lstm3": lambda: one_keras_fit("lstm3"),
    "skorch": skorch,
    "skorch_early": skorch_early,
    "scikeras": scikeras,
    "scikeras_early": scikeras_early,
}

if __name__ == "__main__":
    main(__file__, SIDES)
