"""Random problems that vary everything a formula could forget: for loops over seeds in the tests."""

from __future__ import annotations

import numpy as np

from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Objective, Problem

LOGIT_SCALES = (0.0, 1.0, 5.0, 40.0)
"""Up to differences of about 100: probabilities down to e^-100."""


def random_problem(
    rng: np.random.Generator,
    objective: str = "any",
    max_states: int = 8,
    max_actions: int = 5,
    max_horizon: int = 8,
    noisy: bool = False,
    logit_scales: tuple[float, ...] = LOGIT_SCALES,
) -> Problem:
    """Return a problem with S 1..8, A 1..5, T 1..8, γ 0..1, terminal and unreachable states, zero probabilities."""
    states = int(rng.integers(1, max_states + 1))
    actions = int(rng.integers(1, max_actions + 1))
    kind = str(rng.choice(["finite", "discounted", "average"])) if objective == "any" else objective
    mdp = _random_mdp(rng, states, actions, continuing=kind == "average", noisy=noisy)
    scale = float(rng.choice(logit_scales))
    if rng.random() < 0.7:
        policy: SoftmaxPolicy | LinearSoftmaxPolicy = SoftmaxPolicy(scale * rng.normal(size=(states, actions)))
    else:
        size = int(rng.integers(1, 6))
        features = rng.normal(size=(states, actions, size))
        policy = LinearSoftmaxPolicy(features, scale * rng.normal(size=size))
    discount = float(rng.choice([0.0, 1.0, rng.random(), 0.9 + 0.09 * rng.random()]))
    chosen: Objective
    if kind == "finite":
        chosen = FiniteHorizon(int(rng.integers(1, max_horizon + 1)), discount)
    elif kind == "discounted":
        chosen = Discounted(min(discount, 0.99))
    else:
        chosen = AverageReward()
    return Problem(mdp, policy, chosen)


def _random_mdp(rng: np.random.Generator, states: int, actions: int, continuing: bool, noisy: bool) -> TabularMDP:
    transition = rng.dirichlet(np.full(states, float(rng.choice([0.3, 1.0, 5.0]))), size=(states, actions))
    if rng.random() < 0.5:  # zero-probability transitions
        transition = np.where(rng.random(transition.shape) < 0.4, 0.0, transition)
    if states > 2 and rng.random() < 0.3:  # a state that nothing leads to
        transition[:, :, -1] = 0.0
    if continuing:  # state 0 is reached from everywhere and can stay: unichain and aperiodic under any policy
        transition[:, :, 0] += 0.1
    empty = transition.sum(axis=2) <= 0
    transition[empty, 0] = 1.0
    terminal = np.zeros(states, dtype=bool)
    if not continuing and rng.random() < 0.6:
        terminal = rng.random(states) < 0.3
    transition[terminal] = np.eye(states)[terminal][:, None, :]
    transition /= transition.sum(axis=2, keepdims=True)
    start = rng.dirichlet(np.ones(states))
    start = np.where(rng.random(states) < 0.5, start, 0.0)
    start = start / start.sum() if start.sum() > 0 else np.eye(states)[0]
    reward = rng.normal(size=(states, actions, states)) * float(rng.choice([0.01, 1.0, 100.0]))
    reward += float(rng.choice([0.0, 1.0, -3.0]))
    reward[terminal] = 0.0
    noise = rng.random((states, actions, states)) if noisy and rng.random() < 0.5 else None
    return TabularMDP(start, transition, reward, terminal, noise)
