"""What must not matter, tried on batches of the caller's design: what would be no such batch any more is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Integer

from pgverify.checking.calling.answer import Notes, together
from pgverify.checking.calling.calls import Calls, Changed, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.design import Design, Grouped, Independent, laws_of
from pgverify.checking.exhaustive.invariant_results import TOLERANCE, Tried, TriedInvariants
from pgverify.checking.exhaustive.invariants import INDIFFERENT, Invariants, summarised, telling, tried_on
from pgverify.checking.exhaustive.listed_design import ListedDesign, list_design
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.reward_levels import try_reward_levels
from pgverify.checking.exhaustive.what_was_listed import Listed, Random, Unlisted
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

BATCHES = 4
"""Batches of each of a few problems on which it is seen which rows a function groups."""

STRIDE = (
    "its groups are rows i, i + {prompts}, i + 2·{prompts}, …, made with a stride: they mix what the design keeps "
    "apart; rewards.reshape(-1, {size}) makes groups of consecutive rows, reshape({size}, -1) does not"
)
"""What is said of groups that are made across those of the design."""


def check_design_invariants(
    implementation: LimitedFunction,
    suite: Sequence[SuiteProblem],
    known: Sequence[tuple[SuiteProblem, Listed]],
    design: Design,
    target: str,
    notes: Notes,
) -> Invariants:
    """Try what must not matter on a batch of the design of a few problems.

    Groups stay together and full when the order is another one; a batch is split where the design has its half, too.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : problems that can be listed
    known : problems whose batches could be listed, with what was
    design : Design
    target : str
    notes : mapping of kind to sentence
        What was noticed before.
    """
    calls = Calls(implementation, bool(known) and recognised_precision(known).coarse)
    tried: list[Tried] = []
    late = False
    changed: tuple[str, Random] | None = None
    try:
        tried.extend(_on_batches(calls, suite, design))
    except OutOfTime:
        late = True
    except Changed as seen:
        changed = (suite[0].name, Random(seen.difference))
    found = TriedInvariants(tuple(tried), late, 0, together(notes, calls.notes), changed)
    if target not in INDIFFERENT or late or changed is not None:
        return summarised(found)

    def listing(problem: Problem, _in_batches: bool, _ordered: int) -> Listed | Unlisted:
        listed = list_design(implementation, problem, laws_of(design, problem))
        return listed.listed if isinstance(listed, ListedDesign) else listed

    levels = try_reward_levels(listing, known, 0, found.notes)
    return summarised(TriedInvariants((*found.tried, *levels.tried), levels.late, 0, levels.notes, levels.changed))


def _on_batches(calls: Calls, suite: Sequence[SuiteProblem], design: Design) -> Iterator[Tried]:
    rng = np.random.default_rng(0)
    for entry in telling(suite):
        law = max(laws_of(design, entry.problem), key=lambda law: law.rows)
        batch = arranged(every_trajectory(entry.problem)[0], law.spread(1, rng)[0], law)
        split = isinstance(design, Independent) and len(batch) % 2 == 0 and len(batch) // 2 in design.sizes
        yield from tried_on(calls, entry.name, batch, _another_order(law), split)


def groups_with_a_stride(implementation: LimitedFunction, suite: Sequence[SuiteProblem], design: Design) -> str:
    """Return what is said of groups i, i + P, i + 2P, …, P of them, where those of the design are consecutive; else "".

    Their estimate does not change when the rows of such a group change places, and does when those of a group of the
    design do, on any of a few batches; what depends on no order, or on each place, makes no groups so.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : problems that can be listed
    design : Design
    """
    if not isinstance(design, Grouped) or design.prompts == 1:
        return ""
    calls, rng = Calls(implementation), np.random.default_rng(0)
    blocks = np.arange(design.size * design.prompts).reshape(design.prompts, design.size).T
    strides = blocks.T.reshape(design.size, design.prompts)
    drawn = [
        (arranged(every_trajectory(entry.problem)[0], rows, law), law)
        for entry in telling(suite)
        for law in laws_of(design, entry.problem)
        for rows in law.spread(BATCHES, rng)
    ]

    def moved(table: Integer[Array, "size prompts"]) -> bool:
        """Return whether an estimate changes when the rows of each column change places."""
        for batch, law in drawn:
            order = np.empty(batch.actions.shape[0], dtype=np.int64)
            order[table] = rng.permuted(table, axis=0)
            plain, other = calls.estimate(batch), calls.estimate(arranged(batch, order, law))
            if np.abs(other - plain).max(initial=0.0) > TOLERANCE * np.abs(plain).max(initial=0.0):
                return True
        return False

    try:
        # Rows of one group first: most functions are never called on a batch that is none of the design.
        strided = moved(blocks) and not moved(strides)
    except (NoEstimate, OutOfTime):
        return ""
    return STRIDE.format(size=design.size, prompts=design.prompts) if strided else ""


def _another_order(law: BatchLaw) -> Integer[Array, "n"] | None:
    """Return the rows in another order: the last group first, and each of them turned by one; None for one row."""
    if law.rows == 1:
        return None
    if law.group is None:
        return np.roll(np.arange(law.rows)[::-1], 3 if law.rows > 3 else 0)
    size = law.rows // law.count
    return np.roll(np.arange(law.rows).reshape(law.count, size)[::-1], 1, axis=1).ravel()
