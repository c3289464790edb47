"""What larger batches, sampled, do to a verdict on those that were listed: nothing, or they lower it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pgverify.checking.calling.answer import together
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.multiple_of_sizes import tells_another, with_multiples
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.sampled_sizes import pairs_to_sample, sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.sampled.one_size import BOUNDED, SizeVerdict
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scope import SampledSize
from pgverify.counts import counted
from pgverify.suites import SuiteProblem


def with_larger_batches(
    report: Report,
    implementation: LimitedFunction,
    known: Sequence[tuple[SuiteProblem, Listed]],
    ordered: int,
    given: bool,
    alpha: float,
    seed: int,
) -> tuple[Report, SampledSizes | None]:
    """Return the report after batches too large to be listed, and what they have shown; None where none were drawn.

    Only what is CORRECT or SCALED at the listed sizes can be lowered: BIASED where a sampled size is off, INVALID where
    a call fails, INCONCLUSIVE where a coupling at no listed size could not be bounded, nor what larger batches change.

    Parameters
    ----------
    report : Report
        On the listed sizes.
    implementation : LimitedFunction
    known : problems that were listed, with what was
    ordered : int
        Size of the smallest batch of which two orders were seen to differ, 0 if of none.
    given : bool
        Whether the caller gave the problems.
    alpha : float
        Total false-alarm probability.
    seed : int
    """
    if report.outcome not in (Outcome.CORRECT, Outcome.SCALED):
        return report, None
    pairs = pairs_to_sample(known, ordered, given)
    if not pairs:
        return report, None

    def drawn(multiple: bool) -> SampledSizes:
        return sample_sizes(implementation, pairs, report.target, multiple, alpha, seed)

    return lowered_or_multiple(report, known, drawn, given, alpha, seed)


def lowered_or_multiple(
    report: Report,
    known: Sequence[tuple[SuiteProblem, Listed]],
    drawn: Callable[[bool], SampledSizes],
    given: bool,
    alpha: float,
    seed: int,
) -> tuple[Report, SampledSizes]:
    """Return the report on what was listed after samples, SCALED where they are another multiple, and the samples.

    Parameters
    ----------
    report : Report
        CORRECT or SCALED.
    known : problems that were listed, with what was
    drawn : callable
        Draws the samples, where any multiple is allowed, or none.
    given : bool
        Whether the caller gave the problems.
    alpha : float
        Total false-alarm probability.
    seed : int
    """
    sampled = drawn(report.outcome is Outcome.SCALED)
    if report.outcome is not Outcome.SCALED and any(verdict.off for _, verdict in sampled.verdicts):
        again = drawn(True)
        sampled = again if tells_another(again, report.target, given) else sampled
    warnings = together({note: note for note in report.warnings}, sampled.notes).values()
    after = lowered(replace(report, warnings=tuple(dict.fromkeys(warnings))), sampled, alpha, seed)
    if after.outcome is report.outcome:
        after = with_multiples(after, known, sampled, given, alpha, seed)
    return after, sampled


def lowered(report: Report, sampled: SampledSizes, alpha: float, seed: int) -> Report:
    """Return the report on what was listed after what was sampled, at the total false-alarm probability α."""
    if sampled.failure:
        bound = "one failing input is enough"
        return _other(
            report, Outcome.INVALID, f"it {sampled.failure}", error_rate=bound, next_step="call it on the input above"
        )
    for pair, verdict in sampled.verdicts:
        if verdict.off:
            calls = counted(verdict.evidence.calls, "batch", "batches")
            rate = f"false alarm at most {alpha:g} in all; {calls} of {pair.size}; seed {seed}"
            finding = _finding(pair, verdict, report.target)
            why = f"in batches of {pair.size}, which were sampled, its expectation is {_beside(report)}"
            why += f" (problem {pair.entry.name})"
            if any(each.check == "expectation" for each in report.findings):
                why += f"; in those that were listed it is: {report.explanation}"
            lower = _other(report, Outcome.BIASED, why, error_rate=rate)
            return replace(lower, evidence="sampled", findings=(finding, *report.findings))
    open_pairs = [(pair, verdict.evidence) for pair, verdict in sampled.verdicts if pair.needed and not verdict.bounded]
    missing = [pair for pair in sampled.untried if pair.needed]
    silent = next((pair for pair, verdict in sampled.verdicts if verdict.silent), None)
    if open_pairs or missing:
        pair, evidence = open_pairs[0] if open_pairs else (missing[0], None)
        return _other(report, Outcome.INCONCLUSIVE, _why_open(pair, evidence), next_step=_settled_by(pair, evidence))
    if silent is not None:
        why = f"in batches of {silent.size}, which were sampled, nothing but zeros was seen on problem"
        return _other(report, Outcome.INCONCLUSIVE, f"{why} {silent.entry.name}")
    return report


def _why_open(pair: SizePair, evidence: SampledSize | None) -> str:
    """Return why nothing is said: that a function does something else in larger batches, no test has shown here."""
    where = f"(problem {pair.entry.name})"
    if evidence is None:
        left = "no time was left to sample them"
    elif np.isfinite(evidence.hidden_bias):
        left = f"{evidence.calls} samples leave room for a bias of {evidence.hidden_bias:.2g} times the target"
    else:
        left = f"{evidence.calls} samples do not bound a bias at all"
    if pair.changed:
        return (
            f"the usual estimators, of which smaller ones are made, do not explain batches of {pair.size} {where}; "
            f"what remains there may cancel on average, but {left}, where {BOUNDED:g} is asked"
        )
    return (
        f"its trajectories affect each other in a batch of {pair.size}, too large for all such batches to be listed, "
        f"and {left}, where {BOUNDED:g} is asked {where}"
    )


def _settled_by(pair: SizePair, evidence: SampledSize | None) -> str:
    """Return what would settle it: standard errors fall with the root of the number of batches."""
    if evidence is None:
        return "raise total_time_limit"
    step = (
        f'judge batches of {pair.size} by more samples: check(lambda problem, count, rng: …, kind="sampler"), which '
        f"returns its estimates on batches of {pair.size} trajectories that it draws"
    )
    if not np.isfinite(evidence.hidden_bias):
        return step
    needed = evidence.calls * (evidence.hidden_bias / BOUNDED) ** 2
    return f"{step}; some {float(f'{needed:.1g}'):,.0f} of them would do"


def _other(report: Report, outcome: Outcome, why: str, **changes: str) -> Report:
    """Return the report with another outcome; the cause that went with the former one is withdrawn."""
    step = {"next_step": next_step(outcome, "exhaustive"), **changes}
    bare = replace(report, diagnosis=None, matches=(), cause="", cure="", source=())
    return replace(bare, outcome=outcome, explanation=why, **step)  # type: ignore[arg-type]


def _beside(report: Report) -> str:
    return "no multiple of the target" if report.outcome is Outcome.SCALED else "off the target"


def _finding(pair: SizePair, verdict: SizeVerdict, target: str) -> Finding:
    vector = pair.vector(target)
    expected = tuple(map(float, vector)) if vector is not None else ()
    found = tuple(map(float, verdict.mean))
    size = max(map(abs, (*expected, *found)), default=0.0)
    gap = max((abs(a - b) for a, b in zip(expected, found, strict=True)), default=0.0)
    return Finding("expectation", pair.entry.name, pair.size, expected, found, gap / size if size else 0.0, False)
