"""What must not change a result, tried beside the verdict: padding, micro-batches, order, precision.

They inform; the verdict rests on the expectation. That a loss changes when a batch is split may be meant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import one_sentence
from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.loss_gradients import gradients_on
from pgverify.language.row_table import RowTable
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

BATCHES = 8
"""On which each is tried."""

MORE = 3
"""Times as many groups in a batch that is split."""

ROUNDING = 1e-9
"""Relative difference from which a result has changed, in double precision."""

ROUNDING_32 = 1e-4
"""The same in single precision: about a thousand times its rounding."""


@dataclass(frozen=True)
class InvariantResult:
    """What one change did to the gradient.

    Attributes
    ----------
    change : str
        Such as "the padding is on the left".
    holds : bool
    factor : float
        Length of the changed gradient relative to the plain one, where that is not 0.
    angle : float
        Between them, in degrees.
    failure : str
        How the loss failed under the change; empty where it did not.
    """

    change: str
    holds: bool
    factor: float = 1.0
    angle: float = 0.0
    failure: str = ""

    def __str__(self) -> str:
        if self.failure:
            return f"the loss fails when {self.change}: {self.failure}"
        if self.holds:
            return f"nothing changes when {self.change}"
        direction = f", direction off by {self.angle:.2g}°" if self.angle > 0.01 else ", the same direction"
        return f"the result changes when {self.change}: ×{self.factor:.3g}{direction}"


Prepared = Callable[[RowTable], LossCall]
"""A table -> the loss on it."""


def invariant_results(
    prepare: Prepared, single: Prepared | None, table: RowTable, problem: TokenProblem, groups: int, seed: int = 0
) -> tuple[InvariantResult, ...]:
    """Return what each change does, on the batch of several on which it does most.

    Parameters
    ----------
    prepare : RowTable -> LossCall
    single : the same in single precision; None where that makes no sense
    table : RowTable
    problem : TokenProblem
    groups : int
        Groups of a batch. Split are batches of `MORE` times as many, at least six: what a loss does with groups beyond
        those on which it is judged would show.
    seed : int
    """
    rng = np.random.default_rng(seed)
    completions, group_size = problem.completions.rewards.shape[1], table.group_size
    prompts = np.arange(max(groups, 2) * MORE) % problem.prompts

    def drawn(order: Integer[Array, "P"]) -> Integer[Array, "B"]:
        inner = rng.integers(completions, size=(len(order), group_size))
        return (order[:, None] * completions + inner).reshape(-1)

    long_batches = [drawn(prompts) for _ in range(BATCHES)]
    batches = [batch[: groups * group_size] for batch in long_batches]
    plain = prepare(table)
    padded, wide, left = prepare(table.with_padding(-3.7)), table.wider(1), table.left_padded()
    shuffled = [
        np.concatenate([rng.permutation(batch[i : i + group_size]) for i in range(0, len(batch), group_size)])
        for batch in batches
    ]
    turned = [np.roll(batch.reshape(-1, group_size), 1, axis=0).reshape(-1) for batch in long_batches]

    def each(call: LossCall, of: list[Integer[Array, "B"]], own: RowTable = table) -> Callable[[], list[np.ndarray]]:
        return lambda: [direction(call, batch, problem, own) for batch in of]

    def halves() -> list[np.ndarray]:
        middle = len(prompts) // 2 * group_size
        return [
            (
                direction(plain, batch[:middle], problem, table) * middle
                + direction(plain, batch[middle:], problem, table) * (len(batch) - middle)
            )
            / len(batch)
            for batch in long_batches
        ]

    before, before_long = each(plain, batches), each(plain, long_batches)
    changes: list[tuple[str, Callable[[], list[np.ndarray]], Callable[[], list[np.ndarray]], float]] = [
        ("other numbers stand on padding", before, each(padded, batches), ROUNDING),
        ("a column of padding is added", before, each(prepare(wide), batches, wide), ROUNDING),
        ("the padding is on the left", before, each(prepare(left), batches, left), ROUNDING),
        (
            f"a batch of {len(prompts)} groups is split in two, as micro-batches, ranks or accumulated steps are, and "
            "the gradients averaged",
            before_long,
            halves,
            ROUNDING,
        ),
        (f"the groups of a batch of {len(prompts)} change places", before_long, each(plain, turned), ROUNDING),
        ("the completions of a group change places", before, each(plain, shuffled), ROUNDING),
    ]
    if single is not None:
        changes.append(("log-probabilities are in single precision", before, each(single(table), batches), ROUNDING_32))
    return tuple(_tried(*change) for change in changes)


def direction(call: LossCall, batch: Integer[Array, "B"], problem: TokenProblem, table: RowTable) -> Float[Array, "d"]:
    """Return the gradient of one batch by the parameters, from the tokens that are not padding."""
    found = gradients_on(call, batch[None], problem)
    own, mask = problem.completions.mask.reshape(len(table.mask), -1)[batch], table.mask[batch]
    by_log_probs, by_entropies = np.zeros(own.shape), np.zeros(own.shape)
    by_log_probs[own], by_entropies[own] = found.by_log_probs[0][mask], found.by_entropies[0][mask]
    size = len(problem.policy.parameters)
    scores = problem.scores.reshape(-1, problem.longest, size)[batch]
    gradients = problem.entropy_gradients.reshape(-1, problem.longest, size)[batch]
    return np.einsum("bt,btd->d", by_log_probs, scores) + np.einsum("bt,btd->d", by_entropies, gradients)


def _tried(
    change: str, before: Callable[[], list[np.ndarray]], after: Callable[[], list[np.ndarray]], rounding: float
) -> InvariantResult:
    try:
        pairs = list(zip(before(), after(), strict=True))
    except Exception as reason:  # whatever the loss trips over
        return InvariantResult(change, False, failure=one_sentence(reason)[:200])
    scale = max(np.linalg.norm(first) for first, _ in pairs)
    first, second = max(pairs, key=lambda pair: float(np.linalg.norm(pair[0] - pair[1])))
    if np.linalg.norm(first - second) <= rounding * scale:
        return InvariantResult(change, True)
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    angle = float(
        np.degrees(
            np.arctan2(
                np.linalg.norm(first * lengths[1] - second * lengths[0]),
                np.linalg.norm(first * lengths[1] + second * lengths[0]),
            )
        )
        * 2
    )
    return InvariantResult(change, False, float(lengths[1] / lengths[0]) if lengths[0] > 0 else float("inf"), angle)
