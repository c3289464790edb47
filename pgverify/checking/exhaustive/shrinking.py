"""Smaller problems that may still show what a problem shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Integer

from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites.explored_problem import ExploredProblem
from pgverify.validation import Array

Shows = Callable[[ExploredProblem], bool]


def shrunk(explored: ExploredProblem, shows: Shows) -> ExploredProblem:
    """Return a problem that still shows the fault, and of which no simplification that is tried does.

    Parameters
    ----------
    explored : ExploredProblem
        One that shows it.
    shows : problem -> bool
        Whether a problem does; false as well when there is no time to see.
    """
    smaller = True
    while smaller:
        smaller = False
        for candidate in _simpler(explored):
            if shows(candidate):
                explored, smaller = candidate, True
                break
    name = explored.name.split(" (")[0]
    steps = "1 step" if explored.max_steps == 1 else f"{explored.max_steps} steps"
    cut = "" if explored.max_steps is None else f" (cut after {steps})"
    return replace(explored, name=f"{name} made smaller{cut}")


def _simpler(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    """Yield what is simpler by one step, the largest steps first; what is no problem is left out."""
    for make in (_shorter, _fewer_starts, _fewer_states, _fewer_actions, _plainer):
        try:
            yield from make(explored)
        except ValueError:
            continue


def _shorter(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    objective, cut = explored.problem.objective, explored.max_steps
    if cut is not None:
        fewer = [steps for steps in dict.fromkeys((1, cut // 2, cut - 1)) if 0 < steps < cut]
        yield from (replace(explored, max_steps=steps) for steps in fewer)
    if isinstance(objective, FiniteHorizon):
        least = 1 if cut is None else cut + 1
        for steps in dict.fromkeys((least, objective.horizon // 2, objective.horizon - 1)):
            if least <= steps < objective.horizon:
                shorter = replace(objective, horizon=steps)
                yield replace(explored, problem=replace(explored.problem, objective=shorter))


def _fewer_starts(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    start = explored.problem.mdp.start
    possible = np.flatnonzero(start)
    if len(possible) > 1:
        for state in possible:
            yield _with_tables(explored, start=np.eye(len(start))[state])
        for state in possible:
            rest = np.where(np.arange(len(start)) == state, 0.0, start)
            yield _with_tables(explored, start=rest / rest.sum())


def _fewer_states(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    mdp = explored.problem.mdp
    states, moved = np.arange(mdp.num_states), _transition(mdp)
    reached = (mdp.start > 0) | (moved.sum(axis=1) > 0).any(axis=0)
    for gone in states[::-1]:
        if mdp.num_states == 1:
            return
        kept = states[states != gone]
        if not reached[gone]:
            yield _restricted(explored, kept, np.arange(mdp.num_actions))
            continue
        for instead in kept:
            if mdp.terminal[instead] == mdp.terminal[gone] and mdp.start[gone] == 0.0:
                yield _restricted(_led_elsewhere(explored, gone, instead), kept, np.arange(mdp.num_actions))


def _led_elsewhere(explored: ExploredProblem, gone: int, instead: int) -> ExploredProblem:
    """Return the problem in which one state is entered instead of another, for the same reward."""
    mdp = explored.problem.mdp
    transition, reward = _transition(mdp), _reward(mdp)
    moved = transition[:, :, gone] > 0
    reward[:, :, instead] = np.where(moved, reward[:, :, gone], reward[:, :, instead])
    transition[:, :, instead] += transition[:, :, gone]
    transition[:, :, gone], reward[:, :, gone] = 0.0, 0.0
    transition[gone] = np.eye(mdp.num_states)[gone]
    reward[gone] = 0.0
    return _with_tables(explored, transition=transition, reward=reward)


def _fewer_actions(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    mdp = explored.problem.mdp
    if mdp.num_actions > 2:
        actions = np.arange(mdp.num_actions)
        yield from (_restricted(explored, np.arange(mdp.num_states), actions[actions != gone]) for gone in actions)


def _plainer(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    """Yield rounder numbers: rewards of 0, 1 or whole, uniform policies, no chance."""
    mdp, logits = explored.problem.mdp, _logits(explored)
    reward, transition = _reward(mdp), _transition(mdp)
    yield from _idle_states(explored)
    largest = float(np.abs(reward).max(initial=0.0))
    if largest not in (0.0, 1.0):
        yield _with_tables(explored, reward=reward / largest)
        power = 10.0 ** np.floor(np.log10(largest))
        if power < largest:
            yield _with_tables(explored, reward=reward * (power / largest))
    for plain in (np.sign(reward) * (reward > 0), np.round(reward)):
        if (plain != reward).any() and plain.any():
            yield _with_tables(explored, reward=plain)
    for place in np.argwhere(reward):
        rest = reward.copy()
        rest[tuple(place)] = 0.0
        yield _with_tables(explored, reward=rest)
    for row in range(len(logits)):
        if logits[row].any():
            yield _with_logits(explored, np.where(np.arange(len(logits))[:, None] == row, 0.0, logits))
    likeliest = np.eye(mdp.num_states)[transition.argmax(axis=2)]
    if (likeliest != transition).any():
        yield _with_tables(explored, transition=likeliest, reward=reward * likeliest)
    if (mdp.start > 0).sum() > 1 and np.ptp(mdp.start[mdp.start > 0]) > 0.0:
        yield _with_tables(explored, start=(mdp.start > 0) / (mdp.start > 0).sum())


def _idle_states(explored: ExploredProblem) -> Iterator[ExploredProblem]:
    """Yield the problem with states in which nothing happens any more: all that are no start together, then each."""
    mdp, logits = explored.problem.mdp, _logits(explored)
    stays = np.broadcast_to(np.eye(mdp.num_states)[:, None, :], mdp.transition.shape)
    idle = (_transition(mdp) == stays).all(axis=(1, 2)) & ~_reward(mdp).any(axis=(1, 2)) & ~logits.any(axis=1)
    for chosen in (mdp.start == 0.0, *np.eye(mdp.num_states, dtype=bool)):
        if (chosen & ~idle).any():
            where = chosen[:, None, None]
            quiet = _with_logits(explored, np.where(chosen[:, None], 0.0, logits))
            reward = np.where(where, 0.0, _reward(mdp))
            yield _with_tables(quiet, transition=np.where(where, stays, _transition(mdp)), reward=reward)
    # Where nothing follows from where one is led, one may stay.
    paid = _reward(mdp).sum(axis=2, keepdims=True)
    for state in np.flatnonzero(~idle & ~mdp.terminal):
        where = (np.arange(mdp.num_states) == state)[:, None, None]
        transition = np.where(where, stays, _transition(mdp))
        if (transition != _transition(mdp)).any():
            yield _with_tables(explored, transition=transition, reward=np.where(where, paid * stays, _reward(mdp)))


def _restricted(
    explored: ExploredProblem, states: Integer[Array, "S"], actions: Integer[Array, "A"]
) -> ExploredProblem:
    mdp = explored.problem.mdp
    table = np.ix_(states, actions, states)
    smaller = TabularMDP(mdp.start[states], _transition(mdp)[table], _reward(mdp)[table], mdp.terminal[states])
    policy = SoftmaxPolicy(_logits(explored)[np.ix_(states, actions)])
    return replace(explored, problem=Problem(smaller, policy, explored.problem.objective))


def _with_tables(explored: ExploredProblem, **tables: Float[Array, "..."]) -> ExploredProblem:
    mdp = explored.problem.mdp
    start, transition = tables.get("start", mdp.start), tables.get("transition", _transition(mdp))
    reward = np.where(transition > 0, tables.get("reward", _reward(mdp)), 0.0)
    changed = TabularMDP(start, transition, reward, mdp.terminal)
    return replace(explored, problem=replace(explored.problem, mdp=changed))


def _with_logits(explored: ExploredProblem, logits: Float[Array, "S A"]) -> ExploredProblem:
    return replace(explored, problem=replace(explored.problem, policy=SoftmaxPolicy(logits)))


def _transition(mdp: TabularMDP) -> Float[Array, "S A S"]:
    return np.array(mdp.transition)


def _reward(mdp: TabularMDP) -> Float[Array, "S A S"]:
    return np.array(mdp.reward)


def _logits(explored: ExploredProblem) -> Float[Array, "S A"]:
    policy = explored.problem.policy
    return np.asarray(policy.parameters.reshape(policy.probabilities().shape))
