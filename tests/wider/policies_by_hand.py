"""Policies written as a user would write them: two doors, masked actions, step doors, a memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgverify import SoftmaxPolicy
from pgverify.policies.steps import Steps


@dataclass(frozen=True, eq=False)
class MaskedSoftmax:
    """A softmax over the actions that a state allows; the others have probability exactly 0. The table doors alone."""

    logits: np.ndarray
    allowed: np.ndarray

    @property
    def parameters(self) -> np.ndarray:
        return self.logits.reshape(-1)

    def with_parameters(self, theta: np.ndarray) -> MaskedSoftmax:
        return MaskedSoftmax(np.asarray(theta).reshape(self.logits.shape), self.allowed)

    def probabilities(self) -> np.ndarray:
        powers = np.where(self.allowed, np.exp(self.logits), 0.0)
        return powers / powers.sum(axis=1, keepdims=True)

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        kept = np.where(self.allowed, weights, 0.0)
        found = kept - self.probabilities() * kept.sum(axis=-1, keepdims=True)
        return found.reshape(*weights.shape[:-2], self.logits.size)


@dataclass(frozen=True, eq=False)
class SigmoidPolicy:
    """Two actions, one parameter for all states: π(1|s) = σ(θ x_s). The table doors alone."""

    theta: np.ndarray
    feature: np.ndarray

    @property
    def parameters(self) -> np.ndarray:
        return self.theta

    def with_parameters(self, theta: np.ndarray) -> SigmoidPolicy:
        return SigmoidPolicy(np.asarray(theta), self.feature)

    def probabilities(self) -> np.ndarray:
        one = 1.0 / (1.0 + np.exp(-self.theta[0] * self.feature))
        return np.stack([1.0 - one, one], axis=1)

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        one = self.probabilities()[:, 1]
        # d log π(1) = (1 − π(1)) x, d log π(0) = −π(1) x.
        return ((weights[..., 1] * (1.0 - one) - weights[..., 0] * one) * self.feature).sum(axis=-1)[..., None]


class StepDoors:
    """A tabular softmax that answers at the steps visited; its table doors count how often they are asked."""

    def __init__(self, logits: np.ndarray) -> None:
        self.table = SoftmaxPolicy(logits)
        self.asked: list[str] = []

    @property
    def parameters(self) -> np.ndarray:
        return self.table.parameters

    def with_parameters(self, theta: np.ndarray) -> StepDoors:
        return StepDoors(np.asarray(theta).reshape(self.table.logits.shape))

    def probabilities(self) -> np.ndarray:
        self.asked.append("probabilities")
        return self.table.probabilities()

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        self.asked.append("score_vjp")
        return self.table.score_vjp(weights)

    def log_prob(self, steps: Steps) -> np.ndarray:
        self.asked.append("log_prob")
        found = np.full(steps.actions.shape, np.nan)  # whatever stands on padding must not matter
        probabilities = self.table.probabilities()
        for row, time in zip(*np.nonzero(steps.mask), strict=True):
            found[row, time] = np.log(probabilities[steps.states[row, time], steps.actions[row, time]])
        return found

    def score_sum(self, steps: Steps, weights: np.ndarray) -> np.ndarray:
        self.asked.append("score_sum")
        found = np.zeros((len(weights), self.parameters.size))
        probabilities = self.table.probabilities()
        actions = probabilities.shape[1]
        for row, time in zip(*np.nonzero(steps.mask), strict=True):
            state, action = steps.states[row, time], steps.actions[row, time]
            for other in range(actions):
                change = float(other == action) - probabilities[state, other]
                found[row, state * actions + other] += weights[row, time] * change
        return found


class Repeating:
    """The actions of a table, but the last action is repeated with probability `stick`: a memory of one step."""

    def __init__(self, logits: np.ndarray, stick: float) -> None:
        self.table = SoftmaxPolicy(logits)
        self.stick = stick

    @property
    def parameters(self) -> np.ndarray:
        return self.table.parameters

    def with_parameters(self, theta: np.ndarray) -> Repeating:
        return Repeating(np.asarray(theta).reshape(self.table.logits.shape), self.stick)

    def probabilities(self) -> np.ndarray:
        return self.table.probabilities()

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return self.table.score_vjp(weights)

    def next_probabilities(self, prefix: Steps) -> np.ndarray:
        own = self.table.probabilities()[prefix.states[:, -1]]
        if prefix.actions.shape[1] == 0:
            return own
        again = np.eye(own.shape[1])[prefix.actions[:, -1]]
        return (1.0 - self.stick) * own + self.stick * again
