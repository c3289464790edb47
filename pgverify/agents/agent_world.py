"""The world of an agent: the problem it acts on, the environment, and the draws of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pgverify.agents.scripted_process import ScriptedProcess
from pgverify.choices import World
from pgverify.choices.normal_nodes import NODES
from pgverify.choices.world import Choice
from pgverify.errors import InvalidInput
from pgverify.kinds import known_arguments
from pgverify.problem import Problem


@known_arguments
class AgentWorld:
    """What an update is called with.

    Attributes
    ----------
    problem : Problem
        Dynamics, the policy at which the update is judged, and the objective.
    env : ScriptedProcess
        The environment, with Gymnasium's `reset` and `step`; more of them by `another_env`.
    """

    def __init__(self, problem: Problem, world: World, truncates: bool = False) -> None:
        self.problem = problem
        self._world = world
        self._truncates = truncates

    def choose(self, probabilities: Any) -> int:
        """Return the index of an option; in some run it is every option with a probability above zero."""
        return self._world.choose(probabilities)

    def normal(self, nodes: int = NODES) -> float:
        """Return a number that stands for one of N(0, 1): a node of a quadrature."""
        return self._world.normal(nodes)

    @property
    def draws(self) -> Sequence[Choice]:
        """What was drawn so far, in order."""
        return self._world.draws

    @property
    def kept(self) -> dict[Any, Any]:
        """What libraries that are scripted remember of this run."""
        return self._world.kept

    def remark(self, text: str) -> None:
        """Remember what should be said of this run, which can be judged all the same."""
        self._world.remark(text)

    def refuse(self, reason: InvalidInput) -> None:
        """Remember why this run cannot be judged."""
        self._world.refuse(reason)

    @cached_property
    def env(self) -> ScriptedProcess:
        """The environment, not yet reset."""
        return self.another_env()

    def another_env(self) -> ScriptedProcess:
        """Return a further environment of the same problem, for agents that act in several at once."""
        return ScriptedProcess(self.problem, self, self._truncates)
