"""All that a trajectory and its weights are drawn from, in plain arrays: what both ways of streaming read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from pgverify.exact.solution import solve
from pgverify.policies.steps import remembers
from pgverify.randomness import AliasTable, Stream
from pgverify.recursion import DeclaresRecursion, StepRecursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class PackedLaw:
    """A rollout and the sum that an estimator declares itself to be.

    Cell m of state s is action m // K and its successor m % K, drawn with one number.

    Attributes
    ----------
    rollout : Rollout
    stream : Stream
    start, step : AliasTable
        [1, S] and [S, A·K].
    successor : [S, A·K]
        The next state of a cell.
    reward, noise : [S, A·K]
        Its mean reward, and the standard deviation of what is added to it.
    terminal : [S]
    ratio : [S·A] or None
        ρ = π/μ of a pair, where somebody else acts.
    sum : StepRecursion or TotalRecursion
    baseline : [times, S]
    critic : [others, S] or None
        A row a time, or one for all.
    """

    rollout: Rollout
    stream: Stream
    start: AliasTable
    step: AliasTable
    successor: Int64[Array, "S M"]
    reward: Float[Array, "S M"]
    noise: Float[Array, "S M"]
    terminal: Bool[Array, "S"]
    ratio: Float[Array, "pairs"] | None
    sum: StepRecursion | TotalRecursion
    baseline: Float[Array, "times S"]
    critic: Float[Array, "others S"] | None

    @property
    def pairs(self) -> int:
        """S·A."""
        return self.rollout.problem.mdp.num_states * self.rollout.problem.mdp.num_actions

    @property
    def noisy(self) -> bool:
        """Whether rewards are drawn, too."""
        return bool(self.noise.any())

    @property
    def whole(self) -> bool:
        """Whether every step is weighted by the return of the whole trajectory."""
        return isinstance(self.sum, TotalRecursion)


def packed_law(estimator: object, rollout: Rollout, seed: int) -> PackedLaw | None:
    """Return what trajectories and weights are drawn from; None where they cannot be streamed.

    That is: where the estimator declares no sum over the steps of one trajectory, or one of n terms; and where the
    acting policy, or the one that is differentiated, depends on more than the state.
    """
    if not isinstance(estimator, DeclaresRecursion) or remembers(rollout.acting) or remembers(rollout.problem.policy):
        return None
    declared = estimator.recursion(rollout)
    if not isinstance(declared, StepRecursion | TotalRecursion) or getattr(declared, "lookahead", None) is not None:
        return None
    mdp, lists = rollout.problem.mdp, rollout.problem.mdp.successors
    states, actions, most = lists.weight.shape
    acting = np.asarray(rollout.acting.probabilities())
    cells = (acting[:, :, None] * lists.weight).reshape(states, actions * most)
    critic = getattr(declared, "critic", None)
    return PackedLaw(
        rollout,
        Stream.of(seed),
        AliasTable.of(rollout.start[None]),
        AliasTable.of(cells),
        lists.successor.reshape(states, -1),
        solve(rollout.problem).chain.reward.reshape(states, -1),
        np.broadcast_to(mdp.noise, lists.weight.shape).reshape(states, -1),
        mdp.terminal,
        None if rollout.on_policy else _ratios(rollout, acting),
        declared,
        np.atleast_2d(declared.baseline),
        None if critic is None else np.atleast_2d(critic),
    )


def _ratios(rollout: Rollout, acting: Float[Array, "S A"]) -> Float[Array, "pairs"]:
    own = np.asarray(rollout.problem.policy.probabilities())
    return np.divide(own, acting, out=np.ones_like(own), where=acting > 0.0).ravel()
