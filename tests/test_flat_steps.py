"""Steps as vectorised libraries store them: by hand, by the oracle, and against Gymnasium's own conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.flat_steps import FlatSteps
from pgverify.validation import Array

Read: TypeAlias = Callable[[FlatSteps], Array]

SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
CUT = pgv.suites.get("truncated")


def two_episodes() -> Trajectories:
    """Return episodes of three steps and of one, with V = 10 t + the trajectory."""
    batch = pgv.exact.enumerate_trajectories(SUITE["early-stop"])[0]
    long, short = int(np.argmax(batch.lengths)), int(np.argmin(batch.lengths))
    chosen = batch.select([long, short])
    critic = 10.0 * np.arange(4) + np.array([[0.0], [1.0]]) + 1.0
    return replace(chosen, critic=np.where(chosen.ongoing, critic, 0.0))


def test_by_hand() -> None:
    """Pieces of two steps: the end of the long episode first, then its beginning, then the short one."""
    batch = two_episodes()
    steps = batch.steps(cut=2)
    assert steps.rows.tolist() == [0, 0, 0, 1]
    assert steps.times.tolist() == [2, 0, 1, 0]
    assert steps.rewards.tolist() == [*batch.rewards[0, [2, 0, 1]], batch.rewards[1, 0]]
    assert steps.terminated.tolist() == [True, False, False, True]
    assert steps.truncated.tolist() == [False, False, True, False]
    assert steps.episode_start.tolist() == [True, True, False, True]
    assert steps.values.tolist() == [21.0, 1.0, 11.0, 2.0]
    assert steps.next_values.tolist() == [0.0, 11.0, 21.0, 0.0]
    assert steps.reset_values.tolist() == [1.0, 11.0, 2.0, 21.0]
    s = batch.states
    assert steps.final_states.tolist() == [s[0, 3], s[0, 1], s[0, 2], s[1, 1]]
    assert steps.next_states.tolist() == [s[0, 0], s[0, 1], s[1, 0], s[0, 2]]
    assert steps.padded(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [[2.0, 3.0, 1.0], [4.0, 0.0, 0.0]]


def test_a_step_that_only_resets_follows_each_end() -> None:
    batch = two_episodes()
    steps = batch.steps(cut=2, autoreset="next-step")
    plain = batch.steps(cut=2)
    assert steps.reset_step.tolist() == [False, True, False, False, True, False, True]
    for name in ("states", "actions", "rewards", "values", "next_values", "terminated", "truncated", "times", "rows"):
        assert getattr(steps, name)[~steps.reset_step].tolist() == getattr(plain, name).tolist()
    assert steps.next_states[~steps.reset_step].tolist() == plain.final_states.tolist()
    assert steps.states[steps.reset_step].tolist() == plain.final_states[[0, 2, 3]].tolist()
    assert steps.next_states[steps.reset_step].tolist() == plain.states[[1, 3, 0]].tolist()
    assert not steps.rewards[steps.reset_step].any()
    assert steps.padded(np.arange(7.0)).tolist() == [[2.0, 3.0, 0.0], [5.0, 0.0, 0.0]]


@pytest.mark.parametrize("cut", [None, 1, 2, 3])
def test_no_piece_is_followed_by_what_comes_after_it(cut: int | None) -> None:
    for problem in (SUITE["long"], SUITE["coin-door"]):
        batch = pgv.exact.enumerate_trajectories(problem)[0]
        for part in (batch, batch.select([len(batch) - 1])):
            steps = part.steps(cut)
            edge = np.flatnonzero((steps.terminated | steps.truncated)[:-1])
            same = steps.rows[edge] == steps.rows[edge + 1]
            assert not (same & (steps.times[edge + 1] == steps.times[edge] + 1)).any()
            assert len(steps) == part.lengths.sum()
            assert steps.episode_start.sum() == (steps.terminated | steps.truncated).sum()


def gae(steps: FlatSteps, discount: float, decay: float, ends: Read, after: Read) -> Array:
    """Return GAE along the flat arrays: the trace stops where `ends`, δ bootstraps with `after`."""
    delta = steps.rewards + discount * after(steps) - steps.values
    found, stop = np.zeros(len(steps)), ends(steps)
    running = 0.0
    for i in reversed(range(len(steps))):
        running = delta[i] + discount * decay * (0.0 if stop[i] else running)
        found[i] = running
    return found


def done(steps: FlatSteps) -> Array:
    return steps.terminated | steps.truncated


def estimator(cut: int | None, autoreset: Any, ends: Any, after: Any) -> Callable[[Trajectories], Array]:
    def estimate(batch: Trajectories) -> Array:
        steps = batch.steps(cut, autoreset)
        powers = batch.discount ** np.maximum(steps.times, 0)
        advantage = gae(steps, batch.discount, 0.7, ends, after)
        return batch.score_weighted(steps.padded(np.where(steps.reset_step, 0.0, powers * advantage)))

    return estimate


def reached(steps: FlatSteps) -> Array:
    return steps.next_values


FAULTS = {
    "the value stored next": (done, lambda steps: np.where(steps.terminated, 0.0, steps.reset_values)),
    "nothing at a cut": (done, lambda steps: np.where(done(steps), 0.0, steps.next_values)),
    "the value stored next at an end": (done, lambda steps: steps.reset_values),
    "a trace across a cut": (lambda steps: steps.terminated, reached),
    "a trace across an end": (lambda steps: steps.truncated, reached),
}
"""Where the trace does not stop, or what is bootstrapped instead of V(s_{t+1})."""

FEW = [pgv.suites.SuiteProblem(name, "", SUITE[name]) for name in ("early-stop", "coin-door")]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("autoreset", ["same-step", "next-step"])
@pytest.mark.parametrize("cut", [None, 2])
def test_whoever_stops_at_edges_is_correct(cut: int | None, autoreset: str) -> None:
    right = estimator(cut, autoreset, done, reached)
    assert pgv.check(right, problems=FEW).outcome is Outcome.CORRECT
    ended = [entry for entry in CUT if entry.name in ("cut-or-ended", "middle-of-an-episode")]
    assert pgv.check(right, problems=ended).outcome is Outcome.CORRECT


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("fault", FAULTS)
def test_whoever_looks_across_an_edge_is_punished(fault: str) -> None:
    """By an expectation over pairs that is off by at least 1 % of the right one; no oracle is asked.

    The critic is a rough one: with the exact critic E δ = 0, and what a trace brings from elsewhere has no expectation.
    """
    off = 0.0
    for entry in FEW:
        batch, probability = pgv.exact.enumerate_trajectories(entry.problem)
        rough = np.where(batch.ongoing, batch.values + 0.5 * np.cos(1.0 + batch.states), 0.0)
        batch = replace(batch, critic=rough)
        found, right = (
            sum(
                probability[i] * probability[j] * estimator(2, "same-step", *kind)(batch.select([i, j])).mean(axis=0)
                for i in range(len(batch))
                for j in range(len(batch))
            )
            for kind in (FAULTS[fault], (done, reached))
        )
        off = max(off, np.abs(found - right).max() / np.abs(right).max())
    assert off > 0.01


@pytest.mark.parametrize("mode", ["same-step", "next-step"])
def test_the_conventions_are_those_of_gymnasium(mode: str) -> None:
    """A vectorised environment run along the episodes returns what is stored, the step of a reset included."""
    gymnasium = pytest.importorskip("gymnasium")
    batch = pgv.sample(SUITE["early-stop"], 6, seed=3)
    steps = batch.steps(autoreset=mode)  # type: ignore[arg-type]
    order = list(dict.fromkeys(steps.rows[~steps.reset_step].tolist()))
    starts = iter([*order, order[0]])

    class Replayed(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Discrete(3)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, **_: Any) -> tuple[int, dict[str, Any]]:
            self.row, self.time = next(starts), 0
            return int(batch.states[self.row, 0]), {}

        def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
            assert action == batch.actions[self.row, self.time]
            self.time += 1
            over = self.time == batch.lengths[self.row]
            paid = float(batch.rewards[self.row, self.time - 1])
            return int(batch.states[self.row, self.time]), paid, bool(over), False, {}

    convention = {"same-step": "SAME_STEP", "next-step": "NEXT_STEP"}[mode]
    env = gymnasium.vector.SyncVectorEnv([Replayed], autoreset_mode=gymnasium.vector.AutoresetMode[convention])
    seen, _ = env.reset()
    for i in range(len(steps)):
        assert int(seen[0]) == steps.states[i]
        seen, reward, terminated, truncated, information = env.step(np.array([steps.actions[i]]))
        assert float(reward[0]) == steps.rewards[i]
        assert (bool(terminated[0]), bool(truncated[0])) == (steps.terminated[i], steps.truncated[i])
        assert int(seen[0]) == steps.next_states[i]
        if mode == "same-step" and terminated[0]:
            assert int(information["final_obs"][0]) == steps.final_states[i]


def test_empty_and_refused() -> None:
    problem = replace(
        SUITE["three-starts"], mdp=pgv.TabularMDP([0, 0, 0, 1.0], *_tables(), [False, False, False, True])
    )
    empty = pgv.sample(problem, 3)
    for autoreset in ("same-step", "next-step"):
        assert len(empty.steps(autoreset=autoreset)) == 0  # type: ignore[arg-type]
    batch = two_episodes()
    with pytest.raises(pgv.errors.InvalidSampling, match="cut is 0, must be an integer of at least 1 step"):
        batch.steps(cut=0)
    with pytest.raises(pgv.errors.InvalidEstimator, match=r"weights has shape \(2,\), must be \[N\], one a step"):
        batch.steps(cut=2).padded(np.zeros(2))


@pytest.mark.usefixtures("unchecked_shapes")
def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(pgv.errors.UnknownName, match="unknown autoreset 'same': the nearest known are same-step"):
        two_episodes().steps(autoreset="same")  # type: ignore[arg-type]


def _tables() -> tuple[Any, Any]:
    mdp = SUITE["three-starts"].mdp
    return mdp.transition, mdp.reward
