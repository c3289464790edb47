"""A problem whose rewards, parameters and discount have moved a little: the precision of a function shows on it."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float

from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.collected_problem import CollectedProblem
from pgverify.mdp import TabularMDP
from pgverify.problem import AverageReward, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def can_move(problem: Problem) -> bool:
    """Return whether a problem can be moved: not one on nodes of real actions, whose rewards are known there alone.

    Where another policy acts, its probabilities stay as they are, as those of stored data do.
    """
    return type(problem) in (Problem, CollectedProblem) and type(problem.mdp) is TabularMDP


def moved(problem: Problem, parameters: Float[Array, "..."], level: float, discount: float) -> Problem:
    """Return the problem with other parameters, and rewards and discount multiplied.

    Parameters
    ----------
    problem : Problem
        One that `can_move`.
    parameters : as those of the policy
    level, discount : float
        By which rewards, and γ if there is one, are multiplied.
    """
    objective = problem.objective
    if not isinstance(objective, AverageReward):
        objective = replace(objective, discount=discount * objective.discount)
    mdp = problem.mdp.with_rewards(level * problem.mdp.paid)
    return replace(problem, mdp=mdp, policy=problem.policy.with_parameters(parameters), objective=objective)


def same_trajectories(problem: Problem, after: Problem) -> Trajectories | None:
    """Return all trajectories of the problem after it has moved, [n] in the same order.

    None where they are others, as where a policy that takes the likely actions alone takes other ones now.
    """
    whole, _ = every_trajectory.__wrapped__(after)  # not kept: a problem is moved to each place once
    return whole if len(whole) == len(every_trajectory(problem)[0]) else None
