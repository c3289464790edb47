"""A problem together with the way in which its data come about: who acts, and where episodes are cut."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.continuous import ContinuousMDP
from pgverify.errors import InvalidPolicy, InvalidSampling
from pgverify.kinds import known_arguments
from pgverify.mdp import TabularMDP
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import Objective, Problem
from pgverify.validation import require_integer, settle


@known_arguments
@dataclass(frozen=True, eq=False, init=False)
class CollectedProblem(Problem):
    """A problem whose data are cut, or are somebody else's; J and ∇J are those of the problem itself.

    What samples and lists trajectories, and the exact moments, follow it where the caller says nothing else.

    Parameters
    ----------
    mdp, policy, objective
        As of a `Problem`.
    max_steps : int, optional
        Steps after which episodes are cut.
    acting : Policy, optional
        μ, which chooses the actions; by default the problem's own policy.

    Raises
    ------
    InvalidSampling
        When `max_steps` is below 1.
    InvalidPolicy
        When `acting` is no policy.
    """

    max_steps: int | None = None
    acting: Policy | None = None

    def __init__(
        self,
        mdp: TabularMDP | ContinuousMDP,
        policy: Policy,
        objective: Objective,
        max_steps: int | None = None,
        acting: Policy | None = None,
    ) -> None:
        super().__init__(mdp, policy, objective)
        if max_steps is not None:
            max_steps = require_integer("max_steps", max_steps, 1, InvalidSampling, " step")
        if acting is not None and not is_policy(acting):
            raise InvalidPolicy(f"acting is {kind_of(acting)}, must be a policy; pgv.SoftmaxPolicy(logits) is one")
        settle(self, max_steps=max_steps, acting=acting)


def collected(
    problem: Problem, max_steps: int | None = None, acting: Policy | None = None
) -> tuple[int | None, Policy | None]:
    """Return after how many steps episodes are cut, and who acts: as the caller says, or else as the problem does."""
    if not isinstance(problem, CollectedProblem):
        return max_steps, acting
    return (
        problem.max_steps if max_steps is None else max_steps,
        problem.acting if acting is None else acting,
    )
