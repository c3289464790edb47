"""Are the error bars right? Z-scores of many independent estimates against the standard normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgverify import exact
from pgverify.comparison.contributions import Contributions
from pgverify.kinds import accepts
from pgverify.problem import Problem
from pgverify.sampling import sample_chunks
from pgverify.stats import Calibration
from pgverify.studies import Claim, Row

if TYPE_CHECKING:
    import pandas as pd


@accepts()
def z_scores(problem: Problem, implementation: Contributions, repetitions: int, size: int, seed: int) -> list[Row]:
    """Return the z-score of the estimate along ∇J, a row for every independent estimate from `size` trajectories."""
    gradient = exact.gradient(problem)
    length = float(np.linalg.norm(gradient))
    chunks = sample_chunks(problem, repetitions * size, seed)
    along = np.concatenate([implementation(chunk) @ (gradient / length) for chunk in chunks]).reshape(-1, size)
    scores = (along.mean(axis=1) - length) / (along.std(axis=1, ddof=1) / size**0.5)
    return [{"quantity": "z", "z": float(score), "n": size} for score in scores]


@accepts()
def calibration_claim(rows: pd.DataFrame, error_rate: float) -> Claim:
    """Decide that the z-scores of every estimator are standard normal, with `error_rate` in all."""
    parts = [part["z"] for _, part in rows.groupby("estimator")]
    level = error_rate / (2 * len(parts))  # two statements a part
    found = [Calibration.of(scores.to_numpy(float), 1 - level) for scores in parts]
    shares = [result.outside for result in found]
    return Claim(
        name="calibration",
        statement="Z-scores of independent estimates are standard normal: the error bars are right.",
        evidence="sampled",
        expected="5.00 % outside ±1.96",
        found=f"{min(shares):.2%} to {max(shares):.2%}; smallest Kolmogorov-Smirnov p "
        f"{min(result.p_value for result in found):.2g} of {len(parts)}",
        holds=all(x.p_value > level and x.outside_low <= x.outside_expected <= x.outside_high for x in found),
        certainty=f"total error rate {error_rate:g}",
    )
