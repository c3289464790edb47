"""Declarations of estimators beyond the plain sums of `recursion`: tables over actions, weights of whole trajectories.

As there, an estimator says as data which sum it is, and the exact code reads it: neither calls the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float

from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class TableRecursion:
    """A sum over steps whose factors are tables over states and actions.

    g = Σ_t F_t c_t [ψ_t (p u_t + q Y_{t+1} − b_t(s_t,a_t)) + Σ_a e_t(s_t,a) ψ(s_t,a)],   F_t = Π_{k<t} f,  c_t = ω^t,
    Y_t = y u_t + k Y_{t+1},   Y_T = 0,

    with p, q, f, y and k read at the state and the action of their step, and u = r, or u = δ with a critic.

    Attributes
    ----------
    weighting : float
        ω.
    earned, carried : [S, A]
        y and k: what a step adds to Y, and what it keeps of the Y after it.
    credited, credited_ahead : [S, A]
        p and q: what the score of a step is multiplied by.
    passed : [S, A]
        f: what every later contribution is multiplied by.
    critic : [S] or [time, S], optional
        V_t(s), as in `StepRecursion`.
    baseline : [S, A] or [time, S, A], optional
        b_t(s,a); 0 by default.
    expected : [S, A] or [time, S, A], optional
        e_t(s,a); 0 by default.
    reward_baseline : float
        What is taken off every reward, beside the gain.
    """

    weighting: float
    earned: Float[Array, "S A"]
    carried: Float[Array, "S A"]
    credited: Float[Array, "S A"]
    credited_ahead: Float[Array, "S A"]
    passed: Float[Array, "S A"]
    critic: Float[Array, "*times S"] | None = None
    baseline: Float[Array, "*time S A"] | None = None
    expected: Float[Array, "*steps S A"] | None = None
    reward_baseline: float = 0.0


@dataclass(frozen=True, eq=False)
class TrajectoryWeights:
    """g = h(W) Σ_t c_t ψ_t (R − b_t(s_t)), with W = Π_t π/μ the importance weight of the whole trajectory.

    Attributes
    ----------
    base : TotalRecursion
        The sum that is weighted.
    cap : float
        h(W) = min(W, cap); infinity for no cap.
    normalised : bool
        Whether h(W_i) is divided by the mean of h(W_j) over the batch.
    """

    base: TotalRecursion
    cap: float = np.inf
    normalised: bool = False


@dataclass(frozen=True, eq=False)
class LinearImage:
    """g = M h: a fixed matrix times the contribution of another estimator.

    Attributes
    ----------
    matrix : [d, d]
        M.
    base : estimator
        Whose contribution h is; one whose exact moments are known.
    """

    matrix: Float[Array, "d d"]
    base: object


Declaration: TypeAlias = TableRecursion | TrajectoryWeights | LinearImage


@runtime_checkable
class Declares(Protocol):
    """An estimator whose exact moments follow from what it declares."""

    def declaration(self, rollout: Rollout) -> Declaration:
        """Return the sum that the estimator is, for trajectories that come about in the given way."""
        ...


def ratio_table(rollout: Rollout) -> Float[Array, "S A"]:
    """Return ρ(s,a) = π(a|s)/μ(a|s); 1 where π acts itself, 0 where neither policy acts."""
    own = np.asarray(rollout.problem.policy.probabilities())
    if rollout.on_policy:
        return np.ones(own.shape)
    acting = rollout.acting.probabilities()
    return np.where(acting > 0, own / np.where(acting > 0, acting, 1.0), 0.0)


def as_table(declared: StepRecursion, ratio: Float[Array, "S A"], reward_baseline: float = 0.0) -> TableRecursion:
    """Return a sum over steps, without a lookahead, with any ratio in place of π/μ: y = p = f = ρ, k = q = κ ρ.

    Parameters
    ----------
    declared : StepRecursion
    ratio : [S, A]
        ρ, by which every decision is weighted.
    reward_baseline : float
        What is taken off every reward, beside the gain.
    """
    return TableRecursion(
        declared.weighting,
        earned=ratio,
        carried=declared.decay * ratio,
        credited=ratio,
        credited_ahead=declared.decay * ratio,
        passed=ratio,
        critic=declared.critic,
        baseline=ratio * declared.baseline[..., None],
        reward_baseline=reward_baseline,
    )
