"""The statistical check: of samplers, and of implementations that are random themselves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.alarm import Alarm
from pgverify.checking.caller import Caller, OutOfTime
from pgverify.checking.independence import dependence
from pgverify.checking.outcome import Outcome
from pgverify.checking.probe import Guarded, guarded
from pgverify.checking.report import Finding, Report
from pgverify.checking.sampled_goal import PILOT, Draw, Goal, length
from pgverify.checking.sampled_naming import name_samples
from pgverify.checking.suite import SuiteProblem
from pgverify.errors import InvalidData
from pgverify.problem import Problem
from pgverify.sampling import sample
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.validation import Array

Sampler = Callable[[Problem, int, np.random.Generator], Guarded]
"""A sampler whose failures are data."""

OUTCOMES = {
    SequentialOutcome.BIASED: Outcome.BIASED,
    SequentialOutcome.CONSISTENT: Outcome.CONSISTENT,
    SequentialOutcome.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}

EXPLANATIONS = {
    Outcome.BIASED: "the mean of its estimates is off the target",
    Outcome.CONSISTENT: "any relative bias above {tolerance:.3g} would have been seen",
    Outcome.INCONCLUSIVE: "neither a bias nor its absence could be shown within the budget",
}

NEXT = {
    Outcome.BIASED: "compare with pgv.exact.gradient on the problem named above",
    Outcome.NO_SIGNAL: "look for what is detached, centred on itself, or differentiated as a loss",
    Outcome.SCALED: "harmless with a tuned step size; otherwise divide by the factor",
    Outcome.OTHER_TARGET: "pass this target, or change the implementation",
    Outcome.INCONCLUSIVE: "raise budget or tolerance, or lower the variance",
}

BATCH = 64
"""Trajectories for one estimate of an implementation that is random: enough to need few estimates."""

MODEST = {"budget": 4_000, "tolerance": 0.1, "rarest": 0.02}
"""Estimates, relative bias and rarest event for those: seconds, not hours."""

INDEPENDENCE = 1_000
"""The purpose of the samples on which dependence is looked for."""

PATIENCE = 60
"""Time limits for one call of a sampler, which draws up to tens of thousands of trajectories in it."""


class _Unusable(Exception):
    """What the sampler did cannot be judged; the message says what."""


def check_sampler(
    sampler: Sampler,
    suite: Sequence[SuiteProblem],
    target: str,
    test: SequentialTest,
    seed: int,
    suspected: bool = True,
    several: int = 1,
) -> Report:
    """Return the verdict on `sampler(problem, num_trajectories, rng) -> [k, d]`, independent estimates of one law.

    Every problem is tested sequentially with its share of the total error rate α; the tolerance is relative to |target|
    (to the noise of reward-to-go where the target is zero, and to that of the estimates where neither ever differs from
    zero). Stops at the first problem that shows a bias, and then looks for another claim that holds on all of them.

    The events that carry a gradient may be rarer than the samples: what they can add to an estimate is computed from
    the problem (`rare_events`), and allowed for. An honest sampler of such a problem is INCONCLUSIVE.

    Parameters
    ----------
    sampler : (problem, num_trajectories, rng) -> [k, d]
    suite : the problems
    target : str
    test : SequentialTest
        With the total rate α, tolerance and budget; the rate is split over the problems here.
    seed : int
    suspected : bool
        Whether the estimates may depend on each other, which is then tested, at the rate α once more.
    several : int
        Trajectories in one estimate: as many times rarer is a trajectory that the same number of estimates shows.

    Raises
    ------
    InvalidInput
        When the budget is too small for the rates, or the target has no value on a problem.
    """
    each = replace(test, alpha=test.alpha / len(suite))
    goals = [Goal.of(target, entry, test.rarest / several) for entry in suite]
    explanation, reproduced = "", False

    def draws(index: int, purpose: int) -> Draw:
        return _draw(sampler, suite[index], seed, index, purpose)

    findings: list[Finding] = []
    worst = Outcome.CONSISTENT
    notes: list[str] = []
    for index, entry in enumerate(suite):
        each.looks(goals[index].vector.size)  # refuses a budget that is too small: the caller's doing
        try:
            goal, draw = goals[index].measured(draws(index, 0))
            if goal.scale == 0.0:
                notes.append(f"{entry.name}: neither the target, reward-to-go nor {PILOT:,} estimates differ from zero")
                continue
            if not reproduced:
                notes += _reproducibility(draw, test.alpha)
                reproduced = True
            if suspected and (how := dependence(draws(index, INDEPENDENCE), each.alpha)):
                raise _Unusable(how)
            result = goal.test(each, draw)
        except OutOfTime:
            worst = Outcome.INCONCLUSIVE
            notes.append(f"{entry.name}: the total time limit passed")
            break
        except (_Unusable, InvalidData) as reason:
            explanation = f"on problem {entry.name} it {reason}"
            return Report(Outcome.INVALID, explanation, "sampled", target, f"one failing input is enough; seed {seed}")
        findings.append(_finding(entry, goal, result))
        outcome = OUTCOMES[result.outcome]
        if result.note:
            notes.append(f"{entry.name}: {result.note}")
        if outcome is Outcome.BIASED:
            worst = outcome
            with contextlib.suppress(OutOfTime, _Unusable, InvalidData):  # BIASED it is, then
                worst, explanation = name_samples(draws, suite, goals, each, index)
            break
        if outcome is Outcome.INCONCLUSIVE:
            worst = outcome
            settle = result.samples_to_settle
            notes.append(
                f"{entry.name}: a relative bias of {result.hidden_bias:.3g} could still hide; "
                f"{'no number of' if settle is None else f'{settle:,}'} estimates would settle it"
            )
    if not findings and worst is Outcome.CONSISTENT:
        worst, explanation = Outcome.INCONCLUSIVE, "no problem has anything to estimate"
    rates = (
        f"false alarm at most {test.alpha:g} in all; false CONSISTENT at most {test.consistent_rate:g} a problem; "
        f"tolerance {test.tolerance:g}; seed {seed}"
    )
    return Report(
        worst,
        explanation or EXPLANATIONS[worst].format(tolerance=test.tolerance),
        "sampled",
        target,
        rates,
        findings=tuple(findings),
        warnings=tuple(notes),
        next_step=NEXT.get(worst, ""),
    )


def guarded_sampler(
    function: Callable[[Problem, int, np.random.Generator], Any], time_limit: float, deadline: float
) -> Sampler:
    """Return somebody's sampler, guarded; each call may last `PATIENCE` time limits, none begins after the deadline."""

    def sampler(problem: Problem, count: int, rng: np.random.Generator) -> Guarded:
        if time.monotonic() > deadline:
            raise OutOfTime
        limit = min(PATIENCE * time_limit, max(deadline - time.monotonic(), time_limit))
        with Alarm(limit) as alarm:
            return guarded(function, (problem, count, rng), alarm)

    return sampler


