"""The check of an implementation that is random itself: it becomes a sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Failure, Notes, together
from pgverify.checking.calling.calls import Calls
from pgverify.checking.calling.guarded_call import Guarded
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.sampled.goal import Draw, Goal
from pgverify.checking.sampled.noise_controls import Control, best_control, controls
from pgverify.checking.sampled.rare_trajectories import hidden_in_rare
from pgverify.checking.sampled.sampler_check import check_sampler
from pgverify.checking.sampled.two_tolerances import SHARP, at_two_tolerances
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.collected_problem import CollectedProblem
from pgverify.problem import Problem
from pgverify.sampling import sample
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

BATCH = 64
"""Trajectories for one estimate of an implementation that is random: enough to need few estimates."""

PILOT = 50
"""Estimates of each problem from which it is chosen what to take off: `controls`."""

MODEST = {"budget": 4_000, "tolerance": 0.1, "rarest": 0.02}
"""Estimates of one problem at most, relative bias and rarest event for those: seconds, not hours."""

IN_ALL = 16_000
"""Estimates of a check: a problem may take half of those that are left, and always what a first look needs."""

UNLIKE = (
    "on trajectories too rare to be sampled it is not what it is on the others: {:.2g} of the target could "
    "be missing there, if not more"
)


def check_random(
    implementation: LimitedFunction,
    suite: Sequence[SuiteProblem],
    target: str,
    alpha: float,
    seed: int,
    change: str,
    notes: Notes,
    size: int = BATCH,
    group_size: int | None = None,
) -> Report:
    """Return the verdict on an implementation that answers differently to the same batch.

    It is called on sampled batches of `size` trajectories and judged as a sampler, with a `MODEST` budget on each
    problem and one for all, less the noise of the trajectories themselves. What shows on other batch sizes alone is
    not seen.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : the problems
    target : str
    alpha : float
        Total false-alarm probability.
    seed : int
    change : str
        How its randomness was noticed.
    notes : mapping of kind to sentence
        What was noticed before.
    size : int
        Trajectories in a batch.
    group_size : int, optional
        Trajectories in a group, as for `sample`; by default all are independent.
    """
    collected = [entry.name for entry in suite if isinstance(entry.problem, CollectedProblem)]
    if collected:
        return _not_sampled(collected[0], target, change, notes)
    calls = Calls(implementation)
    chosen: dict[int, Control] = {}
    spent = 0

    def control(problem: Problem, rng: np.random.Generator) -> Control:
        if id(problem) not in chosen:
            batch = sample(problem, PILOT * size, int(rng.integers(2**62)), group_size=group_size)
            answers = [calls.answer(_part(batch, i * size, size)) for i in range(PILOT)]
            pilot = [answer.array for answer in answers if not isinstance(answer, Failure)]
            plain = controls(problem)
            chosen[id(problem)] = best_control(plain, np.stack(pilot), batch, size) if len(pilot) == PILOT else plain[0]
        return chosen[id(problem)]

    def sampler(problem: Problem, count: int, rng: np.random.Generator) -> Guarded:
        estimates: list[Float[Array, "d"]] = []
        known = control(problem, np.random.default_rng([seed, PILOT]))
        while len(estimates) < count:
            some = min(count - len(estimates), 256)  # batches drawn at a time: a few megabytes
            batch = sample(problem, some * size, int(rng.integers(2**62)), group_size=group_size)
            corrections = known.corrections(batch, size)
            for number, first in enumerate(range(0, some * size, size)):
                part = _part(batch, first, size)
                answer = calls.answer(part, watched=first == 0)
                if isinstance(answer, Failure):
                    return Guarded(None, str(answer), "")
                estimates.append(answer.array + corrections[number])
        return Guarded(np.stack(estimates), "", "")

    def one_problem(entry: SuiteProblem, goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
        nonlocal spent

        def counted(count: int, call: int) -> Float[Array, "k d"]:
            nonlocal spent
            spent += count
            return draw(count, call)

        first = test.looks(goal.vector.size).counts[0]
        allowed = min(test.budget, max(first, (IN_ALL - spent) // 2))  # of this problem nothing was seen by now
        result = at_two_tolerances(goal, replace(test, budget=allowed), counted)
        if result.outcome is not SequentialOutcome.CONSISTENT:
            return result
        known = control(entry.problem, np.random.default_rng([seed, PILOT]))
        hidden = hidden_in_rare(estimate, known, entry.problem, test.rarest / size, size, result.limit * goal.scale)
        if hidden <= result.limit * goal.scale:
            return result
        return replace(result, outcome=SequentialOutcome.INCONCLUSIVE, note=UNLIKE.format(hidden / goal.scale))

    def estimate(batch: Trajectories) -> Float[Array, "d"] | None:
        answer = calls.answer(
            batch if group_size is None else replace(batch, group=np.arange(len(batch)) // group_size)
        )
        return None if isinstance(answer, Failure) else answer.array

    test = SequentialTest(alpha=alpha, **MODEST)  # type: ignore[arg-type]
    report = check_sampler(
        sampler,
        suite,
        target,
        test,
        seed,
        suspected=False,
        several=size,
        judged=one_problem,
        finest=SHARP,
    )
    explanation = (
        f"{report.explanation}; it is random ({change}), so batches of {size} were sampled, and what occurs in fewer "
        f"than {test.rarest:g} of them is taken to matter as little as what was seen"
    )
    noticed = together(notes, calls.notes).values()
    return replace(report, explanation=explanation, warnings=(*report.warnings, *noticed))


def _not_sampled(problem: str, target: str, change: str, notes: Notes) -> Report:
    """Return what is said where data are cut or somebody else's: how much rare events may add there is not bounded."""
    return Report(
        Outcome.INCONCLUSIVE,
        f"it is random ({change}), and none is judged on data that are cut or of another policy, as on {problem}",
        "sampled",
        target,
        "nothing was sampled",
        warnings=tuple(notes.values()),
        next_step="fix its seed, or judge it on a suite of whole episodes",
    )


def _part(batch: Trajectories, first: int, size: int) -> Trajectories:
    """Return some trajectories of a batch, with groups numbered from 0 on."""
    part = batch.select(slice(first, first + size))
    return part if part.group is None else replace(part, group=part.group - part.group[0])
