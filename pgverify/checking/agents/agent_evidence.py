"""Expected updates in the form in which all expectations are judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.expected_update import ExpectedUpdate
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.listed_problem import natural_scale
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import DOUBLE, SINGLE, Precision
from pgverify.exact import occupancy
from pgverify.suites import SuiteProblem
from pgverify.validation import Array


def compared_update(
    update: ExpectedUpdate, target: Float[Array, "d"], window: Window | None, natural: float | None = None
) -> TargetComparison:
    """Return an expected update beside its target.

    Parameters
    ----------
    update : ExpectedUpdate
    target : [d]
    window : Window or None
        Whose steps are T; else they are the problem's.
    natural : float, optional
        The size of a right estimate; by default that of reward-to-go.
    """
    entry, found = update.entry, update.found
    size = natural_scale(entry.problem) if natural is None else natural
    running = occupancy(entry.problem)[:, ~entry.problem.mdp.terminal]
    steps = len(running) if window is None else window.steps
    item = BatchExpectation(1, found.mean, found.scale, found.trace, size)
    return TargetComparison(entry, item, target, steps, float(running.sum()), _directions(entry))


def precision_of(updates: Sequence[ExpectedUpdate]) -> Precision:
    """Return the precision that an agent returned its updates in."""
    return SINGLE if any(update.found.single for update in updates) else DOUBLE


def _directions(entry: SuiteProblem) -> int:
    """Return in how many directions updates can point, by the logits of the states: at most what d allows."""
    policy = entry.problem.policy
    states = int(np.count_nonzero(~entry.problem.mdp.terminal))
    return min(policy.parameters.size, states * (entry.problem.mdp.num_actions - 1))
