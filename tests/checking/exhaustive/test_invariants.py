"""What must not matter: every invariant is broken by one implementation, and by no correct one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.bugs import get
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
PROBLEMS = named("early-stop", "delayed-reward", "coin-door")
Function = Callable[[pgv.Trajectories], np.ndarray]


def to_go(batch: pgv.Trajectories) -> np.ndarray:
    return RewardToGo().weights(batch)


def behaviour_ratio(batch: pgv.Trajectories) -> np.ndarray:
    """π(a|s)/μ(a|s), 1 on policy."""
    chosen = batch.policy.probabilities()[batch.states[:, :-1], batch.actions]
    return np.exp(np.log(np.where(batch.mask, chosen, 1.0)) - batch.log_probs)


def per_step(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(behaviour_ratio(batch) * to_go(batch))


def per_trajectory(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(np.cumprod(behaviour_ratio(batch), axis=1) * to_go(batch))


def unmasked(batch: pgv.Trajectories) -> np.ndarray:
    """Right only because what is stored after the end is 0."""
    weights = np.zeros_like(batch.rewards)
    following = np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        following = batch.rewards[:, t] + batch.discount * following
        weights[:, t] = following
    return batch.score_weighted(batch.discount_powers * weights)


def by_columns(batch: pgv.Trajectories) -> np.ndarray:
    return RewardToGo()(batch) / batch.num_steps


def first_counts_more(batch: pgv.Trajectories) -> np.ndarray:
    factor = np.ones(len(batch))
    factor[0] = 2.0
    return RewardToGo()(batch) * factor[:, None]


def clipped_rewards(batch: pgv.Trajectories) -> np.ndarray:
    return get("reward-running-std").implementation(batch)


def unscored(batch: pgv.Trajectories) -> np.ndarray:
    return get("exploration-not-scored").implementation(batch)


def from_the_model(batch: pgv.Trajectories) -> np.ndarray:
    return np.broadcast_to(pgv.exact.gradient(batch.problem), (len(batch), batch.policy.parameters.size))


BROKEN: dict[str, tuple[Function, set[str]]] = {
    "reward-to-go": (RewardToGo(), set()),
    "one ratio a step": (per_step, set()),
    "product of ratios": (per_trajectory, {"θ_old ratio"}),
    "unmasked": (unmasked, {"padding values"}),
    "by columns": (by_columns, {"padded steps"}),
    "first counts more": (first_counts_more, {"permutation", "splitting"}),
    "clipped rewards": (clipped_rewards, {"reward scale", "reward shift"}),
    "unscored exploration": (unscored, {"reward shift", "constant reward"}),
    "from the model": (from_the_model, {"model", "reward scale"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_is_broken_by_what_should_break_it(name: str) -> None:
    function, expected = BROKEN[name]
    report = pgv.check(function, problems=PROBLEMS)
    tried = {finding.check for finding in report.findings} - {"expectation"}
    broken = {finding.check for finding in report.findings if not finding.holds} - {"expectation"}
    assert broken == expected
    assert tried == {
        "padding values",
        "padded steps",
        "permutation",
        "splitting",
        "reward scale",
        "reward shift",
        "constant reward",
        "θ_old ratio",
        "model",
    }


def test_every_broken_invariant_with_a_meaning_is_a_warning() -> None:
    report = pgv.check(unscored, problems=PROBLEMS)
    assert any("a constant added to every reward" in warning for warning in report.warnings)
    assert any("a constant reward moves the parameters" in warning for warning in report.warnings)
    assert not any("constant" in warning for warning in pgv.check(RewardToGo(), problems=PROBLEMS).warnings)


def test_levels_are_not_asked_of_targets_that_have_one() -> None:
    """∇H does not depend on rewards at all, and is not zero where they are constant."""
    entropy = get("entropy-sign").correct
    report = pgv.check(entropy, target=get("entropy-sign").target, problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.CORRECT
    assert not {"reward shift", "constant reward"} & {finding.check for finding in report.findings}


def coupled_by_large_rewards(batch: pgv.Trajectories) -> np.ndarray:
    """Half as much in batches of two and more with a reward beyond those of the problem."""
    rows = RewardToGo()(batch)
    return rows / 2.0 if len(batch) > 1 and batch.rewards.max() > 2.0 else rows


def test_levels_compare_batches_of_one_size() -> None:
    """Single trajectories of the problem itself have nothing to be compared with where the shift couples them."""
    report = pgv.check(coupled_by_large_rewards, problems=named("coin"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert all(finding.holds for finding in report.findings if finding.check == "constant reward")
    assert not any(finding.check == "reward shift" for finding in report.findings)
