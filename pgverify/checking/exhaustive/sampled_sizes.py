"""Sizes of batches too large to be listed, sampled where trajectories are coupled: they can only lower a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.pace import Pace
from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.listed_problem import every_trajectory, reference_trace
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedInBatches
from pgverify.checking.sampled.batch_law import IndependentLaw, arranged
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.crosses import crossed
from pgverify.checking.sampled.families import Family, likely_first
from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.one_size import (
    MOST_CALLS,
    SUSPECT,
    TOLERANCE,
    SizeVerdict,
    at_sight,
    judge_size,
    nearly,
    suspicion,
)
from pgverify.checking.sampled.with_controls import Fitted, as_before, fitted
from pgverify.checking.verdict.targets import smallest_batch
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

SAMPLED_SIZES = (10, 33, 64, 128, 300, 1021)
"""Beyond what is listed: even and odd, above and below the usual sizes of minibatches and of fast paths."""

SAMPLED_PROBLEMS = ("early-stop", "random-end", "three-starts", "stochastic-chain")
"""Of the standard suite: between them lengths, start states, discounts and chance."""

BEYOND = 5005
"""Above the usual rollouts, as where single trajectories are tried, and a multiple of 5, 7, 11 and 13, which the other
sizes are not: what a function does with whole pieces of that many shows. On one problem it is looked at whether a few
such batches are what smaller ones are: a fast path for large ones does not depend on the problem, and calls take long.
"""

LARGE = 34
"""Trajectories from which on a function that nothing has explained is not fitted anew: there a call takes long."""

LONG = 0.05
"""Seconds of a call from which on a few batches do where those of a size were explained wholly: 48 take seconds."""

MOST_ROWS, ROWS_A_CALL = 400_000, 100
"""Trajectories in all of the batches drawn for what is not made of the usual estimators, and how many more a call takes
the time of: a second or two. The rest takes 48 batches a size, or 80."""


RESERVE = 0.4
"""Part of the rows that a pair leaves for others where larger batches do something else: what stays open on a problem
with rare trajectories may show on one without."""

MOST_COVERING = 500
"""Batches that hold every trajectory once, of pairs those of a thousand: so many are called before an accusation."""

DOUBT = 3.0
"""Standard errors from which on one more pair is looked into, though another has shown that nothing can be said."""


def pairs_to_sample(known: Sequence[tuple[SuiteProblem, Listed]], ordered: int, given: bool) -> tuple[SizePair, ...]:
    """Return what is to be sampled: nothing where no coupling was seen.

    Parameters
    ----------
    known : problems that were listed, with what was
    ordered : int
        Size of the smallest batch of which two orders were seen to differ, 0 if of none.
    given : bool
        Whether the caller gave the problems: then larger batches of all of them are sampled.
    """
    batches = [(entry, listing) for entry, listing in known if isinstance(listing, ListedInBatches)]
    seen = [listing.coupled for _, listing in batches if listing.coupled]
    if not seen:
        return ()
    pairs = {}
    for index, (entry, listing) in enumerate(batches):
        listed = {item.batch_size for item in listing.expectations}
        chosen = given or entry.name in SAMPLED_PROBLEMS
        # Where only pairs were tried, a coupling that begins at more was not looked for, and no problem vouches for it.
        later = {size for size in seen if size > 2 and not 0 < listing.coupled < size}
        needed = {listing.coupled, ordered if chosen else 0, *later} - {0} - listed
        sizes = {size for size in SAMPLED_SIZES if chosen and size not in listed}
        for size in sizes | needed:
            law = IndependentLaw(every_trajectory(entry.problem)[1], size)
            pairs[size, index] = SizePair(entry, index, law, size in needed)
    largest = [pair for (size, _), pair in pairs.items() if size == SAMPLED_SIZES[-1]]
    for pair in largest[:1]:
        law = IndependentLaw(every_trajectory(pair.entry.problem)[1], BEYOND)
        pairs[BEYOND, pair.index] = replace(pair, law=law, needed=False, few=True)
    # Small batches first, on every problem: a fault shows there soonest, if it shows there.
    return tuple(pairs[key] for key in sorted(pairs))


def sample_sizes(
    implementation: LimitedFunction,
    pairs: Sequence[SizePair],
    target: str,
    multiple: bool,
    alpha: float,
    seed: int,
    most_rows: int = MOST_ROWS,
    tolerance: float = TOLERANCE,
    likely: Family | None = None,
) -> SampledSizes:
    """Return what sampled batches of the given sizes say, until one is off or calls and time are spent.

    Batches are drawn from the list of all trajectories with their probabilities, which is the exact law.

    Parameters
    ----------
    implementation : LimitedFunction
    pairs : problems and sizes
    target : str
    multiple : bool
        Whether the listed sizes gave a multiple of the target: then any will do.
    alpha : float
        Total probability of a false alarm.
    seed : int
    most_rows, tolerance :
        As `MOST_ROWS`, and relative bias at which drawing ends.
    likely : Family, optional
        Of further controls, which are tried before others: what explained the estimates elsewhere.
    """
    calls = Calls(implementation)
    verdicts: dict[SizePair, SizeVerdict] = {}
    failure = ""
    try:
        test = _Test(multiple, alpha / max(len(pairs), 1), seed, most_rows, tolerance)
        verdicts.update(_verdicts(calls, pairs, target, test, seed, likely))
    except NoEstimate as reason:
        failure = str(reason.failure)
    except OutOfTime:
        pass
    tried = {(pair.size, pair.index) for pair in verdicts}
    untried = tuple(pair for pair in pairs if (pair.size, pair.index) not in tried)
    return SampledSizes(tuple(verdicts.items()), untried, failure, calls.notes)


def _verdicts(
    calls: Calls, pairs: Sequence[SizePair], target: str, test: _Test, seed: int, likely: Family | None
) -> Iterator[tuple[SizePair, SizeVerdict]]:
    """Yield verdicts until one is off: first those at sight, then those that take more batches.

    What is beyond doubt suspect is judged as soon as it is met, then the needed, then the others, the more suspect
    first: an accusation says more than that a bias could hide. Once a needed one stays open, only those are judged that
    may be accused, as where larger batches do something else.

    What is suspect is seen on other batches than those it is judged by.
    """
    doubtful: list[tuple[SizePair, Fitted, Goal]] = []
    smaller: dict[int, Fitted] = {}
    explained: set[int] = set()  # problems on which controls explained smaller batches wholly
    paces: defaultdict[int, Pace] = defaultdict(Pace)
    multiple = test.multiple
    for pair in pairs:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(pair.size, pair.index, 0)))
        vector = pair.vector(target)
        if vector is None or pair.size < smallest_batch(target):
            continue
        goal = Goal(vector, 0.0, reference_trace(pair.entry.problem), ()).towards(vector)
        before = smaller.get(pair.index)
        if pair.few and (before is None or not before.exact):
            continue
        pace, batch = paces[pair.index], every_trajectory(pair.entry.problem)[0]
        if calls.too_slow(pace, batch, pair.size):
            continue
        long = not pair.needed and pace.expected(batch, pair.size) > LONG
        known = before if before is not None and (before.exact or pair.size >= LARGE) else None
        fit = _fit(calls, pace, replace(pair, few=pair.few or long), rng, known, likely)
        likely = fit.source.family if fit.exact and fit.source.family is not None else likely
        smaller[pair.index] = fit
        changed = (pair.index in explained or pair.explained) and not fit.exact
        pair = replace(pair, needed=pair.needed or changed, changed=changed)
        explained |= {pair.index} if fit.exact else set()
        if (verdict := at_sight(fit, goal, pair.size, multiple)) is not None:
            yield pair, verdict
        elif pair.explained and nearly(fit, goal, multiple):  # too few batches for as many coefficients as it takes
            continue
        elif pair.explained or (not pair.changed and suspicion(fit, goal, multiple) >= SUSPECT):
            # Calls on larger ones may not be needed.
            verdict = test.of(pair, fit, goal)
            yield pair, verdict
            if verdict.off or (pair.explained and not verdict.bounded):
                return
        else:
            doubtful.append((pair, fit, goal))
    # What rare trajectories may add is no ground for suspicion, and would take the rows of what is settled in a moment.
    suspected = [
        (suspicion(fit, replace(goal, unseen=pair.unseen), multiple), pair, fit, goal) for pair, fit, goal in doubtful
    ]
    unbounded: set[int] = set()  # problems on which a needed one stays open: then no word but an accusation can be said
    for doubt, pair, fit, goal in sorted(suspected, key=lambda case: (not case[1].needed, -_by_row(case[0], case[1]))):
        if unbounded and (pair.index in unbounded or not pair.changed or doubt < DOUBT):
            continue
        verdict = test.of(pair, fit, goal, RESERVE if pair.changed else 0)
        yield pair, verdict
        if verdict.off:
            return
        unbounded |= {pair.index} if pair.needed and not verdict.bounded else set()


def _by_row(doubt: float, pair: SizePair) -> float:
    """Return how soon a doubt would be settled: squares of standard errors grow with the rows that are drawn."""
    return doubt**2 / (pair.size + ROWS_A_CALL)


class _Test:
    """Judges pairs one after another, on fresh batches, as long as there are rows left for it."""

    def __init__(self, multiple: bool, alpha: float, seed: int, most_rows: int, tolerance: float) -> None:
        self.multiple, self._alpha, self._seed = multiple, alpha, seed
        self._left, self._tolerance = most_rows, tolerance

    def of(self, pair: SizePair, fit: Fitted, goal: Goal, reserve: float = 0.0) -> SizeVerdict:
        """Return the verdict on a pair that could not be judged at sight, with a part of the rows left for others."""
        if pair.needed and (verdict := _of_all_pairs(pair, fit, goal, self.multiple)) is not None:
            return verdict
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(pair.size, pair.index, 1)))
        guarded = replace(goal, unseen=() if _covered(pair, fit, rng) else pair.unseen)
        affordable = MOST_CALLS if fit.exact else int(self._left * (1.0 - reserve)) // (pair.size + ROWS_A_CALL)
        verdict = judge_size(fit, guarded, pair.size, self.multiple, self._alpha, affordable, rng, self._tolerance)
        self._left -= (verdict.evidence.calls - fit.used) * (pair.size + ROWS_A_CALL)
        return verdict


def _covered(pair: SizePair, fit: Fitted, rng: np.random.Generator) -> bool:
    """Return whether the controls explain the estimate wholly on batches that hold every trajectory of the list.

    Then none is too rare to have been seen, and what rare ones may add is known to be nothing.
    """
    if not fit.exact or not isinstance(pair.law, IndependentLaw):
        return False
    count = len(pair.law.probability)
    number = -(-count // pair.size)
    if number > MOST_COVERING:
        return False
    every = rng.permutation(np.resize(np.arange(count), number * pair.size)).reshape(number, pair.size)
    away = fit.reduced(fit.source.called_on(every)) - fit.first.mean(axis=0)
    return float(np.abs(away).max(initial=0.0)) <= fit.rounding


def _of_all_pairs(pair: SizePair, fit: Fitted, goal: Goal, multiple: bool) -> SizeVerdict | None:
    """Return the verdict on all batches of two where a few crosses of their table give it; None where they do not."""
    if not isinstance(pair.law, IndependentLaw) or pair.size != 2:
        return None
    rng = np.random.default_rng(0)  # of the pairs that are looked at: what is said of them depends on none
    found = crossed(fit.source.estimate, pair.law.probability, rng)
    if found is None:
        return None
    whole = replace(fit, first=found.mean[None], used=fit.used + found.confirmed, size=max(fit.size, found.size))
    return at_sight(whole, goal, pair.size, multiple)


def _fit(
    calls: Calls,
    pace: Pace,
    pair: SizePair,
    rng: np.random.Generator,
    smaller: Fitted | None,
    likely: Family | None,
) -> Fitted:
    batch, _ = every_trajectory(pair.entry.problem)

    def estimate(rows: Integer[Array, "n"]) -> Float[Array, "d"]:
        return pace.of(calls.estimate, arranged(batch, rows, pair.law))

    controls = _controls(pair.entry.problem, pair.cut)
    known = smaller if pair.few else None
    as_smaller = as_before(pair.law, estimate, controls, rng, known, calls.coarse) if known is not None else None
    return as_smaller or fitted(pair.law, estimate, controls, rng, smaller, calls.coarse, likely_first(likely))


@lru_cache(maxsize=64)
def _controls(problem: Problem, cut: bool) -> Controls:
    batch, probability = every_trajectory(problem)
    return Controls.of(with_bootstrap(batch) if cut else batch, probability)
