"""Step weights get the name that the problems tell, on batches of every size, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.estimators import GeneralizedAdvantage, RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
SAME = "with or without γ^t (the same on these problems)"


def arms(rewards: tuple[float, ...], horizon: int, discount: float) -> pgv.Problem:
    """One state, and an arm for each reward."""
    count = len(rewards)
    mdp = pgv.TabularMDP([1.0], np.ones((1, count, 1)), [list(rewards)])
    policy = pgv.SoftmaxPolicy([np.linspace(0.3, -0.2, count)])
    return pgv.Problem(mdp, policy, pgv.FiniteHorizon(horizon, discount))


def names(function: object, *problems: pgv.Problem) -> tuple[str, ...]:
    return pgv.check(function, kind="weights", problems=problems).weights  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ γ^t


UNDISCOUNTED = arms((1.0, 0.3, -0.2), 3, 1.0)
DISCOUNTED = arms((1.0, 0.3, -0.2), 3, 0.5)


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_is_said_of_powers_that_are_all_one(kept: bool) -> None:
    assert names(RewardToGo(discount_weighting=kept).weights, UNDISCOUNTED) == (f"reward-to-go, {SAME}",)
    assert names(GeneralizedAdvantage(0.5, discount_weighting=kept).weights, UNDISCOUNTED) == (f"GAE(λ = 0.5), {SAME}",)
    assert names(TotalReturn(discount_weighting=kept).weights, UNDISCOUNTED) == (
        "total return, discounted or not (the same on these problems)",
    )


def test_one_step_tells_nothing_either() -> None:
    """t = 0 alone: all returns are r_0, and γ^0 = 1 even with γ = ½."""
    found = names(RewardToGo().weights, arms((1.0, 0.3, -0.2), 1, 0.5))
    assert f"reward-to-go, {SAME}" in found
    assert all("the same on these problems" in name for name in found)


def test_one_problem_with_a_discount_tells() -> None:
    assert names(RewardToGo().weights, UNDISCOUNTED, DISCOUNTED) == ("reward-to-go, with γ^t",)
    assert names(RewardToGo(discount_weighting=False).weights, UNDISCOUNTED, DISCOUNTED) == (
        "reward-to-go, without γ^t",
    )
    assert names(TotalReturn(discount_weighting=False).weights, DISCOUNTED) == ("total return, undiscounted",)


# ------------------------------------------------------------------------------- a level of the rewards, however high


HIGH = arms((1e6 + 1.0, 1e6 - 1.0), 2, 0.9)
"""Advantages are about 1 beside returns of 1.9e6."""


@pytest.mark.parametrize("factor", [0.0, -3.0, 1.001])
def test_a_high_level_does_not_make_anything_an_advantage(factor: float) -> None:
    assert names(lambda batch: factor * GeneralizedAdvantage(1.0).weights(batch), HIGH) == ()


def test_advantages_beside_a_high_level_are_named() -> None:
    assert names(GeneralizedAdvantage(1.0).weights, HIGH) == ("reward-to-go minus V = GAE(λ = 1), with γ^t",)
    assert names(GeneralizedAdvantage(0.5).weights, HIGH) == ("GAE(λ = 0.5), with γ^t",)


def without_signal(batch: pgv.Trajectories) -> np.ndarray:
    """Every reward is 1e6, whatever was done."""
    return batch.mask * batch.discount_powers * np.array([1.9e6, 1e6])


def test_the_level_alone_is_no_return() -> None:
    """It is off by one millionth of a return, and by all that a return has to say."""
    assert names(without_signal, HIGH) == ()
    assert names(RewardToGo().weights, HIGH) == ("reward-to-go, with γ^t",)


def test_single_precision_is_named_where_it_can_be_told() -> None:
    """Single precision rounds 1e6 to 0.06: what is left of an advantage of 1 is not told from anything."""

    def single(batch: pgv.Trajectories) -> np.ndarray:
        return GeneralizedAdvantage(0.5).weights(batch).astype(np.float32)

    def returns_less_values(batch: pgv.Trajectories) -> np.ndarray:
        return RewardToGo(discount_weighting=False).weights(batch).astype(np.float32) - batch.values[:, :-1]

    assert names(single, DISCOUNTED) == ("GAE(λ = 0.5), with γ^t",)
    assert names(returns_less_values, HIGH) == ()


# ---------------------------------------------------------------------------------------------------- batch sizes


@pytest.mark.parametrize("beyond", [1, 7, 39, 299])
def test_another_decay_in_other_batches_has_no_name(beyond: int) -> None:
    """The first of two λ is that of the list of all trajectories."""

    def changing(batch: pgv.Trajectories) -> np.ndarray:
        return GeneralizedAdvantage(0.9 if len(batch) > beyond else 0.5).weights(batch)

    assert names(changing, *named("early-stop", "three-starts")) == ()


def test_the_factor_of_a_single_trajectory_is_not_overlooked() -> None:
    def more_alone(batch: pgv.Trajectories) -> np.ndarray:
        return RewardToGo().weights(batch) * (1.3 if len(batch) == 1 else 1.0)

    assert names(more_alone, *named("early-stop")) == ()


def test_one_decay_in_all_batches_has_a_name_though_one_alone_is_refused() -> None:
    def company(batch: pgv.Trajectories) -> np.ndarray:
        if len(batch) == 1:
            raise ValueError("one is not enough")
        return GeneralizedAdvantage(0.5).weights(batch)

    assert names(company, *named("early-stop")) == ("GAE(λ = 0.5), with γ^t",)
