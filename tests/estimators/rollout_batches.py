"""A batch of every kind of rollout."""

from __future__ import annotations

import numpy as np

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    sample,
)


def batches() -> dict[str, Trajectories]:
    """Return a batch of every kind of rollout, with episodes of several lengths where they end."""
    rng = np.random.default_rng(1)
    transition = rng.dirichlet(np.ones(3), size=(3, 2))
    reward = rng.normal(size=(3, 2))
    policy = SoftmaxPolicy(rng.normal(size=(3, 2)))
    continuing = TabularMDP([0.5, 0.3, 0.2], transition, reward)
    ending = transition.copy()
    ending[2] = [0.0, 0.0, 1.0]
    episodic = TabularMDP([0.5, 0.3, 0.2], ending, np.where([[1], [1], [0]], reward, 0.0), [False, False, True])
    return {
        "finite": sample(Problem(episodic, policy, FiniteHorizon(5, 0.9)), 40, 1),
        "cut": sample(Problem(episodic, policy, Discounted(0.8)), 40, 2, max_steps=5),
        "random horizon": sample(Problem(episodic, policy, Discounted(0.8)), 40, 3),
        "average": sample(Problem(continuing, policy, AverageReward()), 40, 4, max_steps=5),
    }
