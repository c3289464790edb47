"""What a report leaves out where it would take minutes, and how it says so."""

from __future__ import annotations

from pgverify.exact.step_law import StepLaw
from pgverify.problem import Problem

LARGEST_CELLS = 20_000_000
"""T·S·d up to which shares and curves are computed: beyond, they would take minutes, and gigabytes."""
MOST_STEPS = 1_000
"""T up to which they are: a random horizon is followed until nobody is under way, 5,040 steps at γ = 0.99."""

LARGEST_COUPLED = 1_000
"""Coordinates up to which a baseline that couples the batch is among the usual estimators: half a minute for Taxi."""


def quick_to_couple(law: StepLaw, problem: Problem) -> bool:
    """Return whether the moments of an estimator that couples its batch take no longer than a few seconds.

    Parameters
    ----------
    law : StepLaw
    problem : Problem
    """
    return law.steps <= MOST_STEPS and problem.policy.parameters.size <= LARGEST_COUPLED


def too_large(law: StepLaw, problem: Problem) -> list[str]:
    """Return what is left out and why; nothing where all can be computed.

    Parameters
    ----------
    law : StepLaw
        As far as trajectories are followed.
    problem : Problem
    """
    parts = "shares by source, and curves over λ and n"
    if law.steps > MOST_STEPS:
        hint = "" if law.rollout.horizon is not None else "; give max_steps, or a horizon, for a bounded number"
        return [f"{parts}: trajectories are followed for {law.steps:,} steps, up to {MOST_STEPS:,} are looked at{hint}"]
    size = law.steps * problem.mdp.num_states * problem.policy.parameters.size
    if size > LARGEST_CELLS:
        return [f"{parts}: T·S·d is {size:,}, they are computed up to {LARGEST_CELLS:,}"]
    return []
