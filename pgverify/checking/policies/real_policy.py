"""Checks of a policy with real actions: the density against the actions that standard normal numbers stand for.

If a = f(x) with x ~ N(0, I), then log π(a) = log φ(x) − log |det ∂f/∂x|: exact at every x, with no integral.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.policies.comparing import DoorFailed, asked, compared, directions
from pgverify.checking.policies.policy_report import PolicyFinding
from pgverify.policies.jacobians import jacobian, richardson
from pgverify.policies.normal_rule import normal_rule, usual_count
from pgverify.policies.steps import Prefix
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class RealDoors:
    """What the doors of a policy with real actions say at f(x_k) in every state.

    Attributes
    ----------
    points : [K, D]
        x_k.
    weights : [K]
        Of the rule for x.
    actions : [S, K, D]
    log_slope : [S, K]
        log |det ∂f/∂x|; −∞ where f is flat.
    given : [S, K] or [S, K, D]
        The log-density as it is given.
    truth : [S, K]
        What it has to be; NaN where f is flat.
    score, slope : [S, K, k], optional
        What `score_sum` says, and the derivative of the log-density that is given.
    """

    points: Float[Array, "K D"]
    weights: Float[Array, "K"]
    actions: Float[Array, "S K D"]
    log_slope: Float[Array, "S K"]
    given: Float[Array, "S K *D"]
    truth: Float[Array, "S K"]
    score: Float[Array, "S K k"] | None = None
    slope: Float[Array, "S K k"] | None = None


def check_real(policy: Any, states: int, dimensions: int) -> tuple[list[PolicyFinding], RealDoors]:
    """Return the findings on a policy with real actions, and what its doors said.

    Parameters
    ----------
    policy : object
        With `log_density(states, actions)` and `act(states, normals)`; `score_sum(steps, weights)` where it has one.
    states, dimensions : int

    Raises
    ------
    DoorFailed
        When a door raises or answers in another shape.
    """
    theta = asked("parameters", lambda: policy.parameters).real.astype(np.float64)
    rule = normal_rule(usual_count(dimensions), dimensions)
    place = np.repeat(np.arange(states), len(rule.points))
    normals = np.tile(rule.points, (states, 1))
    shape = (states, len(rule.points))
    actions = asked("act(states, normals)", policy.act, place, normals)
    if actions.shape != normals.shape:
        raise DoorFailed(f"act(states, normals) has shape {actions.shape}, must be [m, D] = {normals.shape}")
    log_slope = _log_slope(policy, place, normals)
    given = asked("log_density(states, actions)", policy.log_density, place, actions).real
    if given.shape not in ((len(place),), actions.shape):
        raise DoorFailed(f"log_density(states, actions) has shape {given.shape}, must be [m] = ({len(place)},)")
    truth = -0.5 * (normals**2 + np.log(2.0 * np.pi)).sum(axis=1) - log_slope
    doors = RealDoors(
        points=rule.points,
        weights=rule.weights,
        actions=actions.reshape(*shape, dimensions),
        log_slope=log_slope.reshape(shape),
        given=given.reshape(*shape, *given.shape[1:]),
        truth=np.where(np.isfinite(log_slope), truth, np.nan).reshape(shape),
    )
    findings = [_one_number_a_step(given), _one_to_one(log_slope)]
    if given.ndim == 1:
        known = np.isfinite(log_slope)
        findings.append(
            compared("log_density is the density of the actions drawn", given[known], truth[known], scale=1.0)
        )
        more, doors = _scores(policy, theta, place, actions, doors)
        findings += more
    return findings, doors


def _one_number_a_step(given: Array) -> PolicyFinding:
    holds = given.ndim == 1
    return PolicyFinding("log_density is summed over the dimensions of the action", holds, 0.0 if holds else 1.0, 0.0)


def _one_to_one(log_slope: Float[Array, "m"]) -> PolicyFinding:
    flat = float((~np.isfinite(log_slope)).mean())
    return PolicyFinding("different draws are different actions", flat == 0.0, flat, 0.0)


def _log_slope(policy: Any, place: Array, normals: Float[Array, "m D"]) -> Float[Array, "m"]:
    """Return log |det ∂f/∂x|."""
    columns = []
    for unit in np.eye(normals.shape[1]):
        moved = jacobian(partial(_moved, policy, place, normals, unit), np.zeros(1))
        columns.append(moved.table[..., 0])
    matrix = np.stack(columns, axis=2)
    sizes = np.abs(np.linalg.det(matrix))
    with np.errstate(divide="ignore"):
        return np.where(sizes > 1e-12 * max(float(sizes.max()), 1e-300), np.log(sizes), -np.inf)


def _moved(policy: Any, place: Array, normals: Float[Array, "m D"], unit: Array, step: Array) -> Array:
    return np.asarray(policy.act(place, normals + step[0] * unit))


def _scores(
    policy: Any, theta: Array, place: Array, actions: Float[Array, "m D"], doors: RealDoors
) -> tuple[list[PolicyFinding], RealDoors]:
    along = directions(theta.size)
    shape = (*doors.log_slope.shape, along.shape[1])

    def log_density(moved: Array) -> Array:
        return np.asarray(policy.with_parameters(theta + along @ moved).log_density(place, actions))

    slope = jacobian(log_density, np.zeros(along.shape[1]))
    findings, score = [], slope.table
    if getattr(policy, "score_sum", None) is not None:
        score = _score_sum(policy, place, actions, theta.size) @ along
        findings.append(compared("score_sum is the derivative of the log-density", score, slope.table, slope.error))

    def scores(moved: Array) -> Array:
        there = policy.with_parameters(theta + along @ moved)
        if getattr(policy, "score_sum", None) is not None:
            return _score_sum(there, place, actions, theta.size) @ along
        return jacobian(
            lambda more: np.asarray(there.with_parameters(theta + along @ (moved + more)).log_density(place, actions)),
            np.zeros(along.shape[1]),
        ).table

    found, weights = score.reshape(shape), doors.weights
    mean = np.einsum("k,skj->sj", weights, found)
    scale = float(np.sqrt(np.einsum("k,skj->sj", weights, found**2)).max(initial=0.0)) or 1.0
    findings.append(compared("the mean score is zero", mean, np.zeros(mean.shape), 1e-9, scale=scale))
    change = richardson(scores, np.zeros(along.shape[1]))
    outer = np.einsum("k,ski,skj->sij", weights, found, found)
    bent = -np.einsum("k,skij->sij", weights, change.table.reshape(*shape, along.shape[1]))
    findings.append(compared("E ψψᵀ = −E ∇² log π (Fisher identity)", bent, outer, change.error))
    return findings, replace(doors, score=found, slope=slope.table.reshape(shape))


def _score_sum(policy: Any, place: Array, actions: Float[Array, "m D"], size: int) -> Float[Array, "m d"]:
    steps = Prefix(np.repeat(place[:, None], 2, axis=1), actions[:, None, :], np.ones((len(place), 1), dtype=bool))
    found = asked("score_sum(steps, weights)", policy.score_sum, steps, np.ones((len(place), 1))).real
    if found.shape != (len(place), size):
        raise DoorFailed(f"score_sum(steps, weights) has shape {found.shape}, must be [n, d] = ({len(place)}, {size})")
    return found