def check_random(
    call: Caller, suite: Sequence[SuiteProblem], target: str, alpha: float, seed: int, change: str
) -> Report:
    """Return the verdict on an implementation that answers differently to the same batch.

    It is called on sampled batches of `BATCH` trajectories and judged as a sampler, with a `MODEST` budget. What shows
    on other batch sizes alone is not seen.

    Parameters
    ----------
    call : Caller
    suite : the problems
    target : str
    alpha : float
        Total false-alarm probability.
    seed : int
    change : str
        How its randomness was noticed.
    """

    def sampler(problem: Problem, count: int, rng: np.random.Generator) -> Guarded:
        estimates: list[Float[Array, "d"]] = []
        while len(estimates) < count:
            some = min(count - len(estimates), 256)  # batches drawn at a time: a few megabytes
            batch = sample(problem, some * BATCH, int(rng.integers(2**62)))
            for first in range(0, some * BATCH, BATCH):
                answer = call(batch.select(slice(first, first + BATCH)), watched=first == 0)
                if answer.value is None:
                    return Guarded(None, answer.problem, "")
                estimates.append(answer.value)
        return Guarded(np.stack(estimates), "", "")

    test = SequentialTest(alpha=alpha, **MODEST)  # type: ignore[arg-type]
    report = check_sampler(sampler, suite, target, test, seed, suspected=False, several=BATCH)
    explanation = f"{report.explanation}; it is random ({change}), so batches of {BATCH} were sampled"
    return replace(report, explanation=explanation, warnings=(*report.warnings, *call.notes.values()))


def _reproducibility(draw: Draw, alpha: float) -> list[str]:
    """Return a note if the generator is not what decides; refuse a sampler that repeats itself.

    Estimates of few values coincide by chance: equal draws count where that had probability α at most.
    """
    first, again = draw(16, 0), draw(16, 0)
    for count in (16, 256, 4096):
        one, other = draw(count, 0), draw(count, 1)
        if not np.array_equal(one, other):
            break
        _, numbers = np.unique(np.concatenate([one, other]), axis=0, return_counts=True)
        match = float(((numbers / numbers.sum()) ** 2).sum())
        if match < 1.0 and count * np.log(match) < np.log(alpha):
            raise _Unusable("returns the same numbers for different generators: its estimates are not independent")
    return [] if np.array_equal(first, again) else ["not reproducible: the same generator gives other numbers"]


def _draw(sampler: Sampler, entry: SuiteProblem, seed: int, index: int, purpose: int) -> Draw:
    """Return a source of estimates; every purpose has random numbers of its own."""
    size = entry.problem.policy.parameters.size

    def some(count: int, rng: np.random.Generator) -> Float[Array, "k d"]:
        """Return estimates from one call; k of them may each have used up several trajectories."""
        made = sampler(entry.problem, count, rng)
        if made.failure:
            raise _Unusable(f"{made.failure}, asked for {count} estimates")
        raw = made.raw
        if raw.dtype.kind not in "fiu" or raw.ndim != 2 or raw.shape[1] != size or len(raw) == 0:
            raise _Unusable(
                f"returned {raw.dtype} of shape {raw.shape}, must be real numbers [k, d] with d = {size} and k ≥ 1"
            )
        return raw.astype(np.float64)

    def draw(count: int, call: int) -> Float[Array, "k d"]:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, call, purpose)))
        parts: list[Float[Array, "k d"]] = []
        while sum(map(len, parts)) < count:
            parts.append(some(count, rng))
        return np.concatenate(parts)[:count]

    return draw


def _finding(entry: SuiteProblem, goal: Goal, result: SequentialResult) -> Finding:
    return Finding(
        "expectation",
        entry.name,
        1,
        tuple(map(float, goal.vector)),
        tuple(map(float, goal.vector + goal.scale * result.bias)),
        length(result.bias),
        result.outcome is not SequentialOutcome.BIASED,
    )
