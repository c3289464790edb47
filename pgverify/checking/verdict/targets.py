"""What an implementation may claim to estimate: named vectors, each computed exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.bugs import ENTRIES, Bug
from pgverify.bugs import TARGETS as CATALOGUED
from pgverify.checking.exhaustive.catalogue_means import exact_mean
from pgverify.errors import unknown_name
from pgverify.exact import gradient, occupancy, values
from pgverify.problem import Problem
from pgverify.validation import Array


def policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return ∇J(θ)."""
    return np.asarray(gradient(problem))


def discount_dropped(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) Σ_a π ψ Q_t: the factor γ^t left out, the gradient of no function in general."""
    return _weighted_visits(problem, values(problem).action)


def undiscounted_policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return the gradient of the undiscounted return E Σ_t r_t of the same episodes."""
    return np.asarray(gradient(without_discount(problem)))


def entropy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) ∇H(π(·|s)), with the states held where the policy leads: what an entropy bonus adds."""
    probabilities = problem.policy.probabilities()
    logarithm = np.log(np.where(probabilities > 0, probabilities, 1.0))
    # ∇H = −Σ_a ∇π (log π + 1) = −Σ_a π ψ log π.
    return _weighted_visits(problem, -logarithm)


def _weighted_visits(problem: Problem, table: Float[Array, "*T S A"]) -> Float[Array, "d"]:
    visits = occupancy(problem)
    by_time = np.broadcast_to(table, (len(visits), *table.shape[-2:]))
    weights = np.einsum("ts,tsa->sa", visits, by_time) * problem.policy.probabilities()
    weights = np.where(problem.mdp.terminal[:, None], 0.0, weights)
    return np.asarray(problem.policy.score_vjp(weights))


def without_discount(problem: Problem) -> Problem:
    """Return the problem of the same episodes with γ = 1."""
    objective: Any = problem.objective
    return replace(problem, objective=replace(objective, discount=1.0))


CLOSED_FORMS: Mapping[str, Callable[[Problem], Float[Array, "d"]]] = MappingProxyType(
    {
        "policy_gradient": policy_gradient,
        "discount_dropped": discount_dropped,
        "undiscounted_policy_gradient": undiscounted_policy_gradient,
        "entropy_gradient": entropy_gradient,
    }
)
"""Targets with a formula of their own."""

TARGETS: tuple[str, ...] = tuple(dict.fromkeys((*CLOSED_FORMS, *CATALOGUED)))
"""All names: those, and the targets of the catalogue, defined by its correct implementations."""


def smallest_batch(name: str) -> int:
    """Return the smallest batch for which a target is defined: above 1 where it belongs to groups of trajectories."""
    return 1 if name in CLOSED_FORMS else min((bug.batch_size for bug in _definitions(name)), default=1)


def target_vector(name: str, problem: Problem, batch_size: int = 1) -> Float[Array, "d"] | None:
    """Return a named target on a finite-horizon problem.

    None where it cannot be had: batches too many to list, or a definition that does not fit the problem.

    Parameters
    ----------
    name : str
        One of `TARGETS`.
    problem : Problem
    batch_size : int
        For targets that depend on it.

    Raises
    ------
    UnknownName
        Listing the nearest targets.
    """
    if name not in TARGETS:
        raise unknown_name("target", name, TARGETS)
    if name in CLOSED_FORMS:
        return CLOSED_FORMS[name](problem)
    for bug in _definitions(name):
        vector = mean_of(bug, "correct", problem, batch_size if bug.batch_size > 1 else 1)
        if vector is not None:
            return vector
    return None


def mean_of(bug: Bug, which: str, problem: Problem, batch_size: int) -> Float[Array, "d"] | None:
    """Return the exact expectation of a bug's "implementation" or "correct"; None where it does not fit the problem."""
    alone = bug.batch_size > 1 and batch_size == 1
    try:
        mean = exact_mean(getattr(bug, which), problem, batch_size, bug.kind == "weights", bug.ordered, alone)
    except Exception:  # an entry for Gaussian policies on a softmax problem: whatever it trips over, it does not apply
        return None
    return mean if mean is not None and np.isfinite(mean).all() else None


def _definitions(name: str) -> list[Bug]:
    """Return the entries whose correct implementation estimates a target, those for every problem first."""
    known = [bug for bug in ENTRIES if bug.target == name]
    known += [replace(bug, correct=bug.implementation) for bug in ENTRIES if bug.other_target == name]
    return sorted(known, key=lambda bug: bug.setting is not None)
