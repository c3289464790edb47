"""Trust regions: what PPO and TRPO maximise at θ, from data of an old policy, and how far θ is from it.

    L(θ) = Σ_t γ^t Σ_s d_t(s) Σ_a μ(a|s) min(ρ A, clip(ρ, 1 − ε, 1 + ε') A),   ρ = π_θ/μ,

with states, advantages A_t(s, a) and weights of the old policy μ: at θ = θ_old its gradient is ∇J, its value 0. Where
A > 0 and ρ > 1 + ε', or A < 0 and ρ < 1 − ε, a step is clipped and has no gradient; the dual clip also lets go of
A < 0 and ρ > c.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from pgverify.errors import InvalidInput
from pgverify.exact.curvature import fisher, natural_gradient
from pgverify.exact.gradient_theorem import gradient
from pgverify.exact.solution import solve
from pgverify.exact.value_functions import values
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.validation import Array, require_number

Clip = float | tuple[float, float] | None
"""ε; or ε and ε' (clip-higher); or None."""


def clip_bounds(clip: Clip) -> tuple[float, float]:
    """Return 1 − ε and 1 + ε'.

    Raises
    ------
    InvalidInput
        When clip is no ε ≥ 0, nor a pair of them with ε ≤ 1.
    """
    if clip is None:
        return 0.0, np.inf
    pair = clip if isinstance(clip, tuple) else (clip, clip)
    if len(pair) != 2:
        raise InvalidInput(f"clip is {clip!r}, must be ε, (ε_low, ε_high) or None")
    low, high = (
        require_number("clip", each, 0.0, largest, InvalidInput) for each, largest in zip(pair, (1.0, 1e6), strict=True)
    )
    return 1.0 - low, 1.0 + high


def dual_bound(dual: float | None) -> float:
    """Return c of the dual clip, ∞ for none.

    Raises
    ------
    InvalidInput
        When it is no number of at least 1.
    """
    return np.inf if dual is None else require_number("dual", dual, 1.0, 1e6, InvalidInput)


def unclipped(
    ratio: Float[Array, "..."], advantage: Float[Array, "..."], clip: Clip = None, dual: float | None = None
) -> Bool[Array, "..."]:
    """Return where the gradient of the clipped term is ρ A ψ; elsewhere it is 0.

    Parameters
    ----------
    ratio, advantage : of one shape
    clip : ε, (ε_low, ε_high) or None
    dual : number above 1, optional
        c of the dual clip: max(min(·), cA) where A < 0.
    """
    low, high = clip_bounds(clip)
    top = dual_bound(dual)
    return np.where(advantage > 0, ratio <= high, (ratio >= low) & (ratio <= top))


@accepts(problem=REAL_PROBLEM)
def surrogate(problem: Problem, old: Policy, clip: Clip = None, dual: float | None = None) -> float:
    """Return L(θ), with the advantages A(s, a) of the old policy; unclipped it is TRPO's.

    Parameters
    ----------
    problem : Problem
        θ is its policy's.
    old : Policy
        μ, which collected the data.
    clip : ε, (ε_low, ε_high) or None
    dual : number above 1, optional

    Raises
    ------
    InvalidInput
        When `old` is no policy, or clip and dual are none.

    References
    ----------
    Schulman et al., Trust region policy optimization, 2015, eq. 14; Proximal policy optimization, 2017, eq. 7.
    """
    return _summed(problem, old, lambda ratio, advantage: _clipped_term(ratio, advantage, clip, dual))


def _clipped_term(
    ratio: Float[Array, "..."], advantage: Float[Array, "..."], clip: Clip, dual: float | None
) -> Float[Array, "..."]:
    low, high = clip_bounds(clip)
    top = dual_bound(dual)
    found = np.minimum(ratio * advantage, np.clip(ratio, low, high) * advantage)
    return found if top == np.inf else np.where(advantage < 0, np.maximum(found, top * advantage), found)


@accepts(problem=REAL_PROBLEM)
def surrogate_gradient(
    problem: Problem, old: Policy, clip: Clip = None, dual: float | None = None
) -> Float[Array, "d"]:
    """Return ∇L(θ): Σ_t γ^t Σ_s d_t(s) Σ_a π_θ A ψ over what is not clipped away.

    Parameters
    ----------
    problem, old, clip, dual
        As of `surrogate`.
    """
    visits, advantage, ratio = _of_old(problem, old)
    kept = np.where(unclipped(ratio, advantage, clip, dual), ratio * advantage, 0.0)
    weights = visits[..., None] * old.probabilities() * kept
    return np.asarray(problem.policy.score_vjp(weights.sum(axis=0) if weights.ndim == 3 else weights))


@accepts(problem=REAL_PROBLEM)
def policy_divergence(problem: Problem, old: Policy) -> float:
    """Return Σ_t γ^t Σ_s d_t(s) KL(μ(·|s) ‖ π_θ(·|s)), states of the old policy: what TRPO keeps below its radius.

    The weights are those of `exact.fisher`, not normalised: at θ = θ_old its Hessian is the Fisher information.

    Parameters
    ----------
    problem, old
        As of `surrogate`.
    """
    return _summed(problem, old, lambda ratio, _: -np.log(ratio))


@accepts(problem=REAL_PROBLEM)
def natural_step(problem: Problem, radius: float) -> Float[Array, "d"]:
    """Return TRPO's step at θ = θ_old: √(2δ/gᵀF⁺g) F⁺g, of divergence δ to second order.

    Parameters
    ----------
    problem : Problem
    radius : number above 0
        δ, in the units of `policy_divergence`.

    Raises
    ------
    InvalidInput
        When the radius is not above 0.
    """
    size = require_number("radius", radius, 1e-300, 1e6, InvalidInput)
    direction = natural_gradient(problem)
    square = float(direction @ fisher(problem) @ direction)
    if square <= 0.0 or not gradient(problem).any():
        return np.zeros_like(direction)
    return direction * np.sqrt(2.0 * size / square)


def _of_old(problem: Problem, old: Policy) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "S A"]]:
    """Return γ^t d_t(s) and A_t(s, a) of the old policy, and ρ."""
    if not is_policy(old):
        raise InvalidInput(f"old is {kind_of(old)}, must be a policy; pgv.SoftmaxPolicy(logits) is one")
    if old.probabilities().shape != problem.policy.probabilities().shape:
        raise InvalidInput(
            f"old has probabilities of shape {old.probabilities().shape}, must have those of the problem's policy, "
            f"{problem.policy.probabilities().shape}"
        )
    before = Problem(problem.mdp, old, problem.objective)
    ratio = problem.policy.probabilities() / old.probabilities()
    return solve(before).weighted_visits, np.asarray(values(before).advantage), ratio


def _summed(
    problem: Problem, old: Policy, term: Callable[[Float[Array, "..."], Float[Array, "..."]], Float[Array, "..."]]
) -> float:
    visits, advantage, ratio = _of_old(problem, old)
    each = old.probabilities() * term(np.broadcast_to(ratio, advantage.shape), advantage)
    return float((visits[..., None] * each).sum())
