"""The scope of a verdict, put together from the problems that were tried and from what was called on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, every_trajectory
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scope import ProblemScope, SampledSize, Scope
from pgverify.exact import count_trajectories, rollout
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem


def with_scope(
    report: Report, suite: Sequence[SuiteProblem], sampled: SampledSizes | None = None, critic: str = "exact"
) -> Report:
    """Return the report with the scope of its verdict.

    Problems that no finding on an expectation names were not tried: they do not count.

    Parameters
    ----------
    report : Report
    suite : the problems that might be tried
    sampled : SampledSizes, optional
        Larger batches that were drawn.
    critic : "exact" or "other"
        Whether expectations with critics that are wrong were judged beside those with the exact one.
    """
    sizes: dict[str, set[int]] = {}
    for finding in report.findings:
        if finding.check == "expectation":
            listed = {finding.batch_size} if finding.trajectories else set()
            sizes[finding.problem] = sizes.get(finding.problem, set()) | listed
    drawn = sampled.verdicts if sampled is not None else ()
    tried = [entry for entry in suite if entry.name in {*sizes, *(pair.entry.name for pair, _ in drawn)}]
    problems = tuple(
        ProblemScope(
            entry.name,
            tuple(sorted(sizes.get(entry.name, set()))),
            _by_size(verdict.evidence for pair, verdict in drawn if pair.entry.name == entry.name),
        )
        for entry in tried
    )
    beyond = report.scope.beyond if report.scope is not None else None  # what was known before
    scope = _scope(problems, [entry.problem for entry in tried], critic)
    return replace(report, scope=replace(scope, beyond=beyond))


def also_sampled(report: Report, sampled: SampledSizes) -> Report:
    """Return the report with the sizes in its scope that were sampled later, beside those that were before.

    Parameters
    ----------
    report : Report
    sampled : SampledSizes
    """
    if report.scope is None:
        return report
    problems = []
    for one in report.scope.problems:
        before = {each.size for each in one.sampled}
        drawn = (verdict.evidence for pair, verdict in sampled.verdicts if pair.entry.name == one.problem)
        problems.append(replace(one, sampled=(*one.sampled, *(each for each in drawn if each.size not in before))))
    return replace(report, scope=replace(report.scope, problems=tuple(problems)))


def _by_size(evidence: Iterable[SampledSize]) -> tuple[SampledSize, ...]:
    return tuple(sorted(evidence, key=lambda one: one.size))


def _scope(tried: tuple[ProblemScope, ...], problems: Sequence[Problem], critic: str) -> Scope:
    mdps = [problem.mdp for problem in problems]
    laws = [rollout(problem) for problem in problems]
    ends = {"horizon" if law.horizon_terminates else "cut" for law in laws}
    if any(mdp.terminal.any() for mdp in mdps):
        ends.add("terminal state")
    return Scope(
        problems=tried,
        steps=max((law.horizon or 0 for law in laws), default=0),
        states=max((mdp.num_states for mdp in mdps), default=0),
        actions=max((mdp.num_actions for mdp in mdps), default=0),
        starts=max((int(np.count_nonzero(law.start)) for law in laws), default=0),
        ends=tuple(sorted(ends)),
        discounts=tuple(sorted({float(law.discount) for law in laws})),
        ratios=any(_ratios(problem) for problem in problems),
        critic=critic,
    )


def _ratios(problem: Problem) -> bool:
    """Return whether π_θ and the policy that acted differ on any trajectory that was listed."""
    if count_trajectories(problem) > MOST_TRAJECTORIES:
        return False  # sampled, by π_θ itself
    batch, _ = every_trajectory(problem)
    return bool((batch.importance != 1.0).any())
