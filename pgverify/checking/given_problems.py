"""The problems that a caller of the oracle gives instead of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pgverify.errors import InvalidInput, InvalidObjective
from pgverify.exact import count_trajectories
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import shown

DEFAULT = "leave it out for the standard suite"


def suite_of(problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem]) -> Sequence[SuiteProblem]:
    """Return the given problems, each with a name.

    Parameters
    ----------
    problems : Problem or SuiteProblem, or several

    Raises
    ------
    InvalidInput
        When there is none, or one of them has no finite horizon.
    """
    if isinstance(problems, Problem | SuiteProblem):
        problems = [problems]
    try:
        one_by_one = iter(problems)
    except TypeError:
        raise InvalidInput(
            f"problems is {_shown(problems)}, must be one Problem or an iterable of them; {DEFAULT}"
        ) from None
    suite = [_named(index, problem) for index, problem in enumerate(one_by_one)]
    if not suite:
        raise InvalidInput(f"problems is empty, must hold at least one Problem; {DEFAULT}")
    return suite


def _named(index: int, given: Problem | SuiteProblem) -> SuiteProblem:
    problem = given.problem if isinstance(given, SuiteProblem) else given
    if not isinstance(problem, Problem) or not _ends(problem):
        raise InvalidInput(f"problems[{index}] is {_shown(given)}, must be a Problem with a FiniteHorizon objective")
    if isinstance(given, SuiteProblem):
        return given
    return SuiteProblem(f"problems[{index}]", "given by the caller", problem)


def _ends(problem: Problem) -> bool:
    """Return whether the trajectories of a problem can be counted: without a horizon there are infinitely many."""
    try:
        count_trajectories(problem)
    except InvalidObjective:
        return False
    return True


def _shown(value: object) -> str:
    """Return the value as it prints, on one line of bounded length."""
    return shown(value, 200)
