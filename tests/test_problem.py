"""Problem and the objectives: what fits together, and the sentence where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from reference import bandit

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP
from pgverify.errors import InvalidInput, InvalidMDP, InvalidObjective, InvalidPolicy


@dataclass(frozen=True)
class TablePolicy:
    """A policy that says what it is told to."""

    table: Any

    @property
    def parameters(self) -> np.ndarray:
        return np.zeros(1)

    def with_parameters(self, theta: Any) -> TablePolicy:  # noqa: ARG002
        return self

    def probabilities(self) -> np.ndarray:
        return np.array(self.table)

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return np.zeros((*weights.shape[:-2], 1))


def test_any_object_with_the_doors_is_a_policy() -> None:
    problem = Problem(bandit(), TablePolicy([[0.5, 0.5, 0.0]]), FiniteHorizon(1))
    assert problem.policy.probabilities().shape == (1, 3)


def test_with_parameters_changes_the_policy_alone() -> None:
    problem = Problem(bandit(), SoftmaxPolicy([[0.0, 1.0, 2.0]]), FiniteHorizon(1))
    moved = problem.with_parameters([3.0, 4.0, 5.0])
    assert moved.policy.parameters.tolist() == [3.0, 4.0, 5.0]
    assert problem.policy.parameters.tolist() == [0.0, 1.0, 2.0]
    assert moved.mdp is problem.mdp
    assert moved.objective is problem.objective


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[0.5, 0.5]], r"has shape \(1, 2\), must be \[S, A\] = \(1, 3\) of the MDP"),
        ([[0.5, 0.6, -0.1]], r"probabilities\(\)\[0, 2\] is -0.1, must be a probability"),
        ([[0.5, np.nan, 0.5]], r"probabilities\(\)\[0, 1\] is nan, must be a probability"),
        ([[0.5, 0.3, 0.1]], r"probabilities\(\)\[0\] sums to 0.9, must sum to 1 within 1e-12"),
    ],
)
def test_probabilities_that_do_not_fit_are_refused(table: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        Problem(bandit(), TablePolicy(table), FiniteHorizon(1))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("part", "value", "error", "message"),
    [
        ("mdp", "bandit", InvalidMDP, "mdp is str, must be a TabularMDP"),
        (
            "policy",
            np.ones((1, 3)),
            InvalidPolicy,
            "policy is ndarray, must offer parameters, with_parameters",
        ),
        (
            "objective",
            "discounted",
            InvalidObjective,
            r"objective is 'discounted', must be FiniteHorizon\(...\)",
        ),
        ("objective", Discounted, InvalidObjective, r"objective is <class .*>, must be FiniteHorizon"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(part: str, value: Any, error: type[InvalidInput], message: str) -> None:
    parts = {"mdp": bandit(), "policy": SoftmaxPolicy(np.zeros((1, 3))), "objective": FiniteHorizon(1)}
    with pytest.raises(error, match=message):
        Problem(**{**parts, part: value})


def test_average_reward_refuses_terminal_states() -> None:
    mdp = TabularMDP([0.0, 1.0], [[[1.0, 0.0]], [[0.5, 0.5]]], np.zeros((2, 1)), [True, False])
    with pytest.raises(InvalidObjective, match=r"terminal\[0\] is True"):
        Problem(mdp, SoftmaxPolicy(np.zeros((2, 1))), AverageReward())
    Problem(mdp, SoftmaxPolicy(np.zeros((2, 1))), Discounted(0.5))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("horizon", [0, -1, 2.0, True, "3", None, np.float64(3)])
def test_a_horizon_is_a_positive_integer(horizon: Any) -> None:
    with pytest.raises(InvalidObjective, match=r"horizon is .*, must be an integer of at least 1 step"):
        FiniteHorizon(horizon)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("discount", [-0.1, 1.1, np.nan, np.inf, "0.9", True, None, 0.5j])
def test_a_discount_lies_between_zero_and_one(discount: Any) -> None:
    for objective in (lambda: FiniteHorizon(3, discount), lambda: Discounted(discount)):
        with pytest.raises(InvalidObjective, match=r"discount is .*, must be a number in \[0, 1\]"):
            objective()


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_ends_of_the_range() -> None:
    assert FiniteHorizon(1, 0.0).discount == 0.0
    assert FiniteHorizon(np.int64(1), 1).discount == 1
    assert Discounted(0.0).discount == 0.0
    with pytest.raises(InvalidObjective, match=r"discount is 1.0, must be below 1 without a horizon"):
        Discounted(1.0)


def test_objectives_compare_by_value() -> None:
    assert FiniteHorizon(3, 0.5) == FiniteHorizon(3, 0.5) != FiniteHorizon(3, 0.6)
    assert AverageReward() == AverageReward()
    assert len({Discounted(0.5), Discounted(0.5), AverageReward()}) == 2
