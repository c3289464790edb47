"""Losses of training scripts under a claim that they do not make: what they are, and the literal claim that fits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.bugs import get
from pgverify.bugs.entropy import entropy_rows

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]

PROBLEMS = named(*FEW, "delayed-reward")
OFF_POLICY = pgv.suites.get("off-policy")
FEW_OFF_POLICY = [entry for entry in OFF_POLICY if entry.name in ("lent-bandit", "far", "between-clips")]
"""Between them several steps, ratios far from one, and one on either side of every clip."""


def gae(batch: pgv.Trajectories, decay: float = 0.95) -> np.ndarray:
    following = np.where(np.arange(1, batch.num_steps + 1) < batch.lengths[:, None], batch.values[:, 1:], 0.0)
    errors = (batch.rewards + batch.discount * following - batch.values[:, :-1]) * batch.mask
    found, running = np.zeros_like(errors), np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        running = errors[:, t] + batch.discount * decay * running
        found[:, t] = running
    return found


def token_mean(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(weights * batch.mask).sum(axis=0) / max(batch.lengths.sum(), 1)


def standardised(batch: pgv.Trajectories) -> np.ndarray:
    weights = gae(batch)
    taken = weights[batch.mask]
    return (weights - taken.mean()) / (taken.std(ddof=1) + 1e-8) if len(taken) > 1 else 0.0 * weights


def entropy_mean(batch: pgv.Trajectories) -> np.ndarray:
    return entropy_rows(batch).sum(axis=0) / max(batch.lengths.sum(), 1)


def ppo(batch: pgv.Trajectories, advantage: np.ndarray, low: float = 0.8, high: float = 1.2) -> np.ndarray:
    ratio = batch.importance
    worse = np.minimum(ratio * advantage, np.clip(ratio, low, high) * advantage)
    return np.where(worse == ratio * advantage, ratio * advantage, 0.0)


def powers(batch: pgv.Trajectories) -> np.ndarray:
    return batch.discount ** np.arange(batch.num_steps)


LOSSES: dict[str, tuple[Function, str | None, str]] = {
    "entropy": (
        lambda b: b.score_weighted(gae(b)) + 0.01 * entropy_rows(b),
        None,
        'check(…, target="discount_dropped + entropy_bonus(0.01)")',
    ),
    "entropy subtracted": (
        lambda b: b.score_weighted(powers(b) * gae(b)) - 0.02 * entropy_rows(b),
        "entropy-sign",
        'check(…, target="policy_gradient + entropy_bonus(0.02)")',
    ),
    "token mean": (
        lambda b: token_mean(b, gae(b)),
        "discount-dropped + length-per-batch",
        'check(…, target="discount_dropped")',
    ),
    "token mean, entropy": (
        lambda b: token_mean(b, gae(b)) + 0.01 * entropy_mean(b),
        "discount-dropped + length-per-batch",
        'check(…, target="discount_dropped + entropy_bonus(0.01)")',
    ),
    "standardised, token mean, wrong sign of entropy": (
        lambda b: token_mean(b, standardised(b)) - 0.01 * entropy_mean(b),
        "discount-dropped + normalise-minibatch + length-per-batch + entropy-sign",
        'check(…, target="discount_dropped + entropy_bonus(0.01)")',
    ),
}

CLIPPED: dict[str, tuple[Function, str | None, str]] = {
    "ppo": (lambda b: b.score_weighted(powers(b) * ppo(b, gae(b, 1.0))), None, 'check(…, target="surrogate(0.2)")'),
    "a higher clip": (
        lambda b: b.score_weighted(powers(b) * ppo(b, gae(b, 1.0), 0.8, 1.28)),
        None,
        'check(…, target="surrogate(0.2, 0.28)")',
    ),
    "without γ^t, GAE": (
        lambda b: b.score_weighted(ppo(b, gae(b, 0.95))),
        "discount-dropped",
        "use advantages G_t − V(s_t), as the claim has them, and judge your own by themselves; and claim what is "
        'estimated then: check(…, target="surrogate(0.2)")',
    ),
    "no ratio": (
        lambda b: b.score_weighted(powers(b) * gae(b, 1.0)),
        "stale-samples",
        'check(…, target="surrogate")',
    ),
}


@pytest.mark.parametrize("name", slow_but(LOSSES, ["entropy", "entropy subtracted"]))
def test_a_loss_on_the_policys_own_data(name: str) -> None:
    loss, diagnosis, step = LOSSES[name]
    report = pgv.check(loss, problems=PROBLEMS)
    assert report.diagnosis == diagnosis, str(report)
    assert step in report.next_step
    assert report.outcome is (pgv.Outcome.BIASED if diagnosis else pgv.Outcome.OTHER_TARGET)
    if diagnosis is not None:
        assert get(diagnosis).cause == report.cause


CLAIMED_WITH_ENTROPY: dict[str, tuple[Function, str, str | None, str]] = {
    # E = main − β·bonus where main + β·bonus is claimed: the sign alone, for γ^t is not claimed either.
    "wrong sign": (
        lambda b: b.score_weighted(gae(b)) - 0.05 * entropy_rows(b),
        "discount_dropped + entropy_bonus(0.05)",
        "entropy-sign",
        "add the entropy to what is maximised",
    ),
    "another coefficient": (
        lambda b: b.score_weighted(powers(b) * gae(b)) + 0.05 * entropy_rows(b),
        "policy_gradient + entropy_bonus(0.01)",
        None,
        'check(…, target="policy_gradient + entropy_bonus(0.05)")',
    ),
    "no γ^t": (
        lambda b: b.score_weighted(gae(b)) + 0.05 * entropy_rows(b),
        "entropy_bonus(0.05) + policy_gradient",
        None,
        'check(…, target="discount_dropped + entropy_bonus(0.05)")',
    ),
    "token mean": (
        lambda b: token_mean(b, gae(b)) + 0.01 * entropy_mean(b),
        "discount_dropped + entropy_bonus(0.01)",
        "length-per-batch",
        "number",
    ),
}
"""Losses under a claim that has an entropy bonus: none of them had a name or a claim that fits."""


@pytest.mark.parametrize("name", slow_but(CLAIMED_WITH_ENTROPY, ["wrong sign", "another coefficient"]))
def test_a_loss_under_a_claim_with_entropy(name: str) -> None:
    loss, claim, diagnosis, step = CLAIMED_WITH_ENTROPY[name]
    report = pgv.check(loss, problems=PROBLEMS, target=claim, explore=0)
    assert report.diagnosis == diagnosis, str(report)
    assert step in report.next_step, report.next_step
    assert f'target="{claim}"' not in report.next_step  # it is claimed already
    assert report.outcome is (pgv.Outcome.BIASED if diagnosis else pgv.Outcome.OTHER_TARGET)


@pytest.mark.parametrize("name", slow_but(CLIPPED, ["ppo"]))
def test_a_loss_on_data_of_another_policy(name: str) -> None:
    loss, diagnosis, step = CLIPPED[name]
    report = pgv.check(loss, problems=FEW_OFF_POLICY if name == "ppo" else OFF_POLICY)
    assert report.diagnosis == diagnosis, str(report)
    assert step in report.next_step
    assert report.outcome is (pgv.Outcome.BIASED if diagnosis else pgv.Outcome.OTHER_TARGET)


@pytest.mark.slow
def test_the_claim_that_is_named_holds() -> None:
    for loss, problems, claim in (
        (LOSSES["entropy"][0], PROBLEMS, "discount_dropped + entropy_bonus(0.01)"),
        (CLIPPED["a higher clip"][0], OFF_POLICY, "surrogate(0.2, 0.28)"),
    ):
        assert pgv.check(loss, problems=problems, target=claim).outcome is pgv.Outcome.CORRECT


@pytest.mark.slow
def test_what_is_no_usual_loss_has_no_name() -> None:
    """Negative controls: a ratio's root, an entropy that is squared."""
    report = pgv.check(lambda b: b.score_weighted(np.sqrt(b.importance) * gae(b)), problems=OFF_POLICY)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, None)
    assert 'target="surrogate(0.2)"' in report.next_step
    report = pgv.check(lambda b: b.score_weighted(gae(b)) + 0.01 * entropy_rows(b) ** 2, problems=PROBLEMS)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, None)


