"""How trajectories of a problem come about, with everything that has to be known exactly beforehand."""

from __future__ import annotations

from functools import partial

import numpy as np

from pgverify.collected_problem import collected
from pgverify.continuous import on_the_same_nodes
from pgverify.errors import InvalidPolicy, InvalidSampling
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import PROBLEM, Discounted, FiniteHorizon, Problem
from pgverify.rollout import Rollout
from pgverify.validation import require_integer


@accepts(problem=PROBLEM)
def rollout(problem: Problem, max_steps: int | None = None, acting: Policy | None = None) -> Rollout:
    """Return the law by which trajectories of a problem are generated.

    Finite horizon: T steps, then termination; cut (truncated) after `max_steps` < T. Discounted with `max_steps`: cut
    after that many steps. Discounted without: after every step the episode ends with probability 1 − γ and rewards are
    not discounted, so that E Σ_{t<H} r_t = Σ γ^t E r_t exactly. Average reward: `max_steps` steps from the stationary
    distribution, contributions averaged over steps. A `CollectedProblem` says itself where it is cut and who acts.

    Parameters
    ----------
    problem : Problem
    max_steps : int, optional
        Steps; at least 1, at most the horizon.
    acting : Policy, optional
        μ, which chooses the actions; by default the problem's own policy.

    Raises
    ------
    InvalidSampling
        When `max_steps` is beyond the horizon, missing for the average reward, or below 1; when somebody else acts
        under the average reward.
    InvalidPolicy
        When the acting policy is of another shape, or never does what the problem's policy does.
    """
    max_steps, acting = collected(problem, max_steps, acting)
    if max_steps is not None:
        max_steps = require_integer("max_steps", max_steps, 1, InvalidSampling, " step")
    policy, solution = problem.policy, solve(problem)
    table = partial(getattr, solution, "state_values")
    actor = policy if acting is None or acting is policy else require_support(acting, problem)
    made = partial(
        Rollout,
        problem,
        actor,
        table,
        action_value_table=partial(getattr, solution, "action_values"),
        advantage_table=partial(getattr, solution, "advantage"),
    )
    start = problem.mdp.start
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            steps = horizon if max_steps is None else max_steps
            if steps > horizon:
                raise InvalidSampling(
                    f"max_steps is {max_steps}, must be at most the horizon {horizon} of the problem; leave it out for "
                    "whole episodes"
                )
            ends = steps == horizon
            return made(start, steps, ends, discount)
        case Discounted(discount):
            if max_steps is None:
                return made(start, None, False, 1.0, survival=discount)
            return made(start, max_steps, False, discount)
        case _:
            if max_steps is None:
                raise InvalidSampling(
                    "max_steps is None, must be an integer of at least 1 step under AverageReward(): a continuing "
                    "problem has no end of its own"
                )
            if actor is not policy:
                raise InvalidSampling(
                    "acting is another policy than the problem's, must be left out under AverageReward(): the "
                    "stationary distribution is that of the problem's policy; use Discounted or FiniteHorizon"
                )
            scale, gain = 1.0 / max_steps, float(complex(solution.gain).real)
            return made(solution.stationary, max_steps, False, 1.0, step_scale=scale, gain=gain)


def require_support(acting: Policy, problem: Problem) -> Policy:
    """Return an acting policy of the problem's shape that gives probability to whatever the problem's policy does."""
    if not is_policy(acting):
        raise InvalidPolicy(
            f"acting is {kind_of(acting)}, must be a policy with parameters, with_parameters, probabilities and "
            "score_vjp"
        )
    acting = on_the_same_nodes(acting, problem.policy)
    chosen, wanted = acting.probabilities(), problem.policy.probabilities()
    if chosen.shape != wanted.shape:
        raise InvalidPolicy(
            f"acting has probabilities of shape {chosen.shape}, must be [S, A] = {wanted.shape} as the problem's policy"
        )
    bad = ~np.isfinite(chosen) | (chosen.real < 0) | (np.abs(chosen.sum(axis=1, keepdims=True) - 1.0) > 1e-9)
    if bad.any():
        state, action = (int(i) for i in np.argwhere(bad)[0])
        raise InvalidPolicy(
            f"acting has probability {chosen[state, action]} at state {state}, action {action}, must be finite, at "
            "least 0, and sum to 1 over the actions"
        )
    missing = (chosen == 0) & (wanted != 0) & ~problem.mdp.terminal[:, None]
    if missing.any():
        state, action = (int(i) for i in np.argwhere(missing)[0])
        raise InvalidPolicy(
            f"acting has probability 0 at state {state}, action {action}, must be above 0 where the problem's policy "
            f"has {wanted[state, action]:.3g}: what is never tried cannot be weighted; mix it with the uniform policy"
        )
    return acting
