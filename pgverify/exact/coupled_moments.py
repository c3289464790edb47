"""Exact moments of estimators that couple the trajectories of a batch through their mean return.

The estimate is the mean over i of Y_i − Φ_i b_i, with Φ = Σ_t c_t ψ_t and b_i the mean return of all trajectories, or
of the others. Because E[Φ] = 0, only a few joint moments of (Y, Φ, R) of a *single* trajectory remain; with m = E R,
v = E R², y = E Y, h = E[ΦR], F = E[YYᵀ], A = E[ΦΦᵀR²], B = E[ΦΦᵀR], C = E[ΦΦᵀ], D₁ = E[YΦᵀ], D₂ = E[YΦᵀR] (the last two
symmetrised):

others  E = y
        Cov = (F − yyᵀ)/n − 2 m D₁/n + [C (v + (n−2) m²) + hhᵀ]/(n(n−1))
all     E = y − h/n
        E[ĝĝᵀ] = (F + (n−1) yyᵀ)/n − 2 [D₂ + (n−1)(m D₁ + sym(y hᵀ))]/n²
                 + [A + (n−1)(v C + (n−2) m² C + 2 m B + 2 hhᵀ)]/n³

With Y = ΨR the first is the closed form of leave-one-out in the notes on mathematics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from pgverify.declarations import Declares, TrajectoryWeights
from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.exact.common_reward import without_common_reward
from pgverify.exact.estimator_moments import (
    EstimatorMoments,
    Form,
    SecondMoment,
    centred,
    declared_recursion,
    moments,
    recursion_moments,
    recursion_sums,
    require_form,
)
from pgverify.exact.past import Past, eligibility, pasts
from pgverify.exact.rollout_law import rollout
from pgverify.exact.self_normalised import self_normalised_sums
from pgverify.exact.step_law import StepLaw, increment, step_law
from pgverify.exact.step_moments import backward_sweep
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.recursion import BatchRecursion, Recursion, StepRecursion, TotalRecursion
from pgverify.validation import Array, require_integer, shown


@accepts(problem=REAL_PROBLEM)
def batch_moments(
    estimator: object,
    problem: Problem,
    batch_size: int,
    form: Form = "full",
    max_steps: int | None = None,
    group_size: int | None = None,
    acting: Policy | None = None,
) -> EstimatorMoments:
    """Return the exact mean and covariance of the *estimate* from a batch of n trajectories.

    For independent contributions that is E[g] and Cov[g]/n. For a baseline that is the mean return of the batch, own
    return included or left out, the closed forms of this module; exact for every n. In groups of G that start alike a
    baseline is the mean of its own group, and with m_s, C_s the moments of one group that starts in s

        E = Σ_s p(s) m_s,    Cov = (G/n) [Σ_s p(s) (C_s + m_s m_sᵀ) − E Eᵀ].

    Parameters
    ----------
    estimator : an estimator that declares its recursion
    problem : Problem
    batch_size : int
        n ≥ 1, and ≥ 2 to leave one out.
    form : "full", "diagonal" or "trace"
    max_steps : int, optional
        As for `pgverify.sample`.
    group_size : int, optional
        G, as for `pgverify.sample`; n is a multiple of it.
    acting : Policy, optional
        μ, as for `exact.moments`; not together with groups, nor with a baseline that is a mean of the batch.

    Raises
    ------
    InvalidEstimator
        When the estimator declares no recursion; `exact.enumerated_moments` takes any function.
    InvalidSampling
        When the batch, or a group, is too small, or the groups do not fill the batch.
    TooLarge
        When sums of importance weights take too many values.

    References
    ----------
    Kool, van Hoof & Welling, Buy 4 REINFORCE samples, get a baseline for free!, 2019, for the estimator.
    """
    require_form(form, problem)
    law = step_law(problem, rollout(problem, max_steps, acting), whole=form == "full")
    if isinstance(estimator, Declares) or not law.rollout.on_policy:
        n = require_integer("batch_size", batch_size, 1, InvalidSampling)
        if group_size is not None:
            raise InvalidEstimator(
                f"group_size is {group_size!r}, must be left out for {shown(estimator)} and where another policy acts: "
                "no moments of such groups are known"
            )
        return _declared_batch(
            law, estimator, n, form, moments_of_one=partial(moments, estimator, problem, form, max_steps, acting)
        )
    declared = declared_recursion(estimator, law.rollout)
    leaves_out = isinstance(declared, BatchRecursion) and declared.leave_one_out
    least = 2 if leaves_out else 1
    n = require_integer("batch_size", batch_size, least, InvalidSampling)
    if group_size is None:
        return _independent_batch(law, declared, n, form)
    size = require_integer("group_size", group_size, least, InvalidSampling)
    if n % size:
        raise InvalidSampling(f"batch_size is {n}, must be a multiple of group_size = {size}: whole groups")
    return _grouped_batch(law, declared, n // size, size, form)


def _declared_batch(
    law: StepLaw, estimator: object, n: int, form: Form, moments_of_one: Callable[[], EstimatorMoments]
) -> EstimatorMoments:
    """Return the moments of a mean of independent contributions, or of what normalises its own weights."""
    declared = estimator.declaration(law.rollout) if isinstance(estimator, Declares) else None
    if isinstance(declared, TrajectoryWeights) and declared.normalised:
        mean, second = self_normalised_sums(law, declared, n)
        scale = law.rollout.step_scale
        asked = {"full": second, "diagonal": np.diag(second), "trace": np.asarray(np.trace(second))}[form]
        return centred(scale * mean, np.asarray(scale**2 * asked))
    return _over(moments_of_one(), n)


def _over(single: EstimatorMoments, n: int) -> EstimatorMoments:
    """Return the moments of the mean of n independent contributions."""
    covariance = None if single.covariance is None else single.covariance / n
    variance = None if single.variance is None else single.variance / n
    return EstimatorMoments(single.mean, single.trace / n, variance, covariance)


def _grouped_batch(law: StepLaw, declared: Recursion, groups: int, size: int, form: Form) -> EstimatorMoments:
    """Return the moments of the mean over independent groups, each of trajectories that start alike."""
    mean = np.zeros(law.blocks.size)
    second: Array = np.zeros(())
    for state in np.flatnonzero(law.rollout.start > 0):
        start = np.zeros_like(law.rollout.start)
        start[state] = 1.0
        own = _independent_batch(replace(law, rollout=replace(law.rollout, start=start)), declared, size, form)
        spread = {"full": own.covariance, "diagonal": own.variance, "trace": np.asarray(own.trace)}[form]
        probability = law.rollout.start[state]
        mean = mean + probability * own.mean
        second = second + probability * (spread + _outer(own.mean, own.mean, form))
    covariance = (second - _outer(mean, mean, form)) / groups
    return centred(mean, np.asarray(covariance + _outer(mean, mean, form)))


def _independent_batch(law: StepLaw, declared: Recursion, n: int, form: Form) -> EstimatorMoments:
    if not isinstance(declared, BatchRecursion):
        return _over(recursion_moments(law, declared, form), n)
    law, declared = without_common_reward(law, declared)
    joint = _joint_moments(law, declared.base, form)
    scale = law.rollout.step_scale
    mean, second = (_others if declared.leave_one_out else _all)(joint, n, form)
    return centred(scale * mean, np.asarray(scale**2 * second))


@dataclass(frozen=True, eq=False)
class _Joint:
    """The joint moments of (Y, Φ, R) named in this module; matrices in the form asked for."""

    m: float
    v: float
    y: Float[Array, "d"]
    h: Float[Array, "d"]
    F: Float[Array, "*form"]
    A: Float[Array, "*form"]
    B: Float[Array, "*form"]
    C: Float[Array, "*form"]
    D1: Float[Array, "*form"]
    D2: Float[Array, "*form"]


def _others(j: _Joint, n: int, form: Form) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    y, h = _outer(j.y, j.y, form), _outer(j.h, j.h, form)
    covariance = (j.F - y) / n - 2.0 * j.m * j.D1 / n
    covariance = covariance + (j.C * (j.v + (n - 2) * j.m**2) + h) / (n * (n - 1))
    return j.y, np.asarray(covariance + y)


def _all(j: _Joint, n: int, form: Form) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    y, h, mixed = (_outer(a, b, form) for a, b in ((j.y, j.y), (j.h, j.h), (j.y, j.h)))
    second = (j.F + (n - 1) * y) / n
    second = second - 2.0 * (j.D2 + (n - 1) * (j.m * j.D1 + mixed)) / n**2
    others = j.v * j.C + (n - 2) * j.m**2 * j.C + 2.0 * j.m * j.B + 2.0 * h
    return j.y - j.h / n, np.asarray(second + (j.A + (n - 1) * others) / n**3)


def _outer(a: Float[Array, "d"], b: Float[Array, "d"], form: Form) -> Float[Array, "*form"]:
    if form == "full":
        return (np.outer(a, b) + np.outer(b, a)) / 2.0
    return a * b if form == "diagonal" else np.asarray(a @ b)


def _joint_moments(law: StepLaw, base: StepRecursion | TotalRecursion, form: Form) -> _Joint:
    none = np.zeros(len(law.chain.start))
    decay = base.decay
    times_return = TotalRecursion(decay, none, base.weighting)  # Φ R
    h, A = recursion_sums(law, times_return, form)
    y, F = (h, A) if isinstance(base, TotalRecursion) else recursion_sums(law, base, form)
    # The sums below need G_t itself, with c_t = ω^t.
    to_go = StepRecursion(decay, base.weighting, none)
    before = list(pasts(law, times_return))
    traces = [trace[0] for trace in eligibility(law, to_go)]
    shared = _step_sums(law, to_go, before)
    visits = law.visits()
    probabilities = law.chain.probabilities
    names = ("B", "C", "D1", "D2")
    sums = {name: SecondMoment.empty(law, form) for name in names}
    m = v = 0.0
    for step in backward_sweep(law, to_go):
        t = step.time
        past, here = before[t], visits[t][:, None]
        mean, square = step.return_mean[-1], step.return_square
        p = step.coefficient * law.blocks.score
        score, trace = law.blocks.own(past.score), law.blocks.own(traces[t])
        product, unfinished = law.blocks.own(past.product), law.blocks.own(shared[t])
        paid = past.mean[:, None]
        nothing = np.zeros_like(p)
        sums["C"].add(p, probabilities * here, nothing)
        drawn, valued = probabilities * past.power * mean, probabilities * mean / 2.0
        sums["B"].add(p, probabilities * paid + drawn * here, _times(drawn, score))
        # D₁, D₂ pair c_t ψ_t G_t with the earlier scores (Φ), and earlier returns with the present score (Z).
        sums["D1"].add(p, probabilities * mean * here, _times(valued, score + trace))
        sums["D2"].add(
            p,
            probabilities * (paid * mean + past.power * square * here),
            _times(valued, product + unfinished) + _times(probabilities * past.power * square / 2.0, score + trace),
        )
        if t == 0:
            m = float(law.running_start @ law.mean_action(mean))
            v = float(law.running_start @ law.mean_action(square))
    B, C, D1, D2 = (sums[name].value() for name in names)
    if isinstance(base, TotalRecursion):
        D1, D2 = B, A
    return _Joint(m, v, y, h, F, A, B, C, D1, D2)


def _times(weights: Float[Array, "S A"], rows: Float[Array, "S k"]) -> Float[Array, "S A k"]:
    return weights[:, :, None] * rows[:, None, :]


def _step_sums(law: StepLaw, to_go: StepRecursion, before: list[Past]) -> list[Float[Array, "S d"]]:
    """Return E[Z_t ρ_t + κ^t H_t ;s] for every t, with H_t = Σ_{k<t} c_k ψ_k Σ_{k≤j<t} κ^{j−k} r_j.

    Carried forward with the eligibility trace Z: Z'ρ' = κ (Z + c ψ)(ρ + κ^t u) and H' = H + (Z + c ψ) u.
    """
    moved = law.going_on.times(increment(law, None, 0).onward)
    back, moved_back = law.backward(), law.backward(moved)
    visits = law.visits()
    probabilities = law.chain.probabilities[:, :, None]
    product = np.zeros((len(law.chain.start), law.blocks.size))
    unfinished = np.zeros_like(product)
    sums = []
    for t, trace in enumerate(eligibility(law, to_go)):
        past = before[t]
        sums.append(product + past.power * unfinished)
        drawn = to_go.weighting**t * probabilities
        added = moved_back @ trace[0] + law.blocks.arrive(moved.times(drawn * visits[t][:, None, None]))
        kept = back @ product + law.blocks.arrive(law.going_on.times(drawn * past.mean[:, None, None]))
        product = to_go.decay * (kept + past.power * added)
        unfinished = back @ unfinished + added
    return sums
