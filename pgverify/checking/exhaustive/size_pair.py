"""One problem and one size of batches that are sampled, and what their expectation should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from jaxtyping import Float

from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import BatchLaw
from pgverify.checking.sampled.goal import rare_events
from pgverify.checking.sampled.one_size import RAREST
from pgverify.checking.verdict.targets import target_vector, without_discount
from pgverify.problem import FiniteHorizon, Problem
from pgverify.stats.sequential_rare import RareEvents
from pgverify.suites import SuiteProblem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class SizePair:
    """One problem and one size of batches.

    Attributes
    ----------
    entry : SuiteProblem
    index : int
        Of the problem among those that were listed.
    law : BatchLaw
        Of the batches.
    needed : bool
        Whether trajectories were first seen to affect each other at this size, on this problem or on another where
        none were seen to here, or their order to matter, and its batches could not be listed here: what other problems
        have shown does not speak for it.
    changed : bool
        Whether what explained smaller batches wholly leaves something in these: there the function does something else,
        for which the smaller ones do not speak. Such a pair is needed, too.
    few : bool
        Whether a few batches do, on which it is looked at whether they are what explained smaller ones wholly; without
        such an explanation none are drawn.
    explained : bool
        Whether the usual estimators explain such batches wholly on other problems: where they do not here, it is a
        change, too.
    aim : [d] or None
        What the expectation should be, where the name of the target does not say it: as where episodes are cut.
    cut : bool
        Whether episodes are cut, and `aim` has the value of what follows: the usual estimators then have it, too.
    """

    entry: SuiteProblem
    index: int
    law: BatchLaw
    needed: bool
    changed: bool = False
    few: bool = False
    explained: bool = False
    aim: Float[Array, "d"] | None = None
    cut: bool = False

    def vector(self, target: str) -> Float[Array, "d"] | None:
        """Return what the expectation should be; None where that is not known."""
        return target_vector(target, self.entry.problem, self.size) if self.aim is None else self.aim

    @property
    def size(self) -> int:
        """Trajectories in a batch."""
        return self.law.rows

    @property
    def unseen(self) -> tuple[RareEvents, ...]:
        """What trajectories may add that are rarer than what a test waits for."""
        return rare_events(_undiscounted(self.entry.problem), RAREST / self.size)


@lru_cache(maxsize=64)
def _undiscounted(problem: Problem) -> Problem:
    """Return the problem with γ = 1, which bounds what rare trajectories may add; without an end, for as long again."""
    if isinstance(problem.objective, FiniteHorizon):
        return without_discount(problem)
    return replace(problem, objective=FiniteHorizon(2 * every_trajectory(problem)[0].num_steps))
