"""A report from stored rollouts alone: no model, no exact number, an interval around everything that is estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidData
from pgverify.estimators import RewardToGo
from pgverify.planning import trajectories_needed
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array, shown
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.contents import ReportContents
from pgverify.variance.curves import batch_curves, curves_of
from pgverify.variance.facts import asked_facts
from pgverify.variance.lineup import REFERENCE, Lineup, named_estimators
from pgverify.variance.quality import Quality
from pgverify.variance.sampled_noise import estimates
from pgverify.variance.source_shares import SHARE_COLUMNS
from pgverify.variance.stored_batch import StoredScores
from pgverify.variance.stored_lineup import couples_batch, needs_right_critic, stored_lineup
from pgverify.variance.stored_noise import Signal, ratio_interval, signal_of, spread_freedom, trace_interval
from pgverify.variance.stored_sentence import recommend_from_rollouts
from pgverify.variance.table import no_rows, ratio, table_of
from pgverify.variance.titles import title_or

FEWEST = 30
"""Rollouts below which an interval of a variance says nothing."""
BIASED = "biased by its critic's errors or the dropped γ^t, which rollouts alone do not show"
MEANINGS: Mapping[str, str] = {
    "rollouts": "trajectories in the batches",
    "parameters": "d, coordinates of θ",
    "mean_return": "mean return, J as the rollouts see it",
    "steps_per_trajectory": "mean number of environment steps of one trajectory",
    "gradient_norm": "|∇J|, as the least noisy estimator sees it; 0 where its square comes out negative",
    "gradient_norm_low": "lower end of its interval",
    "gradient_norm_high": "upper end",
    "batch_size": "N of the expected cosine, and of estimators that couple a batch",
    "relative_error": "ε: |ĝ − ∇J| ≤ ε |∇J|",
    "confidence": "probability with which the error is kept, and with which all intervals hold",
    "reward_to_go_trace": "tr Cov[g] of reward-to-go",
}


def stored_contents(
    batches: Trajectories | Sequence[Trajectories],
    estimators: Mapping[str, Any] | Sequence[Any] | None,
    asked: Accuracy,
    title: str | None,
    tell: Callable[[str], None],
) -> ReportContents:
    """Return what `VarianceReport.from_batches` reports; arguments and errors as there."""
    batch = _one_batch(batches)
    lineup = named_estimators(estimators, lambda: stored_lineup(batch))
    trusted = {name: given for name, given in lineup.items() if not needs_right_critic(given)}
    level = 1.0 - (1.0 - asked.confidence) / (2 * len(lineup) + 1)
    rows, sizes = _all_rows(lineup, batch, asked, tell)
    reference = rows[REFERENCE] if REFERENCE in rows else estimates(REFERENCE, RewardToGo(), batch, None)
    whole = [name for name in trusted if sizes[name] == 1]
    quietest = min((rows[name] for name in whole), key=lambda r: float(r.var(axis=0).sum()), default=reference)
    signal = signal_of(quietest, level)
    direction = quietest.mean(axis=0)
    length = float(np.linalg.norm(direction))
    unit = direction / length if length > 0 else direction
    steps = float(batch.lengths.mean())
    qualities, lines = {}, []
    for name, mine in rows.items():
        tell(f"intervals of {name}")
        parallel = sizes[name] * float((mine @ unit).var(ddof=1))
        line, quality = _row(name, mine, sizes[name], reference, signal, parallel, level, steps, asked)
        if name not in trusted:
            line |= _without_count()
        lines.append(line)
        qualities[name] = quality
    table = table_of(lines)
    for column in ("trajectories_low", "trajectories_high"):
        table[column] = table[column].astype("Int64")
    facts = {
        "rollouts": len(batch),
        "parameters": reference.shape[1],
        "mean_return": float((batch.rewards @ batch.discount_powers).mean()),
        "steps_per_trajectory": steps,
        "gradient_norm": signal.norm,
        "gradient_norm_low": float(np.sqrt(signal.low)),
        "gradient_norm_high": float(np.sqrt(signal.high)),
        **asked_facts(asked),
        "reward_to_go_trace": float(reference.var(axis=0, ddof=1).sum()),
    }
    return ReportContents(
        title=title_or(title, lambda: _in_words(batch)),
        evidence="sampled",
        recommendation=recommend_from_rollouts(table, trusted, asked),
        table=table,
        facts=facts,
        shares=no_rows(*SHARE_COLUMNS),
        maps=no_rows("state"),
        baselines=no_rows("baseline"),
        curves=curves_of(batch_curves(qualities)),
        omitted=("shares by source, maps of the states and baselines of time and state: they need a model",),
        meanings=MEANINGS,
    )


def _in_words(batch: Trajectories) -> str:
    """Return how many rollouts of what there are; of a policy that was not stored there is nothing to be said."""
    of = "" if isinstance(batch.policy, StoredScores) else f" of {batch.policy!r}"
    return f"{len(batch):,} stored rollouts{of}, up to {batch.num_steps} steps, γ = {batch.discount:g}"


def _one_batch(batches: Trajectories | Sequence[Trajectories]) -> Trajectories:
    parts = [batches] if isinstance(batches, Trajectories) else list(batches) if isinstance(batches, Sequence) else []
    if not parts or not all(isinstance(part, Trajectories) for part in parts):
        raise InvalidData(
            f"batches is {shown(batches)}, must be Trajectories or a sequence of them; "
            "pgverify.variance.stored_rollouts(scores, rewards) makes one from arrays"
        )
    if any(part.policy is not parts[0].policy for part in parts):
        raise InvalidData("batches come from different policies, must all come from one: concatenate their arrays")
    whole = parts[0] if len(parts) == 1 else concatenate(parts)
    if len(whole) < FEWEST:
        raise InvalidData(f"batches hold {len(whole)} rollouts, must hold at least {FEWEST} for any interval")
    return whole


def _all_rows(
    lineup: Lineup, batch: Trajectories, asked: Accuracy, tell: Callable[[str], None]
) -> tuple[dict[str, Float[Array, "k d"]], dict[str, int]]:
    """Return contributions, or estimates of batches of N where they are coupled, and how many make a row."""
    rows, sizes = {}, {}
    for name, given in lineup.items():
        tell(f"{name} on {len(batch):,} rollouts")
        coupled = couples_batch(given)
        if coupled and len(batch) < 4 * asked.batch_size:
            continue  # too few batches to see how they differ
        sizes[name] = asked.batch_size if coupled else 1
        rows[name] = estimates(name, given, batch, asked.batch_size if coupled else None)
    return rows, sizes


def _row(
    name: str,
    rows: Float[Array, "k d"],
    size: int,
    reference: Float[Array, "n d"],
    signal: Signal,
    parallel: float,
    level: float,
    steps: float,
    asked: Accuracy,
) -> tuple[dict[str, Any], Quality]:
    interval, other = trace_interval(rows, level, size), trace_interval(reference, level)
    quality = Quality(signal.norm, signal.norm, 0.0, interval.trace, parallel)
    if size == 1:
        low, high = ratio_interval(rows, reference, level)
    else:  # batches are not paired with trajectories: the two intervals bound the ratio
        low, high = ratio(interval.low, other.high), ratio(interval.high, other.low)
    freedom = spread_freedom(rows)
    counts = [
        _count(trace, square, freedom, asked)
        for trace, square in (
            (interval.trace, signal.square),
            (interval.low, signal.high),
            (interval.high, signal.low),
        )
    ]
    note = f"χ² with {freedom:.3g} degrees of freedom" if counts[0] else "these rollouts do not tell ∇J from zero"
    return {
        "estimator": name,
        "evidence": "sampled",
        "trace": interval.trace,
        "low": interval.low,
        "high": interval.high,
        "ratio_to_reward_to_go": ratio(interval.trace, other.trace),
        "ratio_low": low,
        "ratio_high": high,
        "relative_bias": np.nan,
        "signal_to_noise": max(signal.square, 0.0) / interval.trace if interval.trace > 0 else np.inf,
        "cosine": quality.cosine(asked.batch_size),
        "trajectories": counts[0],
        "trajectories_low": counts[1],
        "trajectories_high": counts[2],
        "environment_steps": None if counts[0] is None else counts[0] * steps,
        "note": note,
    }, quality


def _count(trace: float, square: float, freedom: float, asked: Accuracy) -> int | None:
    if square <= 0.0:
        return None
    norm = float(np.sqrt(square))
    return trajectories_needed(trace, freedom, asked.relative_error * norm, asked.confidence, norm, 0.0)[0]


def _without_count() -> dict[str, Any]:
    return {"trajectories": None, "trajectories_low": None, "trajectories_high": None, "environment_steps": None} | {
        "note": BIASED
    }
