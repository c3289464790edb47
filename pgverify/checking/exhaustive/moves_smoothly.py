"""Whether a function computes in double precision throughout, seen in how smoothly its estimates move.

Single precision makes steps of 6e-8 of its size: where all that an estimate is made of moves by less, it stands still,
and then jumps. What moves smoothly on that scale, and on a much finer one, has no such rounding inside.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.significant_bits import OF_SINGLE
from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.conditioning import conditioning_of
from pgverify.checking.exhaustive.moved_problem import can_move, moved, same_trajectories
from pgverify.problem import Problem
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
    if not can_move(problem):
        return float("nan")
    found = []
    for place in PLACES:
        whole = same_trajectories(problem, _moved(problem, float(place)))
        if whole is None:
            return float("nan")
        chosen = batch(whole)
        answer = implementation.estimate(chosen)
        if not isinstance(answer, Value):
            return float("nan")
        found.append(answer.array)
    last = with_bootstrap(chosen)
    unit = float(conditioning_of(last, np.full(len(last), 1.0 / len(last))).each.max(initial=0.0))
    return _off_a_cubic(np.stack(found)) / unit if unit > 0.0 else float("nan")


def _moved(problem: Problem, by: float) -> Problem:
    """Return the problem with rewards, parameters and discount moved by so much, relatively.

    Parameters of zero move, too, and not all alike: a softmax of equal logits would stand still.
    """
    parameters = np.asarray(problem.policy.parameters)
    spread = np.cos(np.arange(parameters.size)).reshape(parameters.shape)
    return moved(problem, parameters + by * (parameters + spread), 1.0 + by, 1.0 - by)


def _off_a_cubic(estimates: Float[Array, "k d"]) -> float:
    """Return the largest distance from the cubic that fits best; the first estimate is subtracted, for its digits."""
    away = estimates - estimates[0]
    powers = np.vander(2.0 * PLACES / PLACES.max() - 1.0, 4)
    return float(np.abs(away - powers @ np.linalg.lstsq(powers, away, rcond=None)[0]).max(initial=0.0))
