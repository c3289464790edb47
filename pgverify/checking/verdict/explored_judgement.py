"""Whether what the suite has shown of an implementation holds on one more problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.explored_case import ExploredCase
from pgverify.checking.exhaustive.listed_problem import directions
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.comparison import TargetComparison, compared
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import (
    DOUBLE,
    HIDDEN,
    MIXED,
    SINGLE,
    Precision,
    common_factor,
    deviation,
    size_of,
    vanishes,
)
from pgverify.checking.verdict.scale_laws import common_multiple, silent_by_law
from pgverify.checking.verdict.targets import TARGETS, target_vector
from pgverify.exact import occupancy
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

CAN_BE_CUT = "policy_gradient"
"""The one target of which it is said what it is where episodes are cut."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What was found on an explored problem beside what it may be, by name.

    Attributes
    ----------
    found : BatchExpectation
    targets : mapping of name to [d]
        One, or several where episodes are cut or the suite has left several.
    holding : frozenset of str
        Those that it equals, or of which it is the multiple that it is on the suite.
    hidden : bool
        Whether it equals one by the rounding of single precision alone, which could hide a bias here.
    """

    found: BatchExpectation
    targets: Mapping[str, Float[Array, "d"]]
    holding: frozenset[str]
    hidden: bool = False


@dataclass(frozen=True, eq=False)
class SuiteVerdict:
    """What the suite has shown, in the form in which it can be asked for elsewhere.

    Attributes
    ----------
    outcome : Outcome
        CORRECT, SCALED or OTHER_TARGET.
    target : str
        The claim.
    names : tuple of str
        The targets that it equals: the claim itself, unless it equals others.
    evidence : comparisons with the claim, on the suite
        What a multiple is the same as.
    precision : Precision
        What counts as equal: the looser of those that the suite allows, for what is looked for is no rounding.
    """

    outcome: Outcome
    target: str
    names: tuple[str, ...]
    evidence: Sequence[TargetComparison]
    precision: Precision

    @classmethod
    def of(cls, known: Sequence[tuple[SuiteProblem, Listed]], outcome: Outcome, target: str) -> SuiteVerdict:
        """Return what was shown by the problems that were listed."""
        evidence = compared(known, target)
        single = all(listing.single for _, listing in known) and any(listing.telling for _, listing in known)
        precision = SINGLE if single else MIXED
        names: tuple[str, ...] = (target,)
        if outcome is Outcome.OTHER_TARGET:
            names = tuple(name for name in TARGETS if name != target and _everywhere(name, evidence, precision))
        return cls(outcome, target, names, evidence, precision)

    def targets(self, case: ExploredCase, size: int) -> Mapping[str, Float[Array, "d"]]:
        """Return what the expectation may be on an explored problem, by name; nothing where that is not known."""
        if case.explored.max_steps is not None:
            return case.at_the_cut if self.names == (CAN_BE_CUT,) else {}
        vectors = {name: target_vector(name, case.explored.problem, size) for name in self.names}
        if any(vector is None for vector in vectors.values()):
            return {}
        return {name: vector for name, vector in vectors.items() if vector is not None}

    def compare(
        self, case: ExploredCase, found: BatchExpectation, targets: Mapping[str, Float[Array, "d"]]
    ) -> Compared:
        """Return what was found on an explored problem beside what it may be.

        Parameters
        ----------
        case : ExploredCase
        found : BatchExpectation
        targets : as `targets` returns them, not empty
        """
        if self.outcome is Outcome.SCALED:
            return self._multiples(case, found, targets)
        exact = [name for name, vector in targets.items() if deviation(found, vector, DOUBLE) <= DOUBLE.relative]
        loose = self.precision
        equal = [name for name, vector in targets.items() if deviation(found, vector, loose) <= loose.relative]
        lost = loose.relative * found.natural + loose.operations * found.scale
        hidden = not exact and any(lost > HIDDEN * size_of(targets[name]) for name in equal)
        return Compared(found, targets, frozenset(equal), hidden)

    def distance(self, compared: Compared, names: frozenset[str]) -> float:
        """Return how far what was found is from the nearest of several targets, relative to an estimate's size."""
        return min(deviation(compared.found, compared.targets[name], self.precision) for name in names)

    def _multiples(
        self, case: ExploredCase, found: BatchExpectation, targets: Mapping[str, Float[Array, "d"]]
    ) -> Compared:
        """Return the same for a multiple: a law of the suite must go on; where it follows none, any multiple may be."""
        loose = self.precision
        holding, before = [], common_multiple(self.evidence, loose)
        for name, vector in targets.items():
            here = _comparison(case, found, vector)
            nothing = silent_by_law(before, here) or size_of(vector) <= loose.relative * found.natural
            if nothing and vanishes(found, loose):
                holding.append(name)
                continue
            if not before.words:  # samples have shown a multiple: what was listed has no law to go on
                factor = common_factor([found], [vector], loose)
                holding += [name] if factor is not None and (factor[0] or 0.0) > 0.0 else []
                continue
            multiple = common_multiple([*self.evidence, here], loose)
            if multiple.words and multiple.constant > 0 and (multiple.lawful or not before.lawful):
                holding.append(name)
        return Compared(found, targets, frozenset(holding))


def _everywhere(name: str, evidence: Sequence[TargetComparison], precision: Precision) -> bool:
    """Return whether another target is what was found on the whole suite."""
    for item in evidence:
        vector = target_vector(name, item.entry.problem, item.found.batch_size)
        if vector is None or deviation(item.found, vector, precision) > precision.relative:
            return False
    return True


def _comparison(case: ExploredCase, found: BatchExpectation, vector: Float[Array, "d"]) -> TargetComparison:
    problem = case.explored.until_the_cut
    running = occupancy(problem)[:, ~problem.mdp.terminal]
    entry = SuiteProblem(case.explored.name, "explored", problem)
    return TargetComparison(entry, found, vector, len(running), float(running.sum()), directions(problem))
