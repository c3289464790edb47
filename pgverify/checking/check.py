"""The oracle: hand over a function, get a verdict."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from pgverify.checking.alarm import Alarm
from pgverify.checking.assembly import assemble, differs
from pgverify.checking.caller import Caller, OutOfTime
from pgverify.checking.exhaustive import Listing
from pgverify.checking.naming import name_weights
from pgverify.checking.outcome import Outcome
from pgverify.checking.progress import Progress, listed_on
from pgverify.checking.report import Report
from pgverify.checking.sampled import check_random, check_sampler, guarded_sampler
from pgverify.checking.suite import SuiteProblem, standard_suite
from pgverify.checking.targets import TARGETS, smallest_batch
from pgverify.errors import InvalidInput, unknown_name
from pgverify.problem import FiniteHorizon, Problem
from pgverify.stats import SequentialTest
from pgverify.validation import require_integer, require_number

EARLY = 6
"""Problems of the standard suite after which a fault that has a name already ends the check: the smallest ones."""

CONFIRMING = ("many-states", "long")
"""Problems on which the name must hold as well."""

DEFAULT = "leave it out for the standard suite"

KINDS = ("gradient", "weights", "sampler")


def check(
    implementation: Callable[..., Any],
    kind: Literal["gradient", "weights", "sampler"] = "gradient",
    target: str = "policy_gradient",
    problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem] | None = None,
    alpha: float = 1e-6,
    tolerance: float = 0.01,
    seed: int = 0,
    time_limit: float = 10.0,
    budget: int = 1_000_000,
    total_time_limit: float = 600.0,
) -> Report:
    """Tell whether an implementation estimates the gradient it claims to estimate.

    The implementation is called on every trajectory of a suite of small problems, and its exact expectation
    E[ĝ] = Σ_τ P(τ) ĝ(τ) is compared with the exact target: no sampling, hence no false alarm. A function that couples
    the trajectories of a batch is called on all batches instead, of as many sizes as can be listed; the report states
    them. Longer batches that differ in their order alone are listed once, unless two orders were seen to differ. One
    that answers differently to the same batch is judged by sampling, and the report says so.

    The verdict is about functions of data. One that computes the gradient from `batch.problem`, the model itself, has
    the right expectation and is CORRECT, with a warning.

    Parameters
    ----------
    implementation : batch -> [n, d] or [d] ("gradient"), batch -> [n, T] ("weights"), or
        (problem, num_trajectories, rng) -> [k, d] independent estimates ("sampler")
    kind : "gradient", "weights" or "sampler"
    target : str
        policy_gradient, discount_dropped, undiscounted_policy_gradient, or a name in `pgverify.bugs.TARGETS`.
    problems : Problem or SuiteProblem, or several (a list, an array, a generator), optional
        Finite-horizon problems to use instead of the standard suite; a `SuiteProblem` has a name for the report. Where
        one has too many trajectories to be listed the verdict is INCONCLUSIVE, unless another shows a fault.
    alpha, tolerance, seed, budget
        For what is judged statistically: total false-alarm probability, relative bias that is tolerated, seed, and
        most estimates on one problem. A random implementation has a tolerance and a budget of its own, in the report.
    time_limit : float
        Seconds for each call; 60 times that for a sampler's. Kept on Unix and in the main thread, between two steps of
        the interpreter: one NumPy operation that never ends is not interrupted.
    total_time_limit : float
        Seconds after which no further call begins. What was seen until then is judged; a fault counts, but the absence
        of one is INCONCLUSIVE.

    Raises
    ------
    InvalidInput
        When the call itself is wrong. What the implementation does never raises, KeyboardInterrupt excepted.
    """
    if kind not in KINDS:
        raise unknown_name("kind", str(kind), KINDS)
    if target not in TARGETS:
        raise unknown_name("target", str(target), TARGETS)
    if not callable(implementation):
        raise InvalidInput(f"implementation is {implementation!r}, must be a function of a batch")
    require_number("time_limit", time_limit, 1e-3, 1e6, InvalidInput)
    deadline = time.monotonic() + require_number("total_time_limit", total_time_limit, 1e-3, 1e9, InvalidInput)
    require_integer("seed", seed, 0, InvalidInput)
    test = SequentialTest(alpha=alpha, tolerance=tolerance, budget=budget)
    suite = _suite(problems)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the verdict does not depend on what the caller makes of warnings
        if kind == "sampler":
            return check_sampler(guarded_sampler(implementation, time_limit, deadline), suite, target, test, seed)
        with Alarm(time_limit) as alarm:
            call = Caller(implementation, kind == "weights", alarm, deadline)
            return _exhaustive(call, suite, target, alpha, seed, problems is not None)


def _exhaustive(
    call: Caller, suite: Sequence[SuiteProblem], target: str, alpha: float, seed: int, given: bool
) -> Report:
    in_batches = smallest_batch(target) > 1
    progress = Progress()
    stages = [range(len(suite))] if given else [range(min(EARLY, len(suite))), range(len(suite))]
    for chosen in stages:
        progress = listed_on(progress, call, suite, chosen, in_batches)
        if progress.failed is not None:
            index, listing = progress.failed
            return _not_listed(call, suite, suite[index], listing, target, alpha, seed)
        if progress.late:
            break
        if len(chosen) < len(suite) and differs(progress.known(suite), target):
            # A name found on small problems must hold on the longest and the widest, too.
            first = assemble(call, progress.known(suite), target, given, thorough=False)
            if first.outcome is not Outcome.BIASED or first.diagnosis is None:
                continue
            more = [index for index, entry in enumerate(suite) if entry.name in CONFIRMING]
            progress = listed_on(progress, call, suite, more, in_batches)
            if progress.failed is not None or progress.late:
                continue
            known = progress.known(suite)
            report = assemble(call, known, target, given)
            if (report.outcome, report.diagnosis) == (first.outcome, first.diagnosis):
                note = f"stopped at a fault that has a name: {len(suite) - len(known)} more problems were not tried"
                return _with_weights(replace(report, warnings=(*report.warnings, note)), call, known)
    known = progress.known(suite)
    report = assemble(call, known, target, given, thorough=not progress.late)
    if not progress.late:
        report = _with_weights(report, call, known)
    if not progress.unlisted:
        return report
    if report.outcome.good or not known:
        why = "; ".join(progress.unlisted.values())
        report = replace(
            report,
            outcome=Outcome.INCONCLUSIVE,
            explanation=f"no fault on the problems that could be listed, but {why}" if known else why,
            next_step='shorten the horizon, raise total_time_limit, or judge a kind="sampler"',
        )
    return replace(report, warnings=(*progress.unlisted.values(), *report.warnings))


def _with_weights(report: Report, call: Caller, known: Sequence[tuple[SuiteProblem, Listing]]) -> Report:
    if not call.weights or not known:
        return report
    with contextlib.suppress(OutOfTime):  # a name is not worth more time than there is
        return replace(report, weights=name_weights(call, [entry for entry, _ in known]))
    return report


def _not_listed(
    call: Caller,
    suite: Sequence[SuiteProblem],
    entry: SuiteProblem,
    listing: Listing,
    target: str,
    alpha: float,
    seed: int,
) -> Report:
    if listing.random and not listing.invalid and smallest_batch(target) == 1:
        return check_random(call, suite, target, alpha, seed, f"{listing.random}, on problem {entry.name}")
    return Report(
        Outcome.INVALID,
        f"on problem {entry.name} {f'it {listing.invalid}' if listing.invalid else listing.random}",
        "exhaustive",
        target,
        "one failing input is enough",
        warnings=tuple(listing.notes.values()),
        next_step="call it on the input above",
    )


def _suite(problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem] | None) -> Sequence[SuiteProblem]:
    if problems is None:
        return standard_suite()
    if isinstance(problems, Problem | SuiteProblem):
        problems = [problems]
    try:
        one_by_one = iter(problems)
    except TypeError:
        raise InvalidInput(
            f"problems is {_shown(problems)}, must be one Problem or an iterable of them; {DEFAULT}"
        ) from None
    suite = [_named(index, problem) for index, problem in enumerate(one_by_one)]
    if not suite:
        raise InvalidInput(f"problems is empty, must hold at least one Problem; {DEFAULT}")
    return suite


def _named(index: int, given: Problem | SuiteProblem) -> SuiteProblem:
    problem = given.problem if isinstance(given, SuiteProblem) else given
    if not isinstance(problem, Problem) or not isinstance(problem.objective, FiniteHorizon):
        raise InvalidInput(f"problems[{index}] is {_shown(given)}, must be a Problem with a FiniteHorizon objective")
    if isinstance(given, SuiteProblem):
        return given
    return SuiteProblem(f"problems[{index}]", "given by the caller", problem)


def _shown(value: object, most: int = 200) -> str:
    """Return the value as it prints, on one line of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"
