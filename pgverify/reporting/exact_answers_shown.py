"""The exact answers on a terminal: JSON with every digit, or tables with eight."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pgverify.reporting.exact_answers import ExactAnswers
from pgverify.reporting.terminal_tables import empty_table, print_table

if TYPE_CHECKING:  # imported by the function that draws tables: JSON needs none
    from rich.table import Table

MOST_STATES = 40
"""States in a printed table; JSON has all of them."""


def as_json(name: str, answers: ExactAnswers) -> str:
    """Return one line of JSON; what was not asked for is left out."""
    data: dict[str, Any] = {
        "mdp": name,
        "objective": repr(answers.objective),
        "expected_return": answers.expected_return,
        "gradient": answers.gradient.tolist(),
        "gradient_norm": answers.gradient_norm,
        "state_values": answers.state_values.tolist(),
    }
    if answers.hessian is not None:
        data["hessian"] = answers.hessian.tolist()
    if answers.moments is not None:
        data["moments"] = [
            {
                "estimator": noise.estimator,
                "trace_variance": noise.trace_variance,
                "trajectories_for_5_percent": noise.trajectories,
            }
            for noise in answers.moments
        ]
    return json.dumps(data)


def print_tables(name: str, answers: ExactAnswers) -> None:
    """Print the numbers, then a table of the estimators and one of the states."""
    print(f"{name}, {answers.objective!r}")
    print(f"J(θ)    {answers.expected_return:.15g}")
    print(f"|∇J|    {answers.gradient_norm:.15g}")
    if answers.hessian is not None:
        eigenvalues = np.linalg.eigvalsh(answers.hessian)
        print(f"∇²J     eigenvalues from {eigenvalues[0]:.8g} to {eigenvalues[-1]:.8g}")
    if answers.moments is not None:
        print_table(_noise_table(answers))
    print_table(_state_table(answers))
    if len(answers.gradient) > MOST_STATES:
        print(f"The first {MOST_STATES} of {len(answers.gradient)} states; --json prints all.")


def _noise_table(answers: ExactAnswers) -> Table:
    table = empty_table("estimator", "tr Cov of one trajectory", "trajectories for 5 %")
    table.columns[0].justify = "left"
    for noise in answers.moments or ():
        needed = "none suffices" if noise.trajectories is None else f"{noise.trajectories:,}"
        table.add_row(noise.estimator, f"{noise.trace_variance:.8g}", needed)
    return table


def _state_table(answers: ExactAnswers) -> Table:
    actions = answers.gradient.shape[1]
    table = empty_table("state", "V", *(f"∂J/∂θ(·,{action})" for action in range(actions)))
    for state, row in enumerate(answers.gradient[:MOST_STATES]):
        table.add_row(str(state), f"{answers.state_values[state]:.8g}", *(f"{g:.8g}" for g in row))
    return table
