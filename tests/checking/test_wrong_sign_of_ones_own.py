"""A wrong sign has its name on one problem of the caller's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def reversed_from(first: int, batch: pgv.Trajectories) -> np.ndarray:
    """Return reward-to-go with the wrong sign for states from `first` on."""
    paid = batch.discount_powers * batch.rewards * batch.mask
    weights = np.where(batch.mask, np.cumsum(paid[:, ::-1], axis=1)[:, ::-1], 0.0)
    return batch.score_weighted(np.where(batch.states[:, :-1] >= first, -weights, weights))


@pytest.mark.parametrize(("first", "diagnosis"), [(0, "sign-reversed"), (1, None)])
def test_it_is_named_where_all_is_reversed(first: int, diagnosis: str | None) -> None:
    transition = np.broadcast_to(np.eye(2)[:, None, :], (2, 2, 2))
    mdp = pgv.TabularMDP([0.5, 0.5], transition, [[1.0, -0.3], [0.2, 0.7]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.4, -0.2], [-0.5, 0.3]]), pgv.FiniteHorizon(2, 0.9))
    report = pgv.check(partial(reversed_from, first), problems=problem)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, diagnosis)
    assert ("sign is reversed" in report.explanation) == (diagnosis is not None)
