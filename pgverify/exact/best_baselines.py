"""The baseline that minimises the variance, exactly, and how close the usual ones come to it.

With φ_{t,s} = c_t ψ_t 1{s_t = s}, E[φ_{t,s} · φ_{t',s'}] = 0 unless (t,s) = (t',s'), so that for any table b

    tr Cov[g_b] = tr Cov[g_b*] + Σ D_t(s) (b_t(s) − b*_t(s))²,   b* = N/D,  N = E[φ_{t,s} · g_0],  D = E|φ_{t,s}|².

Every restricted class of baselines (constant, by state, by coordinate) minimises the same parabola: about its vertex,
where nothing large has to cancel, however large the rewards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from pgverify.exact.common_reward import without_common_reward
from pgverify.exact.estimator_moments import declared_recursion, recursion_moments
from pgverify.exact.past import Past, eligibility, pasts, to_go_part
from pgverify.exact.rollout_law import rollout
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.exact.step_moments import backward_sweep, return_values
from pgverify.kinds import accepts, known_arguments
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.recursion import BatchRecursion, Recursion, StepRecursion, TotalRecursion
from pgverify.validation import Array


@known_arguments
@dataclass(frozen=True, eq=False)
class OptimalBaseline:
    """The best baselines of several classes, in units of reward, and the trace variance each of them reaches.

    Where a state is never visited, or its score is zero, the baseline has no effect and is reported as 0.

    Attributes
    ----------
    values : [T, S]
        b*_t(s), the minimiser among all functions of time and state; the sum of the three parts below.
    present, future, past : [T, S]
        What b* owes to the step's own score, to later scores, and to earlier scores.
    textbook : [T, S]
        E[|ψ|² Q]/E[|ψ|²] (Greensmith et al. 2004), the present part alone.
    by_state : [S]
        The best function of the state alone.
    constant : float
        The best constant.
    by_coordinate : [T, S, k]
        The best baseline for every coordinate by itself, at the parameters `coordinate` that each state touches.
    coordinate : [S, k]
        Which parameters those are.
    trace : {name: float}
        tr Cov for "none", "constant", "by_state", "textbook", "values" and "by_coordinate".
    """

    values: Float[Array, "T S"]
    present: Float[Array, "T S"]
    future: Float[Array, "T S"]
    past: Float[Array, "T S"]
    textbook: Float[Array, "T S"]
    by_state: Float[Array, "S"]
    constant: float
    by_coordinate: Float[Array, "T S k"]
    coordinate: Integer[Array, "S k"]
    trace: dict[str, float]

    def __repr__(self) -> str:
        return f"OptimalBaseline(times={len(self.values)}, states={len(self.by_state)}, constant={self.constant:.6g})"

    def __str__(self) -> str:
        none = self.trace["none"]
        lines = [f"{self!r}", "  tr Cov[g] of one trajectory, by what is subtracted"]
        for name, trace in self.trace.items():
            share = f"  {trace / none:8.2%} of none" if none > 0 else ""
            lines.append(f"  {name:<14}{trace:>14.6g}{share}")
        return "\n".join(lines)


@accepts(problem=REAL_PROBLEM)
def optimal_baseline(estimator: object, problem: Problem, max_steps: int | None = None) -> OptimalBaseline:
    """Return the variance-minimising baselines of an estimator; any baseline it already has is left out.

    b*_t(s) = E[φ_{t,s} · g_0] / E|φ_{t,s}|², with g_0 the estimator without baseline and φ_{t,s} = c_t ψ_t 1{s_t = s}.
    Exact. Subtracting any of these leaves the expectation unchanged.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
        For `GeneralizedAdvantage` and `NStepAdvantage`, b* is what would have to be subtracted in addition.
    problem : Problem
    max_steps : int, optional
        As for `pgverify.sample`.

    Raises
    ------
    InvalidEstimator
        When the estimator declares no recursion.

    References
    ----------
    Greensmith, Bartlett & Baxter, Variance reduction techniques for gradient estimates in reinforcement learning,
    JMLR 2004, for the present part; the past and future parts are derived in this module.
    """
    law = step_law(problem, rollout(problem, max_steps))
    bare = _without_baseline(declared_recursion(estimator, law.rollout))
    law, shifted = without_common_reward(law, bare)
    declared = replace(shifted, baseline=bare.baseline)
    effect, square = _parabola(law, declared)  # [3, T, S, k] and [T, S, k]
    present, future, past = effect.sum(axis=3)
    denominator = square.sum(axis=2)
    # What a reward common to all steps adds to b, in whatever class.
    due = np.where(denominator > 0, -np.broadcast_to(shifted.baseline, denominator.shape), 0.0)
    best = _ratio(present + future + past, denominator)
    textbook = _ratio(present, denominator)
    by_state = _mean(best, due, denominator, 0)
    constant = _mean(best, due, denominator, (0, 1))
    by_coordinate = _ratio(effect.sum(axis=0), square)
    scale = law.rollout.step_scale**2
    least = recursion_moments(law, replace(declared, baseline=best), "trace").trace

    def reached(off: np.ndarray, weight: np.ndarray) -> float:
        return least + scale * float((weight * off**2).sum())

    trace = {
        "none": reached(best + due, denominator),
        "constant": reached(constant.off, denominator),
        "by_state": reached(by_state.off, denominator),
        "textbook": reached(textbook - best, denominator),
        "values": least,
        "by_coordinate": max(least - scale * float((square * (by_coordinate - best[:, :, None]) ** 2).sum()), 0.0),
    }
    return OptimalBaseline(
        values=best + due,
        present=textbook + due,
        future=_ratio(future, denominator),
        past=_ratio(past, denominator),
        textbook=textbook + due,
        by_state=by_state.value,
        constant=float(constant.value),
        by_coordinate=np.where(square > 0, by_coordinate + due[:, :, None], 0.0),
        coordinate=law.blocks.parameter,
        trace=trace,
    )


@dataclass(frozen=True, eq=False)
class _Mean:
    """The best b of a class, and how far it is from b* in every cell."""

    value: np.ndarray
    off: Float[Array, "T S"]


def _mean(best: Float[Array, "T S"], due: Float[Array, "T S"], weight: Float[Array, "T S"], axis: Any) -> _Mean:
    """Return the mean of b* + λ with weights D along some axes; λ counts relative to the largest, all have one sign."""
    most, least = due.max(axis=axis, keepdims=True), due.min(axis=axis, keepdims=True)
    anchor = np.where(most > 0, most, least)
    own = best + (due - anchor)
    value = _ratio((own * weight).sum(axis=axis, keepdims=True), weight.sum(axis=axis, keepdims=True))
    used = weight.sum(axis=axis) > 0
    return _Mean(np.where(used, (value + anchor).squeeze(axis), 0.0), np.where(weight > 0, value - own, 0.0))


def _parabola(
    law: StepLaw, declared: StepRecursion | TotalRecursion
) -> tuple[Float[Array, "3 T S k"], Float[Array, "T S k"]]:
    """Return N (present, future, past) and D for every time, state and coordinate that the state touches."""
    probabilities, score = law.chain.probabilities, law.blocks.score
    shape = (law.steps, *law.blocks.parameter.shape)
    effect, square = np.zeros((3, *shape)), np.zeros(shape)
    if isinstance(declared, TotalRecursion):
        expected = return_values(law, declared.decay)
        to_go = to_go_part(declared, expected)
        before: list[Past] = list(pasts(law, declared, expected))
    else:
        to_go, before = declared, []
    visits = law.visits()
    traces = [law_own(law, trace) for trace in eligibility(law, to_go)]
    for step in backward_sweep(law, to_go):
        t = step.time
        # The factor of the baseline is c_t; of the total return, to_go carries c_t κ^t.
        factor = before[t].coefficient if before else step.coefficient
        weight = factor * probabilities[:, :, None] * score
        here = visits[t][:, None, None]
        present = step.coefficient * score * step.return_mean[-1][:, :, None] * here
        if before:
            present = present + before[t].coefficient * score * before[t].mean[:, None, None]
        effect[0, t] = (weight * present).sum(axis=1)
        effect[1, t] = (weight * here * law.blocks.pick(law.going_on, step.following)).sum(axis=1)
        for j, trace in enumerate(traces[t]):
            effect[2, t] += (weight * step.return_mean[j][:, :, None]).sum(axis=1) * trace
        square[t] = (factor * weight * score * here).sum(axis=1)
    return effect, square


def law_own(law: StepLaw, trace: Float[Array, "m S d"]) -> Float[Array, "m S k"]:
    """Return traces at the parameters that each state touches."""
    return np.stack([law.blocks.own(rows) for rows in trace])


def _without_baseline(declared: Recursion) -> StepRecursion | TotalRecursion:
    if isinstance(declared, BatchRecursion):
        return declared.base
    none = np.zeros(declared.baseline.shape[-1])
    if isinstance(declared, TotalRecursion):
        return TotalRecursion(declared.decay, none, declared.weighting)
    return StepRecursion(declared.decay, declared.weighting, none, declared.critic, declared.lookahead)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    usable = denominator > 0
    return np.where(usable, numerator / np.where(usable, denominator, 1.0), 0.0)
