"""What stored rollouts recommend: only what their intervals support."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from pgverify.variance.accuracy import Accuracy
from pgverify.variance.lineup import REFERENCE

if TYPE_CHECKING:
    import pandas as pd


def recommend_from_rollouts(table: pd.DataFrame, candidates: Collection[str], asked: Accuracy) -> str:
    """Return what to use, in one sentence with its number and its interval.

    Parameters
    ----------
    table : DataFrame
        Of the report.
    candidates : names
        Of the estimators that are unbiased whatever the critic is.
    asked : Accuracy
    """
    sure = f"with {100 * asked.confidence:g} % confidence"
    able = table[table["estimator"].isin(list(candidates)) & (table["ratio_high"] < 1.0)]
    if able.empty:
        return f"Reward-to-go: these rollouts do not show {sure} that another unbiased estimator needs fewer episodes."
    best = able.iloc[int(np.argmin(able["ratio_to_reward_to_go"]))]
    low, high = 1.0 / float(best["ratio_high"]), 1.0 / max(float(best["ratio_low"]), 1e-300)
    saving = 1.0 / float(best["ratio_to_reward_to_go"])
    between = f"between {low:.3g} and {high:.3g} {sure}"
    return f"{best['estimator']}: {saving:.3g} times fewer episodes than {REFERENCE}, {between}."
