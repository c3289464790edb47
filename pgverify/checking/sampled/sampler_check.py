"""The check by sampling: the estimates of a sampler against its target, one problem of a suite after another."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.sampled.asked_at_the_end import FirstEstimates
from pgverify.checking.sampled.draws import Sampler, Unusable, reproducibility, source_of
from pgverify.checking.sampled.goal import PILOT, Draw, Goal, length
from pgverify.checking.sampled.independence import dependence
from pgverify.checking.sampled.other_claims import Judge, by_its_estimates, name_samples
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.next_steps import after_an_unusable_sampler, next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.errors import InvalidData
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.suites import SuiteProblem

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

CLAIMED = (Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL)
"""What may be said of one law alone. That nothing is off, or something is, holds of all that was drawn."""

INDEPENDENCE, CONFIRMATION = 1_000, 1_001
"""The purposes of the samples on which dependence is looked for, and on which a bias has to be seen again."""

BIAS, DEPENDENCE, REPETITION = 0.5, 0.25, 0.25
"""Shares of the total rate: one budget for all the ways in which an honest sampler may be accused."""


def check_sampler(
    sampler: Sampler,
    suite: Sequence[SuiteProblem],
    target: str,
    test: SequentialTest,
    seed: int,
    suspected: bool = True,
    several: int = 1,
    vouched: bool = True,
    judged: Judge = by_its_estimates,
    finest: float | None = None,
) -> Report:
    """Return the verdict on `sampler(problem, num_trajectories, rng) -> [k, d]`, independent estimates of one law.

    A problem is open when its budget is spent; where most are settled the verdict is about those, and names the others.

    Every problem is tested sequentially with its share of the total error rate α; the tolerance is relative to |target|
    (to the noise of reward-to-go where the target is zero, and to that of the estimates where neither ever differs from
    zero). Stops at the first problem that shows a bias, and then looks for another claim that holds on all of them.

    What its own draws hold that is rarer than they are many, nobody sees: an importance sampler may draw what matters
    once in a million. Unless the caller vouches that nothing that matters is rarer than `test.rarest`, a bias counts
    only if fresh estimates, as many as the budget allows, show it again; the report names the number either way.

    The events that carry a gradient may be rarer than the samples: what they can add to an estimate is computed from
    the problem (`rare_events`), and allowed for. An honest sampler of such a problem is INCONCLUSIVE.

    Parameters
    ----------
    sampler : (problem, num_trajectories, rng) -> [k, d]
    suite : the problems
    target : str
    test : SequentialTest
        With the total rate α of false accusations of any kind, tolerance and budget; the rate is split here, over the
        problems and the kinds.
    seed : int
    suspected : bool
        Whether the estimates may depend on each other, which is then tested.
    several : int
        Trajectories in one estimate: as many times rarer is a trajectory that the same number of estimates shows.
    vouched : bool
        Whether the caller vouches for `test.rarest`.
    judged : (entry, goal, test, draw) -> result
        How one problem is tested.
    finest : float, optional
        The smallest tolerance of a result of `judged`, where that is less than the test's.

    Raises
    ------
    InvalidInput
        When the budget is too small for the rates, or the target has no value on a problem.
    """
    share = test.alpha / len(suite)
    each = replace(test, alpha=BIAS * share)
    goals = [Goal.of(target, entry, test.rarest / several) for entry in suite]
    explanation, reproduced = "", False
    first: FirstEstimates | None = None

    def draws(index: int, purpose: int) -> Draw:
        return source_of(sampler, suite[index], seed, index, purpose)

    findings: list[Finding] = []
    worst = Outcome.CONSISTENT
    notes: list[str] = []
    still_open: list[str] = []
    for index, entry in enumerate(suite):
        each.looks(goals[index].vector.size)  # refuses a budget that is too small: the caller's doing
        try:
            goal, draw = goals[index].measured(draws(index, 0))
            if goal.scale == 0.0:
                notes.append(f"{entry.name}: neither the target, reward-to-go nor {PILOT:,} estimates differ from zero")
                continue
            if not reproduced:
                first = FirstEstimates.of(draw) if suspected else None
                reproduced = True
                notes += reproducibility(draw, REPETITION * test.alpha)
            if suspected and (how := dependence(draws(index, INDEPENDENCE), DEPENDENCE * share)):
                raise Unusable(how)
            result = judged(entry, goal, each, draw)
            if result.outcome is SequentialOutcome.BIASED and not vouched:
                result = _seen_again(result, goal, each, draws(index, CONFIRMATION))
        except OutOfTime:
            worst = Outcome.INCONCLUSIVE
            notes.append(f"{entry.name}: the total time limit passed")
            break
        except (Unusable, InvalidData) as reason:
            return _unusable(f"on problem {entry.name} it {reason}", target, seed)
        findings.append(_finding(entry, goal, result))
        outcome = OUTCOMES[result.outcome]
        if result.note:
            notes.append(f"{entry.name}: {result.note}")
        if outcome is Outcome.BIASED:
            worst = outcome
            with contextlib.suppress(OutOfTime, Unusable, InvalidData):  # BIASED it is, then
                most_open = (len(suite) - 1) // 2  # as for CONSISTENT: more must be settled than open
                worst, explanation = name_samples(draws, suite, goals, each, index, judged, most_open, finest)
            break
        if outcome is Outcome.INCONCLUSIVE:
            still_open.append(entry.name)
            settle = result.samples_to_settle
            notes.append(
                f"{entry.name}: a relative bias of {result.hidden_bias:.3g} could still hide; "
                f"{'no number of' if settle is None else f'{settle:,}'} estimates would settle it"
            )
    if not findings and worst is Outcome.CONSISTENT:
        worst, explanation = Outcome.INCONCLUSIVE, "no problem has anything to estimate"
    state, multiple = "", False
    with contextlib.suppress(OutOfTime, Unusable, InvalidData):
        state, multiple = first.asked_again() if first else ("", False)
    if multiple:
        return _unusable(f"it {state}", target, seed)
    if state:
        notes.append(f"it {state}")
        if worst in CLAIMED:  # of which law the claim would be is not known
            worst, explanation = Outcome.INCONCLUSIVE, f"it {state}; {explanation}"
    rests_on = _assumption(test, each, goals, vouched, worst)
    if still_open and worst is Outcome.CONSISTENT:
        settled = len(findings) - len(still_open)
        worst = Outcome.CONSISTENT if settled > len(still_open) else Outcome.INCONCLUSIVE
        explanation = _partly(settled, still_open, test.tolerance) if worst is Outcome.CONSISTENT else ""
    rates = (
        f"false accusation of any kind at most {test.alpha:g} in all, {rests_on}; "
        f"false CONSISTENT at most {test.consistent_rate:g} a problem; tolerance {test.tolerance:g}; seed {seed}"
    )
    return Report(
        worst,
        explanation or EXPLANATIONS[worst].format(tolerance=test.tolerance),
        "sampled",
        target,
        rates,
        findings=tuple(findings),
        warnings=tuple(notes),
        next_step=next_step(worst, "sampled"),
    )


def _unusable(explanation: str, target: str, seed: int) -> Report:
    return Report(
        Outcome.INVALID,
        explanation,
        "sampled",
        target,
        f"one failing input is enough; seed {seed}",
        next_step=after_an_unusable_sampler(explanation),
    )


def _seen_again(result: SequentialResult, goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
    """Return a bias that all of the budget shows once more, or say that it does not."""
    again = goal.test(replace(test, first_look=test.budget), draw)
    if again.outcome is SequentialOutcome.BIASED:
        return again
    note = (
        f"{result.n:,} estimates were off the target, {again.n:,} fresh ones do not bear it out: what its own draws "
        "hold is rarer than they are many; if nothing that matters is rarer than some probability, say rarest="
    )
    return replace(again, outcome=SequentialOutcome.INCONCLUSIVE, note=note)


def _assumption(
    test: SequentialTest, each: SequentialTest, goals: Sequence[Goal], vouched: bool, worst: Outcome
) -> str:
    """Return what the rates rest on: how rare an event may be that no sample shows."""
    rarest = test.rarest
    if worst not in (Outcome.CONSISTENT, Outcome.INCONCLUSIVE) and not vouched:  # what it said, all of the budget said
        rarest = max(each.looks(goal.vector.size).log_odds(each.alpha) for goal in goals) / test.budget
    return f"where nothing that matters in its own draws is rarer than {rarest:.2g}"


def _partly(settled: int, still_open: Sequence[str], tolerance: float) -> str:
    return (
        f"on {settled} problems any relative bias above {tolerance:.3g} would have been seen; "
        f"{', '.join(still_open)} {'is' if len(still_open) == 1 else 'are'} open: the budget did not suffice there"
    )


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
