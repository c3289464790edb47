"""Suites by name: what there is, what is said of a name that there is not, and a user's policy in place of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import SuiteProblem, standard_suite


def test_every_suite_has_a_name() -> None:
    assert pgv.suites.names()[0] == "standard"
    assert {"truncated", "off-policy", "continuing", "continuous", "language"} <= set(pgv.suites.names())
    assert pgv.suites.get("standard") is standard_suite()
    assert all(isinstance(entry, SuiteProblem) for name in pgv.suites.names() for entry in pgv.suites.get(name))


def test_every_name_gives_a_suite() -> None:
    """At least three problems, each with a name and a reason of its own."""
    for name in pgv.suites.names():
        suite = pgv.suites.get(name)
        assert len(suite) >= 3
        assert len({entry.name for entry in suite}) == len({entry.reason for entry in suite}) == len(suite)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(pgv.errors.UnknownName, match="unknown suite 'standart': the nearest known are standard"):
        pgv.suites.get("standart")


@pytest.mark.parametrize("name", ["standard", "truncated", "off-policy", "continuing", "language"])
def test_a_policy_of_ones_own_is_put_into_every_problem(name: str) -> None:
    """Everything but the policy stays: who acts, where data are cut."""
    rng = np.random.default_rng(3)

    def factory(states: int, actions: int) -> pgv.Policy:
        return pgv.LinearSoftmaxPolicy(rng.normal(size=(states, actions, 2)), [0.3, -0.2])

    for entry, own in zip(pgv.suites.get(name), pgv.suites.get(name, policy=factory), strict=True):
        assert own.problem.policy.parameters.tolist() == [0.3, -0.2]
        assert (own.name, own.problem.mdp, own.problem.objective) == (
            entry.name, entry.problem.mdp, entry.problem.objective,
        )  # fmt: skip
        for field in ("max_steps", "acting"):
            assert getattr(own.problem, field, None) is getattr(entry.problem, field, None)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (3, "policy is 3.*, must be a function"),
        (lambda states, actions: np.zeros((states, actions)), r"policy\(1, 2\) is ndarray, must be a policy for 1"),
        (
            lambda states, actions: pgv.SoftmaxPolicy(np.zeros((actions, states))),
            r"policy\(1, 2\) does not fit problem coin: .*must be \[S, A\] = \(1, 2\)",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_makes_no_policy_is_refused(policy: Any, message: str) -> None:
    with pytest.raises(pgv.errors.InvalidInput, match=message):
        pgv.suites.get("standard", policy=policy)
