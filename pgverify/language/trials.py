"""A loss tried on the token trees: its exact expectation on each, beside what was claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.language.built_in_problems import TreeShape, token_problem
from pgverify.language.coupling import Coupling, coupling_of
from pgverify.language.listed_expectation import BatchList, batch_list, batches_needed, listed, lists_of
from pgverify.language.loss_gradients import BatchGradients, gradients_on
from pgverify.language.prepared_loss import PreparedLoss
from pgverify.language.row_table import RowTable, row_table
from pgverify.language.sampled_expectation import SampledMean, sampled_mean
from pgverify.language.tried_groups import tried_groups
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

MOST_BATCHES = 6_000
"""Batches that are listed on one tree; where there are more, some are drawn."""

SMALL = TreeShape("one-token", 3, 1, True, 17, 0.8)
"""In place of a tree whose batches are too many where groups affect each other: completions of one token."""

UNEVEN = (TreeShape("short", 2, 2, True, 7, 0.8), TreeShape("short-right-or-wrong", 2, 2, False, 2, 0.8))
"""Beside it where no other is left: completions of one token and of two. Without, no mean over tokens would show."""

SILENT = 1e-12
"""Derivatives below this, relative to those with rewards, are none."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A loss on one token tree.

    Attributes
    ----------
    problem : TokenProblem
    table : RowTable
    batches : BatchList
    found : BatchGradients
        What the loss gave on each.
    vector : [d]
        Its expected ascent direction.
    size : float
        E of the length of what is added up: what rounding is relative to.
    target : [d]
    without : BatchGradients or None
        What it gave on the same batches when nothing was rewarded; None where that is nothing.
    sampled : SampledMean or None
        Where batches were drawn; None where all were listed.
    """

    problem: TokenProblem
    table: RowTable
    batches: BatchList
    found: BatchGradients
    vector: Float[Array, "d"]
    size: float
    target: Float[Array, "d"]
    without: BatchGradients | None = None
    sampled: SampledMean | None = None

    @property
    def free(self) -> Float[Array, "d"]:
        """The expected ascent direction when nothing is rewarded [d]."""
        if self.without is None:
            return np.zeros_like(self.vector)
        return self.batches.expectation(self.without, self.problem)

    @property
    def rewarded(self) -> BatchGradients:
        """What rewards add to the gradients of each batch."""
        if self.without is None:
            return self.found
        return replace(
            self.found,
            by_log_probs=self.found.by_log_probs - self.without.by_log_probs,
            by_entropies=self.found.by_entropies - self.without.by_entropies,
        )


@dataclass(frozen=True)
class LossDesign:
    """How batches come about: G completions of each of some prompts."""

    group_size: int
    prompts: int
    sampler: str


def coupling_on(loss: PreparedLoss, problems: Sequence[TokenProblem], design: LossDesign, seed: int) -> Coupling:
    """Return what affects what on any of the problems."""
    found = Coupling(False, False, False)
    for problem in problems:
        groups = tried_groups(problem, design.group_size, seed)
        if design.prompts == 1:
            groups = groups[:1]
        call = loss.on(row_table(problem, design.group_size))
        here = coupling_of(call, groups, problem, seed)
        found = Coupling(
            found.groups or here.groups,
            found.order_within or here.order_within,
            found.order_of_groups or here.order_of_groups,
            found.repeats and here.repeats,
        )
    return found


def fitting(problems: Sequence[TokenProblem], design: LossDesign, coupling: Coupling) -> list[TokenProblem]:
    """Return the problems whose batches can be listed, smaller ones in place of those that cannot.

    Where no completion of them is as long as the longest of the problems, one of these stands beside them, to be
    sampled: what befalls a later token would not show.
    """
    fits = [p for p in problems if batches_needed(p, design.group_size, design.prompts, coupling) <= MOST_BATCHES]
    if len(fits) < len(problems):
        for shape in (SMALL,) if fits else (*UNEVEN, SMALL):
            small = token_problem(shape, max(design.prompts, 2), design.sampler)
            if batches_needed(small, design.group_size, design.prompts, coupling) <= MOST_BATCHES:
                fits.append(small)
    longest = max(p.longest for p in problems)
    if fits and max(p.longest for p in fits) < longest:
        fits.append(next(p for p in reversed(problems) if p.longest == longest))
    return fits


def trial(
    loss: PreparedLoss, problem: TokenProblem, design: LossDesign, coupling: Coupling, target: Target, seed: int
) -> Trial:
    """Return a loss on one problem: every batch listed where they are few enough, else some drawn."""
    table = row_table(problem, design.group_size)
    call = loss.on(table)
    claimed = target.vector(problem, design.group_size)
    if not coupling.repeats or batches_needed(problem, design.group_size, design.prompts, coupling) > MOST_BATCHES:
        batches, found, mean = sampled_mean(call, problem, design.group_size, design.prompts, seed)
        return Trial(problem, table, batches, found, mean.mean, mean.size, claimed, sampled=mean)
    lists = lists_of(problem, design.group_size, coupling.order_within)
    batches = batch_list(lists, design.prompts, coupling)
    found, vector = listed(call, batches, problem)
    size = batches.size(found, problem)
    return Trial(problem, table, batches, found, vector, size, claimed, _without(loss, table, batches, found, problem))


def _without(
    loss: PreparedLoss, table: RowTable, batches: BatchList, found: BatchGradients, problem: TokenProblem
) -> BatchGradients | None:
    """Return what the loss gives when nothing is rewarded; None where a few batches give nothing."""
    call = loss.on(table.without_rewards())
    scale = max(np.abs(found.by_log_probs).max(), np.abs(found.by_entropies).max())
    few = gradients_on(call, batches.rows[:: max(1, len(batches.rows) // 6)], problem)
    if max(np.abs(few.by_log_probs).max(), np.abs(few.by_entropies).max()) <= SILENT * scale:
        return None
    return gradients_on(call, batches.rows, problem)
