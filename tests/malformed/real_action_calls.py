"""The calls that make problems with real actions, policies out of others, and that check a policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from malformed_calls import LOGITS, POLICY, START, Call

import pgverify as pgv
from pgverify.policies import CallablePolicy

WEIGHTS, LOG_STD = np.array([[0.5], [-0.25]]), np.array([-0.5])


def stays(_: int, actions: Any) -> Any:
    return np.full((len(actions), 2), 0.5)


def pays(_: int, actions: Any) -> Any:
    return actions[:, 0]


GAUSSIAN = pgv.GaussianPolicy(np.eye(2), WEIGHTS, LOG_STD)
REAL = pgv.Problem(pgv.ContinuousMDP(START, stays, pays), GAUSSIAN, pgv.FiniteHorizon(1))


def law(theta: Any) -> Any:
    return pgv.SoftmaxPolicy(np.reshape(theta, (2, 2))).probabilities()


def real_action_calls() -> Iterator[Call]:
    """Yield them."""
    imaginary = ("complex", "complex object", "complex number", "complex 0-d")
    made = {"features": np.eye(2) + 0.25, "mean_weights": WEIGHTS, "log_std": LOG_STD, "learns_std": True}
    parts = {"mean_weights": imaginary, "log_std": imaginary}
    yield Call("GaussianPolicy", pgv.GaussianPolicy, made, other=parts)
    yield Call("SquashedGaussianPolicy", pgv.SquashedGaussianPolicy, {**made, "scale": 1.5}, other=parts)
    yield Call("GaussianPolicy.with_parameters", GAUSSIAN.with_parameters, {"theta": GAUSSIAN.parameters},
               other={"theta": imaginary})  # fmt: skip
    yield Call("GaussianPolicy.score_vjp", GAUSSIAN.score_vjp, {"weights": GAUSSIAN.nodes[:, :, 0] + 0.25},
               other={"weights": imaginary})  # fmt: skip
    yield Call("ContinuousMDP", pgv.ContinuousMDP,
               {"start": START, "transition": stays, "reward": pays, "terminal": np.array([False, False]),
                "action_dim": 2, "nodes": 3}, fixed=("transition", "reward"),
               other={"terminal": ("nothing",), "nodes": ("nothing",)})  # fmt: skip
    yield Call(
        "exact.quadrature_error", pgv.exact.quadrature_error, {"problem": REAL}, other={"problem": ("a problem",)}
    )
    yield Call("MixedPolicy", pgv.MixedPolicy, {"policy": POLICY, "exploration": 0.5})
    yield Call("TemperedPolicy", pgv.TemperedPolicy, {"policy": POLICY, "temperature": 0.5})
    yield Call("MaskedPolicy", pgv.MaskedPolicy, {"policy": POLICY, "mask": np.array([[True, False], [True, True]])},
               fixed=("mask",))  # fmt: skip
    yield Call("TopKPolicy", pgv.TopKPolicy, {"policy": POLICY, "count": 1})
    yield Call("TopPPolicy", pgv.TopPPolicy, {"policy": POLICY, "mass": 0.5})
    yield Call("CallablePolicy", CallablePolicy, {"function": law, "parameters": LOGITS.ravel()}, fixed=("function",),
               other={"parameters": imaginary})  # fmt: skip
    yield Call("check_policy", pgv.check_policy, {"policy": POLICY, "seed": 3}, other={"seed": ("10**400",)})
