"""Stored rollouts of an unknown system, as a batch that every estimator reads: scores in place of a policy's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.arrays import integers, truths
from pgverify.errors import InvalidData, InvalidEstimator, InvalidPolicy
from pgverify.kinds import accepts
from pgverify.mdp import TabularMDP
from pgverify.policies.steps import Steps
from pgverify.problem import FiniteHorizon, Problem
from pgverify.rollout import Rollout
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, first_index, real_array, require_number, require_shape


@dataclass(frozen=True, eq=False, repr=False)
class StoredScores:
    """A policy of which only the scores of the steps taken are known; a "state" is the number of a trajectory.

    Attributes
    ----------
    scores : [n, T, d]
        ∇ log π(a_t|s_t).
    """

    scores: Float[Array, "n T d"] = field(repr=False)

    @property
    def parameters(self) -> Float[Array, "d"]:
        """Zeros [d]: θ itself was not stored, only how many numbers it has."""
        return np.zeros(self.scores.shape[2])

    def with_parameters(self, theta: ArrayLike) -> NoReturn:  # noqa: ARG002 - the door has it
        """Refuse: what the policy does elsewhere was not stored."""
        raise InvalidPolicy("theta cannot be changed: of this policy only the scores of stored steps are known")

    def probabilities(self) -> Float[Array, "n 1"]:
        """Return ones [n, 1]: no probability is asked for where the scores are known."""
        return np.ones((len(self.scores), 1))

    def score_vjp(self, weights: Float[Array, "*rows n 1"]) -> NoReturn:  # noqa: ARG002 - the door has it
        """Refuse: a score is known of steps, not of states and actions."""
        raise InvalidPolicy("score_vjp is not known: of this policy only the scores of stored steps are known")

    def log_prob(self, steps: Steps) -> Float[Array, "n T"]:
        """Return zeros [n, T]: who acts is the policy itself."""
        return np.zeros(steps.actions.shape)

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Float[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t) of the stored scores."""
        return np.einsum("nt,ntd->nd", weights, self.scores[steps.states[:, 0], : weights.shape[1]])

    def __repr__(self) -> str:
        return "StoredScores(trajectories={}, steps={}, parameters={})".format(*self.scores.shape)


@accepts()
def stored_rollouts(
    scores: ArrayLike,
    rewards: ArrayLike,
    lengths: ArrayLike | None = None,
    terminated: ArrayLike | None = None,
    discount: float = 1.0,
    values: ArrayLike | None = None,
) -> Trajectories:
    """Return stored rollouts as a batch for every estimator that reads rewards, scores and a critic's values.

    Parameters
    ----------
    scores : [n, T, d]
        ∇ log π_θ(a_t|s_t) of each step taken; padded steps do not count.
    rewards : [n, T]
        r_t, 0 on padding.
    lengths : [n] of int, optional
        Steps taken in each episode; T by default.
    terminated : [n] of bool, optional
        Whether the episode ended, or was cut; all ended by default.
    discount : float
        γ in [0, 1].
    values : [n, T+1], optional
        A critic's V(s_0) … V(s_T), for baselines and advantages; of a cut episode V(s_T) is bootstrapped from.

    Raises
    ------
    InvalidData
        When an array has a wrong shape or an entry that is not allowed.
    """
    psi = real_array("scores", scores, InvalidData)
    if psi.ndim != 3 or 0 in psi.shape:
        raise InvalidData(f"scores has shape {psi.shape}, must be [n, T, d], each at least 1")
    count, steps, _ = psi.shape
    paid = real_array("rewards", rewards, InvalidData)
    require_shape("rewards", paid, (count, steps), "[n, T] as the scores have them", InvalidData)
    gamma = require_number("discount", discount, 0.0, 1.0, InvalidData)
    taken = _lengths(lengths, count, steps)
    ended = np.ones(count, dtype=bool) if terminated is None else truths("terminated", terminated, InvalidData).copy()
    require_shape("terminated", ended, (count,), "[n]", InvalidData)
    after = (np.arange(steps) >= taken[:, None]) & (paid != 0.0)
    if after.any():
        row, column = first_index(after)
        raise InvalidData(
            f"rewards[{row}, {column}] is {paid[row, column]:.6g} after the {taken[row]} steps of the trajectory, must "
            "be 0 there"
        )
    critic = None
    if values is not None:
        critic = real_array("values", values, InvalidData)
        require_shape("values", critic, (count, steps + 1), "[n, T+1], one more than the rewards", InvalidData)
        ongoing = np.arange(steps + 1) < np.where(ended, taken, taken + 1)[:, None]
        critic = np.where(ongoing, critic, 0.0)
    law = _law(StoredScores(psi), steps, gamma, bool(ended.all()))
    return Trajectories(
        rollout=law,
        states=np.repeat(np.arange(count)[:, None], steps + 1, axis=1),
        actions=np.zeros((count, steps), dtype=np.int64),
        rewards=paid,
        lengths=taken,
        terminated=ended,
        log_probs=np.zeros((count, steps)),
        critic=critic,
    )


def _lengths(lengths: ArrayLike | None, count: int, steps: int) -> Array:
    if lengths is None:
        return np.full(count, steps)
    array = integers("lengths", lengths, InvalidData)
    require_shape("lengths", array, (count,), "[n]", InvalidData)
    wrong = (array < 0) | (array > steps)
    if wrong.any():
        (row,) = first_index(wrong)
        raise InvalidData(f"lengths[{row}] is {array[row]}, must lie in 0..{steps}, the steps that the rewards have")
    return array.astype(np.int64)


def _law(policy: StoredScores, steps: int, discount: float, terminates: bool) -> Rollout:
    """Return a law with the parts that estimators read; of its dynamics nothing is known, and nothing is asked."""
    from scipy.sparse import csr_array, eye_array  # imported late, as everywhere

    count = len(policy.scores)
    staying = csr_array(eye_array(count))
    mdp = TabularMDP(np.full(count, 1.0 / count), staying, np.zeros((count, 1)))
    problem = Problem(mdp, policy, FiniteHorizon(steps, discount))

    def no_values() -> NoReturn:
        raise InvalidEstimator("values is None in the stored rollouts, must be [n, T+1] for a baseline or critic V")

    return Rollout(problem, policy, no_values, mdp.start, steps, terminates, discount)
