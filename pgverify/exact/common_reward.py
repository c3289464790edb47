"""A reward m common to all steps, taken out before anything is computed: far from zero, digits would cancel.

Where every episode takes the same number H of steps, r − m in place of r changes a discounted sum of rewards by what is
known beforehand: with κ for the discount, the sum from step t on by

    λ_t = m Σ_{k<H−t} κ^k   (k < n as well, where n steps are looked at),

the same whatever was done. So a baseline b_t for the rewards r is the baseline b_t − λ_t for r − m, and ∇J is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import overload

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TableRecursion
from pgverify.exact.solution import Solution, power_sums, solve
from pgverify.exact.step_law import StepLaw, at_time
from pgverify.problem import AverageReward
from pgverify.recursion import BatchRecursion, Recursion, StepRecursion, TotalRecursion
from pgverify.validation import Array


@overload
def without_common_reward(
    law: StepLaw, declared: StepRecursion | TotalRecursion
) -> tuple[StepLaw, StepRecursion | TotalRecursion]: ...
@overload
def without_common_reward(law: StepLaw, declared: BatchRecursion) -> tuple[StepLaw, BatchRecursion]: ...
@overload
def without_common_reward(law: StepLaw, declared: TableRecursion) -> tuple[StepLaw, TableRecursion]: ...
def without_common_reward(
    law: StepLaw, declared: Recursion | TableRecursion
) -> tuple[StepLaw, Recursion | TableRecursion]:
    """Return the same estimator of rewards r − m, with what the difference of the rewards does to its baseline.

    The contributions are the same numbers; what they are computed from is small. Both are returned as they are where
    there is no such m, where episodes differ in length, where importance weights multiply rewards, and beside a critic
    that is not V itself, whose own digits are lost already. Beside V importance weights multiply differences in which
    m has cancelled: r + γ V' − V.

    Parameters
    ----------
    law : StepLaw
    declared : StepRecursion, TotalRecursion, BatchRecursion or TableRecursion
    """
    common, steps = law.chain.common_reward, _episode_length(law)
    if common == 0.0 or steps is None:
        return law, declared
    chain = law.chain.relative_to(common)
    small = replace(law, chain=chain, reward=chain.reward)
    solution = solve(law.rollout.problem)
    if isinstance(declared, (StepRecursion, TableRecursion)) and declared.critic is not None:
        if solution.common_reward != common or declared.critic is not law.rollout.values:
            return law, declared
        return small, replace(declared, critic=solution.relative_values)
    if isinstance(declared, TableRecursion) or not law.rollout.on_policy:
        return law, declared
    if isinstance(declared, BatchRecursion):
        # A mean of returns holds λ_0, reward-to-go λ_t: they cancel where they are the same.
        alike = isinstance(declared.base, TotalRecursion) or steps == 1
        return (small, declared) if alike else (law, declared)
    due = np.zeros(law.steps)
    ahead = np.arange(steps, 0, -1)  # steps to come, as far as they are looked at
    if isinstance(declared, StepRecursion) and declared.lookahead is not None:
        ahead = np.minimum(ahead, declared.lookahead)
    due[:steps] = common * power_sums(declared.decay, steps)[ahead - 1]
    if isinstance(declared, TotalRecursion):
        due[:steps] = due[0]
    return small, replace(declared, baseline=_less(law, solution, declared.baseline, due))


def _episode_length(law: StepLaw) -> int | None:
    """Return H, or None where m changes more than a sum known beforehand, or nothing any more."""
    horizon, rollout = law.rollout.horizon, law.rollout
    if horizon is None or isinstance(rollout.problem.objective, AverageReward):
        return None
    found = law.chain.steps_to_end(horizon)
    return None if found is None else int(found)


def _less(
    law: StepLaw, solution: Solution, baseline: Float[Array, "*time S"], due: Float[Array, "T"]
) -> Float[Array, "T S"]:
    """Return b_t − λ_t; where b is V itself, without the digits that V has lost."""
    if solution.common_reward == law.chain.common_reward and baseline is law.rollout.values:
        excess = [solution.common_reward * at_time(solution.counted_steps, t) - due[t] for t in range(law.steps)]
        rows = [at_time(solution.relative_values, t) + more for t, more in enumerate(excess)]
    else:
        rows = [at_time(baseline, t) - due[t] for t in range(law.steps)]
    return np.where(law.chain.running, np.stack(rows), 0.0)
