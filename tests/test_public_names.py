"""The names that people outside depend on, with their arguments: add freely, rename nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv

MDP = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
POLICY = pgv.SoftmaxPolicy([[0.0, 1.0]])
PROBLEM = pgv.Problem(MDP, POLICY, pgv.FiniteHorizon(2))
NEEDED = inspect.Parameter.empty

SIGNATURES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "TabularMDP": (
        pgv.TabularMDP,
        {"start": NEEDED, "transition": NEEDED, "reward": NEEDED, "terminal": None, "reward_noise": None},
    ),
    "SoftmaxPolicy": (pgv.SoftmaxPolicy, {"logits": NEEDED}),
    "LinearSoftmaxPolicy": (pgv.LinearSoftmaxPolicy, {"features": NEEDED, "weights": NEEDED}),
    "FiniteHorizon": (pgv.FiniteHorizon, {"horizon": NEEDED, "discount": 1.0}),
    "Discounted": (pgv.Discounted, {"discount": NEEDED}),
    "AverageReward": (pgv.AverageReward, {}),
    "Problem": (pgv.Problem, {"mdp": NEEDED, "policy": NEEDED, "objective": NEEDED}),
    "with_parameters": (pgv.SoftmaxPolicy.with_parameters, {"self": NEEDED, "theta": NEEDED}),
    "score_vjp": (pgv.SoftmaxPolicy.score_vjp, {"self": NEEDED, "weights": NEEDED}),
    "sample": (
        pgv.sample,
        {"problem": NEEDED, "num_trajectories": NEEDED, "seed": 0, "max_steps": None},
    ),
    "variance_report": (pgv.variance_report, {"problem": NEEDED, "estimators": None, "samples": 0, "seed": 0}),
    "Independent": (pgv.Independent, {"sizes": (64,)}),
    "Grouped": (pgv.Grouped, {"size": 8, "prompts": 2}),
    "mdps.get": (pgv.mdps.get, {"name": NEEDED}),
    "mdps.names": (pgv.mdps.names, {}),
    "mdps.load": (pgv.mdps.load, {"path": NEEDED}),
    "suites.get": (pgv.suites.get, {"name": NEEDED}),
    "suites.names": (pgv.suites.names, {}),
    "mdps.save": (pgv.mdps.save, {"mdp": NEEDED, "path": NEEDED}),
    **{
        f"exact.{name}": (getattr(pgv.exact, name), {"problem": NEEDED})
        for name in (
            "expected_return",
            "gradient",
            "hessian",
            "fisher",
            "natural_gradient",
            "values",
            "occupancy",
            "probability_gradient",
            "enumerate_trajectories",
        )
    },
    **{
        f"exact.{name}": (getattr(pgv.exact, name), {"estimator": NEEDED, "problem": NEEDED})
        for name in ("moments", "variance_shares", "optimal_baseline")
    },
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_come_in_the_documented_order(name: str) -> None:
    """Arguments may be added behind the documented ones, with defaults; none may be renamed or reordered."""
    function, documented = SIGNATURES[name]
    parameters = list(inspect.signature(function).parameters.values())
    found = {p.name: p.default for p in parameters[: len(documented)]}
    assert list(found) == list(documented)
    assert found == documented
    if documented:
        optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        extra = parameters[len(documented) :]
        assert all(p.default is not NEEDED or p.kind in optional for p in extra)


@pytest.mark.parametrize(
    "name",
    [
        "TabularMDP",
        "mdps",
        "SoftmaxPolicy",
        "LinearSoftmaxPolicy",
        "FiniteHorizon",
        "Discounted",
        "AverageReward",
        "Problem",
        "exact",
        "sample",
        "Independent",
        "Grouped",
        "estimators",
        "baselines",
        "suites",
    ],
)
def test_the_package_offers(name: str) -> None:
    assert name in pgv.__all__
    assert hasattr(pgv, name)


def test_policies_have_their_doors() -> None:
    for policy in (POLICY, pgv.LinearSoftmaxPolicy(np.eye(2)[None], [0.0, 1.0])):
        size = policy.parameters.size
        assert policy.with_parameters(policy.parameters).parameters.shape == (size,)
        assert policy.probabilities().shape == (1, 2)
        assert policy.score().shape == (1, 2, size)
        assert policy.score_vjp(np.ones((3, 1, 2))).shape == (3, size)


def test_exact_answers_have_the_documented_shapes() -> None:
    assert isinstance(pgv.exact.expected_return(PROBLEM), float)
    assert pgv.exact.gradient(PROBLEM).shape == (2,)
    assert pgv.exact.hessian(PROBLEM).shape == pgv.exact.fisher(PROBLEM).shape == (2, 2)
    assert pgv.exact.natural_gradient(PROBLEM).shape == (2,)
    assert pgv.exact.probability_gradient(PROBLEM).shape == (1, 2)
    discounted = pgv.Problem(MDP, POLICY, pgv.Discounted(0.5))
    assert pgv.exact.values(PROBLEM).state.shape == (3, 1)
    assert pgv.exact.values(PROBLEM).action.shape == pgv.exact.values(PROBLEM).advantage.shape == (2, 1, 2)
    assert pgv.exact.values(discounted).state.shape == (1,)
    assert pgv.exact.values(discounted).action.shape == pgv.exact.values(discounted).advantage.shape == (1, 2)
    assert pgv.exact.occupancy(PROBLEM).shape == (2, 1)
    assert pgv.exact.occupancy(discounted).shape == (1,)
    batch, probabilities = pgv.exact.enumerate_trajectories(PROBLEM)
    assert probabilities.shape == (len(batch),) == (4,)
    moments = pgv.exact.moments(pgv.estimators.RewardToGo(), PROBLEM)
    assert moments.mean.shape == (2,)
    assert moments.covariance.shape == (2, 2)


def test_a_batch_has_the_documented_fields() -> None:
    batch = pgv.sample(PROBLEM, 5, seed=0, max_steps=None)
    shapes = {
        "states": (5, 3),
        "actions": (5, 2),
        "rewards": (5, 2),
        "mask": (5, 2),
        "lengths": (5,),
        "terminated": (5,),
        "truncated": (5,),
        "log_probs": (5, 2),
        "values": (5, 3),
    }
    assert {name: getattr(batch, name).shape for name in shapes} == shapes
    assert batch.policy is POLICY
    assert batch.discount == 1.0


def test_the_documented_call_of_an_estimator() -> None:
    estimator = pgv.estimators.RewardToGo(baseline=pgv.baselines.StateValue(), discount_weighting=True)
    assert estimator(pgv.sample(PROBLEM, 5)).shape == (5, 2)


def test_the_strategies_are_where_they_are_documented() -> None:
    from pgverify.strategies import mdps, policies, problems

    assert all(callable(strategy) for strategy in (mdps, policies, problems))
