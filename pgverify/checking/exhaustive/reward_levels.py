"""What the level of the rewards does to the exact expectation, where it must do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Notes, together
from pgverify.checking.exhaustive.effort import Effort
from pgverify.checking.exhaustive.invariant_results import TOLERANCE, Tried, TriedInvariants
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.one_problem import NEEDS_COMPANY
from pgverify.checking.exhaustive.what_was_listed import (
    Failing,
    Late,
    Listed,
    ListedAlone,
    ListedInBatches,
    Random,
    TooMany,
    Unlisted,
)
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.precision import Precision, lost_to_rounding
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

LEVELS = Effort(tried=(), sizes=(2, 3, 4, 5))
"""Batches on which a function is tried with other levels of reward; whether it couples its trajectories is known."""


Listing = Callable[[Problem, bool, int], Listed | Unlisted]

SHIFTED, CONSTANT = "reward shift", "constant reward"


def try_reward_levels(
    listing: Listing, known: Sequence[tuple[SuiteProblem, Listed]], ordered: int, notes: Notes
) -> TriedInvariants:
    """Return what a constant added to every reward, and a reward that is constant, do to the exact expectation.

    Σ_t γ^t c is the same for every trajectory where all have the same length, and E[Σ_t ψ_t c_t] = 0.

    Parameters
    ----------
    listing : callable
        Calls the function on all batches of a problem, given whether they are listed though no coupling is seen, and
        the size from which on their order matters.
    known : problems that were listed, with what was
    ordered, notes :
        What was noticed before, as in the result.
    """
    coupled = any(isinstance(listing, ListedInBatches) for _, listing in known)
    cases = [case for case in known if not case[0].problem.mdp.terminal.any() and case[1].expectations]
    if not cases:
        return TriedInvariants((), False, ordered, notes)
    # More than one step says more; with batches of trajectories to list, the fewest trajectories come first.
    entry, plain = min(cases, key=lambda case: (not coupled and _steps(case[0]) < 2, _size(case[0])))
    mdp = entry.problem.mdp
    tried: list[Tried] = []
    random: tuple[str, Random] | None = None
    for check, reward in ((SHIFTED, mdp.paid + 1.5), (CONSTANT, np.ones_like(mdp.paid))):
        other = replace(entry.problem, mdp=mdp.with_rewards(reward))
        changed = listing(other, coupled, ordered)
        alone = "" if NEEDS_COMPANY in notes else changed.notes.get(NEEDS_COMPANY, "")  # with these rewards only
        notes = together(notes, {kind: note for kind, note in changed.notes.items() if kind != NEEDS_COMPANY})
        match changed:
            case Late():
                return TriedInvariants(tuple(tried), True, ordered, notes)
            case ListedInBatches():
                ordered = changed.ordered
            case Random() if not alone:
                random = random or (entry.name, changed)
        tried.extend(_beside(check, entry, plain, changed, recognised_precision(known)))
        if why := _why_untried(changed, alone):
            size = plain.expectations[0].batch_size
            tried.append(Tried(Finding(check, entry.name, size, (), (), 1.0, False), why))
    return TriedInvariants(tuple(tried), False, ordered, notes, random)


def _beside(
    check: str, entry: SuiteProblem, plain: Listed, changed: Listed | Unlisted, level: Precision
) -> Iterator[Tried]:
    """Yield the expectations with other rewards beside those that there should be, by size of the batch."""
    if not isinstance(changed, ListedAlone | ListedInBatches):
        return
    sizes = {after.batch_size: after for after in changed.expectations}
    for before in plain.expectations:
        if before.batch_size in sizes:
            after = sizes[before.batch_size]
            expected = before.mean if check == SHIFTED else np.zeros_like(before.mean)
            size = max(after.scale, before.scale, 1e-300)
            gap = float(np.abs(after.mean - expected).max() / size)
            lost = (lost_to_rounding(before, level) + lost_to_rounding(after, level)) / size
            vectors = _numbers(expected), _numbers(after.mean)
            yield Tried(Finding(check, entry.name, before.batch_size, *vectors, gap, gap <= TOLERANCE + lost))


def _why_untried(changed: Listed | Unlisted, alone: str) -> str:
    match changed:
        case Failing():
            return str(changed)
        case Random():
            return alone or f"is random: {changed}"
        case TooMany() | Late():
            return ""
        case _:
            return alone


def _numbers(vector: Float[Array, "d"]) -> tuple[float, ...]:
    return tuple(map(float, vector))


def _steps(entry: SuiteProblem) -> int:
    return every_trajectory(entry.problem)[0].num_steps


def _size(entry: SuiteProblem) -> int:
    return len(every_trajectory(entry.problem)[0])
