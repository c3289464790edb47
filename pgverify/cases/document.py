"""The document: every number that a test in another language may want, computed here once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pgverify import __version__
from pgverify.cases.reference import Case, Reference, baseline_tables, cases, references
from pgverify.cases.shapes import SCHEMA, VERSION
from pgverify.errors import InvalidPolicy, InvalidSampling
from pgverify.estimators import StandardizedAdvantage, StandardizedReturn
from pgverify.exact import (
    EstimatorMoments,
    batch_moments,
    count_trajectories,
    enumerate_trajectories,
    enumerated_moments,
    expected_return,
    fisher,
    gradient,
    hessian,
    moments,
    occupancy,
    values,
)
from pgverify.kinds import accepts
from pgverify.policies import dense_score
from pgverify.problem import FiniteHorizon, Problem
from pgverify.sampling import sample
from pgverify.trajectories import Trajectories
from pgverify.validation import require_integer

BATCH_SIZE = 8

MOST_LISTED = 200
"""Trajectories of a problem that are written out."""

MOST_BATCHES = 100
"""Batches whose enumeration gives the moments of a standardised estimator: hundredths of a second."""


@accepts()
def golden(seed: int = 1) -> dict[str, Any]:
    """Return the golden cases as a document of dictionaries, lists, numbers and text, ready for JSON.

    Deterministic: the same seed and version give an equal document. `docs/golden-cases.md` says what each field means.

    Parameters
    ----------
    seed : int
        Of the batches; everything else is computed.

    Raises
    ------
    InvalidSampling
        When the seed is no integer of at least 0.
    """
    seed = require_integer("seed", seed, 0, InvalidSampling)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "library": {"name": "pgverify", "version": __version__},
        "seed": seed,
        "problems": [_problem(case, seed) for case in cases()],
    }


def _problem(case: Case, seed: int) -> dict[str, Any]:
    mdp, problem = case.problem.mdp, case.problem
    batch = sample(problem, BATCH_SIZE, seed, case.max_steps)
    return {
        "name": case.name,
        "reason": case.reason,
        "num_states": mdp.num_states,
        "num_actions": mdp.num_actions,
        "num_parameters": problem.policy.parameters.size,
        "num_steps": case.steps,
        "dynamics": {
            "start": mdp.start.tolist(),
            "transition": mdp.transition.tolist(),
            "reward": mdp.reward.tolist(),
            "terminal": mdp.terminal.tolist(),
        },
        "policy": _policy(problem),
        "objective": _objective(case),
        "exact": _exact(case),
        "baselines": {name: table.tolist() for name, table in baseline_tables(case).items()},
        "batch": _trajectories(batch),
        "listing": _listing(case),
        "estimators": [_estimator(reference, case, batch) for reference in references(case)],
    }


def _policy(problem: Problem) -> dict[str, Any]:
    policy = problem.policy
    describe = getattr(policy, "description", None)
    if describe is None:
        raise InvalidPolicy(
            f"policy is {policy!r}, must be a SoftmaxPolicy or a LinearSoftmaxPolicy to be written, or have a "
            "description() as they do"
        )
    body = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in describe().items()}
    return {**body, "probabilities": policy.probabilities().tolist(), "score": dense_score(policy).tolist()}


def _objective(case: Case) -> dict[str, Any]:
    objective = case.problem.objective
    if isinstance(objective, FiniteHorizon):
        return {"kind": "finite_horizon", "horizon": objective.horizon, "discount": objective.discount}
    return {"kind": "discounted", "discount": _discount(case), "max_steps": case.steps}


def _discount(case: Case) -> float:
    return float(getattr(case.problem.objective, "discount", 1.0))


def _at_horizon(case: Case) -> Problem:
    """Return the problem whose trajectories are the same, but end where those of the case may be cut."""
    return replace(case.problem, objective=FiniteHorizon(case.steps, _discount(case)))


def _exact(case: Case) -> dict[str, Any]:
    problem, mdp = case.problem, case.problem.mdp
    action = np.broadcast_to(values(problem).action, (case.steps, mdp.num_states, mdp.num_actions))
    return {
        "expected_return": float(expected_return(problem)),
        "gradient": gradient(problem).tolist(),
        "hessian": hessian(problem).tolist(),
        "fisher": fisher(problem).tolist(),
        "state_values": case.state_values.tolist(),
        "action_values": action.tolist(),
        "occupancy": occupancy(_at_horizon(case)).tolist(),
    }


def _trajectories(batch: Trajectories) -> dict[str, Any]:
    names = ("states", "actions", "rewards", "mask", "lengths", "terminated", "truncated", "values", "log_probs")
    return {"count": len(batch), **{name: getattr(batch, name).tolist() for name in names}}


def _listing(case: Case) -> dict[str, Any] | None:
    if count_trajectories(case.problem, max_steps=case.max_steps) > MOST_LISTED:
        return None
    batch, probabilities = enumerate_trajectories(case.problem, MOST_LISTED, max_steps=case.max_steps)
    return {**_trajectories(batch), "probabilities": probabilities.tolist()}


def _estimator(reference: Reference, case: Case, batch: Trajectories) -> dict[str, Any]:
    weights = np.where(batch.mask, reference.estimator.weights(batch), 0.0)
    exact = _moments(reference, case)
    return {
        **reference.fields,
        "batch_size": reference.batch_size,
        "mean": None if exact is None else exact.mean.tolist(),
        "covariance": None if exact is None or exact.covariance is None else exact.covariance.tolist(),
        "weights": weights.tolist(),
        "gradients": reference.estimator(batch).tolist(),
    }


def _moments(reference: Reference, case: Case) -> EstimatorMoments | None:
    """Return the exact moments of the estimate; None where they would take too long to list."""
    size, problem = reference.batch_size, case.problem
    if isinstance(reference.estimator, StandardizedReturn | StandardizedAdvantage):
        if case.max_steps is not None or count_trajectories(problem) ** size > MOST_BATCHES:
            return None
        return enumerated_moments(reference.estimator, problem, size)
    if size > 1:
        return batch_moments(reference.estimator, problem, size, max_steps=case.max_steps)
    return moments(reference.estimator, problem, max_steps=case.max_steps)
