"""One step of a rollout as the moment recursions see it: who goes on, and what the step adds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.dynamics import SuccessorLists, transposed
from pgverify.errors import InvalidEstimator, InvalidPolicy
from pgverify.exact.chain import Chain, require_markov
from pgverify.exact.score_blocks import ScoreBlocks, score_blocks
from pgverify.exact.solution import Solution, solve
from pgverify.exact.weights_under_way import NEGLIGIBLE_SURVIVAL, weights_under_way
from pgverify.problem import AverageReward, Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array


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
    going_on : SuccessorLists
        P(s', episode goes on | s, a): next states that are terminal, or not survived to, have weight 0; so have all in
        terminal states.
    ending : SuccessorLists
        P(s', episode has ended | s, a); 0 in terminal states.
    reward : [S, A, K]
        Mean rewards along the successors, relative to the gain.
    noise : [S, A, K]
        Variance of the reward of each transition.
    squares : [S, A]
        π²/μ: what second moments under the acting policy μ are weighted by, with the importance ratios ρ = π/μ
        multiplied in. π itself where it acts.
    acting : [S, A]
        μ(a|s).
    """

    rollout: Rollout
    chain: Chain
    blocks: ScoreBlocks
    steps: int
    going_on: SuccessorLists
    ending: SuccessorLists
    reward: Float[Array, "S A K"]
    noise: Float[Array, "S A K"]
    squares: Float[Array, "S A"]
    acting: Float[Array, "S A"]

    def widened(self) -> StepLaw:
        """Return the same with every state's block spanning all d parameters, as full matrices need it."""
        return self if self.blocks.whole else replace(self, blocks=self.blocks.widened())

    @property
    def excess(self) -> Float[Array, "S A"]:
        """π (ρ − 1), without cancellation; 0 where π acts itself."""
        own = self.chain.probabilities
        return np.where(self.acting > 0, own * (own - self.acting) / np.where(self.acting > 0, self.acting, 1.0), 0.0)

    @property
    def deviation(self) -> Float[Array, "S A"]:
        """μ (ρ − 1)², without cancellation; 0 where π acts itself."""
        gap = self.chain.probabilities - self.acting
        return np.where(self.acting > 0, gap**2 / np.where(self.acting > 0, self.acting, 1.0), 0.0)

    def mean_action(self, table: Float[Array, "S A"]) -> Float[Array, "S"]:
        """Return Σ_a π(a|s) x(s,a)."""
        return (self.chain.probabilities * table).sum(axis=1)

    def onward(self, lists: SuccessorLists | None = None) -> Any:
        """Return Σ_a π(a|s) w(s,a,s') [S, S], of the steps after which the episode goes on by default."""
        return (lists or self.going_on).under(self.chain.probabilities)

    def backward(self, lists: SuccessorLists | None = None) -> Any:
        """Return the transpose of `onward`: what comes back from s' to s."""
        return transposed(self.onward(lists))

    @property
    def running_start(self) -> Float[Array, "S"]:
        """Probability of starting in s with a step to come."""
        return np.where(self.chain.running, self.rollout.start, 0.0)

    def visits(self) -> Float[Array, "T S"]:
        """Return the probability of being under way in s at time t under π, for every step followed."""
        return self._followed(self.chain.probabilities)

    def square_visits(self) -> Float[Array, "T S"]:
        """Return E_μ[Π_{k<t} ρ_k² ; s_t = s, under way], for every step followed: the visits where π acts itself."""
        return self._followed(self.squares)

    def _followed(self, law: Float[Array, "S A"]) -> Float[Array, "T S"]:
        onward = self.going_on.under(law)
        rows = np.empty((self.steps, len(law)))
        rows[0] = self.running_start
        for time in range(1, self.steps):
            rows[time] = rows[time - 1] @ onward
        return rows


