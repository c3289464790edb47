"""The exact expectation from batches of the design that the caller gave, where they can be listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.calls import Calls, Changed, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.conditioning import conditioning
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE, company_tolerance
from pgverify.checking.exhaustive.listed_problem import every_trajectory, natural_scale
from pgverify.checking.exhaustive.one_problem import REPEAT_TOLERANCE
from pgverify.checking.exhaustive.what_was_listed import Failing, Late, ListedInBatches, Random, Unlisted
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.checking.sampled.units import Units, units_of
from pgverify.exact.batches import every_multiset, every_sequence
from pgverify.exact.expectation import Expectation
from pgverify.problem import Problem
from pgverify.validation import Array

MOST_UNITS = 512
"""Trajectories, or groups, that are listed one by one: C(11, 4) = 330 groups of four from eight outcomes."""

MOST_BATCHES = 512
"""Batches of coupled units that are listed."""

FEW_ORDERED = 64
"""Groups in every order of their rows that are listed at once: of two outcomes few orders differ, and a glance may miss
them."""

OTHER_ORDERS = 3
"""Orders in which a batch is called beside the one that is listed, to see that they do not matter."""

COMPANY = 12
"""Random batches on which it is looked for whether units affect each other, or their order the estimate."""

MOST_TURNED = 16
"""Units in a batch that is called turned, each of them at each place once, where places seem to count differently."""


class _Listing:
    """Calls an implementation on batches of one law of one problem, in the words of units."""

    def __init__(self, calls: Calls, problem: Problem, law: BatchLaw) -> None:
        self._calls, self._law = calls, law
        self._batch, _ = every_trajectory(problem)
        self._natural, self._known = natural_scale(problem), conditioning(problem)
        self._rng = np.random.default_rng(2)
        self.single, self.telling, self.bits = True, False, 0
        self.coupled = False  # whether units were seen to affect each other

    def estimate(self, units: list[list[int]], again: bool = False) -> Float[Array, "d"]:
        """Return the estimate on a batch of the given units; with `again`, refuse one that changes."""
        batch = arranged(self._batch, [row for unit in units for row in unit], self._law)
        answer = self._calls.answer(batch)
        if not isinstance(answer, Value):
            raise NoEstimate(answer)
        single = answer.single or not np.any(answer.array)  # zeros are of any precision
        self.single, self.telling = self.single and single, self.telling or answer.telling
        self.bits = max(self.bits, answer.bits)
        if again:
            self._calls.same_again(batch, answer.array, COUPLING_TOLERANCE if answer.single else REPEAT_TOLERANCE)
        return answer.array

    def expectation(self) -> BatchExpectation | None:
        """Return the expectation over all batches; None where they are too many."""
        few = units_of(self._law, True, FEW_ORDERED) is not None
        for ordered in (True,) if few else (False, True):  # in every order where they are few, or seen to matter
            units = units_of(self._law, ordered, MOST_UNITS)
            if units is None:
                return None
            found = self._alone(units, ordered) or self._together(units, ordered)
            if found is not None:
                return found
        return None

    def _alone(self, units: Units, ordered: bool) -> BatchExpectation | None:
        """Return the expectation where units do not affect each other; None where they were seen to.

        Then ĝ = (1/P) Σ_i m(x_i), m(x) being the estimate on a batch that holds nothing but x: one call a unit. Where
        places count differently, as where the last is left out, that holds of the mean over the P turns of a batch,
        whose expectation is the same.
        """
        count, by_place = self._law.count, False
        rows = np.stack([self.estimate([unit] * count, again=index < COMPANY) for index, (unit, _) in enumerate(units)])
        chance = np.array([weight for _, weight in units])
        for index in range(2 * COMPANY):
            weights = None if index % 2 else chance / chance.sum()
            chosen = self._rng.choice(len(units), size=count, p=weights)
            batch = [self._shuffled(units[k][0], ordered) for k in chosen]
            value, mean = self.estimate(batch, again=index < 4), rows[chosen].mean(axis=0)
            limit = max(company_tolerance(self._calls) * np.abs(rows[chosen]).max(), 1e-13 * np.abs(rows).max())
            limit *= 1.0 + self._law.rows / 16.0
            if np.abs(value - mean).max() <= limit:
                continue
            self.coupled = count > MOST_TURNED or bool(np.abs(self._turned(batch) - mean).max() > limit)
            if self.coupled:
                return None
            by_place = True
        law, self.coupled = Expectation(chance, rows), False
        each = self._law.rows // count
        together = BatchExpectation.of(self._law.rows, law, self._natural, self._known)
        return replace(together, trace=np.inf if by_place else each * law.trace)

    def _turned(self, batch: list[list[int]]) -> Float[Array, "d"]:
        """Return the mean of the estimates on a batch and on all that it is turned to."""
        return np.mean([self.estimate(batch[k:] + batch[:k]) for k in range(len(batch))], axis=0)

    def _together(self, units: Units, ordered: bool) -> BatchExpectation | None:
        """Return the expectation over all batches of units; None where they are too many, or their order matters."""
        count, chance = self._law.count, np.array([weight for _, weight in units])
        number = len(units) ** count if ordered else comb(len(units) + count - 1, count)
        if number > MOST_BATCHES:
            return None
        listed = list(every_sequence(chance, count) if ordered else every_multiset(chance, count))
        estimates = []
        for index, (chosen, _) in enumerate(listed):
            value = self.estimate([units[k][0] for k in chosen], again=index < COMPANY)
            estimates.append(value)
            for _ in range(0 if ordered else OTHER_ORDERS):
                mixed = [self._shuffled(units[k][0], ordered) for k in self._rng.permutation(chosen)]
                gap = np.abs(self.estimate(mixed) - value).max(initial=0.0)
                if gap > company_tolerance(self._calls) * max(np.abs(np.stack(estimates)).max(), self._natural):
                    return None
        law = Expectation(np.array([weight for _, weight in listed]), np.stack(estimates))
        return BatchExpectation.of(self._law.rows, law, self._natural, self._known)

    def _shuffled(self, unit: list[int], ordered: bool) -> list[int]:
        return unit if ordered else [int(row) for row in self._rng.permutation(unit)]


@dataclass(frozen=True, eq=False)
class ListedDesign:
    """What calling on the batches of a design has shown on one problem, by size.

    Attributes
    ----------
    listed : ListedInBatches
        Of the sizes whose batches could be listed.
    open : tuple of BatchLaw
        The others.
    coupled : frozenset of int
        Trajectories in the batches in which units were seen to affect each other here.
    """

    listed: ListedInBatches
    open: tuple[BatchLaw, ...]
    coupled: frozenset[int] = frozenset()


def list_design(implementation: LimitedFunction, problem: Problem, laws: Sequence[BatchLaw]) -> ListedDesign | Unlisted:
    """Return the exact expectations of an implementation from batches of the given laws, or why there are none.

    Parameters
    ----------
    implementation : LimitedFunction
    problem : Problem
        Small enough for its trajectories to be listed.
    laws : laws of batches
        The implementation is called on batches of these, and on no others.
    """
    calls = Calls(implementation)
    expectations, unlisted, coupled = [], [], set()
    single, telling, bits = True, False, 0
    try:
        for law in laws:
            listing = _Listing(calls, problem, law)
            found = listing.expectation()
            single, telling = single and listing.single, telling or listing.telling
            bits = max(bits, listing.bits)
            coupled |= {law.rows} if listing.coupled else set()
            if found is None:
                unlisted.append(law)
            else:
                expectations.append(found)
    except NoEstimate as reason:
        return Failing(reason.failure, notes=calls.notes)
    except Changed as reason:
        return Random(reason.difference, calls.notes)
    except OutOfTime:
        return Late(calls.notes)
    listed = ListedInBatches(tuple(expectations), single=single, telling=telling, bits=bits, notes=calls.notes)
    return ListedDesign(listed, tuple(unlisted), frozenset(coupled))
