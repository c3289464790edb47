"""The expectation of a loss's ascent direction from drawn batches, where those are too many to list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.listed_expectation import BatchList
from pgverify.language.loss_gradients import BatchGradients, gradients_on
from pgverify.stats import BiasTest, MeanRegion, Moments
from pgverify.targets.sums import over_completions
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

DRAWN = 3_000
"""Batches drawn on one tree."""

PILOT = 800
"""Of them, those that choose how much of the controls to subtract, and count no further: the rest stay unbiased."""

LEAST = 1e-9
"""Of the mean: samples that scatter less do not scatter."""


@dataclass(frozen=True, eq=False)
class SampledMean:
    """What drawn batches say.

    Attributes
    ----------
    moments : Moments
        Of the ascent directions, less what controls of known mean are off by on the same batch.
    size : float
        Mean length of what rows add.
    """

    moments: Moments
    size: float

    @property
    def mean(self) -> Float[Array, "d"]:
        """Their mean [d]."""
        return np.asarray(self.moments.mean)

    def off(self, target: Float[Array, "d"], alpha: float) -> bool:
        """Return whether the mean differs from a target, wrongly with probability at most alpha."""
        return BiasTest(alpha).run(self.moments, target).rejected

    def hidden(self, target: Float[Array, "d"], alpha: float) -> float:
        """Return the largest bias that could hide, relative to the target, wrongly with probability at most alpha."""
        bias = MeanRegion.of(self.moments, 1.0 - alpha).largest_bias(target)
        return bias / float(np.linalg.norm(target))

    def multiple(self, target: Float[Array, "d"]) -> float:
        """Return the multiple of a target that the samples are nearest to, as they scatter; 0 where that is zero."""
        scatter = self.moments.covariance / self.moments.count
        least = (LEAST * float(np.linalg.norm(self.mean))) ** 2 + np.finfo(float).tiny
        weighed = np.linalg.solve(scatter + least * np.eye(len(target)), target)
        return float(weighed @ self.mean / max(float(weighed @ target), np.finfo(float).tiny))


def sampled_mean(
    call: LossCall, problem: TokenProblem, group_size: int, prompts: int, seed: int
) -> tuple[BatchList, BatchGradients, SampledMean]:
    """Return drawn batches, what the loss gave on them, and their mean; groups stand in random order."""
    rng = np.random.default_rng(seed)
    completions = problem.chances.shape[1]
    rows = np.empty((DRAWN, prompts * group_size), dtype=np.int64)
    chances = problem.chances / problem.chances.sum(axis=1, keepdims=True)
    for batch in rows:
        chosen = rng.permutation(problem.prompts)[:prompts]
        batch[:] = np.concatenate(
            [prompt * completions + rng.choice(completions, group_size, p=chances[prompt]) for prompt in chosen]
        )
    found = gradients_on(call, rows, problem)
    by_row = found.by_row(problem)
    directions, controls = by_row.sum(axis=1), _controls(problem, rows, group_size)
    coefficients, *_ = np.linalg.lstsq(
        controls[:PILOT], directions[:PILOT] - directions[:PILOT].mean(axis=0), rcond=1e-10
    )
    moments = Moments.of(directions[PILOT:] - controls[PILOT:] @ coefficients)
    size = float(np.linalg.norm(by_row, axis=2).sum(axis=1).mean())
    return BatchList(rows, np.full(rows.shape, 1.0 / DRAWN)), found, SampledMean(moments, size)


def _controls(problem: TokenProblem, rows: Integer[Array, "N B"], group_size: int) -> Float[Array, "N C"]:
    """Return what known estimates of the same batches are off by: with and without baseline, and divided by length."""
    table = problem.completions
    mask, rewards = table.mask.reshape(-1, problem.longest), table.rewards.reshape(-1)
    scores = problem.scores.reshape(*mask.shape, -1)
    sums = (scores * mask[:, :, None]).sum(axis=1)[rows]
    lengths = mask.sum(axis=1)[rows]
    groups = rewards[rows].reshape(len(rows), -1, group_size)
    others = (groups.sum(axis=2, keepdims=True) - groups) / max(group_size - 1, 1)
    raw, baseline = rewards[rows], others.reshape(rows.shape)
    means = problem.chances.reshape(problem.prompts, -1)
    expected = (means * table.rewards).sum(axis=1)
    constant = np.broadcast_to(expected[:, None], table.rewards.shape)
    shape = np.ones(table.mask.shape)
    columns = []
    for drawn, own in ((raw, table.rewards), (baseline, constant), (np.ones_like(raw), np.ones_like(constant))):
        for divided in (False, True):
            weight = drawn / lengths if divided else drawn
            exact = own / table.lengths if divided else own
            estimate = (weight[:, :, None] * sums).mean(axis=1)
            columns.append(estimate - over_completions(problem, problem.sampler, exact[:, :, None] * shape))
    return np.concatenate(columns, axis=1)
