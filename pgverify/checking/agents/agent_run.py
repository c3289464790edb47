"""One run of an agent: put back, updated once, and ended where it takes too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pgverify.agents import AgentWorld
from pgverify.checking.calling.alarm import Alarm, TimeUp
from pgverify.checking.calling.time_spent import NEVER, Deadline
from pgverify.choices import World
from pgverify.errors import InvalidRun, TooLarge
from pgverify.problem import Problem

Update = Callable[[AgentWorld], Any]
"""world -> [d], the direction in which the parameters would go."""


@dataclass(frozen=True)
class RunLimits:
    """How long runs may take.

    Attributes
    ----------
    alarm : Alarm or None
        Of one run.
    deadline : Deadline
        After which no further run begins.
    """

    alarm: Alarm | None = None
    deadline: Deadline = field(default_factory=lambda: NEVER)


UNLIMITED = RunLimits()


@dataclass(frozen=True)
class AgentRun:
    """What is run for every sequence of choices: world -> [d].

    Attributes
    ----------
    update : world -> [d]
    problem : Problem
    truncates : bool
        Whether the horizon is a time limit.
    reset : world -> anything, or None
        Called first.
    limits : RunLimits
    """

    update: Update
    problem: Problem
    truncates: bool
    reset: Callable[[AgentWorld], Any] | None
    limits: RunLimits = UNLIMITED

    def __call__(self, world: World) -> Any:
        """Return what the agent's update returns.

        Raises
        ------
        InvalidRun
            When it takes too long.
        TooLarge
            When all runs together have taken too long.
        """
        if self.limits.deadline.passed:
            raise TooLarge(
                f"total_time_limit={self.limits.deadline.seconds:g} s was over before all runs were made; raise it, or "
                "shorten the window"
            )
        agent = AgentWorld(self.problem, world, self.truncates)
        alarm = self.limits.alarm
        if alarm is None:
            return self._updated(agent)
        try:
            alarm.start()
            found = self._updated(agent)
            late = alarm.stop()
        except TimeUp:
            late, found = True, None
        finally:
            alarm.stop()
        if late:
            raise InvalidRun(f"update took longer than time_limit={alarm.seconds:g} s; raise time_limit if it may")
        return found

    def _updated(self, agent: AgentWorld) -> Any:
        if self.reset is not None:
            self.reset(agent)
        return self.update(agent)
