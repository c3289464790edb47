"""Where a call may give no value without a fault: at γ = 0, without a step, at a cut, with rewards out of range."""

from __future__ import annotations

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.explored_case import ExploredCase
from pgverify.checking.exhaustive.explored_expectation import Company, explored_expectation


def excuse(implementation: LimitedFunction, case: ExploredCase, company: Company, failure: Failure) -> str:
    """Return in what the problem is special, if the failure is due to that; empty where there is no excuse.

    Parameters
    ----------
    implementation : LimitedFunction
    case : ExploredCase
    company : Company
    failure : Failure
        What a call on this problem gave.
    """
    if failure.timed_out:
        return ""
    batch = case.batch
    if (batch.lengths == 0).any() and _answers(implementation, case, company, batch.lengths > 0):
        return "gives no value on episodes without a step"
    if case.explored.discount == 0.0:
        return "gives no value at γ = 0"
    if batch.truncated.any() and not failure.examined:  # to refuse them is honest; to return NaN is not
        return "refuses episodes that are cut"
    ordinary = case.with_unit_rewards()
    if ordinary is not None and not isinstance(explored_expectation(implementation, ordinary, company), Failure):
        return "gives no value for rewards of this size"
    return ""


def _answers(implementation: LimitedFunction, case: ExploredCase, company: Company, chosen: object) -> bool:
    """Return whether there is a value on some of the trajectories: on each, or on all of them at once."""
    part = case.batch.select(chosen)
    batches = [part] if company.pairs else [part, *(part.select([row]) for row in range(len(part)))]
    return not any(isinstance(implementation.estimate(batch), Failure) for batch in batches)
