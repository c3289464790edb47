"""The table of a report: a row an estimator, a column a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pgverify.variance.accuracy import Accuracy
from pgverify.variance.exact_noise import Noise
from pgverify.variance.sampled_noise import SampledNoise

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, str] = {
    "estimator": "what is averaged over trajectories",
    "evidence": "exact: computed from the model; sampled: from trajectories",
    "trace": "tr Cov[g], the variance of one trajectory's contribution, summed over coordinates",
    "ratio_to_reward_to_go": "trace, divided by that of reward-to-go",
    "ratio_to_best_baseline": "trace, divided by that of reward-to-go with the best baseline of time and state",
    "relative_bias": "|E ĝ − ∇J| / |∇J|; does not fall with the number of trajectories",
    "signal_to_noise": "|∇J|² / tr Cov[g], for one trajectory",
    "cosine": "cosine with ∇J to be expected of a batch",
    "trajectories": "how many keep the error asked for with the confidence asked for; empty where no number does",
    "environment_steps": "trajectories, times the expected number of steps of one",
    "note": "how the number of trajectories was found, or why there is none",
}
"""The columns that every report has, and what they hold."""
SAMPLED_COLUMNS: Mapping[str, str] = {
    "sampled_trace": "tr Cov[g] from samples",
    "sampled_low": "lower end of its interval; all intervals of the report hold together with the confidence asked for",
    "sampled_high": "upper end",
    "samples": "trajectories drawn",
}
"""Those that a report with samples has besides."""
STORED_COLUMNS: Mapping[str, str] = {
    "low": "lower end of the interval of the trace",
    "high": "upper end",
    "ratio_low": "lower end of the interval of the ratio to reward-to-go, on the same trajectories",
    "ratio_high": "upper end",
    "trajectories_low": "fewest trajectories that the intervals allow",
    "trajectories_high": "most of them; empty where the rollouts do not exclude that ∇J is zero",
}
"""Those of a report from stored rollouts alone."""


def noise_row(
    name: str, noise: Noise, evidence: str, reference: float, best: float, steps: float, asked: Accuracy
) -> Any:
    """Return the row of one estimator.

    Parameters
    ----------
    name : str
    noise : Noise
    evidence : "exact" or "sampled"
    reference, best : float
        tr Cov[g] of reward-to-go, and of reward-to-go with the best baseline.
    steps : float
        Expected number of steps of a trajectory.
    asked : Accuracy
    """
    quality, count = noise.quality, noise.trajectories
    return {
        "estimator": name,
        "evidence": evidence,
        "trace": quality.trace,
        "ratio_to_reward_to_go": ratio(quality.trace, reference),
        "ratio_to_best_baseline": ratio(quality.trace, best),
        "relative_bias": quality.relative_bias,
        "signal_to_noise": quality.signal_to_noise,
        "cosine": quality.cosine(asked.batch_size),
        "trajectories": count,
        "environment_steps": None if count is None else count * steps,
        "note": noise.note,
    }


def with_samples(row: dict[str, Any], sampled: SampledNoise | None) -> dict[str, Any]:
    """Return a row with the sampled trace beside the exact one."""
    if sampled is None:
        return row
    interval = sampled.interval
    return row | {
        "sampled_trace": interval.trace,
        "sampled_low": interval.low,
        "sampled_high": interval.high,
        "samples": sampled.count,
    }


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as a table, whole numbers that may be missing among them."""
    import pandas as pd

    table = pd.DataFrame(rows)
    counts = [row["trajectories"] for row in rows]
    # Beyond what a column of whole numbers holds they stay Python's: as with rewards of 1e8 and no baseline.
    kind = "object" if any(count is not None and count > np.iinfo(np.int64).max for count in counts) else "Int64"
    table["trajectories"] = pd.Series([pd.NA if count is None else count for count in counts], dtype=kind)
    table["environment_steps"] = np.array([row["environment_steps"] for row in rows], dtype=np.float64)
    return table


def no_rows(*columns: str) -> pd.DataFrame:
    """Return a table without rows, for what a report does not have."""
    import pandas as pd

    return pd.DataFrame(columns=[*columns])


def ratio(value: float, to: float) -> float:
    """Return a quotient of two traces; 1 of nothing by nothing."""
    if to > 0.0:
        return value / to
    return 1.0 if value == 0.0 else np.inf
