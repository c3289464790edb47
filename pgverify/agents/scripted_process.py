"""A problem as an environment with Gymnasium's calls, whose start states, transitions and ends are dictated."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from pgverify.choices.used_seeds import note_seed
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput, InvalidRun
from pgverify.kinds import known_arguments
from pgverify.problem import FiniteHorizon, Problem


@runtime_checkable
class Chooses(Protocol):
    """What dictates draws."""

    def choose(self, probabilities: Any) -> int:
        """Return the index of an option."""


@known_arguments
class ScriptedProcess:
    """The process behind a problem, one step at a time: s_0 ~ p, s_{t+1} ~ P(·|s_t, a_t), both by `world.choose`.

    Entering a terminal state terminates; so does the horizon of a `FiniteHorizon`, or it truncates where that is asked
    for. An episode that starts in a terminal state lasts one step, which pays nothing. Rewards come at their mean.

    Parameters
    ----------
    problem : Problem
        Its policy is not used.
    world : World
    truncates : bool
        Whether reaching the horizon is reported as truncation: a time limit, after which a learner bootstraps.
    """

    def __init__(self, problem: Problem, world: Chooses, truncates: bool = False) -> None:
        self.problem = problem
        self._world = world
        self._truncates = truncates
        self._state = self._time = 0
        self._running = self._stepped = False
        self._seeded: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode; return s_0 and an empty dictionary. Seed and options change nothing.

        A seed that is given again after steps, or to another environment, is remarked on.
        """
        del options
        if seed is not None and (self._seeded != seed or self._stepped):
            note_seed(self._world, "an environment", seed, at_once=True)
            self._seeded, self._stepped = seed, False
        self._state = self._drawn(self.problem.mdp.start)
        self._time, self._running = 0, True
        return self._state, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one step; return s_{t+1}, r_t, terminated, truncated, and an empty dictionary.

        Raises
        ------
        InvalidInput
            When the action is no integer in 0..A-1, or, of a problem with real actions, no D finite numbers.
        InvalidRun
            When no episode is under way.
        """
        mdp, objective = self.problem.mdp, self.problem.objective
        self._stepped = True
        if not self._running:
            raise InvalidRun("step() was called before reset(), or after the end of an episode: call reset() first")
        if isinstance(mdp, NodeMDP):
            following, reward = self._moved(mdp, action)
        else:
            chosen = self._action(action)
            branch = self._drawn(mdp.successors.weight[self._state, chosen])
            following = int(mdp.successors.successor[self._state, chosen][branch])
            reward = float(mdp.paid[self._state, chosen][branch])
        self._state, self._time = following, self._time + 1
        ended = bool(mdp.terminal[following])
        at_horizon = isinstance(objective, FiniteHorizon) and self._time == objective.horizon
        truncated = at_horizon and not ended and self._truncates
        terminated = ended or (at_horizon and not truncated)
        self._running = not (terminated or truncated)
        return following, reward, terminated, truncated, {}

    def _moved(self, mdp: NodeMDP, action: Any) -> tuple[int, float]:
        """Return the next state and the reward of a real action."""
        array = np.asarray(action, dtype=np.float64).reshape(-1)
        dimensions = mdp.nodes.shape[2]
        if array.size != dimensions or not np.isfinite(array).all() or mdp.continuous is None:
            raise InvalidInput(f"action is {action!r}, must be {dimensions} finite numbers, of a ContinuousMDP")
        transition, reward = mdp.continuous.at(self._state, array[None, :])
        following = self._drawn(transition[0])
        return following, float(reward[0, following])

    @property
    def running(self) -> bool:
        """Whether an episode is under way."""
        return self._running

    @property
    def num_states(self) -> int:
        """S."""
        return self.problem.mdp.num_states

    @property
    def num_actions(self) -> int:
        """A."""
        return self.problem.mdp.num_actions

    @property
    def observation_space(self) -> Any:
        """`gymnasium.spaces.Discrete(S)`; needs Gymnasium."""
        return _discrete(self.num_states)

    @property
    def action_space(self) -> Any:
        """`gymnasium.spaces.Discrete(A)`; needs Gymnasium."""
        return _discrete(self.num_actions)

    def _action(self, action: Any) -> int:
        array = np.asarray(action)
        if array.size != 1 or array.dtype.kind not in "iu" or not 0 <= int(array.reshape(())) < self.num_actions:
            raise InvalidInput(f"action is {action!r}, must be an integer in 0..{self.num_actions - 1}")
        return int(array.reshape(()))

    def _drawn(self, probabilities: np.ndarray) -> int:
        sure = np.flatnonzero(probabilities == 1.0)
        return int(sure[0]) if sure.size else self._world.choose(probabilities)


def _discrete(count: int) -> Any:
    try:
        from gymnasium.spaces import Discrete
    except ImportError:
        raise InvalidInput("spaces need Gymnasium, which is not installed: pip install pgverify[gymnasium]") from None
    return Discrete(count)
