"""The problems of a check as the caller wants their data: cut, or of another policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pgverify.collected_problem import CollectedProblem, collected
from pgverify.errors import InvalidInput, InvalidPolicy
from pgverify.exact import rollout
from pgverify.kinds import made_by
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import require_integer


def collected_as_asked(
    suite: Sequence[SuiteProblem], max_steps: int | None, acting: Policy | Callable[[Problem], Policy] | None
) -> Sequence[SuiteProblem]:
    """Return problems whose episodes are cut after some steps, and on which somebody else acts.

    Parameters
    ----------
    suite : the problems
    max_steps : int, optional
        Problems that end by then stay whole.
    acting : Policy, or problem -> Policy, optional

    Raises
    ------
    InvalidInput
        When `max_steps` is below 1.
    InvalidPolicy
        When `acting` is or makes no policy that fits, naming the problem; where it never does what the problem's policy
        does, naming the state and the action.
    """
    if max_steps is None and acting is None:
        return suite
    steps = None if max_steps is None else require_integer("max_steps", max_steps, 1, InvalidInput, " step")
    return [replace(entry, problem=_collected(entry, steps, acting)) for entry in suite]


def _collected(entry: SuiteProblem, steps: int | None, acting: Any) -> CollectedProblem:
    problem = entry.problem
    actor = acting
    if callable(acting) and not is_policy(acting):
        actor = made_by("acting", acting, (problem,), InvalidPolicy)
    if actor is not None and not is_policy(actor):
        raise InvalidPolicy(
            f"acting is {kind_of(actor)} on problem {entry.name}, must be a policy or make one of a problem"
        )
    horizon = problem.objective.horizon if isinstance(problem.objective, FiniteHorizon) else None
    whole = steps is None or (horizon is not None and steps >= horizon)
    most, somebody = collected(problem, None if whole else steps, actor)
    made = CollectedProblem(problem.mdp, problem.policy, problem.objective, most, somebody)
    if most is None and horizon is None:
        return made  # cut where it is listed
    try:
        rollout(made)
    except InvalidPolicy as reason:
        raise InvalidPolicy(f"on problem {entry.name} {reason}") from None
    return made
