"""Sizes of batches too large to be listed, sampled where trajectories are coupled: they can only lower a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.calling.answer import Notes
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedInBatches
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.one_size import RAREST, SizeVerdict, judge_size
from pgverify.checking.sampled.with_controls import drawn_by, fitted
from pgverify.checking.verdict.targets import smallest_batch, target_vector
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

SAMPLED_SIZES = (10, 33, 64, 128, 300, 1021)
"""Beyond what is listed: even and odd, above and below the usual sizes of minibatches and of fast paths."""

SAMPLED_PROBLEMS = ("early-stop", "random-end", "three-starts", "stochastic-chain")
"""Of the standard suite: between them lengths, start states, discounts and chance."""

MOST_CALLS = 8_000
"""Batches in all, some seconds; what is made of the usual estimators takes 48 a size."""


@dataclass(frozen=True, eq=False)
class SizePair:
    """One problem and one size of batches.

    Attributes
    ----------
    entry : SuiteProblem
    size : int
    needed : bool
        Whether trajectories affect each other at this size, and at no size that was listed on this problem.
    """

    entry: SuiteProblem
    size: int
    needed: bool


@dataclass(frozen=True, eq=False)
class SampledSizes:
    """What sampled batches have shown.

    Attributes
    ----------
    verdicts : tuple of (SizePair, SizeVerdict)
    untried : tuple of SizePair
        For which no time was left.
    failure : str
        Why a call gave no value, with its batch; empty if all did.
    notes : mapping of kind to sentence
    """

    verdicts: tuple[tuple[SizePair, SizeVerdict], ...]
    untried: tuple[SizePair, ...]
    failure: str
    notes: Notes


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
    everywhere = {item.batch_size for _, listing in batches for item in listing.expectations}
    pairs = {}
    for index, (entry, listing) in enumerate(batches):
        listed = {item.batch_size for item in listing.expectations}
        chosen = given or entry.name in SAMPLED_PROBLEMS
        coupled = {listing.coupled} - {0} - listed
        if chosen and ordered and ordered not in everywhere:
            coupled |= {ordered}
        sizes = {size for size in SAMPLED_SIZES if chosen and size not in listed}
        for size in sizes | coupled:
            pairs[size, index] = SizePair(entry, size, size in coupled)
    # Small batches first, on every problem: a fault shows there soonest, if it shows there.
    return tuple(pairs[key] for key in sorted(pairs))


def sample_sizes(
    implementation: LimitedFunction,
    pairs: Sequence[SizePair],
    target: str,
    multiple: bool,
    alpha: float,
    seed: int,
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
    """
    calls = Calls(implementation)
    verdicts: list[tuple[SizePair, SizeVerdict]] = []
    failure, spent = "", 0
    for index, pair in enumerate(pairs):
        try:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(pair.size, index)))
            found = _judged(calls, pair, target, multiple, alpha / len(pairs), MOST_CALLS - spent, rng)
        except NoEstimate as reason:
            failure = f"on problem {pair.entry.name} it {reason.failure}"
            break
        except OutOfTime:
            break
        if found is not None:
            verdicts.append((pair, found))
            spent += found.evidence.calls
            if found.off:
                break
    tried = {id(pair) for pair, _ in verdicts}
    untried = tuple(pair for pair in pairs if id(pair) not in tried)
    return SampledSizes(tuple(verdicts), untried, failure, calls.notes)


def _judged(
    calls: Calls, pair: SizePair, target: str, multiple: bool, alpha: float, left: int, rng: np.random.Generator
) -> SizeVerdict | None:
    """Return what sampled batches of one size show on one problem; None where the target is not known there."""
    problem = pair.entry.problem
    vector = target_vector(target, problem, pair.size)
    if vector is None or pair.size < smallest_batch(target):
        return None
    batch, probability = every_trajectory(problem)
    law, controls = IndependentLaw(probability, pair.size), _controls(problem)

    def estimate(rows: Integer[Array, "n"]) -> Float[Array, "d"]:
        return calls.estimate(batch.select(rows))

    fit = fitted(drawn_by(estimate, law.draw, law.group, controls), controls.means, rng)
    goal = Goal.of("policy_gradient", pair.entry, RAREST / pair.size).towards(vector)
    return judge_size(fit, goal, pair.size, multiple, alpha, left, rng)


@lru_cache(maxsize=64)
def _controls(problem: Problem) -> Controls:
    return Controls.of(*every_trajectory(problem))
