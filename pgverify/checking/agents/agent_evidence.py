"""Expected updates in the form in which all expectations are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.expected_update import ExpectedUpdate
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.listed_problem import every_trajectory, natural_scale
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import DOUBLE, HIDDEN, SINGLE, Precision
from pgverify.choices import ProgramExpectation
from pgverify.choices.normal_nodes import FEWER
from pgverify.exact import occupancy
from pgverify.policies.steps import remembers
from pgverify.problem import Problem
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
    longest, length = _lengths(entry.problem)
    steps = longest if window is None else window.steps
    item = BatchExpectation(1, found.mean, found.scale, found.trace, size)
    return TargetComparison(entry, item, target, steps, length, _directions(entry))


def _lengths(problem: Problem) -> tuple[int, float]:
    """Return the most steps of an episode, and how many are expected."""
    if remembers(problem.policy):  # no recursion over states knows a memory
        batch, probability = every_trajectory(problem)
        return batch.num_steps, float(probability @ batch.lengths)
    running = occupancy(problem)[:, ~problem.mdp.terminal]
    return len(running), float(running.sum())


def precision_of(updates: Sequence[ExpectedUpdate], rounding: float = 0.0) -> Precision:
    """Return the precision of expected updates: that of their numbers, or of a quadrature where that is coarser.

    `rounding` is what weights lost of which the updates are differences, relative to E max|update|.
    """
    found = SINGLE if any(update.found.single for update in updates) or rounding else DOUBLE
    if rounding:
        name = f"the rounding of weights in single precision, which are known to {rounding:.2g} of an update"
        found = replace(found, name=name, operations=found.operations + rounding)
    apart = max(_apart(update.found) for update in updates)
    if apart <= found.relative:
        return found
    return replace(found, name=f"a quadrature that is apart by {apart:.2g} from a smaller one", relative=apart)


def settled(updates: Sequence[ExpectedUpdate]) -> tuple[list[ExpectedUpdate], list[str]]:
    """Return the updates on whose numbers a verdict may rest, and a sentence for each that is left out.

    Two rules of a quadrature that are further apart than a bias which may hide say nothing: of what jumps or has a kink
    the error is often far larger than the difference, on either side.
    """
    kept = [one for one in updates if _apart(one.found) <= HIDDEN]
    return kept, [
        f"problem {one.entry.name} was not judged: with {FEWER} nodes less a normal number its expected update is "
        f"apart by {_apart(one.found):.2g} of an update, more than {HIDDEN:g}; draw from more nodes, or let rewards be "
        "smooth in the actions"
        for one in updates
        if one not in kept
    ]


def _apart(found: ProgramExpectation) -> float:
    """Return how far an expectation is from that on fewer nodes, relative to what is expected of."""
    if found.quadrature_error is None or found.scale == 0.0:
        return 0.0
    return float(found.quadrature_error.max(initial=0.0)) / found.scale


def _directions(entry: SuiteProblem) -> int:
    """Return in how many directions updates can point, by the logits of the states: at most what d allows."""
    policy = entry.problem.policy
    states = int(np.count_nonzero(~entry.problem.mdp.terminal))
    return min(policy.parameters.size, states * (entry.problem.mdp.num_actions - 1))
