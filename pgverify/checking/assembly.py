"""From listings to a report: the verdict, its evidence, the diagnosis, and what else was noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pgverify.bugs import Effect
from pgverify.bugs import get as get_bug
from pgverify.checking.caller import Caller
from pgverify.checking.coupling import TRIED_SIZES
from pgverify.checking.diagnosis import Match, matching_bugs
from pgverify.checking.exhaustive import Expectation, Listing
from pgverify.checking.invariants import check_invariants
from pgverify.checking.listing import directions, every_trajectory, optimal_trace, reference_trace
from pgverify.checking.outcome import Outcome
from pgverify.checking.report import Finding, Report
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.targets import TARGETS, smallest_batch, target_vector
from pgverify.checking.verdict import DOUBLE, MIXED, SINGLE, Evidence, Judgement, Precision, deviation, judge
from pgverify.exact import occupancy
from pgverify.problem import FiniteHorizon

NAMEABLE = (Outcome.BIASED, Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL)

MOST_VARIANCE = 1e100
"""Variances beyond this, squares of what is allowed, are not reported."""

NEXT = {
    Outcome.BIASED: "compare one trajectory by hand, on the problem above",
    Outcome.NO_SIGNAL: "look for what is detached, centred on itself, or differentiated as a loss",
    Outcome.SCALED: "harmless with a tuned step size; otherwise divide by the factor",
    Outcome.OTHER_TARGET: "pass this target, or change the implementation",
    Outcome.INCONCLUSIVE: "give problems with something to estimate, small enough to list",
}

Found = list[tuple[SuiteProblem, Expectation]]


def assemble(
    call: Caller, listings: Sequence[tuple[SuiteProblem, Listing]], target: str, given: bool, thorough: bool = True
) -> Report:
    """Return the report on an implementation that could be listed.

    Parameters
    ----------
    call : Caller
    listings : by problem
    target : str
    given : bool
        Whether the caller gave the problems: then faults with settings of their own are suspected too.
    thorough : bool
        Whether invariants are tried, which takes more calls.
    """
    found, evidence = [], []
    for entry, listing in listings:
        for item in listing.expectations:
            vector = target_vector(target, entry.problem, item.batch_size)
            if item.batch_size >= smallest_batch(target) and vector is not None:
                found.append((entry, item))
                evidence.append(_evidence(entry, item, vector))
    findings, broken = check_invariants(call, listings, target) if listings and thorough else ([], [])
    notes = (*call.notes.values(), *broken, *_noisy(listings), *_alone(listings, target))
    if not found:
        reason = "no problem is small enough for its batches to be listed" if listings else "no problem could be listed"
        bound = "nothing was compared"
        return Report(
            Outcome.INCONCLUSIVE, reason, "exhaustive", target, bound, findings=tuple(findings), warnings=notes
        )
    # Zeros, halves and quarters are numbers of any precision.
    single = all(listing.single for _, listing in listings) and any(listing.telling for _, listing in listings)
    precision = SINGLE if single else DOUBLE
    judgement = judge(evidence, precision, {})
    first = min((listing.coupled for _, listing in listings if listing.coupled), default=0)
    dependences = {first: "affect each other", call.ordered: "count by their order"}.items()
    for size, what in dependences:
        if judgement.outcome is Outcome.CORRECT and size not in {0, *(item.batch_size for _, item in found)}:
            note = f"its trajectories {what} in a batch of {size}, too large for all such batches to be listed"
            judgement = replace(judgement, outcome=Outcome.INCONCLUSIVE, explanation=note)
    if judgement.outcome is Outcome.BIASED and (judgement.factor is None):
        loose = max(precision, MIXED, key=lambda level: level.relative)
        others = {name: _other(name, found, loose) for name in TARGETS if name != target}
        judgement = judge(evidence, precision, others)
    matches: tuple[Match, ...] = ()
    if judgement.outcome in NAMEABLE:
        for level in dict.fromkeys((precision, MIXED)):
            if not matches:
                matches = matching_bugs(found, level, target, given, judgement.factor is not None)
    return _report(judgement, evidence, found, precision, matches, target, tuple(findings), notes)


def differs(listings: Sequence[tuple[SuiteProblem, Listing]], target: str) -> bool:
    """Return whether an expectation is off the target by more than any precision explains."""
    for entry, listing in listings:
        for item in listing.expectations:
            vector = target_vector(target, entry.problem, item.batch_size)
            if vector is not None and deviation(item, vector, SINGLE) > SINGLE.relative:
                return True
    return False


def _other(name: str, found: Found, precision: Precision) -> list[np.ndarray | None]:
    """Return another target wherever the expectations are; nothing, as soon as one is without it or far from it."""
    vectors: list[np.ndarray | None] = []
    for entry, item in found:
        vector = target_vector(name, entry.problem, item.batch_size)
        if vector is None or deviation(item, vector, precision) > precision.relative:
            return [None] * len(found)
        vectors.append(vector)
    return vectors


def _evidence(entry: SuiteProblem, item: Expectation, vector: np.ndarray) -> Evidence:
    objective = entry.problem.objective
    assert isinstance(objective, FiniteHorizon)
    running = occupancy(entry.problem)[:, ~entry.problem.mdp.terminal]
    return Evidence(entry.name, item, vector, objective.horizon, float(running.sum()), directions(entry.problem))


def _noisy(listings: Sequence[tuple[SuiteProblem, Listing]]) -> list[str]:
    return [
        f"{entry.name} has reward noise, which is listed at its mean: only estimates linear in the rewards are judged"
        for entry, _ in listings
        if np.any(entry.problem.mdp.reward_noise)
    ]


def _alone(listings: Sequence[tuple[SuiteProblem, Listing]], target: str) -> list[str]:
    """Return a note where single trajectories have another expectation than the target: batches were judged."""
    for entry, listing in listings:
        vector = target_vector(target, entry.problem, 1) if smallest_batch(target) == 1 else None
        if listing.alone and vector is not None and deviation(listing.alone, vector, MIXED) > MIXED.relative:
            return [f"on single trajectories its expectation is not the target ({entry.name}): batches were judged"]
    return []


def _report(
    judgement: Judgement,
    evidence: Sequence[Evidence],
    found: Found,
    precision: Precision,
    matches: tuple[Match, ...],
    target: str,
    invariants: tuple[Finding, ...],
    notes: tuple[str, ...],
) -> Report:
    fine = judgement.outcome in (Outcome.CORRECT, Outcome.INCONCLUSIVE)
    findings = []
    for item, (entry, expectation) in zip(evidence, found, strict=True):
        trace = expectation.trace if expectation.trace <= MOST_VARIANCE else None
        gap = deviation(expectation, item.target, precision)
        findings.append(
            Finding(
                "expectation",
                entry.name,
                expectation.batch_size,
                tuple(map(float, item.target)),
                tuple(map(float, expectation.mean)),
                gap,
                fine or gap <= precision.relative,
                trace,
                _ratio(trace, reference_trace(entry.problem)),
                len(every_trajectory(entry.problem)[0]),
                _ratio(trace, optimal_trace(entry.problem), reference_trace(entry.problem)),
            )
        )
    most = max((match.problems for match in matches), default=0)
    best = [match for match in matches if match.problems == most]
    # Many a mistake leaves nothing: zero has no one cause.
    silent = judgement.outcome is Outcome.NO_SIGNAL
    bug = get_bug(best[0].slug) if len(best) == 1 and not silent else None
    if bug and judgement.factor is not None and bug.effect is not Effect.SCALED:
        bug = None  # what is a multiple of the target on these problems has a plainer cause than a fault that is here
    return Report(
        judgement.outcome,
        judgement.explanation,
        "exhaustive",
        target,
        _bound(found, judgement.level if judgement.outcome.good else precision),
        bug.slug if bug else None,
        matches,
        (*findings, *invariants),
        notes,
        bug.cause if bug else "",
        bug.cure if bug else "",
        bug.source if bug else (),
        next_step=NEXT.get(judgement.outcome, ""),
    )


def _ratio(trace: float | None, reference: float, size: float = 0.0) -> float | None:
    """Return the ratio of two variances; None where the second is zero, to rounding of a variance of the given size."""
    return trace / reference if trace is not None and reference > max(1e-200, 1e-12 * size) else None


def _bound(found: Found, precision: Precision) -> str:
    sizes = Counter(item.batch_size for _, item in found)
    problems = len({id(entry) for entry, _ in found})  # names are the caller's, and may repeat
    each = ", ".join(f"{size} (on {count})" for size, count in sorted(sizes.items()))
    batches = f", in batches of {each}"
    if set(sizes) == {1}:
        batches = f", coupling looked for in batches of up to {max(TRIED_SIZES)}"
    many = "problem" if problems == 1 else "problems"
    return f"no sampling: {problems} {many}{batches}; equal within {precision.relative:g} of a gradient estimate"
