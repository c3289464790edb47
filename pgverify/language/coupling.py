"""Whether the groups of a batch affect each other, and whether order counts: what has to be listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.group_lists import GroupList
from pgverify.language.loss_gradients import gradients_on
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

SPOT_CHECKS = 12
"""Batches whose rows are shuffled within groups, and whose groups change places."""

REPEATED = 8
"""Batches that are given twice, the second time in the opposite order."""

ROUNDING = 1e-9
"""Relative to the largest derivative of the batch."""

NOTHING = 1e-14
"""Differences below this, of the largest reward over the rows, are what rounding leaves of weights that cancel."""


@dataclass(frozen=True)
class Coupling:
    """What affects what.

    Attributes
    ----------
    groups : bool
        Whether a row's gradient depends on the other groups.
    order_within, order_of_groups : bool
        Whether it depends on its place in its group, and on its group's place in the batch.
    repeats : bool
        Whether the same batch gives the same gradient again. Where it does not, nothing can be listed, and the others
        say nothing.
    """

    groups: bool
    order_within: bool
    order_of_groups: bool
    repeats: bool = True

    @property
    def ordered(self) -> bool:
        """Whether any order counts."""
        return self.order_within or self.order_of_groups


def coupling_of(call: LossCall, lists: list[GroupList], problem: TokenProblem, seed: int) -> Coupling:
    """Return what affects what, by comparing gradients row by row.

    Every group of every prompt is tried beside three others, the shortest and the longest among them, so that what is
    special about one (all rewards equal, all completions short) is met. Orders are spot-checked.
    """
    rng = np.random.default_rng(seed)
    group_size = lists[0].rows.shape[1]
    if not _repeats(call, lists, problem, rng):
        return Coupling(True, True, True, repeats=False)
    coupled = len(lists) > 1 and _groups_coupled(call, lists, problem, rng)
    within = between = False
    for _ in range(SPOT_CHECKS):
        batch = np.concatenate([each.rows[rng.integers(len(each.rows))] for each in lists])
        moved = np.concatenate([rng.permutation(group_size) + group_size * g for g in range(len(lists))])
        within = within or _differs(call, batch, moved, problem)
        if len(lists) > 1:
            turned = np.roll(np.arange(len(batch)).reshape(len(lists), group_size), 1, axis=0).reshape(-1)
            between = between or _differs(call, batch, turned, problem)
    return Coupling(coupled, within, between)


def _repeats(call: LossCall, lists: list[GroupList], problem: TokenProblem, rng: np.random.Generator) -> bool:
    """Return whether batches that were drawn give the same again, after others."""
    rows = np.array(
        [np.concatenate([each.rows[rng.integers(len(each.rows))] for each in lists]) for _ in range(REPEATED)]
    )
    found = gradients_on(
        call, np.concatenate([rows, rows[::-1]]), problem
    )  # apart by 1, 3, 5, …: no period fits them all
    both = np.concatenate([found.by_log_probs, found.by_entropies], axis=2)
    weights, others = both[:REPEATED], both[REPEATED:][::-1]
    return bool(np.abs(weights - others).max() <= ROUNDING * np.abs(weights).max() + _least(problem, rows.shape[1]))


def _groups_coupled(call: LossCall, lists: list[GroupList], problem: TokenProblem, rng: np.random.Generator) -> bool:
    group_size = lists[0].rows.shape[1]
    least = _least(problem, group_size * len(lists))
    for place, own in enumerate(lists):
        kept = slice(place * group_size, (place + 1) * group_size)
        for group in own.rows:
            # The first group has the shortest completions, the last the longest, and each is all alike.
            company = [
                np.concatenate([each.rows[0] for each in lists]),
                np.concatenate([each.rows[-1] for each in lists]),
                np.concatenate([each.rows[rng.integers(len(each.rows))] for each in lists]),
            ]
            batches = np.array(company)
            batches[:, kept] = group
            found = gradients_on(call, batches, problem)
            weights = np.concatenate([found.by_log_probs, found.by_entropies], axis=2)
            if np.ptp(weights[:, kept], axis=0).max() > ROUNDING * np.abs(weights).max() + least:
                return True
    return False


def _differs(call: LossCall, batch: Integer[Array, "B"], moved: Integer[Array, "B"], problem: TokenProblem) -> bool:
    """Return whether a row's gradient changes when the rows change places; equal rows may swap theirs."""
    plain, other = (gradients_on(call, rows[None], problem) for rows in (batch, batch[moved]))
    before = np.concatenate([plain.by_log_probs[0], plain.by_entropies[0]], axis=1)[moved]
    after = np.concatenate([other.by_log_probs[0], other.by_entropies[0]], axis=1)
    largest = max(np.abs(before).max(), np.abs(after).max())
    return bool(np.abs(before - after).max() > ROUNDING * largest + _least(problem, len(batch)))


def _least(problem: TokenProblem, rows: int) -> float:
    """Return the difference that is none, however small the derivatives are."""
    return NOTHING * float(np.abs(problem.completions.rewards).max()) / rows
