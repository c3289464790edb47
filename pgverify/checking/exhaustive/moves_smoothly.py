"""Whether a function computes in double precision throughout, seen in how smoothly its estimates move.

Single precision makes steps of 6e-8 of its size: where all that an estimate is made of moves by less, it stands still,
and then jumps. What moves smoothly on that scale, and on a much finer one, has no such rounding inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.significant_bits import OF_SINGLE
from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.conditioning import conditioning_of
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.mdp import TabularMDP
from pgverify.problem import AverageReward, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

PLACES = 2.0 ** (6 - OF_SINGLE) * np.sort(np.random.default_rng(0).random(12))
"""Points along a path, relatively: at each, numbers of single precision round anew. Points at equal distances could all
be equally far from numbers of single precision, and look smooth."""

SMOOTH = 2.0**-49
"""Relative to Σ_t |w_t|: right and wrong functions in double are off a cubic by 2^-51 at most, those with anything of
single precision by 2^-24 to 2^-28, and by less only where what is rounded is as small beside what the weights are."""

OF_SINGLE_AT_LEAST = 2.0**-29
"""Likewise: what is off by more has something of single precision inside."""

ChosenRows = Callable[[Trajectories], Trajectories]
"""Chooses a batch among all trajectories of a problem."""


def roughness(implementation: LimitedFunction, problem: Problem, batch: ChosenRows) -> float:
    """Return how far the estimate of a batch is off a cubic in rewards, parameters and discount, relative to Σ_t |w_t|.

    Parameters
    ----------
    implementation : LimitedFunction
    problem : Problem
        Of a finite MDP, whose trajectories are few enough to be listed; of others it is not said, and NaN.
    batch : as `ChosenRows`
    """
    if type(problem) is not Problem or not isinstance(problem.mdp, TabularMDP):
        return float("nan")
    found = []
    for place in PLACES:
        whole, _ = every_trajectory.__wrapped__(moved(problem, float(place)))
        answer = implementation.estimate(batch(whole))
        if not isinstance(answer, Value):
            return float("nan")
        found.append(answer.array)
    last = with_bootstrap(batch(whole))
    unit = float(conditioning_of(last, np.full(len(last), 1.0 / len(last))).each.max(initial=0.0))
    return _off_a_cubic(np.stack(found)) / unit if unit > 0.0 else float("nan")


def moved(problem: Problem, by: float) -> Problem:
    """Return the problem with rewards, parameters and discount moved by so much, relatively.

    Parameters of zero move, too, and not all alike: a softmax of equal logits would stand still.
    """
    mdp, policy, objective = problem.mdp, problem.policy, problem.objective
    parameters = np.asarray(policy.parameters)
    spread = np.cos(np.arange(parameters.size)).reshape(parameters.shape)
    policy = policy.with_parameters(parameters + by * (parameters + spread))
    if not isinstance(objective, AverageReward):
        objective = replace(objective, discount=(1.0 - by) * objective.discount)
    return replace(problem, mdp=mdp.with_rewards((1.0 + by) * mdp.paid), policy=policy, objective=objective)


def _off_a_cubic(estimates: Float[Array, "k d"]) -> float:
    """Return the largest distance from the cubic that fits best; the first estimate is subtracted, for its digits."""
    away = estimates - estimates[0]
    powers = np.vander(2.0 * PLACES / PLACES.max() - 1.0, 4)
    return float(np.abs(away - powers @ np.linalg.lstsq(powers, away, rcond=None)[0]).max(initial=0.0))
