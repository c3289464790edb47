"""How noisy an estimate is: its exact variance on one problem, relative to that of the best baseline.

    tr Cov[ĝ/c] / tr Cov[Σ_t ψ_t (G_t − b*_t(s_t))]

ĝ is the estimate on one trajectory, c the multiple of the target that its mean is, b* the variance-minimising baseline.
The problem has no discount, so that the gradients with and without one are the same; its critic is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.listed_problem import every_trajectory, optimal_trace
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.exact.expectation import Expectation
from pgverify.language.built_in_problems import SAME, token_problem
from pgverify.language.coupling import ALONE
from pgverify.language.listed_expectation import batch_list, lists_of
from pgverify.language.loss_gradients import gradients_on
from pgverify.language.loss_report import LossReport
from pgverify.language.prepared_loss import prepared_loss
from pgverify.language.row_table import row_table
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites.standard import standard_suite
from pgverify.targets import PolicyGradient
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

VARIANCE = "variance"
"""The name of the finding."""

ON, STEPS = "delayed-reward", 3
"""The problem of the standard suite: eight trajectories of three steps."""

TREE = "graded"
"""The token tree for losses of language models: four completions of one prompt."""

COMPARABLE = ("policy_gradient", "discount_dropped", "undiscounted_policy_gradient", PolicyGradient().formula)
"""Targets that are ∇J where there is no discount."""

GOOD = (Outcome.CORRECT, Outcome.SCALED)


@cache
def problem_for_variance() -> Problem:
    """Return the problem, without its discount."""
    problem = next(entry.problem for entry in standard_suite() if entry.name == ON)
    return replace(problem, objective=FiniteHorizon(STEPS))


def with_variance(report: Report, function: Callable[[Trajectories], Any], kind: str) -> Report:
    """Return a report with the variance of a function among its findings, where it has one and what it is fits."""
    if report.outcome not in GOOD or report.target not in COMPARABLE or kind not in ("gradient", "weights"):
        return report
    problem = problem_for_variance()
    batch, probabilities = every_trajectory(problem)
    try:
        estimates = [_estimate(function, batch.select([row]), kind) for row in range(len(batch))]
        listed = Expectation(probabilities, np.array(estimates))
    except Exception:  # judged on other problems: what fails on this one has no variance here
        return report
    return replace(report, findings=(*report.findings, *_finding(ON, listed, problem, 1)))


def _estimate(function: Callable[[Trajectories], Any], batch: Trajectories, kind: str) -> Float[Array, "d"]:
    found = np.asarray(function(batch.copy()), dtype=np.float64)
    rows = batch.score_weighted(found) if kind == "weights" else found
    return np.asarray(rows.reshape(-1, rows.shape[-1]).mean(axis=0))


def with_variance_of_groups(report: LossReport, loss: Callable[[Any], Any], group_size: int) -> LossReport:
    """Return a report with the variance of a loss of PyTorch: G times that of a group of one prompt."""
    if report.outcome not in GOOD or report.target not in COMPARABLE:
        return report
    tree = token_problem(next(shape for shape in SAME if shape.name == TREE), 1, "same")
    try:
        batches = batch_list(lists_of(tree, group_size), 1, ALONE)
        table = row_table(tree, group_size)
        call = prepared_loss(loss, "torch", table, batches.rows[0]).on(table)
        estimates = gradients_on(call, batches.rows, tree).by_row(tree).sum(axis=1)
    except Exception:  # as above
        return report
    listed = Expectation(batches.weights[:, 0], estimates)
    return replace(report, findings=(*report.findings, *_finding(TREE, listed, tree.problem, group_size)))


def _finding(name: str, listed: Expectation, problem: Problem, group_size: int) -> tuple[Finding, ...]:
    """Return the variance as a finding; nothing where the mean is no multiple of ∇J on this problem."""
    from pgverify.exact import gradient

    target = gradient(problem)
    factor = float(listed.mean @ target / (target @ target))
    off = float(np.abs(listed.mean - factor * target).max())
    if factor <= 0.0 or off > TOLERANCE * listed.largest:
        return ()
    variance = group_size * listed.trace / factor**2
    return (
        Finding(
            VARIANCE,
            name,
            group_size,
            tuple(map(float, target)),
            tuple(map(float, listed.mean)),
            0.0,
            True,
            variance,
            trajectories=len(listed.probabilities),
            optimal_ratio=variance / optimal_trace(problem),
        ),
    )


TOLERANCE = 1e-4
"""Of an estimate: single precision, with some left for sums."""


def variance_of(report: Report | LossReport) -> tuple[str, str]:
    """Return the variance against the best baseline as text, and the problem it is on; or nothing, and the reason."""
    found = next((one for one in report.findings if one.check == VARIANCE), None)
    if found is not None and found.optimal_ratio is not None:
        return f"{found.optimal_ratio:.3g}", found.problem
    if report.outcome not in GOOD:
        return "", "of estimates of ∇J only"
    if report.target not in COMPARABLE:
        return "", "of estimates of ∇J only: another claim"
    return "", "not listed one trajectory at a time"
