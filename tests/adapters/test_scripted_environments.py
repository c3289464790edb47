"""Scripted environments: Gymnasium's checker, both ways to begin anew, and windows listed by a route of their own."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import pgverify as pgv
from pgverify.adapters.gymnasium import ScriptedEnv, ScriptedVectorEnv
from pgverify.checking.agents.listed_windows import listed_windows
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

PROBLEM = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "early-stop")


class FirstOption:
    """A world in which the first possible option always comes."""

    def choose(self, probabilities: Any) -> int:
        return int(np.argmax(np.asarray(probabilities) > 0.0))


class Seeded:
    """A world that draws."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def choose(self, probabilities: Any) -> int:
        return int(self.rng.choice(len(probabilities), p=probabilities))


@pytest.mark.parametrize("truncates", [False, True])
def test_gymnasium_accepts_it(truncates: bool) -> None:
    check_env(ScriptedEnv(PROBLEM, FirstOption(), truncates), skip_render_check=True)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("truncates", [False, True])
def test_it_does_what_gymnasiums_own_vector_does(mode: AutoresetMode, truncates: bool) -> None:
    """Both are told the same draws; whatever they return is the same, the observations at the ends included."""
    ours = ScriptedVectorEnv(PROBLEM, [Seeded(i) for i in range(3)], 3, mode, truncates)
    theirs = SyncVectorEnv(
        [lambda i=i: ScriptedEnv(PROBLEM, Seeded(i), truncates) for i in range(3)], autoreset_mode=mode
    )
    assert np.array_equal(ours.reset()[0], theirs.reset()[0])
    actions, ended = np.random.default_rng(9), 0
    for _ in range(40):
        chosen = actions.integers(PROBLEM.mdp.num_actions, size=3)
        one, other = ours.step(chosen), theirs.step(chosen)
        for mine, its in zip(one[:4], other[:4], strict=True):
            assert np.array_equal(mine, its)
        assert set(one[4]) == set(other[4])
        if "final_obs" in one[4]:
            mask = one[4]["_final_obs"]
            assert np.array_equal(mask, other[4]["_final_obs"])
            assert one[4]["final_obs"][mask].tolist() == other[4]["final_obs"][mask].tolist()
        ended += int((one[2] | one[3]).sum())
    assert ended > 5


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_the_expected_reward_of_a_window_is_that_of_all_windows(mode: str) -> None:
    """Second route: `listed_windows` grows windows step by step, and knows nothing of environments."""
    pi, steps = PROBLEM.policy.probabilities(), 3

    def run(world: Any) -> list[float]:
        env = ScriptedVectorEnv(PROBLEM, world, 1, AutoresetMode[mode])
        states, _ = env.reset()
        total = 0.0
        for _ in range(steps):
            states, rewards, *_ = env.step(np.array([world.choose(pi[states[0]])]))
            total += float(rewards[0])
        return [total]

    windows = listed_windows(PROBLEM, steps, 1, False, mode == "NEXT_STEP")
    expected = float(windows.probability @ windows.rewards.sum(axis=(1, 2)))
    assert pgv.choices.expectation(run).mean[0] == pytest.approx(expected, rel=1e-12)


def test_refusals() -> None:
    world = FirstOption()
    with pytest.raises(InvalidInput, match="problem is int"):
        ScriptedEnv(3, world)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="must be a world"):
        ScriptedEnv(PROBLEM, None)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="autoreset_mode is 'never'"):
        ScriptedVectorEnv(PROBLEM, world, 2, "never")
    with pytest.raises(InvalidInput, match="world has 1 worlds"):
        ScriptedVectorEnv(PROBLEM, [world], 2)
    several = ScriptedVectorEnv(PROBLEM, world, 2)
    several.reset()
    with pytest.raises(InvalidInput, match="actions has shape"):
        several.step(np.array([0]))
    with pytest.raises(InvalidInput, match="action is 9"):
        several.step(np.array([0, 9]))
    with pytest.raises(gymnasium.error.ResetNeeded):
        ScriptedEnv(PROBLEM, world).step(0)
