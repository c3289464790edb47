"""A problem together with the way in which its data come about: who acts, and where episodes are cut."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.errors import InvalidPolicy, InvalidSampling
from pgverify.kinds import known_arguments
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import Problem
from pgverify.validation import require_integer, settle


@known_arguments
@dataclass(frozen=True, eq=False)
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_steps is not None:
            settle(self, max_steps=require_integer("max_steps", self.max_steps, 1, InvalidSampling, " step"))
        if self.acting is not None and not is_policy(self.acting):
            raise InvalidPolicy(f"acting is {kind_of(self.acting)}, must be a policy; pgv.SoftmaxPolicy(logits) is one")


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
