"""Losses through policies that are no softmax of logits: masked, mixed, with a memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.adapters.visited_logits import parameter_gradient, visited_logits
from pgverify.policies.softmax_algebra import softmax
from pgverify.policies.steps import score_sum

sys.path.append(str(Path(__file__).parents[1] / "wider"))
from policies_by_hand import MaskedSoftmax, Repeating, SigmoidPolicy

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

MDP = pgv.mdps.garnet(3, 2, 2, 0)


class RepeatingWithScore(Repeating):
    """The same with its score: ∇ log((1−κ) π + κ 1{again}) = (1−κ) π ψ / ((1−κ) π + κ 1{again})."""

    def score_sum(self, steps: Any, weights: np.ndarray) -> np.ndarray:
        found = np.zeros((len(weights), self.parameters.size))
        pi, score = self.table.probabilities(), self.table.score()
        for row, t in zip(*np.nonzero(steps.mask), strict=True):
            state, action = steps.states[row, t], steps.actions[row, t]
            own = (1.0 - self.stick) * pi[state, action] if t else pi[state, action]
            again = self.stick * (action == steps.actions[row, t - 1]) if t else 0.0
            found[row] += weights[row, t] * own / (own + again) * score[state, action]
        return found


POLICIES: dict[str, Any] = {
    "masked": MaskedSoftmax(np.array([[0.1, 0.5], [0.2, -0.3], [1.0, 0.0]]), np.array([[1, 1], [1, 0], [1, 1]], bool)),
    "sigmoid": SigmoidPolicy(np.array([0.7]), np.array([1.0, -2.0, 0.5])),
    "remembering": RepeatingWithScore(np.array([[0.1, 0.5], [0.2, -0.3], [1.0, 0.0]]), 0.3),
    "softmax": pgv.SoftmaxPolicy(np.array([[0.1, 0.5], [0.2, -0.3], [1.0, 0.0]])),
}


def batch_of(name: str) -> pgv.Trajectories:
    return pgv.exact.enumerate_trajectories(pgv.Problem(MDP, POLICIES[name], pgv.FiniteHorizon(3, 0.9)))[0]


@pytest.mark.parametrize("name", POLICIES)
def test_the_gradient_of_log_probabilities_is_the_score(name: str) -> None:
    """L = Σ w_t log softmax(z)_a has ∂L/∂z = w (1{a} − π), and so has to give Σ w_t ψ_t."""
    batch = batch_of(name)
    rng = np.random.default_rng(0)
    weights = np.where(batch.mask, rng.normal(size=batch.actions.shape), 0.0)
    pi = softmax(visited_logits(batch))[0]
    by_logit = weights[..., None] * (np.eye(2)[batch.actions] - pi)
    expected = score_sum(batch.policy, batch, weights).sum(axis=0)
    assert parameter_gradient(batch, by_logit) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", POLICIES)
def test_their_softmax_is_the_policy(name: str) -> None:
    """With what the policy does after the history, where it remembers: the log-probabilities of the batch."""
    batch = batch_of(name)
    pi = softmax(visited_logits(batch))[0]
    chosen = np.take_along_axis(pi, batch.actions[..., None], axis=2)[..., 0]
    assert np.log(chosen)[batch.mask] == pytest.approx(batch.log_probs[batch.mask], abs=1e-12)


@pytest.mark.parametrize("name", POLICIES)
def test_in_torch(name: str) -> None:
    """−mean Σ γ^t G_t log π(a_t|·), against the policy's own door; an entropy term is finite under a mask."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")

    def loss(logits: Any, batch: Any) -> Any:
        logarithms = torch.log_softmax(logits, dim=-1)
        chosen = logarithms.gather(-1, batch.actions[..., None])[..., 0]
        paid = batch.rewards * batch.discount ** torch.arange(chosen.shape[1])
        entropy = -(logarithms.exp() * logarithms).sum(-1)
        return -(chosen * paid.flip(1).cumsum(1).flip(1) * batch.mask).sum(1).mean() - 0.0 * entropy.sum()

    batch = batch_of(name)
    paid = batch.rewards * batch.discount_powers
    expected = score_sum(batch.policy, batch, np.cumsum(paid[:, ::-1], axis=1)[:, ::-1]).mean(axis=0)
    found = pgv.adapters.torch.from_loss(loss)(batch)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_a_gradient_that_is_no_number_comes_through() -> None:
    for name in POLICIES:
        batch = batch_of(name)
        assert np.isnan(parameter_gradient(batch, np.full((*batch.actions.shape, 2), np.nan))).all()
