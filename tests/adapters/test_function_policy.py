"""A JAX function as a policy: against autodiff through the plain recursion, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from random_problems import random_problem

import pgverify as pgv
from pgverify import Outcome, exact
from pgverify.errors import InvalidPolicy
from pgverify.policies import Policy, dense_score

jax = pytest.importorskip("jax", reason="JAX is not installed here: make test-thirdparty")
jnp = jax.numpy
FunctionPolicy = pgv.adapters.jax.FunctionPolicy

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def perceptron(parameters: Any, x: Any) -> Any:
    hidden = jnp.tanh(x @ parameters["in"]["w"] + parameters["in"]["b"])
    return hidden @ parameters["out"]


def tree(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> dict[str, Any]:
    first = {"w": rng.normal(size=(inputs, hidden)), "b": rng.normal(size=hidden)}
    return {"in": first, "out": rng.normal(size=(hidden, outputs))}


def compare(seed: int) -> None:
    """Check J and ∇J against autodiff of the value recursion in float64."""
    rng = np.random.default_rng(seed)
    given = random_problem(rng, "finite", max_states=4, max_actions=3, max_horizon=4)
    mdp, objective = given.mdp, given.objective
    assert isinstance(objective, pgv.FiniteHorizon)
    observations = rng.normal(size=(mdp.num_states, 2))
    parameters = tree(rng, 2, 3, mdp.num_actions)
    problem = pgv.Problem(mdp, FunctionPolicy(perceptron, parameters, observations), objective)

    def value_of(parameters: Any) -> Any:
        pi = jax.nn.softmax(perceptron(parameters, jnp.asarray(observations)), axis=-1)
        value = jnp.zeros(mdp.num_states)
        for _ in range(objective.horizon):
            ahead = mdp.successors.spread(mdp.successors.weight) * (
                mdp.successors.spread(mdp.paid) + objective.discount * value
            )
            value = jnp.where(mdp.terminal, 0.0, (pi * ahead.sum(axis=-1)).sum(axis=-1))
        return mdp.start @ value

    with jax.enable_x64(True):
        total, slopes = jax.value_and_grad(value_of)(parameters)
    slope = np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree_util.tree_leaves(slopes)])
    scale = float(np.abs(mdp.paid).max()) or 1.0
    assert exact.expected_return(problem) == pytest.approx(float(total), rel=1e-10, abs=1e-12 * scale)
    np.testing.assert_allclose(exact.gradient(problem), slope, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("seed", range(4))
def test_return_and_gradient_are_those_of_autodiff(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
def test_200_networks() -> None:
    for seed in range(4, 204):
        compare(seed)


def test_it_is_a_policy_with_the_leaves_in_order() -> None:
    parameters = tree(np.random.default_rng(0), 2, 2, 3)
    policy = FunctionPolicy(perceptron, parameters, np.eye(2))
    assert isinstance(policy, Policy)
    expected = [parameters["in"]["b"], parameters["in"]["w"], parameters["out"]]  # dictionaries are sorted
    assert policy.parameters.tolist() == np.concatenate([leaf.ravel() for leaf in expected]).tolist()
    back = policy.with_parameters(policy.parameters + 1.0).tree
    assert np.asarray(back["out"]) == pytest.approx(parameters["out"] + 1.0)


def test_single_precision_and_constants() -> None:
    """Parameters in float32 are computed in float64; integers in the tree are constants."""

    def apply(parameters: Any, x: Any) -> Any:
        return x @ parameters["w"] * parameters["times"]

    w = np.ones((2, 3), dtype=np.float32)
    policy = FunctionPolicy(apply, {"times": np.array(2), "w": jnp.asarray(w)}, np.eye(2))
    assert policy.parameters.size == 6
    assert policy.probabilities().sum(axis=1) == pytest.approx(np.ones(2), abs=1e-15)
    # ψ of a linear softmax with features 2 · 1{s = i}.
    assert dense_score(policy)[0, 0].reshape(2, 3)[0] == pytest.approx([2 * 2 / 3, -2 / 3, -2 / 3])
    assert not jax.config.jax_enable_x64


def test_ten_thousand_parameters() -> None:
    rng = np.random.default_rng(0)
    parameters = tree(rng, 16, 416, 8)
    observations = 0.1 * rng.normal(size=(60, 16))

    policy = FunctionPolicy(perceptron, parameters, observations)
    problem = pgv.Problem(pgv.mdps.garnet(60, 8, 5, 0), policy, pgv.FiniteHorizon(20, 0.95))
    assert exact.gradient(problem).shape == (10_400,)


def test_the_oracle_judges_it() -> None:
    def factory(states: int, actions: int) -> Any:
        return FunctionPolicy(perceptron, tree(np.random.default_rng(1), states, 4, actions), np.eye(states))

    few = [e for e in pgv.suites.get("standard", policy=factory) if e.name in ("early-stop", "bandit", "coin-door")]
    assert pgv.check(pgv.estimators.RewardToGo(), problems=few).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("apply", "parameters", "message"),
    [
        (lambda p, x: (x @ p)[0], np.eye(2), r"puts out shape \(2,\) for 2 observations, must be \[S, A\]"),
        (lambda p, x: {"logits": x @ p}, np.eye(2), "puts out dict, must be a jax.Array of logits"),
        (lambda p, x: x @ p / 0.0 * 0.0, np.eye(2), r"logits\[0, 0\] is nan, must be finite"),
        (lambda p, x: x @ p, np.eye(3), r"cannot be called on observations of shape \(2, 2\): TypeError"),
        (lambda p, x: x @ p, np.eye(2, dtype=int), "holds no floating-point array"),
        (lambda _, x: x, {}, "parameters holds no array, must be a tree of real arrays"),
        (3, np.eye(2), "apply is int, must be a function"),
    ],
)
def test_refusals(apply: Any, parameters: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        FunctionPolicy(apply, parameters, np.eye(2))
