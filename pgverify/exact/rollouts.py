"""How trajectories of a problem come about, with everything that has to be known exactly beforehand."""

from __future__ import annotations

from pgverify.errors import InvalidSampling
from pgverify.exact.gradient_theorem import expected_return
from pgverify.exact.state_visits import occupancy
from pgverify.exact.value_functions import values
from pgverify.problem import Discounted, FiniteHorizon, Problem
from pgverify.rollout import Rollout
from pgverify.validation import require_integer


def rollout(problem: Problem, max_steps: int | None = None) -> Rollout:
    """Return the law by which trajectories of a problem are generated.

    Finite horizon: T steps, then termination. Discounted with `max_steps`: cut (truncated) after that many steps.
    Discounted without: after every step the episode ends with probability 1 − γ and rewards are not discounted,
    so that E Σ_{t<H} r_t = Σ γ^t E r_t exactly. Average reward: `max_steps` steps from the stationary
    distribution, contributions averaged over steps.

    Parameters
    ----------
    problem : Problem
    max_steps : int, optional
        Steps; at least 1.

    Raises
    ------
    InvalidSampling
        When `max_steps` is given for a finite horizon, missing for the average reward, or below 1.
    """
    if max_steps is not None:
        require_integer("max_steps", max_steps, 1, InvalidSampling, " step")
    table = values(problem).state
    start = problem.mdp.start
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            if max_steps is not None:
                raise InvalidSampling(
                    f"max_steps is {max_steps}, must be left out for {problem.objective!r}: the horizon is part of "
                    "the problem"
                )
            return Rollout(start, horizon, True, discount, 1.0, 1.0, 0.0, table)
        case Discounted(discount):
            if max_steps is None:
                return Rollout(start, None, False, 1.0, discount, 1.0, 0.0, table)
            return Rollout(start, max_steps, False, discount, 1.0, 1.0, 0.0, table)
        case _:
            if max_steps is None:
                raise InvalidSampling(
                    "max_steps is None, must be an integer of at least 1 step under AverageReward(): a continuing "
                    "problem has no end of its own"
                )
            scale, gain = 1.0 / max_steps, expected_return(problem)
            return Rollout(occupancy(problem), max_steps, False, 1.0, 1.0, scale, gain, table)
