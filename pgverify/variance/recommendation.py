"""One sentence: what to use, and what that saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pgverify.counts import counted
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.lineup import REFERENCE

if TYPE_CHECKING:
    import pandas as pd

LEAST_GAIN = 1.01
"""A saving of less than one per cent is no reason to change anything."""
UNBIASED = 1e-9
"""A relative bias up to this is none."""


def best_row(table: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the row that needs fewest trajectories, the first of equals; None where no estimator reaches the error.

    One that is biased is taken only where all that reach the error are.
    """
    able = table[table["trajectories"].notna()]
    able = able if able["relative_bias"].gt(UNBIASED).all() else able[~able["relative_bias"].gt(UNBIASED)]
    if able.empty:
        return None
    return able.iloc[int(np.argmin(able["trajectories"].astype("float64")))]


def recommend(table: pd.DataFrame, needed: int | None, asked: Accuracy) -> str:
    """Return what to use, in one sentence with its number.

    Parameters
    ----------
    table : DataFrame
        Of the report.
    needed : int or None
        Trajectories that reward-to-go needs.
    asked : Accuracy
    """
    error = f"an error of {100 * asked.relative_error:g} % with {100 * asked.confidence:g} % confidence"
    best = best_row(table)
    if best is None:
        why = "; ".join(dict.fromkeys(map(str, table["note"])))
        return f"None of these estimators reaches {error}, whatever the number of episodes: {why}."
    name, count = str(best["estimator"]), int(best["trajectories"])
    taken = float(best["environment_steps"])
    steps = counted(taken, "environment step", spelled=spelled(taken))
    if best["relative_bias"] > UNBIASED:
        error += f", a bias of {100 * float(best['relative_bias']):.3g} % included"
    if needed is None:
        return f"{name}: {counted(count, 'episode')} ({steps}) for {error}."
    saving = needed / count
    if saving < LEAST_GAIN:
        instead = "" if name == REFERENCE else f", as good as {name}"
        return (
            f"Reward-to-go{instead}: {counted(needed, 'episode')} for {error}, and no estimator here needs 1 % fewer."
        )
    instead = f"{count:,} instead of {needed:,} ({steps})"
    return f"{name}: {saving:.3g} times fewer episodes than {REFERENCE}, {instead}, for {error}."


def remarks(table: pd.DataFrame, baselines: pd.DataFrame | None) -> list[str]:
    """Return what else the numbers say, a sentence each."""
    found = []
    biased = table[table["relative_bias"] > UNBIASED]
    found += [
        f"{name}: biased by {100 * float(bias):.3g} % of |∇J|, which no number of episodes takes away."
        for name, bias in zip(biased["estimator"], biased["relative_bias"], strict=True)
    ]
    if baselines is not None and not baselines.empty:
        ratio = dict(zip(baselines["baseline"], baselines["ratio_to_none"], strict=True))
        found.append(
            f"A baseline leaves {100 * ratio['values']:.4g} % of the variance of reward-to-go at best (b*); V leaves "
            f"{100 * ratio['V']:.4g} %, the best constant {100 * ratio['constant']:.4g} %."
        )
    return found


def spelled(number: float) -> str:
    """Return a count with separators; above a million millions, in powers of ten."""
    return f"{number:,.0f}" if number < 1e12 else f"{number:.3g}"
