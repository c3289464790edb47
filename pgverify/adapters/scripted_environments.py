"""Gymnasium environments whose every draw is dictated, one or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.agents.scripted_process import Chooses, ScriptedProcess
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput
from pgverify.kinds import described
from pgverify.problem import Problem
from pgverify.validation import Array, require_flag, require_integer

try:
    import gymnasium
    from gymnasium.vector import AutoresetMode
except ImportError:
    raise InvalidInput(
        "adapters.gymnasium needs Gymnasium, which is not installed: pip install pgverify[gymnasium]"
    ) from None

FURTHEST = 1e6
"""Bounds of real actions, for libraries that insist on some: no node of a usual policy is as far."""

MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)


class ScriptedEnv(gymnasium.Env[Any, Any]):
    """The process behind a problem as a Gymnasium environment: its start states and transitions by `world.choose`.

    What it is like is said of `agents.ScriptedProcess`: rewards come at their mean, and the horizon terminates, or
    truncates where that is asked for.

    Parameters
    ----------
    problem : Problem
        Its policy is not used.
    world : what has `choose`
        The world of a run; a library that keeps its environments from run to run is given the next one by `env.world`.
    truncates : bool
        Whether reaching the horizon is a time limit.

    Raises
    ------
    InvalidInput
        On something that is no Problem or no world, and on an action outside 0..A-1, or, where they are real, one that
        is not D finite numbers.
    gymnasium.error.ResetNeeded
        On a step before the first reset, or after the end of an episode.
    """

    def __init__(self, problem: Problem, world: Chooses, truncates: bool = False) -> None:
        _require(problem, world)
        self.problem = problem
        self.world = world
        self.observation_space = gymnasium.spaces.Discrete(problem.mdp.num_states)
        self.action_space = _action_space(problem)
        truncates = require_flag("truncates", truncates, InvalidInput)
        self._process = ScriptedProcess(problem, self, truncates)
        # With a specification Gymnasium, and its checker, can make copies: `env.spec.make()`.
        self.spec = gymnasium.envs.registration.EnvSpec(
            "Scripted-v0",
            f"{__name__}:ScriptedEnv",
            kwargs={"problem": problem, "world": world, "truncates": truncates},
        )

    def choose(self, probabilities: Any) -> int:
        """Return the index that the world of now dictates."""
        return self.world.choose(probabilities)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode; return s_0 and an empty dictionary. A seed changes nothing, for the world decides."""
        super().reset(seed=seed, options=options)
        return self._process.reset(seed=seed)

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one step; return s_{t+1}, r_t, terminated, truncated, and an empty dictionary."""
        if not self._process.running:
            raise gymnasium.error.ResetNeeded("the episode is over, or has not begun: call reset() first")
        return self._process.step(action)


class ScriptedVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Several scripted environments side by side, which begin anew by themselves in either of Gymnasium's ways.

    `NEXT_STEP`: the step after an end ignores its action and only resets, with reward 0. `SAME_STEP`: the step that
    ends returns the first observation of the next episode, and `info["final_obs"]` the last one.

    Parameters
    ----------
    problem : Problem
    world : what has `choose`, or several of them
        One for all, which then draw one after another, or one for each.
    num_envs : int
    autoreset_mode : gymnasium.vector.AutoresetMode, or its name
    truncates : bool
        Whether reaching the horizon is a time limit.

    Raises
    ------
    InvalidInput
        On any other argument, and on actions that are not one integer in 0..A-1 for each.
    """

    def __init__(
        self,
        problem: Problem,
        world: Chooses | Sequence[Chooses],
        num_envs: int = 1,
        autoreset_mode: Any = AutoresetMode.NEXT_STEP,
        truncates: bool = False,
    ) -> None:
        if isinstance(problem, Problem) and isinstance(problem.mdp, NodeMDP):
            raise InvalidInput("problem has real actions, must have a list of them: make several ScriptedEnv instead")
        self.num_envs = require_integer("num_envs", num_envs, 1, InvalidInput, ", the number of environments")
        self.autoreset_mode = _mode(autoreset_mode)
        worlds: list[Any] = list(world) if isinstance(world, list | tuple) else [world] * self.num_envs
        if len(worlds) != self.num_envs:
            raise InvalidInput(f"world has {len(worlds)} worlds, must have num_envs = {self.num_envs}, or be one")
        self.envs = [ScriptedEnv(problem, each, truncates) for each in worlds]
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self._over = np.zeros(self.num_envs, dtype=bool)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Integer[Array, "E"], dict[str, Any]]:
        """Begin an episode in every environment; return s_0 [E] and an empty dictionary. Seeds change nothing."""
        del options
        self._over[:] = False
        seeds = [seed if seed is None else seed + e for e in range(self.num_envs)] if np.ndim(seed) == 0 else seed
        first = [env.reset(seed=each)[0] for env, each in zip(self.envs, seeds, strict=True)]
        return np.array(first, dtype=np.int64), {}

    def step(
        self, actions: Any
    ) -> tuple[Integer[Array, "E"], Float[Array, "E"], Bool[Array, "E"], Bool[Array, "E"], dict[str, Any]]:
        """Take one step in every environment; return s_{t+1}, r_t, terminated, truncated [E], and what ended."""
        chosen = np.asarray(actions)
        if chosen.shape != (self.num_envs,):
            raise InvalidInput(
                f"actions has shape {chosen.shape}, must be ({self.num_envs},), one for each environment"
            )
        observations = np.zeros(self.num_envs, dtype=np.int64)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        info: dict[str, Any] = {}
        for e, env in enumerate(self.envs):
            if self._over[e]:  # NEXT_STEP alone: after SAME_STEP nothing is over
                observations[e], _ = env.reset()
                continue
            observations[e], rewards[e], terminated[e], truncated[e], _ = env.step(chosen[e].item())
            if (terminated[e] or truncated[e]) and self.autoreset_mode is AutoresetMode.SAME_STEP:
                info = self._add_info(info, {"final_obs": int(observations[e]), "final_info": {}}, e)
                observations[e], _ = env.reset()
        over = (terminated | truncated) if self.autoreset_mode is AutoresetMode.NEXT_STEP else self._over
        self._over = over.copy()
        return observations, rewards, terminated, truncated, info


def _action_space(problem: Problem) -> Any:
    if isinstance(problem.mdp, NodeMDP):
        return gymnasium.spaces.Box(-FURTHEST, FURTHEST, (problem.mdp.nodes.shape[2],))
    return gymnasium.spaces.Discrete(problem.mdp.num_actions)


def _mode(given: Any) -> AutoresetMode:
    for mode in MODES:
        if given is mode or given in (mode.name, mode.value):
            return mode
    raise InvalidInput(f"autoreset_mode is {given!r}, must be AutoresetMode.NEXT_STEP or AutoresetMode.SAME_STEP")


def _require(problem: Any, world: Any) -> None:
    if not isinstance(problem, Problem):
        raise InvalidInput(f"problem is {type(problem).__name__}, must be a Problem")
    if not isinstance(world, Chooses):
        raise InvalidInput(f"world is {described(world)}, must be a world, which has choose(probabilities)")