def step_law(problem: Problem, rollout: Rollout, whole: bool = False) -> StepLaw:
    """Return the step law of a problem whose trajectories come about by `rollout`.

    With `whole`, every state's block spans all d parameters, as full matrices need it.
    """
    require_markov(problem)
    solution = solve(problem)
    chain = solution.chain
    running = chain.running[:, None, None]
    lists = problem.mdp.successors
    goes_on = np.where(running, rollout.survival * chain.running[lists.successor], 0.0)
    acting = chain.probabilities if rollout.on_policy else rollout.acting.probabilities()
    going_on, squares = lists.times(goes_on), _squares(chain.probabilities, acting)
    return StepLaw(
        rollout=rollout,
        chain=chain,
        blocks=score_blocks(problem.policy, whole),
        steps=_steps_followed(rollout, going_on, squares),
        going_on=going_on,
        ending=lists.times(np.where(running, 1.0 - goes_on, 0.0)),
        reward=_relative_reward(solution),
        noise=chain.noise**2,
        squares=squares,
        acting=acting,
    )


def _relative_reward(solution: Solution) -> Float[Array, "S A K"]:
    """Return r − ρ: where both are large, from what is left of them."""
    if not isinstance(solution.problem.objective, AverageReward):
        return solution.chain.reward
    return solution.relative_chain.reward - float(complex(solution.relative_gain).real)


def _steps_followed(rollout: Rollout, going_on: SuccessorLists, squares: Float[Array, "S A"]) -> int:
    """Return the horizon, or after how many steps nothing that counts is left of a random one."""
    if rollout.horizon is not None:
        return rollout.horizon
    survival = rollout.survival
    if rollout.on_policy:
        return 1 if survival == 0.0 else max(1, int(np.ceil(np.log(NEGLIGIBLE_SURVIVAL) / np.log(survival))))
    # E_μ[Π ρ²; under way] in place of the survival, which it is never below: it may grow although fewer survive.
    steps, left = weights_under_way(rollout.start, going_on.under(squares))
    if left < NEGLIGIBLE_SURVIVAL:
        return steps
    raise InvalidPolicy(
        f"acting makes the variance infinite: after {steps} steps the squared importance weights of episodes under way "
        f"are still {left:.3g} in the mean, must die out; cut episodes (max_steps=) or act more like the "
        "problem's policy"
    )


def _squares(own: Float[Array, "S A"], acting: Float[Array, "S A"]) -> Float[Array, "S A"]:
    return own if acting is own else np.where(acting > 0, own**2 / np.where(acting > 0, acting, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class Increment:
    """What a step adds, u(s,a,s'): where the episode goes on, and where it ends.

    Attributes
    ----------
    onward, last : [S, A, K]
        u where the episode goes on, and where it does not.
    mean, square : [S, A]
        E[u | s,a] and E[u² | s,a], reward noise included.
    """

    onward: Float[Array, "S A K"]
    last: Float[Array, "S A K"]
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
    reached = law.going_on.at_successors
    if critic is not None:
        here = np.where(law.chain.running, at_time(critic, time), 0.0)[:, None, None]
        following = law.rollout.discount * reached(_bootstrapped(law, critic, time + 1))
        onward, last = law.reward + following - here, law.reward - here
    if shift is not None:
        here = np.where(law.chain.running, at_time(shift, time), 0.0)[:, None, None]
        last = last - here
        onward = onward - here if time + 1 == law.steps else onward + decay * reached(at_time(shift, time + 1)) - here
    mean = law.going_on.total(onward) + law.ending.total(last)
    square = law.going_on.total(onward**2 + law.noise) + law.ending.total(last**2 + law.noise)
    return Increment(onward, last, mean, square)


def at_time(table: Float[Array, "*time S"], time: int) -> Float[Array, "S"]:
    """Return row t of a table by time and state, or the table itself where it is by state alone."""
    return table if table.ndim == 1 else table[time]


def bootstrapped_tables(
    law: StepLaw, critic: Float[Array, "*time S"] | None, shift: Float[Array, "*times S"] | None, decay: float = 1.0
) -> tuple[Float[Array, "T S"], Float[Array, "T S"]]:
    """Return what a critic and a shift add to every step's reward and take off: u = r + f_t(s') − h_t(s), see above."""
    following, here = np.zeros((2, law.steps, len(law.chain.start)))
    for time in range(law.steps):
        if critic is not None:
            following[time] = law.rollout.discount * _bootstrapped(law, critic, time + 1)
            here[time] = at_time(critic, time)
        if shift is not None:
            here[time] += at_time(shift, time)
            if time + 1 < law.steps:
                following[time] += decay * at_time(shift, time + 1)
    return following, np.where(law.chain.running, here, 0.0)


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
