"""`pgverify exact`: J, its gradient, the values and the estimators' variance of a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def exact(
    mdp: Annotated[str, typer.Argument(metavar="MDP", help="A name of the zoo, or a .json file.")],
    policy: Annotated[
        Path | None,
        typer.Option(help='JSON with "logits" [S, A]; by default uniform.', show_default=False),
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="T: a finite horizon.", show_default=False)] = None,
    discount: Annotated[float | None, typer.Option(help="γ.", show_default=False)] = None,
    average: Annotated[bool, typer.Option("--average", help="The average reward.")] = False,
    hessian: Annotated[bool, typer.Option("--hessian", help="Add ∇²J, to JSON its entries.")] = False,
    moments: Annotated[bool, typer.Option("--moments", help="Add the exact variance of the usual estimators.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit.")] = False,
) -> None:
    """Compute J, its gradient, the values and the estimators' variance of a problem, with no sampling."""
    from pgverify.cli.typed_problem import load_mdp, load_policy, objective_of
    from pgverify.problem import Problem
    from pgverify.reporting.exact_answers import exact_answers
    from pgverify.reporting.exact_answers_shown import as_json, print_tables

    objective = objective_of(horizon, discount, average)
    tables = load_mdp(mdp)
    answers = exact_answers(Problem(tables, load_policy(policy, tables), objective), hessian, moments)
    if json:
        print(as_json(mdp, answers))
    else:
        print_tables(mdp, answers)
