"""The report on what was listed: the verdict, its evidence, the diagnosis, and what else was noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jaxtyping import Float

from pgverify.bugs import Bug, Effect
from pgverify.bugs import get as get_bug
from pgverify.checking.exhaustive.invariants import Invariants
from pgverify.checking.exhaustive.listed_problem import every_trajectory, optimal_trace, reference_trace
from pgverify.checking.exhaustive.one_problem import COUPLED, NEEDS_COMPANY
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedAlone
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison, compared, compared_alone
from pgverify.checking.verdict.composed_names import composed_matches
from pgverify.checking.verdict.finding import Finding, smallest_failure
from pgverify.checking.verdict.judgement import NARROW, Judgement, judge
from pgverify.checking.verdict.matching_bugs import REVERSED, matching_bugs
from pgverify.checking.verdict.next_steps import LAWLESS, ONE_DIRECTION, claim_again, next_step, one_batch
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import SINGLE, Precision, deviation, levels_of
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scaled_names import reversed_target, scaled_matches
from pgverify.checking.verdict.single_trajectories import off_alone
from pgverify.checking.verdict.surrogate_terms import CLIPPED
from pgverify.checking.verdict.surrogate_terms import NAME as SURROGATE
from pgverify.checking.verdict.targets import TARGETS, target_vector
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

NAMEABLE = (Outcome.BIASED, Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL)

INFORMING = (NEEDS_COMPANY, COUPLED)
"""Kinds of what is noticed in calls that are no fault."""

TOO_MANY_BATCHES = "no problem is small enough for its batches to be listed"

MOST_VARIANCE = 1e100
"""Variances beyond this, squares of what is allowed, are not reported."""


def exhaustive_report(
    known: Sequence[tuple[SuiteProblem, Listed]], invariants: Invariants, target: str, given: bool
) -> Report:
    """Return the report on an implementation that could be listed.

    Parameters
    ----------
    known : problems that were listed, with what was
    invariants : Invariants
        What was noticed beside.
    target : str
    given : bool
        Whether the caller gave the problems: then faults with settings of their own are suspected too.
    """
    evidence = compared(known, target)
    noticed = {kind: note for kind, note in invariants.notes.items() if kind not in INFORMING}
    alone = off_alone(known, target)
    warned = (*noticed.values(), *invariants.broken, *_noisy(known), *alone.warnings)
    informing = (invariants.notes[kind] for kind in INFORMING if kind in invariants.notes)
    notes = (*informing, *invariants.informs, *alone.notes)
    if not evidence:
        reason = TOO_MANY_BATCHES if known else "no problem could be listed"
        bound = "nothing was compared"
        step = next_step(Outcome.INCONCLUSIVE, "exhaustive")
        nothing = Report(Outcome.INCONCLUSIVE, reason, "exhaustive", target, bound, next_step=step)
        return replace(nothing, findings=invariants.findings, warnings=warned, notes=notes)
    precision = recognised_precision(known)
    judgement = judge(evidence, precision, {})
    if judgement.outcome.good and not alone.silent:  # batches of one are batches, too: their multiple counts
        with_alone = [*compared_alone(known, target), *evidence]
        scaled = judge(with_alone, precision, {})
        if scaled.outcome is Outcome.SCALED:
            evidence, judgement = with_alone, scaled
    if judgement.outcome is Outcome.BIASED and (judgement.factor is None):
        loose = max(levels_of(SINGLE if precision.coarse else precision), key=lambda level: level.relative)
        # Who claims a surrogate, without more, may mean the usual clip.
        candidates = (*TARGETS, CLIPPED) if target == SURROGATE else TARGETS
        others = {name: _other(name, evidence, loose) for name in candidates if name != target}
        judgement = judge(evidence, precision, others)
    matches: tuple[Match, ...] = ()
    if judgement.outcome in NAMEABLE:
        for level in levels_of(SINGLE if precision.coarse else precision):
            matches = matches or _matches(judgement, evidence, level, target, given)
    findings = (*_findings(judgement, evidence, precision), *invariants.findings)
    warned = (*judgement.left_out, *warned)
    bug = _diagnosis(judgement, matches)
    return Report(
        judgement.outcome,
        judgement.explanation,
        "exhaustive",
        target,
        _bound(evidence, known, judgement.level if judgement.outcome.good else precision),
        bug.slug if bug else None,
        matches,
        findings,
        warned,
        bug.cause if bug else "",
        bug.cure if bug else "",
        bug.source if bug else (),
        next_step=_next_step(judgement, findings, named=bool(matches)),
        notes=notes,
    )


def _next_step(judgement: Judgement, findings: Sequence[Finding], named: bool) -> str:
    if not judgement.lawful:
        return LAWLESS
    if judgement.explanation == NARROW:
        return ONE_DIRECTION
    if judgement.targets:
        return claim_again(judgement.targets[0])
    shown = smallest_failure(findings)
    return next_step(judgement.outcome, "exhaustive", one_batch(shown.batch_size if shown else 1), named)


def _matches(
    judgement: Judgement, evidence: Sequence[TargetComparison], level: Precision, target: str, given: bool
) -> tuple[Match, ...]:
    """Return the faults that explain what was found: one alone if there is one, else several composed."""
    multiple = judgement.factor is not None
    if judgement.factor is not None and judgement.factor < 0.0:
        return (*scaled_matches(evidence, level, target, -1.0), *reversed_target(evidence))
    scaled = judgement.outcome is Outcome.SCALED
    found = [(item.entry, item.found) for item in evidence]
    alone = () if scaled and not given else matching_bugs(found, level, target, given, multiple)
    if alone or judgement.outcome not in (Outcome.BIASED, Outcome.SCALED):
        return alone
    return scaled_matches(evidence, level, target) if scaled else composed_matches(evidence, level, target)


def differs(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> bool:
    """Return whether an expectation is off the target by more than any precision explains."""
    for entry, listing in known:
        for item in listing.expectations:
            vector = target_vector(target, entry.problem, item.batch_size)
            if vector is not None and deviation(item, vector, SINGLE) > SINGLE.relative:
                return True
    return False


def _other(name: str, evidence: Sequence[TargetComparison], precision: Precision) -> list[Float[Array, "_"] | None]:
    """Return another target wherever the expectations are; nothing, as soon as one is without it or far from it."""
    vectors: list[Float[Array, "_"] | None] = []
    for item in evidence:
        vector = target_vector(name, item.entry.problem, item.found.batch_size)
        if vector is None or deviation(item.found, vector, precision) > precision.relative:
            return [None] * len(evidence)
        vectors.append(vector)
    return vectors


def _noisy(known: Sequence[tuple[SuiteProblem, Listed]]) -> list[str]:
    return [
        f"{entry.name} has reward noise, which is listed at its mean: only estimates linear in the rewards are judged"
        for entry, _ in known
        if entry.problem.mdp.noise.any()
    ]


def _findings(judgement: Judgement, evidence: Sequence[TargetComparison], precision: Precision) -> Iterator[Finding]:
    fine = judgement.outcome in (Outcome.CORRECT, Outcome.INCONCLUSIVE)
    for item in evidence:
        problem, found = item.entry.problem, item.found
        trace = found.trace if found.trace <= MOST_VARIANCE else None
        gap = deviation(found, item.target, precision)
        yield Finding(
            "expectation",
            item.entry.name,
            found.batch_size,
            tuple(map(float, item.target)),
            tuple(map(float, found.mean)),
            gap,
            fine or gap <= precision.relative,
            trace,
            _ratio(trace, reference_trace(problem)),
            len(every_trajectory(problem)[0]),
            _ratio(trace, optimal_trace(problem), reference_trace(problem)),
        )


def _diagnosis(judgement: Judgement, matches: tuple[Match, ...]) -> Bug | None:
    """Return the one fault that is named; None where there is none, or more than one."""
    most = max((match.problems for match in matches), default=0)
    best = [match for match in matches if match.problems == most]
    # Many a mistake leaves nothing: zero has no one cause.
    silent = judgement.outcome is Outcome.NO_SIGNAL
    bug = get_bug(best[0].slug) if len(best) == 1 and not silent else None
    if any(match.slug == REVERSED for match in matches):
        return get_bug(REVERSED)  # whatever made the length of it
    if bug and judgement.factor is not None and bug.effect is not Effect.SCALED and bug.slug != REVERSED:
        return None  # what is a multiple of the target on these problems has a plainer cause than a fault that is here
    return bug


def _ratio(trace: float | None, reference: float, size: float = 0.0) -> float | None:
    """Return the ratio of two variances; None where the second is zero, to rounding of a variance of the given size."""
    return trace / reference if trace is not None and reference > max(1e-200, 1e-12 * size) else None


def _bound(
    evidence: Sequence[TargetComparison], known: Sequence[tuple[SuiteProblem, Listed]], precision: Precision
) -> str:
    sizes = Counter(item.found.batch_size for item in evidence)
    problems = len({id(item.entry) for item in evidence})  # names are the caller's, and may repeat
    each = ", ".join(f"{size} (on {count})" for size, count in sorted(sizes.items()))
    batches = f", in batches of {each}"
    if set(sizes) == {1}:
        judged = {id(item.entry) for item in evidence}
        largest = [one.largest for entry, one in known if id(entry) in judged and isinstance(one, ListedAlone)]
        batches = f", coupling looked for in batches of up to {max(largest, default=1)}"
    many = "problem" if problems == 1 else "problems"
    return f"no sampling: {problems} {many}{batches}; equal within {precision.relative:g} of a gradient estimate"
