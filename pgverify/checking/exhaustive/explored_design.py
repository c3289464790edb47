"""Search beyond the suite in batches of a design: what the suite has shown is looked for where they can be listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import comb

from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import Design, laws_of
from pgverify.checking.exhaustive.exploration import Different, Explored
from pgverify.checking.exhaustive.explored_case import ExploredCase, known_case
from pgverify.checking.exhaustive.listed_design import MOST_UNITS, ListedDesign, list_design
from pgverify.checking.exhaustive.narrowed_problem import narrowed
from pgverify.checking.exhaustive.what_was_listed import Failing, Random
from pgverify.checking.sampled.batch_law import BatchLaw
from pgverify.checking.sampled.units import units_of
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.collected_problem import CollectedProblem
from pgverify.problem import Problem

MOST_ROWS, MOST_TOGETHER = 1_200, 5_000
"""Trajectories in all calls on one problem: of batches that hold one unit alone, and of all batches of several."""

MOST_BATCHES = 80
"""Batches of several units, each of which is called in four orders."""

TOO_MANY = "batches of the design are too many there"

SPECIAL = "a call gives no value there, and none is owed"
"""At γ = 0, without a step, at a cut, with rewards of unusual size."""


@dataclass(frozen=True, eq=False)
class _Search:
    """What is looked for, and where."""

    implementation: LimitedFunction
    verdict: SuiteVerdict
    design: Design
    fits: Callable[[ExploredCase, Design], bool]
    done: Explored = field(default_factory=Explored)

    def noting(self, kind: str, name: str) -> _Search:
        """Return the same with one more problem of which something is to be said."""
        return replace(self, done=self.done.noting(kind, name))

    def after(self, case: ExploredCase) -> _Search:
        """Return the search after one more problem."""
        if not self.fits(case, self.design):
            smaller = _narrowed(case, self.design, self.fits)
            if smaller is None:
                return self.noting(TOO_MANY, case.explored.name)
            case = smaller
        name, problem = case.explored.name, _problem(case)
        if not self.verdict.targets(case, self.design.trajectories[0]):
            return self.noting("undefined", name)
        found = list_design(self.implementation, problem, laws_of(self.design, problem))
        match found:
            case Failing() if _special(case):
                excused = {SPECIAL: (f"on problem {name} it {found}",), **self.done.excused}
                return replace(
                    self.noting(SPECIAL, name), done=replace(self.done.noting(SPECIAL, name), excused=excused)
                )
            case Failing():
                return replace(self, done=replace(self.done, failed=(case, found.failure)))
            case Random():
                return self.noting("it is random there", name)
            case ListedDesign() if not found.listed.expectations and self.fits is _alone:
                return replace(self, fits=_together).after(case)  # units affect each other, here and from here on
            case ListedDesign():
                return self._compared(case, found)
            case _:  # the time is over, and the search with it
                return self

    def _compared(self, case: ExploredCase, listed: ListedDesign) -> _Search:
        if not listed.listed.expectations:
            return self.noting(TOO_MANY, case.explored.name)
        kind = "whole" if case.explored.max_steps is None else "cut"
        possible: frozenset[str] | None = self.done.names.get(kind)
        for found in listed.listed.expectations:
            targets = self.verdict.targets(case, found.batch_size)
            if not targets:
                return self.noting("undefined", case.explored.name)
            compared = self.verdict.compare(case, found, targets)
            if compared.hidden:
                return self.noting("rounding", case.explored.name)
            possible = frozenset(targets) if possible is None else possible
            if not possible & compared.holding:
                return replace(self, done=replace(self.done, different=Different(case, compared, possible)))
            possible &= compared.holding
        names: Mapping[str, frozenset[str]] = {**self.done.names, kind: possible or frozenset()}
        return replace(self, done=replace(self.done, held=(*self.done.held, case), names=names))


def explore_design(implementation: LimitedFunction, verdict: SuiteVerdict, design: Design, count: int) -> Explored:
    """Return what came of looking for the verdict of the suite on further problems, in batches of a design alone.

    Parameters
    ----------
    implementation : LimitedFunction
    verdict : SuiteVerdict
    design : Design
    count : int
        How many problems of the sequence.
    """
    search = _Search(implementation, verdict, design, _alone)
    for index in range(count):
        if implementation.deadline.passed:
            return search.noting("late", f"{index} of {count}").done
        search = search.after(known_case(index))
        if search.done.different or search.done.failed:
            break
    return search.done


@lru_cache(maxsize=128)
def _kept(problem: Problem, max_steps: int) -> CollectedProblem:
    return CollectedProblem(problem.mdp, problem.policy, problem.objective, max_steps)


def _problem(case: ExploredCase) -> Problem:
    """Return the problem as its data come about: the same object each time, for what is listed of it is kept."""
    explored = case.explored
    return explored.problem if explored.max_steps is None else _kept(explored.problem, explored.max_steps)


@lru_cache(maxsize=128)
def _narrowed(case: ExploredCase, design: Design, fits: Callable[[ExploredCase, Design], bool]) -> ExploredCase | None:
    return narrowed(case.explored, lambda smaller: fits(smaller, design))


def _alone(case: ExploredCase, design: Design) -> bool:
    """Whether batches that hold nothing but one unit, a trajectory or a group, can be listed in a moment."""
    laws = laws_of(design, _problem(case))
    return all(_units(law) * law.rows <= MOST_ROWS for law in laws)


def _together(case: ExploredCase, design: Design) -> bool:
    """Whether all batches can be listed in a moment."""
    laws = laws_of(design, _problem(case))
    batches = [(comb(_units(law) + law.count - 1, law.count), law.rows) for law in laws]
    return all(number <= MOST_BATCHES and number * rows <= MOST_TOGETHER for number, rows in batches)


def _units(law: BatchLaw) -> int:
    units = units_of(law, False, MOST_UNITS)
    return MOST_TOGETHER + 1 if units is None else len(units)


def _special(case: ExploredCase) -> bool:
    batch = case.batch
    odd = bool((batch.lengths == 0).any()) or case.explored.discount == 0.0 or bool(batch.truncated.any())
    return odd or case.with_unit_rewards() is not None
