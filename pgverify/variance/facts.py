"""The numbers about a problem that are no table: J, |∇J|, sizes, and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.exact import expected_return
from pgverify.problem import Problem
from pgverify.validation import Array
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.exact_noise import Noise

MEANINGS: Mapping[str, str] = {
    "expected_return": "J(θ)",
    "gradient_norm": "|∇J(θ)|",
    "parameters": "d, coordinates of θ",
    "states": "S, states",
    "actions": "A, actions",
    "steps_per_trajectory": "expected number of environment steps of one trajectory",
    "batch_size": "N of the expected cosine, and of estimators that couple a batch",
    "relative_error": "ε: |ĝ − ∇J| ≤ ε |∇J|",
    "confidence": "probability with which the error is kept, and with which all intervals hold",
    "reward_to_go_trace": "tr Cov[g] of reward-to-go",
    "reward_to_go_trajectories": "trajectories that reward-to-go needs",
    "best_baseline_trace": "tr Cov[g] of reward-to-go with the best baseline of time and state",
    "saving": "trajectories that reward-to-go needs, divided by those of the estimator that is recommended",
    "samples": "trajectories drawn",
    "seed": "of the trajectories",
}
"""What each fact means."""


def asked_facts(asked: Accuracy) -> dict[str, Any]:
    """Return what was asked for."""
    return {
        "batch_size": asked.batch_size,
        "relative_error": asked.relative_error,
        "confidence": asked.confidence,
    }


def exact_facts(
    problem: Problem,
    truth: Float[Array, "d"],
    steps: float,
    asked: Accuracy,
    reference: Noise,
    least: float,
    recommended: Any,
) -> dict[str, Any]:
    """Return the facts of an exact report, in the order in which they are shown.

    Parameters
    ----------
    problem : Problem
    truth : [d]
        ∇J.
    steps : float
        Expected number of steps of a trajectory.
    asked : Accuracy
    reference : Noise
        Of reward-to-go.
    least : float
        tr Cov[g] of reward-to-go with the best baseline.
    recommended : row of the table, or None
    """
    facts = {
        "expected_return": expected_return(problem),
        "gradient_norm": float(np.linalg.norm(truth)),
        "parameters": truth.size,
        "states": problem.mdp.num_states,
        "actions": problem.mdp.num_actions,
        "steps_per_trajectory": steps,
        **asked_facts(asked),
        "reward_to_go_trace": reference.quality.trace,
        "reward_to_go_trajectories": reference.trajectories,
        "best_baseline_trace": least,
    }
    if recommended is not None and reference.trajectories is not None:
        facts["saving"] = reference.trajectories / int(recommended["trajectories"])
    return facts
