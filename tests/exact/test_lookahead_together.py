"""All lookaheads are swept together: the covariance of n steps is that of the listed trajectories, quickly."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.estimators import NStepAdvantage


@pytest.mark.parametrize("steps", [2, 3])
def test_the_covariance_of_n_steps_is_that_of_the_listed_trajectories(steps: int) -> None:
    mdp = pgv.mdps.get("two-state-chain")
    policy = pgv.SoftmaxPolicy(np.array([[0.3, -0.4], [0.1, 0.8]]))
    problem = pgv.Problem(mdp, policy, pgv.FiniteHorizon(4, 0.9))
    estimator = NStepAdvantage(steps, pgv.baselines.StateValue(np.array([0.7, -0.2])))
    batch, chances = pgv.exact.enumerate_trajectories(problem)
    rows = estimator(batch)
    mean = chances @ rows
    listed = (rows - mean).T @ (chances[:, None] * (rows - mean))
    found = pgv.exact.moments(estimator, problem)
    assert found.covariance is not None
    np.testing.assert_allclose(found.covariance, listed, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(pgv.exact.moments(estimator, problem, "trace").trace, np.trace(listed), rtol=1e-10)
