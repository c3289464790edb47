"""The statistical check of an implementation that draws its own samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.outcome import Outcome
from pgverify.checking.report import Finding, Report
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.targets import target_vector
from pgverify.errors import InvalidData
from pgverify.estimators import RewardToGo
from pgverify.exact import moments
from pgverify.problem import Problem
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.validation import Array

Sampler = Callable[[Problem, int, np.random.Generator], Any]

OUTCOMES = {
    SequentialOutcome.BIASED: Outcome.BIASED,
    SequentialOutcome.CONSISTENT: Outcome.CONSISTENT,
    SequentialOutcome.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}


class _Unusable(Exception):
    """What the sampler did cannot be judged; the message says what."""


def check_sampler(
    sampler: Sampler,
    suite: Sequence[SuiteProblem],
    target: str,
    alpha: float,
    tolerance: float,
    seed: int,
    budget: int,
) -> Report:
    """Return the verdict on `sampler(problem, num_trajectories, rng) -> [k, d]`, independent estimates.

    Every problem is tested sequentially with its share of the total error rate α; the tolerance is relative to |target|
    (to the noise of reward-to-go where the target is zero). Stops at the first problem that shows a bias.

    Parameters
    ----------
    sampler : (problem, num_trajectories, rng) -> [k, d]
    suite : the problems
    target : str
    alpha : float
        Total false-alarm probability of the call.
    tolerance : float
        Relative bias that is tolerated.
    seed : int
    budget : int
        Most estimates drawn on one problem.
    """
    test = SequentialTest(alpha=alpha / len(suite), tolerance=tolerance, budget=budget)
    findings: list[Finding] = []
    worst = Outcome.CONSISTENT
    notes: list[str] = []
    for index, entry in enumerate(suite):
        goal = target_vector(target, entry.problem)
        reference = moments(RewardToGo(), entry.problem, "trace").trace
        norm = float(np.linalg.norm(goal))
        scale = norm if norm > 1e-12 * np.sqrt(reference) else float(np.sqrt(reference))
        try:
            result = test.run(_draw(sampler, entry, seed, index), goal, scale)
        except (_Unusable, InvalidData) as reason:
            explanation = f"on problem {entry.name} it {reason}"
            return Report(Outcome.INVALID, explanation, "sampled", target, "one failing input is enough")
        findings.append(_finding(entry, goal, result, scale, reference))
        outcome = OUTCOMES[result.outcome]
        if result.note:
            notes.append(f"{entry.name}: {result.note}")
        if outcome is Outcome.BIASED:
            worst = outcome
            break
        if outcome is Outcome.INCONCLUSIVE:
            worst = outcome
            settle = result.samples_to_settle
            notes.append(
                f"{entry.name}: a relative bias of {result.hidden_bias / scale:.3g} could still hide; "
                f"{'no number of' if settle is None else f'{settle:,}'} estimates would settle it"
            )
    explanations = {
        Outcome.BIASED: "the mean of its estimates is off the target",
        Outcome.CONSISTENT: f"any relative bias above {tolerance:.3g} would have been seen",
        Outcome.INCONCLUSIVE: "neither a bias nor its absence could be shown within the budget",
    }
    rates = f"false alarm at most {alpha:g} in all; false CONSISTENT at most {test.consistent_rate:g} a problem"
    return Report(worst, explanations[worst], "sampled", target, rates, findings=tuple(findings), warnings=tuple(notes))


def _draw(sampler: Sampler, entry: SuiteProblem, seed: int, index: int) -> Callable[[int, int], Float[Array, "k d"]]:
    size = entry.problem.policy.parameters.size

    def draw(count: int, call: int) -> Float[Array, "k d"]:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, call)))
        try:
            raw = np.asarray(sampler(entry.problem, count, rng))
        except Exception as reason:
            what = " ".join(str(reason).split())[:200]
            raise _Unusable(f"raised {type(reason).__name__}: {what}, asked for {count} trajectories") from reason
        if raw.dtype.kind not in "fiu" or raw.ndim != 2 or raw.shape[1] != size or len(raw) == 0:
            raise _Unusable(
                f"returned {raw.dtype} of shape {raw.shape}, must be real numbers [k, d] with d = {size} and k ≥ 1"
            )
        rows = raw.astype(np.float64)
        while len(rows) < count:  # k independent estimates may each have used up several trajectories
            rows = np.concatenate([rows, draw_more(sampler, entry.problem, count, rng, size)])
        return rows[:count]

    return draw


def draw_more(
    sampler: Sampler, problem: Problem, count: int, rng: np.random.Generator, size: int
) -> Float[Array, "k d"]:
    """Return further estimates from the same generator, refusing a changed shape."""
    more = np.asarray(sampler(problem, count, rng), dtype=np.float64)
    if more.ndim != 2 or more.shape[1] != size or len(more) == 0:
        raise _Unusable(f"returned shape {more.shape}, must be [k, d] with d = {size} and k ≥ 1")
    return more


def _finding(
    entry: SuiteProblem, goal: Float[Array, "d"], result: SequentialResult, scale: float, reference: float
) -> Finding:
    trace = float(np.trace(result.tails.covariance)) if hasattr(result.tails, "covariance") else None
    return Finding(
        "expectation",
        entry.name,
        1,
        tuple(map(float, goal)),
        tuple(map(float, goal + result.bias)),
        float(np.linalg.norm(result.bias)) / scale,
        result.outcome is not SequentialOutcome.BIASED,
        trace,
        trace / reference if trace is not None and reference > 0 else None,
    )
