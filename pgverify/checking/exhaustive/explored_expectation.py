"""The exact expectation of somebody's function on an explored problem: single trajectories, or pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.conditioning import Conditioning, conditioning_of
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE
from pgverify.checking.exhaustive.explored_case import ExploredCase
from pgverify.exact.batches import every_multiset, every_sequence
from pgverify.exact.expectation import Expectation, expectation

COUPLED_HERE = "its trajectories affect each other there, and on no problem of the suite"

MOST_IN_PAIRS, MOST_IN_ORDER = 17, 17
"""Trajectories of which pairs are listed, once in both orders: most problems have no more, and of each kind some."""

TOO_MANY_PAIRS = "it couples its trajectories, and even pairs are too many"


@dataclass(frozen=True)
class Company:
    """How a function has to be called, as the suite has shown.

    Attributes
    ----------
    pairs : bool
        Whether pairs are listed: trajectories affect each other, or the target is one of batches.
    ordered : bool
        Whether the order of the trajectories is known to matter.
    """

    pairs: bool = False
    ordered: bool = False


@dataclass(frozen=True)
class NotExplored:
    """Why there is no expectation: `pairs` that are too many, or trajectories that affect each other here alone."""

    reason: str


def explored_expectation(
    implementation: LimitedFunction, case: ExploredCase, company: Company
) -> BatchExpectation | NotExplored | Failure:
    """Return the exact expectation of an implementation on an explored problem, or why there is none.

    Every trajectory takes one call: the suite has shown already whether a second one differs.

    Parameters
    ----------
    implementation : LimitedFunction
    case : ExploredCase
    company : Company

    Raises
    ------
    OutOfTime
        When the total time limit has passed.
    """
    return _pairs(implementation, case, company.ordered) if company.pairs else _single(implementation, case)


def _single(implementation: LimitedFunction, case: ExploredCase) -> BatchExpectation | NotExplored | Failure:
    rows = []
    for row in range(len(case.batch)):
        answer = implementation.estimate(case.batch.select([row]))
        if isinstance(answer, Failure):
            return answer
        rows.append(answer.array)
    whole = implementation.estimate(case.batch)
    if isinstance(whole, Failure):
        return whole
    table = np.stack(rows)
    limit = COUPLING_TOLERANCE * (1.0 + len(rows) / 16.0) * np.abs(table).max(initial=0.0)
    if np.abs(whole.array - table.mean(axis=0)).max(initial=0.0) > limit:
        return NotExplored(COUPLED_HERE)
    return BatchExpectation.of(1, Expectation(case.probability, table), case.natural, _known(case))


def _pairs(
    implementation: LimitedFunction, case: ExploredCase, ordered: bool
) -> BatchExpectation | NotExplored | Failure:
    if len(case.batch) > (MOST_IN_ORDER if ordered else MOST_IN_PAIRS):
        return NotExplored(TOO_MANY_PAIRS)
    if ordered:
        pairs = list(every_sequence(case.probability, 2))
    else:
        # One order of each pair: the suite has shown that it does not matter. It is not that of the list, though.
        listed = every_multiset(case.probability, 2)
        pairs = [(rows[::-1] if place % 2 else rows, chance) for place, (rows, chance) in enumerate(listed)]
    calls = Calls(implementation)
    try:
        found = expectation(lambda rows: calls.estimate(case.batch.select(rows)), pairs)
    except NoEstimate as reason:
        return reason.failure
    return BatchExpectation.of(2, found, case.natural, _known(case))


def _known(case: ExploredCase) -> Conditioning:
    return conditioning_of(case.batch, case.probability)
