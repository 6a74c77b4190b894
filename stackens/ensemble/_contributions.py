"""What each learner adds to a stack."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from stackens.ensemble._cross_fit import (
    CrossFit,
    add_passed_through,
    check_comparable,
    cross_fit_finals,
    final_outputs,
    join_outputs,
)
from stackens.ensemble._leaderboard import choose_scoring, difference_of, score_outputs
from stackens.parameters import check_count


def measure_contributions(stack: Any, scoring: Any, n_repeats: int, random_state: Any) -> Any:
    """Return the table described at ``contributions`` of the stacking estimators."""
    import pandas as pd

    check_comparable(stack, "contributions")
    check_count("n_repeats", n_repeats)
    scoring = choose_scoring(stack, scoring)
    kept, random = stack.out_of_fold_predictions_, check_random_state(random_state)
    finals = cross_fit_finals(stack)
    whole, rows = _outputs(stack, finals, kept.matrix)
    score = score_outputs(whole, kept.y, scoring, rows)
    table = {}
    for name, columns in _columns_of(kept.widths).items():
        others = [other for other in kept.blocks if other != name]
        found = {"drop_one": np.nan, "drop_one_error": np.nan}
        if others:
            reduced = np.hstack([kept.blocks[other] for other in others])
            without, _ = _outputs(stack, cross_fit_finals(stack, others), reduced)
            gap = difference_of(whole, without, kept, scoring, rows)
            found = {"drop_one": gap["difference"], "drop_one_error": gap["standard_error"]}
        losses = []
        for _ in range(n_repeats):
            outputs, _ = _outputs(stack, finals, kept.matrix, columns, random)
            losses.append(score - score_outputs(outputs, kept.y, scoring, rows))
        spread = float(np.std(losses, ddof=1)) if n_repeats > 1 else float("nan")
        table[name] = {**found, "permutation": float(np.mean(losses)), "permutation_std": spread}
    return pd.DataFrame.from_dict(table, orient="index")


def _columns_of(widths: dict[str, int]) -> dict[str, slice]:
    ends = np.cumsum(list(widths.values())).tolist()
    return {
        name: slice(end - width, end)
        for (name, width), end in zip(widths.items(), ends, strict=True)
    }


def _outputs(
    stack: Any,
    finals: list[CrossFit],
    matrix: np.ndarray,
    shuffled: slice | None = None,
    random: Any = None,
) -> Any:
    """Predict held-out rows, with the columns of one learner in another order if asked."""
    parts = []
    for test, final in finals:
        held_out = matrix[test]
        if shuffled is not None:
            held_out = held_out.copy()
            held_out[:, shuffled] = held_out[random.permutation(len(test)), shuffled]
        seen = add_passed_through(stack, held_out, test)
        parts.append((test, final, final_outputs(final, seen)))
    return join_outputs(stack, parts, len(matrix))
