"""The exact expectation of a loss's ascent direction, by listing its batches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from jaxtyping import Float, Integer

from pgverify.language.coupling import Coupling
from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.group_lists import GroupList, group_list, number_of_groups
from pgverify.language.loss_gradients import BatchGradients, gradients_on
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class BatchList:
    """Batches to call a loss on, and how much each counts.

    Attributes
    ----------
    rows : [N, B]
    weights : [N, B]
        Of the ascent direction that comes from each row: the probability of the batch, or of the row's own group where
        groups do not affect each other and the others are mere company.
    """

    rows: Integer[Array, "N B"]
    weights: Float[Array, "N B"]

    def expectation(self, found: BatchGradients, problem: TokenProblem) -> Float[Array, "d"]:
        """Return E of the ascent direction [d]."""
        vector: Float[Array, "d"] = np.einsum("nb,nbd->d", self.weights, found.by_row(problem))
        return vector

    def size(self, found: BatchGradients, problem: TokenProblem) -> float:
        """Return E of the length of what a row adds: what rounding is relative to."""
        return float((self.weights * np.linalg.norm(found.by_row(problem), axis=2)).sum())


def lists_of(problem: TokenProblem, group_size: int, ordered: bool = False) -> list[GroupList]:
    """Return the groups of each prompt."""
    completions = problem.chances.shape[1]
    return [
        group_list(chances, group_size, prompt * completions, ordered) for prompt, chances in enumerate(problem.chances)
    ]


def batches_needed(problem: TokenProblem, group_size: int, prompts: int, coupling: Coupling) -> int:
    """Return how many batches have to be listed."""
    groups = number_of_groups(problem.chances.shape[1], group_size, coupling.order_within)
    if prompts == 1 or not coupling.groups:
        return groups * problem.prompts * (prompts if coupling.order_of_groups and prompts > 1 else 1)
    return groups**prompts * (factorial(prompts) if coupling.order_of_groups else 1)


def batch_list(lists: list[GroupList], prompts: int, coupling: Coupling) -> BatchList:
    """Return the batches of one group each, of every group beside company, or of all groups beside all.

    Where the order of groups counts, every order of the prompts is as likely: each is listed where groups affect each
    other, and each prompt at each place where they do not.

    Parameters
    ----------
    lists : the groups of each prompt of the problem
    prompts : int
        Prompts in a batch: 1, drawn from all of them, or all of them.
    coupling : Coupling
    """
    if prompts == 1 or not coupling.order_of_groups:
        return _in_order(lists, prompts, coupling.groups)
    turned = [[*lists[k:], *lists[:k]] for k in range(prompts)]
    orders = [list(each) for each in permutations(lists)] if coupling.groups else turned
    parts = [_in_order(order, prompts, coupling.groups) for order in orders]
    rows, weights = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "weights"))
    return BatchList(rows, weights / len(orders))


def _in_order(lists: list[GroupList], prompts: int, coupled: bool) -> BatchList:
    """Return the batches in which groups stand in the order of `lists`."""
    group_size = lists[0].rows.shape[1]
    if prompts == 1:
        rows = np.concatenate([each.rows for each in lists])
        chances = np.concatenate([each.chances for each in lists]) / len(lists)
        return BatchList(rows, np.repeat(chances[:, None], group_size, axis=1))
    if coupled:
        places = np.meshgrid(*(np.arange(len(each.rows)) for each in lists), indexing="ij")
        picked = [place.reshape(-1) for place in places]
        rows = np.concatenate([each.rows[at] for each, at in zip(lists, picked, strict=True)], axis=1)
        chances = np.prod([each.chances[at] for each, at in zip(lists, picked, strict=True)], axis=0)
        return BatchList(rows, np.repeat(chances[:, None], rows.shape[1], axis=1))
    all_rows, all_weights = [], []
    company = np.concatenate([each.rows[len(each.rows) // 2] for each in lists])
    for place, each in enumerate(lists):
        kept = slice(place * group_size, (place + 1) * group_size)
        rows, weights = np.tile(company, (len(each.rows), 1)), np.zeros((len(each.rows), len(company)))
        rows[:, kept], weights[:, kept] = each.rows, each.chances[:, None]
        all_rows.append(rows)
        all_weights.append(weights)
    return BatchList(np.concatenate(all_rows), np.concatenate(all_weights))


def listed(call: LossCall, batches: BatchList, problem: TokenProblem) -> tuple[BatchGradients, Float[Array, "d"]]:
    """Return what a loss gave on the batches, and its expectation."""
    found = gradients_on(call, batches.rows, problem)
    return found, batches.expectation(found, problem)
