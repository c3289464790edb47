"""Whether what is off the target in some sizes of batches is a multiple of it there, on several problems."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace

from pgverify.bugs import Effect
from pgverify.bugs import get as get_bug
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.open_pairs import tells_multiples
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.sampled_sizes import SAMPLED_PROBLEMS, pairs_to_sample, sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.verdict.comparison import compared
from pgverify.checking.verdict.laws_of_size import WhereFound, in_words
from pgverify.checking.verdict.next_steps import LAWLESS
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import HIDDEN, common_factor
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scale_laws import common_multiple, without_silent
from pgverify.suites import SuiteProblem

PROBLEMS = 2
"""On so many, of more than one direction each, a multiple must have shown, unless the caller gave no more."""


def factors_in_samples(sampled: SampledSizes) -> Mapping[WhereFound, float] | None:
    """Return which multiple of the target sampled batches gave, by problem and size; None where they tell none.

    Every pair must be explained wholly by controls of known mean: the multiple is then exact, and a part of no test.

    Parameters
    ----------
    sampled : SampledSizes
        Where any multiple was allowed.
    """
    if sampled.failure or any(pair.needed for pair in sampled.untried):
        return None
    if not all(verdict.explained for _, verdict in sampled.verdicts):
        return None
    pairs = ((pair, verdict.factor) for pair, verdict in sampled.verdicts)
    return {(pair.entry.name, pair.size): factor for pair, factor in pairs if factor is not None}


def tells_another(sampled: SampledSizes, target: str, given: bool) -> bool:
    """Return whether samples show another multiple than 1 on problems enough, each of more than one direction.

    Parameters
    ----------
    sampled : SampledSizes
        Where any multiple was allowed.
    target : str
    given : bool
        Whether the caller gave the problems: then one is enough, for there may be no more.
    """
    telling = {
        pair.entry.name
        for pair, verdict in sampled.verdicts
        if verdict.factor is not None and abs(verdict.factor - 1.0) > HIDDEN and tells_multiples(pair.entry, target)
    }
    return factors_in_samples(sampled) is not None and len(telling) >= (1 if given else PROBLEMS)


def with_multiples(
    report: Report,
    known: Sequence[tuple[SuiteProblem, Listed]],
    sampled: SampledSizes,
    given: bool,
    alpha: float,
    seed: int,
) -> Report:
    """Return SCALED, as was listed and sampled, where samples tell a multiple that the report does not.

    Parameters
    ----------
    report : Report
        CORRECT or SCALED, after what was sampled.
    known : problems that were listed, with what was
    sampled : SampledSizes
    given : bool
        Whether the caller gave the problems.
    alpha : float
        Total false-alarm probability of what said that there is any bias.
    seed : int
    """
    found = factors_in_samples(sampled)
    if found is None or not (report.outcome is Outcome.SCALED or tells_another(sampled, report.target, given)):
        return report
    told = report.outcome is Outcome.SCALED and report.evidence == "exhaustive"
    if told and common_multiple(compared(known, report.target), recognised_precision(known)).goes_on(found):
        return report
    listed, silent = listed_factors(known, report.target)
    return scaled(report, {**listed, **found}, silent, alpha, seed)


def scaled(report: Report, factors: Mapping[WhereFound, float], silent: str, alpha: float, seed: int) -> Report:
    """Return the report as SCALED by what was listed and sampled.

    Parameters
    ----------
    report : Report
    factors : mapping of problem and size to the multiple there
    silent : str
        What to say of batches so small that nothing is left of them.
    alpha, seed : of what was sampled
    """
    words = f"{in_words(factors)}{silent} times the target"
    why = f"the expectation is {words} on every problem, in batches listed and sampled"
    rate = f"false alarm at most {alpha:g} in all; seed {seed}"
    bare = replace(report, outcome=Outcome.SCALED, explanation=why, evidence="sampled", error_rate=rate)
    return replace(bare, next_step=LAWLESS, diagnosis=None, matches=(), cause="", cure="", source=())


def listed_factors(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> tuple[Mapping[WhereFound, float], str]:
    """Return which multiple of the target each listed expectation is, by problem and size; nothing if one is none.

    And what to say of batches so small that nothing is left of them.

    Parameters
    ----------
    known : problems that were listed, with what was
    target : str
    """
    precision = recognised_precision(known)
    evidence, silent = without_silent(compared(known, target), precision)
    factors = common_factor([item.found for item in evidence], [item.target for item in evidence], precision) or ()
    pairs = zip(evidence, factors, strict=False)
    return {(item.entry.name, item.found.batch_size): factor for item, factor in pairs if factor is not None}, silent


def other_multiples(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> set[int]:
    """Return the sizes in which a listed expectation is another multiple than 1; none if one is no positive multiple.

    Parameters
    ----------
    known : problems that were listed, with what was
    target : str
    """
    places, _ = listed_factors(known, target)
    positive = min(places.values(), default=0.0) > 0.0
    return {size for (_, size), factor in places.items() if abs(factor - 1.0) > HIDDEN} if positive else set()


def open_multiple(
    report: Report,
    implementation: LimitedFunction,
    known: Sequence[tuple[SuiteProblem, Listed]],
    sampled_in: Callable[[Container[int]], Sequence[SizePair]],
    given: bool,
    alpha: float,
    seed: int,
) -> Report:
    """Return SCALED where too few problems could be listed to tell a multiple, and samples show it on others.

    What was listed must be a positive multiple throughout; sizes at which it is another than 1, and larger ones, are
    sampled: a function that is made of the usual estimators is no multiple by chance, as on a problem of symmetry.

    Parameters
    ----------
    report : Report
        On what was listed.
    implementation : LimitedFunction
    known : problems that were listed, with what was
    sampled_in : callable
        What is to be sampled, given the sizes at which a multiple was found.
    given : bool
        Whether the caller gave the problems: then all of them serve.
    alpha : float
        Total false-alarm probability.
    seed : int
    """
    if report.outcome is not Outcome.BIASED or recognised_precision(known).coarse:
        return report
    if any(get_bug(slug).effect is not Effect.SCALED for match in report.matches for slug in match.slug.split(" + ")):
        return report  # what a fault explains is that, though it keep the direction on a problem or two
    places, silent = listed_factors(known, report.target)
    sizes = other_multiples(known, report.target)
    if not sizes:
        return report
    pairs = sorted(sampled_in(sizes), key=lambda pair: (pair.size, pair.index))
    sampled = sample_sizes(implementation, pairs, report.target, multiple=True, alpha=alpha, seed=seed)
    if not tells_another(sampled, report.target, given):
        return report
    return scaled(report, {**places, **(factors_in_samples(sampled) or {})}, silent, alpha, seed)


def also_larger(
    known: Sequence[tuple[SuiteProblem, Listed]], ordered: int, given: bool, sizes: Container[int]
) -> list[SizePair]:
    """Return what is sampled in any case, and batches of some sizes that were listed.

    Parameters
    ----------
    known, ordered, given : as for `pairs_to_sample`
    sizes : container of int
    """
    larger = pairs_to_sample(known, ordered, given)
    planned = {(pair.entry.name, pair.size) for pair in larger}
    listed = {item.batch_size for _, listing in known for item in listing.expectations if item.batch_size in sizes}
    same = [
        SizePair(entry, index, IndependentLaw(every_trajectory(entry.problem)[1], size), needed=True)
        for size in listed
        for index, (entry, _) in enumerate(known)
        if (given or entry.name in SAMPLED_PROBLEMS) and (entry.name, size) not in planned
    ]
    return [*larger, *same]
