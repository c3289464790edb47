"""The problems that a caller of the oracle gives instead of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES
from pgverify.collected_problem import CollectedProblem, collected
from pgverify.errors import InvalidInput
from pgverify.exact import count_trajectories
from pgverify.policies.steps import remembers
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites import SuiteProblem, get
from pgverify.validation import shown

DEFAULT = "leave it out for the standard suite"

STANDARD = "standard"

MOST_STEPS = 3
"""Steps after which a problem without an end is cut where its caller does not say: the fewest with one at neither
edge."""


def chosen_suite(
    name: str, problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem] | None, kind: str
) -> Sequence[SuiteProblem]:
    """Return the problems that were given, or else those of a suite.

    Parameters
    ----------
    name : str
        A name of a suite.
    problems : Problem or SuiteProblem, or several, optional
    kind : str
        A "sampler" makes whole episodes itself: problems on which others act, or that are cut, are not for it.

    Raises
    ------
    InvalidInput
        As for `suite_of`; when both are given; when a sampler meets such problems.
    """
    if problems is not None and name != STANDARD:
        raise InvalidInput(f"suite is {name!r} and problems are given, must be one of the two")
    suite = get(name) if problems is None else suite_of(problems)
    for entry in suite:
        if kind == "sampler" and isinstance(entry.problem, CollectedProblem):
            raise InvalidInput(
                f"problem {entry.name} holds data that are cut or of another policy, must hold whole episodes for kind "
                '"sampler", which makes its own; use a suite such as "standard" or "language", or kind "gradient"'
            )
    return suite


def suite_of(problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem]) -> Sequence[SuiteProblem]:
    """Return the given problems, each with a name, and with a cut where it has no end.

    Parameters
    ----------
    problems : Problem or SuiteProblem, or several

    Raises
    ------
    InvalidInput
        When there is none, or one of them cannot be listed: it has no end, and is too large even for one step.
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
    if not isinstance(problem, Problem):
        raise InvalidInput(f"problems[{index}] is {_shown(given)}, must be a Problem")
    entry = given if isinstance(given, SuiteProblem) else SuiteProblem(f"problems[{index}]", "given", problem)
    steps, _ = collected(problem)
    whole = isinstance(problem.objective, FiniteHorizon) and steps in (None, problem.objective.horizon)
    if remembers(problem.policy) and not whole:
        raise InvalidInput(
            f"problems[{index}] is cut and its policy depends on the history, must have a FiniteHorizon and whole "
            "episodes: no value is known at the cut"
        )
    if isinstance(problem.objective, FiniteHorizon) or steps is not None:
        count_trajectories(problem)  # a cut beyond the horizon is refused
        return entry
    return replace(entry, problem=_cut(index, problem))


def _cut(index: int, problem: Problem) -> CollectedProblem:
    """Return a problem without an end cut after a few steps, as many as leave it small enough to list."""
    _, acting = collected(problem)
    for steps in range(MOST_STEPS, 0, -1):
        if count_trajectories(problem, max_steps=steps) <= MOST_TRAJECTORIES:
            return CollectedProblem(problem.mdp, problem.policy, problem.objective, steps, acting)
    raise InvalidInput(
        f"problems[{index}] has no end and {count_trajectories(problem, max_steps=1):,} trajectories of one step, must "
        f"have at most {MOST_TRAJECTORIES:,} to be listed; give a smaller problem"
    )


def _shown(value: object) -> str:
    """Return the value as it prints, on one line of bounded length."""
    return shown(value, 200)
