"""What else a user would write: autodiff in torch, NumPy by whole arrays, a loop over a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tables import Tables


def torch_gradient(tables: Tables) -> Callable[[np.ndarray], object]:
    """Autodiff through the recursion of the values, float64."""
    import torch

    torch.set_num_threads(1)
    start, transition, reward = map(torch.tensor, (tables.start, tables.transition, tables.reward))
    paid_for = (transition * reward).sum(dim=2)

    def work(theta: np.ndarray) -> object:
        logits = torch.tensor(theta, requires_grad=True)
        pi = torch.softmax(logits.reshape(tables.shape), dim=1)
        onward = torch.einsum("sa,sat->st", pi, transition)
        paid = (pi * paid_for).sum(dim=1)
        value = torch.zeros_like(paid)
        for _ in range(tables.horizon):
            value = paid + tables.discount * (onward @ value)
        (start @ value).backward()
        return logits.grad

    return work


def numpy_moments(tables: Tables, n: int) -> Callable[[np.ndarray], object]:
    """Cumulative sums and a comparison with all of them, a step of all trajectories at a time."""
    states, actions = tables.shape
    rng = np.random.default_rng(2)
    ahead = np.cumsum(tables.transition, axis=2)

    def work(theta: np.ndarray) -> object:
        logits = theta.reshape(tables.shape)
        pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        choice = np.cumsum(pi, axis=1)
        state = rng.choice(states, size=n, p=tables.start)
        visited, chosen, paid = [], [], []
        for _ in range(tables.horizon):
            action = np.minimum((rng.random(n)[:, None] > choice[state]).sum(axis=1), actions - 1)
            after = np.minimum((rng.random(n)[:, None] > ahead[state, action]).sum(axis=1), states - 1)
            visited.append(state)
            chosen.append(action)
            paid.append(tables.reward[state, action, after])
            state = after
        powers = tables.discount ** np.arange(tables.horizon)
        to_go = np.cumsum((powers[:, None] * np.array(paid))[::-1], axis=0)[::-1]
        rows = np.zeros((n, states, actions))
        for at, action, weight in zip(visited, chosen, to_go, strict=True):
            np.add.at(rows, (np.arange(n), at), weight[:, None] * (np.eye(actions)[action] - pi[at]))
        rows = rows.reshape(n, -1)
        return rows.mean(axis=0), np.cov(rows, rowvar=False)

    return work


def gymnasium_moments(tables: Tables, n: int) -> Callable[[np.ndarray], object]:
    """One step of one episode after another, through `gymnasium.Env`."""
    import gymnasium

    states, actions = tables.shape

    class Table(gymnasium.Env):  # type: ignore[misc, type-arg]
        observation_space = gymnasium.spaces.Discrete(states)
        action_space = gymnasium.spaces.Discrete(actions)

        def reset(self, *, seed: int | None = None, **_: object) -> tuple[int, dict]:  # type: ignore[type-arg]
            super().reset(seed=seed)
            self.state, self.time = int(self.np_random.choice(states, p=tables.start)), 0
            return self.state, {}

        def step(self, action: int) -> tuple[int, float, bool, bool, dict]:  # type: ignore[type-arg]
            after = int(self.np_random.choice(states, p=tables.transition[self.state, action]))
            reward = float(tables.reward[self.state, action, after])
            self.state, self.time = after, self.time + 1
            return after, reward, self.time == tables.horizon, False, {}

    environment, rng = Table(), np.random.default_rng(3)
    powers = tables.discount ** np.arange(tables.horizon)

    def work(theta: np.ndarray) -> object:
        logits = theta.reshape(tables.shape)
        pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        rows = np.zeros((n, states, actions))
        for row in rows:
            state, _ = environment.reset()
            visited, chosen, paid, over = [], [], [], False
            while not over:
                action = int(rng.choice(actions, p=pi[state]))
                visited.append(state)
                chosen.append(action)
                state, reward, over, _, _ = environment.step(action)
                paid.append(reward)
            to_go = np.cumsum((powers * paid)[::-1])[::-1]
            for at, action, weight in zip(visited, chosen, to_go, strict=True):
                row[at] -= weight * pi[at]
                row[at, action] += weight
        rows = rows.reshape(n, -1)
        return rows.mean(axis=0), np.cov(rows, rowvar=False)

    return work


def generator(steps: int) -> Callable[[np.ndarray], object]:
    """Draw the numbers alone, one a step: no sampler can be faster with them."""
    doubles = np.random.Generator(np.random.Philox(4))
    return lambda _: doubles.random(steps)
