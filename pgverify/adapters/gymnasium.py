"""Gymnasium: a problem becomes an environment, sampled, or with every draw dictated."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.adapters.scripted_environments import ScriptedEnv, ScriptedVectorEnv
from pgverify.errors import InvalidInput
from pgverify.kinds import known_arguments, suggesting
from pgverify.problem import FiniteHorizon, Problem

try:
    import gymnasium
except ImportError:
    raise InvalidInput(
        "adapters.gymnasium needs Gymnasium, which is not installed: pip install pgverify[gymnasium]"
    ) from None

__all__ = ["ScriptedEnv", "ScriptedVectorEnv", "TabularEnv"]


@known_arguments
class TabularEnv(gymnasium.Env[Any, Any]):
    """The process behind a problem as a Gymnasium environment: start, dynamics, rewards and ends are the problem's.

    s_0 ~ p, s_{t+1} ~ P(·|s_t, a_t), and the reward r(s_t, a_t, s_{t+1}) plus normal noise where the MDP has some.

    Ends. Entering a terminal state terminates. So does the horizon of a `FiniteHorizon`: it is part of the problem,
    nothing comes after it, and a learner that bootstraps there would aim at another J. Nothing truncates: under
    `Discounted` and `AverageReward` wrap the environment in `gymnasium.wrappers.TimeLimit` for that. Gymnasium has no
    episodes of length zero: one that starts in a terminal state lasts one step, which pays nothing. The discount is
    the learner's business, and the observation holds no time. A bonus of the objective depends on the policy that
    learns: it is no part of the reward here.

    Parameters
    ----------
    problem : Problem
        Its policy is not used.

    Raises
    ------
    InvalidInput
        On something that is no Problem, and on an action outside 0..A-1.
    gymnasium.error.ResetNeeded
        On a step before the first reset, or after the end of an episode.
    """

    def __init__(self, problem: Problem) -> None:
        if not isinstance(problem, Problem):
            raise InvalidInput(f"problem is {type(problem).__name__}, must be a Problem")
        self.problem = problem
        self.observation_space = gymnasium.spaces.Discrete(problem.mdp.num_states)
        self.action_space = gymnasium.spaces.Discrete(problem.mdp.num_actions)
        # With a specification Gymnasium, and its checker, can make copies: `env.spec.make()`.
        self.spec = gymnasium.envs.registration.EnvSpec(
            "Tabular-v0", f"{__name__}:TabularEnv", kwargs={"problem": problem}
        )
        self._state = self._time = 0
        self._running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode; return s_0 and an empty dictionary.

        Parameters
        ----------
        seed : int, optional
            Restarts the random numbers: the same seed and actions give the same episodes. Without one they go on.
        options : dict, optional
            Not used.
        """
        super().reset(seed=seed, options=options)
        mdp = self.problem.mdp
        self._state = int(self.np_random.choice(mdp.num_states, p=mdp.start))
        self._time, self._running = 0, True
        return self._state, {}

    def step(self, action: int | np.integer) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one step; return s_{t+1}, r_t, terminated, truncated (always False), and an empty dictionary."""
        if not self._running:
            raise gymnasium.error.ResetNeeded("the episode is over, or has not begun: call reset() first")
        if not self.action_space.contains(action):
            raise InvalidInput(f"action is {action!r}, must be an integer in 0..{self.problem.mdp.num_actions - 1}")
        mdp, objective = self.problem.mdp, self.problem.objective
        step = self._state, int(action)
        branch = int(self.np_random.choice(mdp.successors.weight.shape[2], p=mdp.successors.weight[step]))
        following = int(mdp.successors.successor[step][branch])
        reward = float(self.np_random.normal(mdp.paid[step][branch], mdp.noise[step][branch]))
        self._state, self._time = following, self._time + 1
        at_horizon = isinstance(objective, FiniteHorizon) and self._time == objective.horizon
        terminated = bool(mdp.terminal[following]) or at_horizon
        self._running = not terminated
        return following, reward, terminated, False, {}


__getattr__ = suggesting(__name__, __all__)
