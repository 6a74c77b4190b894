"""What must work in an environment that holds nothing but an installed wheel or sdist.

    python tests/smoke.py

Not part of the test suite: ``make smoke`` builds both, installs each into an environment of its own
away from the checkout, and runs this there.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

import stackens


def expect_extra(extra: str, function: Callable[[], object]) -> None:
    """Assert that it fails for want of an extra, which the error names."""
    found = ""
    try:
        function()
    except stackens.exceptions.MissingExtraError as error:
        found = str(error)
    assert f"stackens[{extra}]" in found, f"expected an error that names {extra!r}; got {found!r}"


def main() -> None:
    root = Path(stackens.__file__).parent
    assert "site-packages" in root.parts, f"{root} is a checkout, and no installed package"
    assert importlib.metadata.version("stackens") == stackens.__version__
    assert importlib.resources.files("stackens").joinpath("py.typed").is_file()
    for name in stackens.__all__:
        getattr(stackens, name)

    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from stackens.datasets import load_digits_sequences

    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:150], y[:150]
    flat = make_pipeline(stackens.SequenceFlattener(), LogisticRegression(max_iter=500))
    learners = [("linear", flat)]
    if importlib.util.find_spec("tensorflow") is None:
        expect_extra("cpu", lambda: stackens.StackedRNNClassifier().fit(X, y))
    else:
        learners.append(("lstm", stackens.StackedRNNClassifier(units=4, epochs=1)))
    stack = stackens.StackingClassifier(
        learners, LogisticRegression(max_iter=500), cv=2, random_state=0
    ).fit(X, y)
    assert stack.score(X, y) > 0.8
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stack.stackens")
        if importlib.util.find_spec("skops") is None:
            expect_extra("store", lambda: stackens.save(stack, path))
        else:
            stackens.save(stack, path)
            assert (stackens.load(path).predict_proba(X) == stack.predict_proba(X)).all()
    print(f"stackens {stackens.__version__} of {root}: {len(learners)} learners, in order")


if __name__ == "__main__":
    main()
