"""The exact expectation of somebody's function on an explored problem: single trajectories, or pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.calls import Calls, Changed, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.batch_lists import ways_to_list
from pgverify.checking.exhaustive.batch_orders import expectation_in_order, expectation_once
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE
from pgverify.checking.exhaustive.explored_case import ExploredCase
from pgverify.exact.expectation import Expectation

COUPLED_HERE = "its trajectories affect each other there, and on no problem of the suite"

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
    return BatchExpectation.of(1, Expectation(case.probability, table), case.natural)


def _pairs(
    implementation: LimitedFunction, case: ExploredCase, ordered: bool
) -> BatchExpectation | NotExplored | Failure:
    calls = Calls(implementation)
    try:
        for in_order, batches in ways_to_list(case.probability, case.batch.lengths, 2):
            if ordered and not in_order:
                continue
            listed = expectation_in_order if in_order else expectation_once
            found, differ = listed(calls, case.batch, batches, True)
            if in_order or not differ:
                return BatchExpectation.of(2, found, case.natural)
    except NoEstimate as reason:
        return reason.failure
    except Changed:
        return NotExplored("it answers differently to the same batch")
    return NotExplored(TOO_MANY_PAIRS)
