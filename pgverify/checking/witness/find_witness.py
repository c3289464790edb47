"""Finding a witness: the batch, among the likeliest, on which an estimate differs the most from a right one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.witness import Step, Witness
from pgverify.checking.witness.recovered_weights import recovered, summed, visits
from pgverify.checking.witness.right_weights import RightWeights, nearest, right_for
from pgverify.checking.witness.shown_problem import shown_problem
from pgverify.continuous import NodeMDP
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_CALLS = 48
"""Batches that are tried for a witness, the likeliest ones."""

MOST_LISTED = 5_000
"""Trajectories of the problem, of which the likeliest are tried."""

MOST_SIZE = 4
"""Trajectories in the batch of a witness: more are no longer read."""

SHOWN = (Outcome.BIASED, Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL)
"""Outcomes that have something to show."""


@dataclass(frozen=True, eq=False)
class TriedBatch:
    """A batch that was tried, with its probability, the estimate found, and what was recovered of its weights."""

    batch: Trajectories
    probability: float
    found: Float[Array, "d"]
    weights: Sequence[float] | str


def with_witness(report: Report, implementation: LimitedFunction, suite: Sequence[SuiteProblem]) -> Report:
    """Return the report with a witness of its fault, where it has one; any other as it is.

    Parameters
    ----------
    report : Report
    implementation : LimitedFunction
    suite : the problems on which it was judged
    """
    smallest = report.smallest_failure
    if report.witness is not None or report.outcome not in SHOWN or smallest is None:
        return report
    fitting = (entry for entry in suite if entry.name == smallest.problem)
    entry = next((one for one in fitting if one.problem.policy.parameters.size == len(smallest.expected)), None)
    if entry is None:
        return report
    return witnessed(report, implementation, entry.name, entry.problem, smallest.batch_size)


def witnessed(
    report: Report,
    implementation: LimitedFunction,
    name: str,
    problem: Problem,
    size: int,
    max_steps: int | None = None,
) -> Report:
    """Return the report with a witness on one problem, in batches of one size; as it is where none can be had."""
    if size > MOST_SIZE or isinstance(problem.mdp, NodeMDP):  # a real action is no arrow to be drawn
        return report
    with contextlib.suppress(OutOfTime, ValueError):  # a picture is not worth more time than there is, nor a failure
        found = _find(implementation, name, problem, size, report, max_steps)
        return replace(report, witness=found)
    return report


def _find(
    implementation: LimitedFunction, name: str, problem: Problem, size: int, report: Report, max_steps: int | None
) -> Witness | None:
    tried = list(_tried(implementation, problem, size, max_steps))
    if not tried:
        return None
    # Where episodes are cut nothing is said of what comes after: the right estimators here would be biased.
    known = [] if max_steps is not None else right_for(report.target, size)
    law = np.array([one.probability for one in tried])
    batches, found = [one.batch for one in tried], [one.found for one in tried]
    right = nearest(known, batches, found, law, report.outcome is Outcome.SCALED)
    return _described(name, problem, max_steps, _most_telling(tried, right), right)


def _tried(implementation: LimitedFunction, problem: Problem, size: int, max_steps: int | None) -> Sequence[TriedBatch]:
    batch, probability = enumerate_trajectories(problem, MOST_LISTED, max_steps=max_steps)
    likeliest = np.argsort(-probability, kind="stable")[: int(MOST_CALLS ** (1.0 / size))]
    tried = []
    for rows in product(likeliest.tolist(), repeat=size):
        chosen = batch.select(list(rows))
        answer = implementation.estimate(chosen)
        if not isinstance(answer, Value):
            continue
        weights: Sequence[float] | str = recovered(chosen, answer.array)
        if implementation.returns_weights and isinstance(own := implementation.weights(chosen), Value):
            weights = summed(chosen, own.array)
        tried.append(TriedBatch(chosen, float(np.prod(probability[list(rows)])), answer.array, weights))
    return tried


def _most_telling(tried: Sequence[TriedBatch], right: RightWeights | None) -> TriedBatch:
    """Return the batch that shows most: weights that are known, then P·|difference|, then few steps."""

    def worth(one: TriedBatch) -> tuple[bool, bool, float]:
        gap = np.abs(one.found - (right.estimate(one.batch) if right else 0.0)).max(initial=0.0)
        size = np.abs(one.found).max(initial=0.0)
        seen = bool(gap > 1e-6 * max(size, 1e-300))
        # A step that stands for itself is easier to follow than the sum of several.
        alone = all(len(visit.places) == 1 for visit in visits(one.batch))
        return seen and not isinstance(one.weights, str), seen, float(one.probability * gap) * (1.0 if alone else 0.2)

    return max(tried, key=worth)


def _described(
    name: str, problem: Problem, max_steps: int | None, chosen: TriedBatch, right: RightWeights | None
) -> Witness:
    batch = chosen.batch
    known = visits(batch)
    wanted = summed(batch, right.weights(batch)) if right else None
    places = sorted(place for visit in known for place in visit.places)
    number = {place: index for index, place in enumerate(places)}
    steps: dict[tuple[int, int], Step] = {}
    for index, visit in enumerate(known):
        found = None if isinstance(chosen.weights, str) else chosen.weights[index]
        for place in visit.places:
            others = tuple(number[other] for other in visit.places if other != place)
            goal = None if wanted is None else wanted[index]
            row, time = place
            after, reward = int(batch.states[row, time + 1]), float(batch.rewards[place])
            steps[place] = Step(row, time, visit.state, visit.action, after, reward, found, goal, others)
    return Witness(
        shown_problem(name, problem, max_steps),
        tuple(steps[place] for place in places),
        chosen.probability,
        right.name if right else "",
        tuple(map(float, chosen.found)),
        tuple(map(float, right.estimate(batch))) if right else (),
        chosen.weights if isinstance(chosen.weights, str) else "",
    )
