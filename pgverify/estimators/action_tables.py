"""Tables over states and actions, and the sum over all actions of the states visited."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidEstimator
from pgverify.policies.steps import remembers
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, real_array, shown

AT_ONCE = 2**22
"""Cells of the weights [n, S, A] that are pushed through a policy's second door together: 32 MB."""


def action_table(name: str, values: ArrayLike) -> Float[Array, "*time S A"]:
    """Return a table [S, A] or [T, S, A] as an array, refusing another shape or what is not finite."""
    array = real_array(name, values, InvalidEstimator)
    if array.ndim not in (2, 3) or not array.size:
        raise InvalidEstimator(f"{name} has shape {array.shape}, must be [S, A] or [T, S, A]")
    return array


def fitting_table(
    name: str, table: Float[Array, "*time S A"], shape: tuple[int, ...], steps: int | None
) -> Float[Array, "*time S A"]:
    """Return a table that has the states and actions of a problem, and a row for each of its steps.

    Parameters
    ----------
    name : str
    table : [S, A] or [T, S, A]
    shape : (S, A)
    steps : int or None
        T at least; None where the number of steps has no bound.
    """
    if table.shape[-2:] != shape or (table.ndim == 3 and (steps is None or len(table) < steps)):
        wanted = f"[S, A] = {shape}" + ("" if steps is None else f" or [T, S, A] = {(steps, *shape)}")
        raise InvalidEstimator(f"{name} has shape {table.shape}, must be {wanted} of the problem")
    return table


def decisions_before(batch: Trajectories) -> Float[Array, "n T"]:
    """Return Π_{k<t} π/μ: how often a state counts to which somebody else's decisions led; 1 where π acted."""
    products = np.cumprod(batch.importance, axis=1)
    return np.concatenate([np.ones((len(batch), 1)), products[:, :-1]], axis=1)[:, : batch.num_steps]


def visited_tables(
    batch: Trajectories, weights: Float[Array, "n T"], table: Float[Array, "*time S A"]
) -> Float[Array, "n S A"]:
    """Return Σ_t w_t 1{s_t = s} x_t(s,a) for every trajectory, over the steps that were taken."""
    shape = (len(batch), *table.shape[-2:])
    rows = np.zeros(shape)
    taken = np.where(batch.mask, weights, 0.0)
    every = np.arange(len(batch))
    for t in range(batch.num_steps):
        here = batch.states[:, t]
        rows[every, here] += taken[:, t, None] * (table if table.ndim == 2 else table[t])[here]
    return rows


def expected_scores(
    batch: Trajectories, weights: Float[Array, "n T"], table: Float[Array, "*time S A"], estimator: object
) -> Float[Array, "n d"]:
    """Return Σ_t w_t Σ_a x_t(s_t,a) ψ(s_t,a) for every trajectory: all actions of the states visited.

    Parameters
    ----------
    batch : Trajectories
    weights : [n, T]
        w_t.
    table : [S, A] or [T, S, A]
        x_t(s,a).
    estimator : the one in question, for messages

    Raises
    ------
    InvalidEstimator
        Where actions are real numbers, or the policy depends on the history: then no table holds them all.
    """
    if remembers(batch.policy):
        raise InvalidEstimator(
            f"estimator is {shown(estimator)}, must have a policy of the state alone: it sums over actions of a state"
        )
    _ = batch.action_numbers  # refuses real actions that are no nodes
    size = max(1, AT_ONCE // max(1, table.shape[-2] * table.shape[-1]))
    parts = [
        batch.policy.score_vjp(visited_tables(batch.select(slice(i, i + size)), weights[i : i + size], table))
        for i in range(0, len(batch), size)
    ]
    if not parts:
        return np.zeros((0, batch.policy.parameters.size))
    return np.concatenate(parts) if len(parts) > 1 else np.asarray(parts[0])
