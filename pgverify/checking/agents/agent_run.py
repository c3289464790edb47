"""One run of an agent: put back, updated once, and ended where it takes too long."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgverify.agents import AgentWorld
from pgverify.checking.agents.sent_run import received, sent
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

    def __reduce__(self) -> tuple[Any, tuple[float | None, float]]:
        """Return what makes them anew in another process, which has an alarm and a processor time of its own."""
        return _limits_there, (None if self.alarm is None else self.alarm.seconds, self.deadline.left)


def _limits_there(seconds: float | None, left: float) -> RunLimits:
    deadline = Deadline.after(left)
    # It is left with the process, which runs nothing else.
    return RunLimits(None if seconds is None else Alarm(seconds).__enter__(), deadline)


UNLIMITED = RunLimits()


@dataclass(frozen=True)
class Parts:
    """How runs are shared out.

    Attributes
    ----------
    processes : int
    folder : Path or None
        Which takes what is found, a file for every problem.
    """

    processes: int = 1
    folder: Path | None = None

    def file(self, number: int, problem: str) -> Path | None:
        """Return the file of a problem, by its number and its name."""
        return None if self.folder is None else self.folder / f"{number:02d}-{re.sub(r'[^A-Za-z0-9.-]+', '-', problem)}"


WHOLE = Parts()


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

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Return what makes it anew in another process; a reset that is the agent's own is found with it."""
        own = self.reset is not None and getattr(self.update, "reset", None) == self.reset
        return _run_there, (
            *sent(self.update), self.problem, self.truncates, own, None if own else self.reset, self.limits
        )  # fmt: skip

    def _updated(self, agent: AgentWorld) -> Any:
        if self.reset is not None:
            self.reset(agent)
        return self.update(agent)


def _run_there(
    name: str, update: Any, problem: Problem, truncates: bool, own: bool, reset: Any, limits: RunLimits
) -> AgentRun:
    found = received(name, update)
    prepare = getattr(found, "prepare", None)
    if prepare is not None:
        prepare(problem)
    return AgentRun(found, problem, truncates, found.reset if own else reset, limits)
