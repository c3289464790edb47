"""Batches larger than pairs beyond the suite: sampled where trajectories are coupled, where it held in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from jaxtyping import Float

from pgverify.checking.calling.answer import together
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.exploration import Explored
from pgverify.checking.exhaustive.explored_case import BOOTSTRAPPED, ExploredCase
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.lowered_report import lowered
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.sampled_sizes import sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.one_size import BOUNDED
from pgverify.checking.verdict.explored_report import rebuilt
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scope import ProblemScope, SampledSize
from pgverify.collected_problem import CollectedProblem
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

FIRST, LATER = 10, 300
"""Sizes: one in which controls are fitted, and a larger one of which a few batches show whether they are the same."""

MOST_ORDINARY = 3
"""Ordinary problems, the first of the sequence: long, with many start states, with many actions. Of the special ones,
cut, without a step, with γ = 0, there is one of each kind."""

MOST_ROWS, MOST_UNEXPLAINED = 200_000, 30_000
"""As for the suite: some two thousand batches of ten; fewer where the usual estimators do not explain a function on the
suite either, for then nothing suspect is looked into."""

PLACE = 1_000
"""Number of the first of these problems, after those of the suite: random numbers of their own."""

SHARE = 0.1
"""Of the false-alarm probability, where something is sampled beyond the suite."""


def with_batches_beyond(
    report: Report,
    implementation: LimitedFunction,
    explored: Explored,
    suite: SampledSizes | None,
    alpha: float,
    seed: int,
) -> Report:
    """Return the report after batches larger than pairs on problems beyond the suite: they can only lower it.

    There all pairs were listed, and nothing else: what begins at three trajectories, and shows on long or wide problems
    alone, shows in none of them.

    Parameters
    ----------
    report : Report
        With its scope.
    implementation : LimitedFunction
    explored : Explored
        The search in pairs.
    suite : SampledSizes or None
        What was sampled on the suite; None where nothing was: then trajectories do not affect each other.
    alpha : float
        Total false-alarm probability.
    seed : int
    """
    if suite is None or report.outcome not in (Outcome.CORRECT, Outcome.SCALED) or report.scope is None:
        return report
    explained = all(verdict.explained for pair, verdict in suite.verdicts if pair.size == FIRST)
    cases = _chosen(explored.held, explained)
    pairs = tuple(_pairs(cases, explored, explained))
    multiple, rows = report.outcome is Outcome.SCALED, MOST_ROWS if explained else MOST_UNEXPLAINED
    sampled = sample_sizes(implementation, pairs, report.target, multiple, alpha, seed, rows, BOUNDED, suite.family)
    warnings = together({note: note for note in report.warnings}, sampled.notes).values()
    after = lowered(replace(report, warnings=tuple(dict.fromkeys(warnings))), sampled, alpha, seed)
    if after.outcome is not report.outcome:
        code = {case.explored.name: case.explored.as_code() for case in cases}
        named = next((rebuilt(code[name]) for name in code if f"problem {name}" in after.explanation), "")
        after = replace(after, warnings=(*((named,) if named else ()), *after.warnings))
    return replace(after, scope=replace(report.scope, sampled_beyond=_scopes(sampled)))


def _scopes(sampled: SampledSizes) -> tuple[ProblemScope, ...]:
    drawn: dict[str, list[SampledSize]] = {}
    for pair, verdict in sampled.verdicts:
        # Where a target is tiny beside its estimates, rounding may hide it: then nothing is said of it.
        if verdict.bounded or not verdict.explained:
            drawn.setdefault(pair.entry.name, []).append(verdict.evidence)
    return tuple(ProblemScope(name, (), tuple(evidence)) for name, evidence in drawn.items())


def _chosen(held: Sequence[ExploredCase], explained: bool) -> list[ExploredCase]:
    """Return the problems on which batches are drawn; special ones where that takes few calls alone."""
    common = [case for case in held if not IndependentLaw(case.probability, FIRST).skewed]
    first = {kind: case for case in reversed(common) if (kind := _special(case))}
    ordinary = [case for case in common if not _special(case)][:MOST_ORDINARY]
    return [*ordinary, *first.values()] if explained else ordinary


def _special(case: ExploredCase) -> str:
    """Return in what a problem is special, so that right functions may do there what they do nowhere else."""
    if case.explored.max_steps is not None:
        return "cut"
    if (case.batch.lengths == 0).any():
        return "without a step"
    if case.explored.discount == 0.0:
        return "γ = 0"
    return "size" if case.with_unit_rewards() is not None else ""


def _pairs(cases: Sequence[ExploredCase], explored: Explored, explained: bool) -> Iterator[SizePair]:
    """Yield what is to be sampled, small batches first on every problem."""
    at_the_cut = explored.names.get("cut", frozenset())
    for size in (FIRST, LATER):
        for place, case in enumerate(cases):
            aim: Float[Array, "d"] | None = None
            if case.explored.max_steps is not None:
                if len(at_the_cut) != 1:  # it is not clear which of the two it is
                    continue
                (name,) = at_the_cut
                aim = case.at_the_cut[name]
            bootstrapped = aim is not None and BOOTSTRAPPED in at_the_cut
            entry = SuiteProblem(case.explored.name, "beyond the suite", _collected(case))
            law = IndependentLaw(every_trajectory(entry.problem)[1], size)
            known = explained and not _special(case)
            pair = SizePair(entry, PLACE + place, law, needed=False, few=size > FIRST, explained=known)
            yield replace(pair, aim=aim, cut=bootstrapped)


@lru_cache(maxsize=128)
def _collected(case: ExploredCase) -> Problem:
    """Return the problem as its data come about: the same object each time, for what is listed of it is kept."""
    problem, max_steps = case.explored.problem, case.explored.max_steps
    return problem if max_steps is None else CollectedProblem(problem.mdp, problem.policy, problem.objective, max_steps)
