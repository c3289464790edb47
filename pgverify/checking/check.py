"""The oracle: hand over a function, get a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pgverify.bugs import get as get_bug
from pgverify.checking.diagnosis import Match, matching_bugs
from pgverify.checking.exhaustive import Expectation, Listing, list_expectation
from pgverify.checking.outcome import Outcome
from pgverify.checking.report import Finding, Report
from pgverify.checking.sampled import check_sampler
from pgverify.checking.suite import SuiteProblem, standard_suite
from pgverify.checking.targets import TARGETS, target_vector
from pgverify.checking.verdict import (
    DOUBLE_ROUNDING,
    SINGLE_ROUNDING,
    Evidence,
    Judgement,
    deviation,
    judge,
)
from pgverify.errors import InvalidInput, unknown_name
from pgverify.estimators import RewardToGo
from pgverify.exact import moments, occupancy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories

KINDS = ("gradient", "weights", "sampler")
SAME_BUT_NAMED = (Outcome.BIASED, Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL)


def check(
    implementation: Callable[..., Any],
    kind: Literal["gradient", "weights", "sampler"] = "gradient",
    target: str = "policy_gradient",
    problems: Sequence[Problem] | None = None,
    alpha: float = 1e-6,
    tolerance: float = 0.01,
    seed: int = 0,
    time_limit: float = 10.0,
    budget: int = 1_000_000,
) -> Report:
    """Tell whether an implementation estimates the gradient it claims to estimate.

    The implementation is called on every trajectory of a suite of small problems, and its exact expectation
    E[ĝ] = Σ_τ P(τ) ĝ(τ) is compared with the exact target: no sampling, hence no false alarm. A function that couples
    the trajectories of a batch is called on all batches of two and of three instead.

    Parameters
    ----------
    implementation : batch -> [n, d] or [d] ("gradient"), batch -> [n, T] ("weights"), or
        (problem, num_trajectories, rng) -> [k, d] independent estimates ("sampler")
    kind : "gradient", "weights" or "sampler"
    target : str
        policy_gradient, discount_dropped, undiscounted_policy_gradient or entropy_gradient.
    problems : sequence of Problem, optional
        Finite-horizon problems to use instead of the standard suite; each small enough to be listed.
    alpha, tolerance, seed, budget
        For kind "sampler" alone, which is judged statistically: total false-alarm probability, relative bias that is
        tolerated, seed, and most estimates on one problem.
    time_limit : float
        Seconds for each call of the other kinds.

    Raises
    ------
    InvalidInput
        When the call itself is wrong. What the implementation does never raises.
    """
    if kind not in KINDS:
        raise unknown_name("kind", str(kind), KINDS)
    if target not in TARGETS:
        raise unknown_name("target", str(target), TARGETS)
    if not callable(implementation):
        raise InvalidInput(f"implementation is {implementation!r}, must be a function of a batch")
    suite = _suite(problems)
    if kind == "sampler":
        return check_sampler(implementation, suite, target, alpha, tolerance, seed, budget)
    listings: list[tuple[SuiteProblem, Listing]] = []
    for entry in suite:
        listing = list_expectation(implementation, entry.problem, kind == "weights", time_limit)
        if not listing.usable:
            return _not_judged(entry, listing, target)
        listings.append((entry, listing))
    if any(listing.coupled for _, listing in listings):
        # Coupling seen on one problem is believed on all: elsewhere it may only have cancelled.
        for index, (entry, listing) in enumerate(listings):
            if not listing.coupled:
                listing = list_expectation(implementation, entry.problem, kind == "weights", time_limit, coupled=True)
                if not listing.usable:
                    return _not_judged(entry, listing, target)
                listings[index] = (entry, listing)
    return _judged(listings, target)


def _suite(problems: Sequence[Problem] | None) -> Sequence[SuiteProblem]:
    if problems is None:
        return standard_suite()
    if not problems:
        raise InvalidInput("problems is empty, must hold at least one problem")
    for index, problem in enumerate(problems):
        if not isinstance(problem, Problem) or not isinstance(problem.objective, FiniteHorizon):
            raise InvalidInput(f"problems[{index}] is {problem!r}, must be a Problem with a FiniteHorizon objective")
    return [SuiteProblem(f"problems[{i}]", "given by the caller", p) for i, p in enumerate(problems)]


def _not_judged(entry: SuiteProblem, listing: Listing, target: str) -> Report:
    if listing.invalid:
        return Report(
            Outcome.INVALID,
            f"on problem {entry.name} it {listing.invalid}",
            "exhaustive",
            target,
            "one failing input is enough",
            warnings=listing.warnings,
        )
    return Report(
        Outcome.INVALID,
        f"its result changes from call to call on problem {entry.name}, so that it cannot be judged by listing",
        "exhaustive",
        target,
        "two calls on the same batch are enough",
        warnings=listing.warnings,
    )


def _judged(listings: Sequence[tuple[SuiteProblem, Listing]], target: str) -> Report:
    single = all(listing.single for _, listing in listings)
    rounding = SINGLE_ROUNDING if single else DOUBLE_ROUNDING
    found = [(entry, item) for entry, listing in listings for item in listing.expectations]
    warnings = tuple(dict.fromkeys(w for _, listing in listings for w in listing.warnings))
    bound = f"no sampling; equal means within {rounding:g} of the size of the estimates"
    if not found:
        note = "it couples its trajectories, and no problem is small enough to list batches of"
        return Report(Outcome.INCONCLUSIVE, note, "exhaustive", target, bound, warnings=warnings)
    evidence = [_evidence(entry, item, target) for entry, item in found]
    others = {name: [target_vector(name, entry.problem) for entry, _ in found] for name in TARGETS if name != target}
    judgement = judge(evidence, rounding, others)
    matches: tuple[Match, ...] = ()
    if judgement.outcome in SAME_BUT_NAMED:
        matches = matching_bugs(found, rounding, target)
    return _report(judgement, evidence, found, rounding, matches, target, bound, warnings)


def _evidence(entry: SuiteProblem, item: Expectation, target: str) -> Evidence:
    problem = entry.problem
    objective = problem.objective
    assert isinstance(objective, FiniteHorizon)
    running = occupancy(problem)[:, ~problem.mdp.terminal]
    return Evidence(entry.name, item, target_vector(target, problem), objective.horizon, float(running.sum()))


def _report(
    judgement: Judgement,
    evidence: Sequence[Evidence],
    found: Sequence[tuple[SuiteProblem, Expectation]],
    rounding: float,
    matches: tuple[Match, ...],
    target: str,
    bound: str,
    warnings: tuple[str, ...],
) -> Report:
    findings = []
    for item, (entry, expectation) in zip(evidence, found, strict=True):
        reference = moments(RewardToGo(), entry.problem, "trace").trace
        gap = deviation(expectation, item.target)
        findings.append(
            Finding(
                "expectation",
                entry.name,
                expectation.batch_size,
                tuple(map(float, item.target)),
                tuple(map(float, expectation.mean)),
                gap,
                gap <= rounding or judgement.outcome is Outcome.CORRECT,
                expectation.trace,
                expectation.trace / reference if reference > 0 else None,
            )
        )
    most = max((match.problems for match in matches), default=0)
    best = [match for match in matches if match.problems == most]
    bug = get_bug(best[0].slug) if len(best) == 1 else None
    return Report(
        judgement.outcome,
        judgement.explanation,
        "exhaustive",
        target,
        bound,
        bug.slug if bug else None,
        matches,
        tuple(findings),
        warnings,
        bug.cause if bug else "",
        bug.cure if bug else "",
        bug.source if bug else (),
    )
