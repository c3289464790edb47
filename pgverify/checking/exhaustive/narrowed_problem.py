"""A problem with fewer trajectories that is as long and as wide as before: some actions are as good as forbidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from pgverify.checking.exhaustive.explored_case import ExploredCase, case_of
from pgverify.errors import TooLarge
from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.suites.explored_problem import ExploredProblem
from pgverify.validation import Array

NEVER = -800.0
"""A logit beside which the probability is zero in double precision: no trajectory with such an action is listed."""


def narrowed(explored: ExploredProblem, fits: Callable[[ExploredCase], bool]) -> ExploredCase | None:
    """Return the problem with as many actions forbidden as it takes; None where it does not fit even then.

    In each state two actions stay: the likelier of those that go on, and the last of the others, for what ignores
    actions ignores the later ones. Then, from the first state that is reached to the last, only the one that goes on:
    episodes become long, and differ in their last steps. At last one state alone has both.

    Parameters
    ----------
    explored : ExploredProblem
    fits : callable
        Whether a problem is small enough.
    """
    if not isinstance(explored.problem.policy, SoftmaxPolicy):
        return None
    for logits in _narrower(explored):
        policy = SoftmaxPolicy(logits)
        problem = replace(explored.problem, policy=policy)
        try:
            case = case_of(replace(explored, name=f"{explored.name} narrowed", problem=problem))
        except TooLarge:
            continue
        # Where γ = 0, what is left may be without any gradient: then nothing but rounding could be compared.
        if case.natural > 0.0 and fits(case):
            return case
    return None


def _narrower(explored: ExploredProblem) -> Iterator[Float[Array, "S A"]]:
    mdp, probabilities = explored.problem.mdp, explored.problem.policy.probabilities()
    logits = explored.problem.policy.parameters.reshape(probabilities.shape)
    goes_on = ~_ends(mdp.transition, mdp.terminal)
    actions = probabilities.shape[1]
    kept = np.zeros(probabilities.shape, dtype=bool)
    first = np.argmax(probabilities + goes_on, axis=1)
    kept[np.arange(len(kept)), first] = True
    one = kept.copy()
    kept[np.arange(len(kept)), np.where(first == actions - 1, actions - 2, actions - 1)] = True
    yield np.where(kept, logits, NEVER)
    two, turn = kept.copy(), _in_turn(mdp)
    for state in turn[:-1]:
        kept[state] = one[state]
        yield np.where(kept, logits, NEVER)
    for state in turn[-2::-1]:  # a last state that leads to itself is free at many steps
        kept = one.copy()
        kept[state] = two[state]
        yield np.where(kept, logits, NEVER)


def _in_turn(mdp: TabularMDP) -> list[int]:
    """Return the states in which something is done, in the order in which episodes reach them; others at the end."""
    leads = (mdp.transition > 0.0).any(axis=1) & ~mdp.terminal[:, None]
    new, met = mdp.start > 0.0, np.zeros(mdp.num_states, dtype=bool)
    order: list[int] = []
    while new.any():
        order.extend(int(state) for state in np.flatnonzero(new & ~mdp.terminal))
        met |= new
        new = leads[new].any(axis=0) & ~met
    return [*order, *(int(state) for state in np.flatnonzero(~met & ~mdp.terminal))]


def _ends(transition: Float[Array, "S A S"], terminal: Bool[Array, "S"]) -> Bool[Array, "S A"]:
    """Return after which actions the episode has surely ended."""
    return np.asarray(transition[:, :, ~terminal].sum(axis=2) == 0.0)
