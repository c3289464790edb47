"""One step of a rollout as the moment recursions see it: who goes on, and what the step adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.exact.chain import Chain, induced_chain
from pgverify.exact.score_blocks import ScoreBlocks, score_blocks
from pgverify.problem import Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array

NEGLIGIBLE_SURVIVAL = 1e-22
"""A random horizon is followed until the chance of being still under way is below this: moments grow like T^4 at
most, so what is left out is far below rounding."""


SMALLEST_SPARSE = 64 * 64
LARGEST_DENSITY = 0.1
"""Measured: below this size, or above this share of non-zero entries, dense products are faster."""


@dataclass(frozen=True, eq=False)
class StepLaw:
    """The parts of a rollout that do not change from step to step.

    Attributes
    ----------
    rollout : Rollout
    chain : Chain
    blocks : ScoreBlocks
    steps : int
        Number of steps followed: the horizon, or enough of them for the rest not to matter.
    going_on : [S, A, S]
        P(s', episode goes on | s, a): next states that are terminal, or not survived to, are left out; 0 in
        terminal states.
    ending : [S, A, S]
        P(s', episode has ended | s, a); 0 in terminal states.
    reward : [S, A, S]
        Mean rewards relative to the gain.
    noise : [S, A, S]
        Variance of the reward of each transition.
    """

    rollout: Rollout
    chain: Chain
    blocks: ScoreBlocks
    steps: int
    going_on: Float[Array, "S A S"]
    ending: Float[Array, "S A S"]
    reward: Float[Array, "S A S"]
    noise: Float[Array, "S A S"]

    def under_policy(self, weights: Float[Array, "S A S"]) -> Float[Array, "S S"]:
        """Return Σ_a π(a|s) w(s,a,s')."""
        return (self.chain.probabilities[:, None, :] @ weights)[:, 0, :]

    def mean_action(self, table: Float[Array, "S A"]) -> Float[Array, "S"]:
        """Return Σ_a π(a|s) x(s,a)."""
        return (self.chain.probabilities * table).sum(axis=1)

    def visits(self) -> Float[Array, "T S"]:
        """Return the probability of being under way in s at time t, for every step followed."""
        onward = self.under_policy(self.going_on)
        rows = [np.where(self.chain.running, self.rollout.start, 0.0)]
        for _ in range(self.steps - 1):
            rows.append(rows[-1] @ onward)
        return np.stack(rows)


def step_law(problem: Problem, rollout: Rollout, whole: bool = False) -> StepLaw:
    """Return the step law of a problem whose trajectories come about by `rollout`.

    With `whole`, every state's block spans all d parameters, as full matrices need it.
    """
    chain = induced_chain(problem)
    mdp = problem.mdp
    running = chain.running[:, None, None]
    goes_on = rollout.survival * chain.running
    steps = rollout.horizon
    if steps is None:
        survival = rollout.survival
        steps = 1 if survival == 0.0 else max(1, int(np.ceil(np.log(NEGLIGIBLE_SURVIVAL) / np.log(survival))))
    return StepLaw(
        rollout=rollout,
        chain=chain,
        blocks=score_blocks(problem.policy, whole),
        steps=steps,
        going_on=np.where(running, mdp.transition * goes_on, 0.0),
        ending=np.where(running, mdp.transition * (1.0 - goes_on), 0.0),
        reward=np.where(running, mdp.reward - rollout.gain, 0.0),
        noise=mdp.reward_noise**2,
    )


@dataclass(frozen=True, eq=False)
class Increment:
    """What a step adds, u(s,a,s'): where the episode goes on, and where it ends.

    Attributes
    ----------
    onward, last : [S, A, S]
        u where the episode goes on, and where it does not.
    mean, square : [S, A]
        E[u | s,a] and E[u² | s,a], reward noise included.
    """

    onward: Float[Array, "S A S"]
    last: Float[Array, "S A S"]
    mean: Float[Array, "S A"]
    square: Float[Array, "S A"]


def increment(
    law: StepLaw,
    critic: Float[Array, "*time S"] | None,
    time: int,
    shift: Float[Array, "*times S"] | None = None,
    decay: float = 1.0,
) -> Increment:
    """Return u = r, or u = r + γ V_{t+1}(s') − V_t(s) with V = 0 once the episode has terminated.

    With a shift, u + κ h_{t+1}(s') − h_t(s), where h is 0 after the last step: Y_t − h_t(s_t) obeys the recursion of
    Y_t with these. A shift close to E[Y_t | s] leaves small numbers whose squares do not have to cancel.
    """
    onward = last = law.reward
    if critic is not None:
        here = np.where(law.chain.running, at_time(critic, time), 0.0)[:, None, None]
        following = law.rollout.discount * _bootstrapped(law, critic, time + 1)
        onward, last = law.reward + following - here, law.reward - here
    if shift is not None:
        here = np.where(law.chain.running, at_time(shift, time), 0.0)[:, None, None]
        last = last - here
        onward = onward - here if time + 1 == law.steps else onward + decay * at_time(shift, time + 1) - here
    mean = (law.going_on * onward + law.ending * last).sum(axis=2)
    square = (law.going_on * (onward**2 + law.noise) + law.ending * (last**2 + law.noise)).sum(axis=2)
    return Increment(onward, last, mean, square)


def compact(matrix: Float[Array, "S S"]) -> Any:
    """Return the matrix in sparse form where that is faster; only products from the left are ever taken."""
    if matrix.size < SMALLEST_SPARSE or np.count_nonzero(matrix) > LARGEST_DENSITY * matrix.size:
        return matrix
    from scipy.sparse import csr_array  # imported late: it would double the time of `import pgverify`

    return csr_array(matrix)


def at_time(table: Float[Array, "*time S"], time: int) -> Float[Array, "S"]:
    """Return row t of a table by time and state, or the table itself where it is by state alone."""
    return table if table.ndim == 1 else table[time]


def _bootstrapped(law: StepLaw, critic: Float[Array, "*time S"], time: int) -> Float[Array, "S"]:
    if law.rollout.horizon is not None and time == law.rollout.horizon:
        if law.rollout.horizon_terminates:
            return np.zeros(len(law.chain.start))
        if critic.ndim == 2 and len(critic) <= time:
            raise InvalidEstimator(
                f"critic has {len(critic)} rows, must have T+1 = {time + 1}: the last state of a truncated episode is "
                "looked up at time T"
            )
    return at_time(critic, time)
