"""The exact expected update of an agent on one problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pgverify.agents import AgentWorld, Window
from pgverify.checking.agents.agent_run import UNLIMITED, AgentRun, RunLimits, Update
from pgverify.choices import ProgramExpectation, TreeProgress, World, expectation
from pgverify.choices.by_rows import expectation_by_rows
from pgverify.choices.estimated_runs import estimated_runs
from pgverify.choices.one_run import one_run
from pgverify.choices.tree_walk import Dictated
from pgverify.errors import InvalidInput, InvalidRun
from pgverify.kinds import described
from pgverify.policies import Policy
from pgverify.policies.protocol import is_policy
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem

FEW_RUNS = 500
"""Up to so many an agent is run alone, though it could be run as rows."""


@dataclass(frozen=True, eq=False)
class ExpectedUpdate:
    """An agent's expected update on one problem.

    Attributes
    ----------
    entry : SuiteProblem
        With the agent's own policy.
    found : ProgramExpectation
    by_rows : bool
        Whether its runs were made as rows of vectorised ones.
    """

    entry: SuiteProblem
    found: ProgramExpectation
    by_rows: bool = False


def expected_update(
    update: Update,
    entry: SuiteProblem,
    policy: Callable[[AgentWorld], Policy],
    window: Window | None,
    reset: Callable[[AgentWorld], Any] | None,
    limit: int,
    limits: RunLimits = UNLIMITED,
    progress: Callable[[TreeProgress], None] | None = None,
    processes: int = 1,
    resume: Path | None = None,
) -> ExpectedUpdate:
    """Return the exact expected update on one problem, and the problem with the policy whose parameters it moves.

    Raises
    ------
    InvalidInput
        What `choices.expectation` refuses, and a policy whose parameters are not as many as the update has entries.
    """
    truncates = window is not None and window.truncates
    prepare = getattr(update, "prepare", None)
    if prepare is not None:  # agents that are ready make their networks, at random, before anything is scripted
        prepare(entry.problem)
    run = AgentRun(update, entry.problem, truncates, reset, limits)
    rows = _by_rows(update, entry.problem, run, limit, progress)
    found = rows or expectation(run, limit, progress, processes, resume)
    own = _policy_of(policy, entry.problem, truncates)
    if own.parameters.size != found.mean.size:
        raise InvalidRun(
            f"update returned {found.mean.size} numbers on problem {entry.name}, must be {own.parameters.size}, "
            f"one for each parameter of the policy, in its order; the policy there is {described(own)}: leave out, by "
            "problems=[…], those whose policy the update does not move"
        )
    return ExpectedUpdate(replace(entry, problem=replace(entry.problem, policy=own)), found, rows is not None)


def _by_rows(
    update: Update, problem: Problem, run: AgentRun, limit: int, progress: Callable[[TreeProgress], None] | None
) -> ProgramExpectation | None:
    """Return the expectation by rows, of an agent that can be run so and has many runs; None else."""
    made = getattr(update, "rows", None)
    if made is None:
        return None
    try:
        many = estimated_runs(run).mean > FEW_RUNS
    except InvalidInput:  # whatever it is, the walk will say it
        return None
    rows = made(problem) if many else None
    return None if rows is None else expectation_by_rows(run, rows, limit, progress)


def _policy_of(policy: Callable[[AgentWorld], Policy], problem: Problem, truncates: bool) -> Policy:
    made: list[Policy] = []

    def build(world: World) -> Any:
        made.append(policy(AgentWorld(problem, world, truncates)))
        return np.zeros(1)

    one_run(build, Dictated([]))
    if not is_policy(made[0]):
        raise InvalidInput(f"policy(world) is {described(made[0])}, must be a Policy, such as world.problem.policy")
    return made[0]
