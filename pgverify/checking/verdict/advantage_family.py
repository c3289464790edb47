"""Which advantage a function computes from a critic: its coefficients, seen with critics that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.other_critics import OtherCritics, WithCritic
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import DOUBLE, Precision
from pgverify.checking.verdict.report import Report
from pgverify.validation import Array

READS = "reads batch.values: correct with the exact critic"

NO_MEMBER = "with another critic its expectation is that of no known advantage estimator"

EXACT, SHORT = 1e-7, 1e-3
"""How far from a member an expectation may be, in gradient estimates: in double precision, and in any shorter."""

TELLING = 1e-2
"""Size of a later term, in gradient estimates, beyond which a problem tells its coefficient."""

CLOSE = 20.0
"""The same for coefficients that are fitted, in those units."""


@dataclass(frozen=True)
class Member:
    """A documented way to make an advantage of TD errors: its name, and c_k of Σ_k c_k γ^k δ_{t+k}."""

    name: str
    coefficients: tuple[float, ...]


def judged_with_critics(report: Report, tried: OtherCritics, level: Precision, known_target: bool) -> Report:
    """Return the report on a function that is right with the exact critic, with what other critics have shown.

    Parameters
    ----------
    report : Report
        With the outcome CORRECT.
    tried : OtherCritics
    level : Precision
        At which it is right.
    known_target : bool
        Whether the target is one that advantages estimate.
    """
    if not tried.read:
        return report
    if tried.why_none or level.coarse or not known_target:
        why = tried.why_none or ("its numbers are short" if level.coarse else "its target is of another kind")
        return _noted(report, f"{READS}; others were not compared ({why}), and an exact one hides faults of a trace")
    found, tolerance = tried.found, EXACT if level is DOUBLE and _to_the_end(report) else SHORT
    if not any(np.abs(item.terms[1:]).max(initial=0.0) > TELLING for item in found):
        return _noted(
            report, f"{READS}; on these problems others tell nothing, and an exact one hides faults of a trace"
        )
    if all(_off(item, item.target) <= tolerance for item in found):
        return _noted(report, f"{READS}, and with any other, for they are a baseline: GAE(λ = 1) and its like")
    if name := _named(found, tolerance):
        return _noted(report, f"{READS}; with others it is {name}")
    if (decay := _without_discount(found, tolerance)) is not None:
        words = (
            f"with the exact critic the exact expectation equals the target; with another it is that of an advantage "
            f"whose trace decays by {decay:.6g} a step whatever γ, not by γλ: the factor γ is missing in the trace"
        )
        step = "multiply the trace by γ, too"
        least = min(item.discount for item in found if item.discount > 0.0)
        if decay > (1.0 + SHORT) * least:  # λ = decay/γ is above 1
            return replace(report, outcome=Outcome.BIASED, explanation=words, next_step=step)
        warned = (f"{READS}; the factor γ is missing in its trace", *report.warnings)
        return replace(report, outcome=Outcome.INCONCLUSIVE, explanation=words, warnings=warned, next_step=step)
    if _is_mixture(found, tolerance):
        return _noted(report, f"{READS}; with others it is a mixture of n-step advantages that has no name")
    return replace(
        report,
        outcome=Outcome.INCONCLUSIVE,
        explanation=f"with the exact critic the exact expectation equals the target; {NO_MEMBER}",
        warnings=(f"{READS}; {NO_MEMBER}", *report.warnings),
        next_step="compare the recursion of its trace with A_t = δ_t + γλ A_{t+1}",
    )


def _to_the_end(report: Report) -> bool:
    """Return whether equality held to double precision: what is shorter inside need not show in the numbers."""
    return all(item.deviation <= DOUBLE.relative for item in report.findings if item.check == "expectation")


def _noted(report: Report, warning: str) -> Report:
    return replace(report, warnings=(warning, *report.warnings))


def _named(found: Sequence[WithCritic], tolerance: float) -> str:
    """Return the name of the documented member that it is, in windows of a fixed number of steps, too; or ""."""
    longest = max(len(item.terms) for item in found)
    for steps in (0, *range(2, longest)):
        cut = [item.in_windows(steps) for item in found]
        for member in _members(cut):
            if all(_off(item, _expected(item, member.coefficients)) <= tolerance for item in cut):
                return member.name + (f", in windows of {steps} steps" if steps else "")
    return ""


def _members(found: Sequence[WithCritic]) -> Iterator[Member]:
    """Yield the documented members that may be it, their λ taken from a fit."""
    longest = max(len(item.terms) for item in found)
    fitted = _fitted(found)
    yield Member("the one-step advantage (TD error) = GAE(λ = 0)", (1.0,) + (0.0,) * (longest - 1))
    for steps in range(2, longest):
        yield Member(f"the {steps}-step advantage", (1.0,) * steps + (0.0,) * (longest - steps))
    yield Member("reward-to-go minus V = GAE(λ = 1)", (1.0,) * longest)
    decay = fitted[1] if longest > 1 else 0.0
    if 0.0 < decay < 1.0:
        yield Member(f"GAE(λ = {decay:.6g})", tuple(decay**k for k in range(longest)))
        for steps in range(2, longest):
            cut = tuple(decay**k if k < steps else 0.0 for k in range(longest))
            yield Member(f"GAE(λ = {decay:.6g}), cut after {steps} steps", cut)
    if longest > 2 and 0.0 < fitted[2] < 1.0:
        later = (1.0, *(fitted[2] ** k for k in range(longest - 1)))
        yield Member(f"r + γ v_{{t+1}} − V with v of V-trace(λ = {fitted[2]:.6g})", later)


def _expected(item: WithCritic, coefficients: Sequence[float]) -> Float[Array, "d"]:
    return np.asarray(np.asarray(coefficients)[: len(item.terms)] @ item.terms)


def _off(item: WithCritic, expected: Float[Array, "d"]) -> float:
    """Return the deviation, relative to a gradient estimate or to the terms, where those are larger."""
    return float(np.abs(item.mean - expected).max(initial=0.0) / max(1.0, np.abs(item.terms).max(initial=0.0)))


def _fitted(found: Sequence[WithCritic]) -> Float[Array, "K"]:
    """Return the coefficients c_k that fit best, with c_0 = 1."""
    longest = max(len(item.terms) for item in found)
    if longest == 1:
        return np.ones(1)
    rows, goals = [], []
    for item in found:
        wide = np.zeros((longest - 1, item.mean.size))
        wide[: len(item.terms) - 1] = item.terms[1:]
        rows.append(wide.T)
        goals.append(item.mean - item.terms[0])
    later = np.linalg.lstsq(np.concatenate(rows), np.concatenate(goals), rcond=1e-8)[0]
    return np.concatenate([[1.0], later])


def _by_problem(found: Sequence[WithCritic]) -> list[list[WithCritic]]:
    numbers = dict.fromkeys(item.problem for item in found)
    return [[item for item in found if item.problem == number] for number in numbers]


def _without_discount(found: Sequence[WithCritic], tolerance: float) -> float | None:
    """Return ρ where Σ_k ρ^k δ_{t+k} is it on all problems, whatever their γ; None otherwise."""
    cases = [(items, items[0].discount) for items in _by_problem(found) if len(items[0].terms) > 1]
    cases = [(items, discount) for items, discount in cases if discount > 0.0]
    if len({discount for _, discount in cases}) < 2:
        return None
    decays = [_fitted(items)[1] * discount for items, discount in cases]
    decay = float(np.median(decays))
    for items, discount in cases:
        coefficients = [(decay / discount) ** k for k in range(len(items[0].terms))]
        if not all(_off(item, _expected(item, coefficients)) <= CLOSE * tolerance for item in items):
            return None
    return decay if decay > CLOSE * tolerance else None


def _is_mixture(found: Sequence[WithCritic], tolerance: float) -> bool:
    """Return whether one set of coefficients fits all, that falls from 1 to no less than 0."""
    fitted = _fitted(found)
    falls = bool((np.diff(fitted) <= CLOSE * tolerance).all()) and fitted[-1] >= -CLOSE * tolerance
    return falls and all(_off(item, _expected(item, fitted.tolist())) <= tolerance for item in found)
