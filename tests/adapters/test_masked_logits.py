"""A network that masks actions by −∞, as `masked_fill` does: the law of what is left, and nothing is NaN."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify import exact
from pgverify.errors import InvalidPolicy

torch = pytest.importorskip("torch")

MASK = np.array([[True, False, True], [True, True, False], [False, True, True]])
LOGITS = np.random.default_rng(3).normal(size=(3, 3))


class Masked(torch.nn.Module):
    """A table of logits, the forbidden ones at −∞ in one of three usual ways."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.tensor(LOGITS))
        self.how = how

    def forward(self, x):
        z, mask = x @ self.table, x @ torch.tensor(MASK, dtype=x.dtype) > 0.5
        if self.how == "masked_fill":
            return z.masked_fill(~mask, -torch.inf)
        if self.how == "where":
            return torch.where(mask, z, -torch.inf)
        return z + torch.log(mask.to(z.dtype))


WAYS = ("masked_fill", "where", "log of the mask")


def problems(how: str, bonus=None):
    """Return one with the network, and the same with pgverify's own mask on a table."""
    rng = np.random.default_rng(5)
    transition = rng.dirichlet(np.ones(3), size=(3, 3))
    mdp = pgv.TabularMDP([0.5, 0.3, 0.2], transition, rng.normal(size=(3, 3)))
    objective = pgv.FiniteHorizon(3, 0.9, bonus=bonus)
    network = pgv.adapters.torch.ModulePolicy(Masked(how), np.eye(3))
    table = pgv.MaskedPolicy(pgv.SoftmaxPolicy(LOGITS), MASK)
    return (pgv.Problem(mdp, policy, objective) for policy in (network, table))


@pytest.mark.parametrize("how", WAYS)
def test_it_is_the_mask_on_a_table(how) -> None:
    ours, other = problems(how)
    np.testing.assert_allclose(ours.policy.probabilities(), other.policy.probabilities(), atol=1e-15)
    np.testing.assert_allclose(exact.gradient(ours), exact.gradient(other), atol=1e-14)
    estimator = pgv.estimators.RewardToGo()
    moments = [exact.moments(estimator, each) for each in (ours, other)]
    np.testing.assert_allclose(moments[0].covariance, moments[1].covariance, atol=1e-13)
    np.testing.assert_allclose(exact.fisher(ours), exact.fisher(other), atol=1e-14)
    assert (ours.policy.probabilities()[~MASK] == 0).all()


@pytest.mark.parametrize("how", WAYS)
def test_its_doors_belong_together_and_the_forbidden_is_never_drawn(how) -> None:
    ours, _ = problems(how)
    assert pgv.check_policy(ours.policy).outcome.good
    batch = pgv.sample(ours, 200, seed=1)
    assert MASK[batch.states[:, :-1][batch.mask], batch.actions[batch.mask]].all()


def reinforce(logits, batch):
    log_probs = torch.distributions.Categorical(logits=logits).log_prob(batch.actions)
    powers = batch.discount ** torch.arange(batch.rewards.shape[1])
    to_go = (powers * batch.rewards).flip(1).cumsum(1).flip(1)
    return -(log_probs * batch.mask * to_go).sum(1).mean()


@pytest.mark.parametrize("how", WAYS)
def test_a_loss_is_not_broken_by_it(how) -> None:
    """Episodes end early, so that padding holds action 0, which is forbidden where it stands: −∞ times 0 is NaN."""
    transition = np.zeros((3, 3, 3))
    transition[0, :, 2], transition[1, :, 0], transition[2, :, 2] = 1.0, 1.0, 1.0
    mdp = pgv.TabularMDP([0.5, 0.5, 0.0], transition, LOGITS * [[1.0], [1.0], [0.0]], terminal=[False, False, True])
    policy = pgv.adapters.torch.ModulePolicy(Masked(how), np.eye(3))
    problem = pgv.Problem(mdp, policy, pgv.FiniteHorizon(3, 0.9))
    assert not MASK[2, 0]
    report = pgv.check(pgv.adapters.torch.from_loss(reinforce), problems=problem, explore=0)
    assert report.outcome is pgv.Outcome.CORRECT, report


def test_an_entropy_bonus_knows_nothing_of_the_forbidden() -> None:
    ours, other = problems("masked_fill", pgv.Entropy(0.2))
    np.testing.assert_allclose(exact.gradient(ours), exact.gradient(other), atol=1e-14)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.inf, r"logits\[1, 0\] is inf, must be finite, or -inf for an action that is masked"),
        (np.nan, r"logits\[1, 0\] is nan, must be finite"),
        (-np.inf, r"logits\[1\] is -inf for every action, must be finite for one at least"),
    ],
)
def test_what_has_no_softmax_is_refused(value, message) -> None:
    class Row(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(torch.tensor(LOGITS))

        def forward(self, x):
            return torch.where(x[:, 1:2] > 0.5, torch.full_like(x, value), x @ self.table)

    with pytest.raises(InvalidPolicy, match=message):
        pgv.adapters.torch.ModulePolicy(Row(), np.eye(3))
