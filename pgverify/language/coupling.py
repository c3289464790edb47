"""Whether the groups of a batch affect each other, and whether order counts: what has to be listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from pgverify.language.frameworks.differentiated import LossCall
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


ALONE = Coupling(False, False, False)
"""Nothing affects anything beside it."""


def coupling_of(call: LossCall, groups: list[Integer[Array, "M G"]], problem: TokenProblem, seed: int) -> Coupling:
    """Return what affects what, by comparing gradients row by row.

    Every group of every prompt that is given is tried beside three others, the shortest and the longest among them, so
    that what is special about one (all rewards equal, all completions short) is met. Orders are spot-checked.

    Parameters
    ----------
    call : LossCall
    groups : [M, G] for each prompt
        The first is of the shortest completion alone, the last of the longest.
    problem : TokenProblem
    seed : int
    """
    rng = np.random.default_rng(seed)
    group_size = groups[0].shape[1]
    if not _repeats(call, groups, problem, rng):
        return Coupling(True, True, True, repeats=False)
    coupled = len(groups) > 1 and _groups_coupled(call, groups, problem, rng)
    within = between = False
    for _ in range(SPOT_CHECKS):
        batch = np.concatenate([each[rng.integers(len(each))] for each in groups])
        moved = np.concatenate([rng.permutation(group_size) + group_size * g for g in range(len(groups))])
        within = within or _differs(call, batch, moved, problem)
        if len(groups) > 1:
            turned = np.roll(np.arange(len(batch)).reshape(len(groups), group_size), 1, axis=0).reshape(-1)
            between = between or _differs(call, batch, turned, problem)
    return Coupling(coupled, within, between)


def _repeats(
    call: LossCall, groups: list[Integer[Array, "M G"]], problem: TokenProblem, rng: np.random.Generator
) -> bool:
    """Return whether batches that were drawn give the same again, after others."""
    rows = np.array([np.concatenate([each[rng.integers(len(each))] for each in groups]) for _ in range(REPEATED)])
    found = gradients_on(
        call, np.concatenate([rows, rows[::-1]]), problem
    )  # apart by 1, 3, 5, …: no period fits them all
    both = np.concatenate([found.by_log_probs, found.by_entropies], axis=2)
    weights, others = both[:REPEATED], both[REPEATED:][::-1]
    return bool(np.abs(weights - others).max() <= ROUNDING * np.abs(weights).max() + _least(problem, rows.shape[1]))


def _groups_coupled(
    call: LossCall, groups: list[Integer[Array, "M G"]], problem: TokenProblem, rng: np.random.Generator
) -> bool:
    group_size = groups[0].shape[1]
    least = _least(problem, group_size * len(groups))
    for place, own in enumerate(groups):
        kept = slice(place * group_size, (place + 1) * group_size)
        for group in own:
            # The first group has the shortest completions, the last the longest, and each is all alike.
            company = [
                np.concatenate([each[0] for each in groups]),
                np.concatenate([each[-1] for each in groups]),
                np.concatenate([each[rng.integers(len(each))] for each in groups]),
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
