"""The weight that an estimate gave to every step, recovered from the estimate where it tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.trajectories import Trajectories
from pgverify.validation import Array

TELLS = 1e-6
"""Relative to the largest estimate: what a weighted sum of scores may be off by, in single precision."""

NO_SUM = "the estimate is no weighted sum of the scores of the steps"
SEVERAL = "several weights give the same estimate here"


@dataclass(frozen=True)
class Visit:
    """An action taken in a state of a batch, and the (trajectory, time) of every step that took it."""

    state: int
    action: int
    places: tuple[tuple[int, int], ...]


def visits(batch: Trajectories) -> list[Visit]:
    """Return the actions that were taken in a batch, each with its steps: they share one score."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, time in np.argwhere(batch.mask):
        key = (int(batch.states[row, time]), int(batch.actions[row, time]))
        found.setdefault(key, []).append((int(row), int(time)))
    return [Visit(state, action, tuple(places)) for (state, action), places in found.items()]


def recovered(batch: Trajectories, estimate: Float[Array, "d"]) -> list[float] | str:
    """Return W_v = Σ of the weights on the steps of every visit, or why the estimate does not tell them.

    Solves n·ĝ = Σ_v W_v ∇ log π(a_v|s_v), which has one solution where the scores are linearly independent.

    Parameters
    ----------
    batch : Trajectories
    estimate : [d]
        The mean over the batch.
    """
    known = visits(batch)
    scores = np.stack([_score(batch, visit) for visit in known]) if known else np.zeros((0, len(estimate)))
    goal = estimate * len(batch)
    if len(known) == 0:
        return []
    weights, _, rank, _ = np.linalg.lstsq(scores.T, goal, rcond=1e-10)
    if np.abs(scores.T @ weights - goal).max(initial=0.0) > TELLS * max(np.abs(goal).max(initial=0.0), 1e-300):
        return NO_SUM
    return [float(weight) for weight in weights] if rank == len(known) else SEVERAL


def summed(batch: Trajectories, weights: Float[Array, "n T"]) -> list[float]:
    """Return the sum of given weights on the steps of every visit."""
    return [float(sum(weights[place] for place in visit.places)) for visit in visits(batch)]


def _score(batch: Trajectories, visit: Visit) -> Float[Array, "d"]:
    only = np.zeros(batch.actions.shape)
    only[visit.places[0]] = 1.0
    score: Float[Array, "d"] = batch.score_weighted(only).sum(axis=0)
    return score
