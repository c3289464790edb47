"""Search beyond the suite: what the suite has shown is looked for on further problems, and a failure made small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.excuses import excuse
from pgverify.checking.exhaustive.explored_case import ExploredCase, case_of, known_case
from pgverify.checking.exhaustive.explored_expectation import (
    COUPLED_HERE,
    MOST_IN_ORDER,
    TOO_MANY_PAIRS,
    Company,
    NotExplored,
    explored_expectation,
)
from pgverify.checking.exhaustive.narrowed_problem import narrowed
from pgverify.checking.exhaustive.shrinking import shrunk
from pgverify.checking.verdict.explored_judgement import Compared, SuiteVerdict
from pgverify.errors import TooLarge
from pgverify.suites.explored_problem import ExploredProblem

SHRINKING_CALLS = 2_000
"""For making a problem smaller. They are counted, not timed: on a slow machine the same problem has to come out."""

FEW_ACTIONS, MOST_NARROWED = 2, 10
"""Actions that are left where there are too many for pairs, and trajectories that are few enough then."""

PLAIN_TO_SEE = 0.01
"""Of a gradient estimate: a deviation that a smaller problem must keep, unless that found was smaller already."""


@dataclass(frozen=True, eq=False)
class Different:
    """A problem, made as small as it could be, on which what the suite has shown does not hold."""

    case: ExploredCase
    compared: Compared
    names: frozenset[str]


@dataclass(frozen=True, eq=False)
class Explored:
    """What came of the search.

    Attributes
    ----------
    held : tuple of ExploredCase
        Problems on which the same holds.
    different : Different or None
        The one on which it does not.
    failed : (ExploredCase, Failure) or None
        A call that gave no value, on a problem where that has no excuse.
    names : mapping of "whole" and "cut" to set of str
        What the expectations may still be: on problems that end, and where episodes are cut.
    notes : mapping of reason to names of problems
        Why something is not said of them.
    excused : mapping of reason to sentences
        The same where a call gave no value, and what it did on the first of them.
    unclear : str
        Why nothing can be said after all; empty where it can.
    """

    held: tuple[ExploredCase, ...] = ()
    different: Different | None = None
    failed: tuple[ExploredCase, Failure] | None = None
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unclear: str = ""

    @property
    def count(self) -> int:
        """On how many problems the same holds."""
        return len(self.held)

    def noting(self, kind: str, name: str) -> Explored:
        """Return the same with one more problem of which something is to be said."""
        return replace(self, notes={**self.notes, kind: (*self.notes.get(kind, ()), name)})


def explore(implementation: LimitedFunction, verdict: SuiteVerdict, company: Company, count: int) -> Explored:
    """Return what came of looking for the verdict of the suite on further problems.

    Parameters
    ----------
    implementation : LimitedFunction
    verdict : SuiteVerdict
    company : Company
    count : int
        How many problems of the sequence.
    """
    done = Explored()
    for index in range(count):
        try:
            done = _one_more(done, implementation, verdict, company, known_case(index))
        except OutOfTime:
            return done.noting("late", f"{index} of {count}")
        if done.different or done.failed:
            break
    return done


def _one_more(
    done: Explored, implementation: LimitedFunction, verdict: SuiteVerdict, company: Company, case: ExploredCase
) -> Explored:
    whole, name = case, case.explored.name
    if not verdict.targets(case, 2 if company.pairs else 1):
        return done.noting("undefined", name)
    case = _for_pairs(case) if company.pairs else case
    found = explored_expectation(implementation, case, company)
    if isinstance(found, NotExplored) and found.reason == COUPLED_HERE:
        done = replace(done, unclear=done.unclear or f"on problem {name} {COUPLED_HERE}")
        company, case = Company(pairs=True, ordered=True), _for_pairs(case)
        found = explored_expectation(implementation, case, company)
    if isinstance(found, NotExplored):
        return done.noting(found.reason, name)
    if isinstance(found, Failure) and case is not whole:  # log π of what is forbidden is no number
        return done.noting(TOO_MANY_PAIRS, name)
    if isinstance(found, Failure):
        why = excuse(implementation, case, company, found)
        if not why:
            return replace(done, failed=(case, found))
        excused = {why: (f"on problem {name} it {found}",), **done.excused}
        return replace(done.noting(why, name), excused=excused)
    compared = verdict.compare(case, found, verdict.targets(case, found.batch_size))
    if compared.hidden:
        return done.noting("rounding", name)
    kind = "whole" if case.explored.max_steps is None else "cut"
    possible = done.names.get(kind, frozenset(compared.targets))
    left = possible & compared.holding
    if left:
        return replace(done, held=(*done.held, case), names={**done.names, kind: left})
    return replace(done, different=_made_small(implementation, verdict, company, case, compared, possible))


@lru_cache(maxsize=128)
def _for_pairs(case: ExploredCase) -> ExploredCase:
    """Return a problem of which pairs can be listed: the same, or where actions are what is too many, with fewer."""
    if len(case.batch) <= MOST_IN_ORDER or case.explored.problem.mdp.num_actions <= FEW_ACTIONS:
        return case
    return narrowed(case.explored, lambda smaller: len(smaller.batch) <= MOST_NARROWED) or case


def _made_small(
    implementation: LimitedFunction,
    verdict: SuiteVerdict,
    company: Company,
    case: ExploredCase,
    compared: Compared,
    possible: frozenset[str],
) -> Different:
    """Return the smallest problem found on which the expectation is none of what it may be."""
    calls_left = SHRINKING_CALLS
    smallest = Different(case, compared, possible)
    least = min(PLAIN_TO_SEE, verdict.distance(compared, possible))
    found = {id(case.explored): smallest}

    def shows(explored: ExploredProblem) -> bool:
        nonlocal calls_left
        if calls_left <= 0:
            return False
        try:
            with np.errstate(all="ignore"):
                smaller = case_of(explored)
            calls_left -= len(smaller.batch) ** (2 if company.pairs else 1) + 1
            expectation = explored_expectation(implementation, smaller, company)
            if isinstance(expectation, NotExplored | Failure):
                return False
            targets = verdict.targets(smaller, expectation.batch_size)
            again = verdict.compare(smaller, expectation, targets) if targets else compared
        except (TooLarge, OutOfTime):
            return False
        if not targets or again.hidden or possible & again.holding or verdict.distance(again, possible) < least:
            return False
        found[id(explored)] = Different(smaller, again, possible)
        return True

    last = shrunk(case.explored, shows)
    for different in found.values():
        if different.case.explored.problem is last.problem and different.case.explored.max_steps == last.max_steps:
            smallest = replace(different, case=replace(different.case, explored=last))
    return smallest
