"""The declarations an estimator makes about itself, from which its exact moments follow.

An estimator says once, as data, which sum it is. The sampling code and the exact code read the same definition from
different sides: neither calls the other, and enumeration, which knows of neither, judges both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float

from pgverify.rollout import Rollout
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class StepRecursion:
    """g = Σ_t c_t ψ_t (Y_t − b_t(s_t)), with c_t = ω^t, Y_t = u_t + κ Y_{t+1} and Y_T = 0.

    Attributes
    ----------
    decay : float
        κ.
    weighting : float
        ω: γ where step t carries the factor γ^t, else 1.
    baseline : [S] or [time, S]
        b_t(s).
    critic : [S] or [time, S], optional
        V_t(s). With a critic u = r + γ V_{t+1}(s') − V_t(s), where V is 0 once the episode has terminated; without,
        u = r. Rewards are relative to the gain.
    lookahead : int, optional
        n, where Y_t stops after n terms: Y_t = Σ_{k<n} κ^k u_{t+k}. Default: no end.
    """

    decay: float
    weighting: float
    baseline: Float[Array, "*time S"]
    critic: Float[Array, "*times S"] | None = None
    lookahead: int | None = None


@dataclass(frozen=True, eq=False)
class TotalRecursion:
    """g = Σ_t c_t ψ_t (R − b_t(s_t)), with c_t = ω^t and R = Σ_t κ^t r_t the return of the whole trajectory.

    Attributes
    ----------
    decay : float
        κ.
    baseline : [S] or [time, S]
        b_t(s).
    weighting : float
        ω, 1 for the usual estimator.
    """

    decay: float
    baseline: Float[Array, "*time S"]
    weighting: float = 1.0


@dataclass(frozen=True, eq=False)
class BatchRecursion:
    """An estimator that subtracts the mean return of its batch: contribution i is Y_i − Φ_i b_i, Φ = Σ_t c_t ψ_t.

    Attributes
    ----------
    base : StepRecursion or TotalRecursion
        Y: the estimator without its baseline.
    leave_one_out : bool
        Whether b_i is the mean return of the *other* trajectories (else of all).
    """

    base: StepRecursion | TotalRecursion
    leave_one_out: bool


Recursion: TypeAlias = StepRecursion | TotalRecursion | BatchRecursion


@runtime_checkable
class DeclaresRecursion(Protocol):
    """An estimator whose exact moments are known."""

    def recursion(self, rollout: Rollout) -> Recursion:
        """Return the sum that the estimator is, for trajectories that come about in the given way."""
        ...
