"""A problem of a suite: with its name for reports, and the reason for which it is there."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.kinds import known_arguments
from pgverify.problem import Problem


@known_arguments
@dataclass(frozen=True)
class SuiteProblem:
    """A named problem and the reason for which it is in the suite."""

    name: str
    reason: str
    problem: Problem
