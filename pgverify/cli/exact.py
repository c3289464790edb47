"""`pgverify exact`: J, its gradient, the values and the estimators' variance of a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgverify.errors import InvalidObjective
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Objective


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
    from pgverify.reporting.exact_answers import exact_answers, load_mdp, load_policy, print_answers

    objective = _objective(horizon, discount, average)
    tables = load_mdp(mdp)
    answers = exact_answers(tables, load_policy(policy, tables), objective, hessian, moments)
    print_answers(mdp, answers, json)


def _objective(horizon: int | None, discount: float | None, average: bool) -> Objective:
    if average and (horizon is not None or discount is not None):
        raise InvalidObjective("--average takes neither --horizon nor --discount")
    if average:
        return AverageReward()
    if horizon is not None:
        return FiniteHorizon(horizon, 1.0 if discount is None else discount)
    if discount is not None:
        return Discounted(discount)
    raise InvalidObjective("no objective is given: give --horizon T, --discount G, both, or --average")