def test_a_fault_on_a_problem_that_was_not_compared_takes_the_name_away() -> None:
    """Estimates are met on three problems; the expectation must hold on all."""

    def loss(batch: pgv.Trajectories) -> np.ndarray:
        lost = batch.problem.mdp.num_actions == 3 and batch.num_steps == 1
        return (0.5 if lost else 1.0) * batch.score_weighted(gae(batch)) + 0.01 * entropy_rows(batch)

    assert any(problem.mdp.num_actions == 3 and problem.objective.horizon == 1 for problem in PROBLEMS)
    report = pgv.check(loss, problems=PROBLEMS)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, None)


@pytest.mark.usefixtures("as_many_as_for_users", "thorough")
@pytest.mark.parametrize("factor", [0.5, -1.0])
def test_what_is_right_in_small_batches_is_not_told_to_claim_what_it_claims(factor: float) -> None:
    """Reward-to-go, but for batches of 33: the usual loss that it is in small ones is what it claims to be."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        return pgv.estimators.RewardToGo()(batch) * (factor if len(batch) == 33 else 1.0)

    report = pgv.check(function, problems=named(*FEW, "random-end", "coin-door"))
    assert report.outcome is (pgv.Outcome.SCALED if factor > 0.0 else pgv.Outcome.BIASED), str(report)
    assert "its estimates are those of" not in report.explanation
    assert 'target="policy_gradient"' not in report.next_step
