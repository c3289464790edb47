"""The estimators as a table: on a terminal, as JSON, and as the page docs/estimators.md, which is printed from here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pgverify import estimators, exact
from pgverify.errors import InvalidInput
from pgverify.estimators.facts import Facts
from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem

HEADINGS = ("estimator", "what it estimates", "assumptions", "exact moments", "source")

OF_ONE, OF_BATCHES, LISTED = "mean and covariance", "mean and covariance, of a batch of n", "by listing batches"
"""How far the exact answers for an estimator go; `exact.enumerated_moments` takes all of them."""

PAGE = """# Estimators

This page is printed by `pgverify estimators --markdown`; every row is stated in the estimator's own file, and the
column of exact moments is what `pgv.exact` answers when it is asked. ψ is ∇ log π, d_t the states under π at time t,
d^μ_t those under the policy μ that acts, W = Π_t π/μ the weight of a trajectory, F = Σ_t γ^t Σ_s d_t Σ_a π ψψᵀ.

All are classes of `pgv.estimators`: functions of a batch, with one row a trajectory, whose mean is the estimate. Those
whose expectation is their own are a target too: `pgv.check(f, target=pgv.estimators.GPOMDP(0.9))`, or
`target="gpomdp(0.9)"` by the name in brackets and their numbers in order, asks whether f estimates the same, right or
wrong as that may be.

{table}

## Equations

{equations}
"""


@dataclass(frozen=True)
class EstimatorRow:
    """One estimator: what its file states, its equation, and which exact moments are known."""

    estimator: str
    target_name: str
    equation: str
    expectation: str
    assumptions: str
    moments: str
    source: str

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row under `HEADINGS`."""
        return self.estimator, self.expectation, self.assumptions, self.moments, self.source


def estimator_rows() -> list[EstimatorRow]:
    """Return one row an estimator, in the order of their names."""
    classes = [getattr(estimators, name) for name in estimators.__all__]
    found = [_row(one) for one in classes if isinstance(getattr(one, "facts", None), Facts)]
    return sorted(found, key=lambda row: row.estimator.casefold())


def print_estimators(as_json: bool, as_markdown: bool) -> None:
    """Print all estimators: a table, JSON, or the page of the documentation."""
    rows = estimator_rows()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
    elif as_markdown:
        print(markdown_page(rows), end="")
    else:
        _print_table(rows)


def markdown_page(rows: list[EstimatorRow]) -> str:
    """Return docs/estimators.md."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    for row in rows:
        first, *others = row.cells
        lines.append(f"| {' | '.join([f'`{first}` ({row.target_name})', *map(_escaped, others)])} |")
    equations = "\n".join(f"- `{row.estimator}`: {_escaped(row.equation)}" for row in rows)
    return PAGE.format(table="\n".join(lines), equations=equations)


def _print_table(rows: list[EstimatorRow]) -> None:
    from rich.console import Console

    if not (console := Console()).is_terminal:
        for row in rows:
            print("  ".join(row.cells))
        return
    from pgverify.reporting import terminal_tables

    table = terminal_tables.empty_table()
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row.cells)
    terminal_tables.print_table(table, console)
    print('`pgverify check … --target "gpomdp(0.9)"` asks whether a function estimates what GPOMDP(0.9) does.')


def _row(estimator: Any) -> EstimatorRow:
    facts: Facts = estimator.facts
    equation = " ".join((estimator.__doc__ or "").split("\n\n")[0].split())
    moments = known_moments(facts.example(_tiny()))
    return EstimatorRow(
        estimator.__name__, facts.name, equation, facts.expectation, facts.assumptions, moments, facts.source
    )


def known_moments(estimator: object) -> str:
    """Return how far exact answers go: by asking for them."""
    problem = _tiny()
    acting = SoftmaxPolicy(np.array([[0.5, -0.5], [0.0, 0.25]]))
    try:
        exact.moments(estimator, problem, acting=acting)
        return OF_ONE
    except InvalidInput:
        pass
    try:
        exact.batch_moments(estimator, problem, 2, acting=acting)
        return OF_BATCHES
    except InvalidInput:
        return LISTED


def _tiny() -> Problem:
    mdp = TabularMDP([0.5, 0.5], np.full((2, 2, 2), 0.5), [[1.0, 0.0], [0.0, 2.0]])
    return Problem(mdp, SoftmaxPolicy(np.array([[0.2, 0.0], [0.0, 0.4]])), FiniteHorizon(2, 0.5))


def _escaped(text: str) -> str:
    """Return text in which no bar ends a cell and no underscore begins emphasis."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
