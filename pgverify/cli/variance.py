"""`pgverify variance`: how noisy the estimators of a problem's gradient are, on a page and as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgverify.cli.progress import told
from pgverify.errors import InvalidFile, InvalidInput

if TYPE_CHECKING:  # everything heavy is imported by the command that needs it: --help must be fast
    from pgverify.mdp import TabularMDP
    from pgverify.problem import AverageReward, Discounted, FiniteHorizon


def variance(
    mdp: Annotated[
        str | None,
        typer.Argument(
            metavar="MDP", help="A name of the zoo, a .json file, or FILE.py:NAME, an environment with a table P."
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="A Gymnasium environment with a table P, instead; MODULE:ID if registered there."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help='"logits" [S, A], or "features" and "weights", in JSON or .npz; or FILE.py:NAME; by default uniform.',
            show_default=False,
        ),
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="T: a finite horizon.", show_default=False)] = None,
    discount: Annotated[float | None, typer.Option(help="γ.", show_default=False)] = None,
    average: Annotated[bool, typer.Option("--average", help="The average reward; give --max-steps.")] = False,
    max_steps: Annotated[int | None, typer.Option(help="Cut trajectories there.", show_default=False)] = None,
    batch_size: Annotated[int, typer.Option(help="N of the expected cosine.")] = 100,
    error: Annotated[float, typer.Option(help="Relative error for which trajectories are counted.")] = 0.05,
    confidence: Annotated[float, typer.Option(help="With which it is kept.")] = 0.95,
    samples: Annotated[int, typer.Option(help="Trajectories to draw, for sampled numbers beside the exact ones.")] = 0,
    seed: Annotated[int, typer.Option(help="Of these.")] = 0,
    out: Annotated[
        Path,
        typer.Option("--out", "--html", metavar="PAGE", help="The page; its tables are written beside it."),
    ] = Path("variance.html"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit.")] = False,
) -> None:
    """Tell how noisy the estimators of a gradient are, where the noise comes from, and what would help: exactly."""
    with told() as tell:
        tell("reading the problem")
        if out.is_dir() or not out.parent.is_dir():
            raise InvalidFile(f"--out is {out}, must be a file in a folder that exists")
        from pgverify.cli.named_in_python import is_named, named_policy
        from pgverify.cli.policy_file import read_policy
        from pgverify.cli.typed_problem import objective_of
        from pgverify.problem import Problem
        from pgverify.variance import variance_report

        tables, name = _dynamics(mdp, env)
        objective = objective_of(horizon, discount, average)
        if policy is not None and is_named(str(policy)):
            chosen = named_policy(str(policy), tables)
        else:
            chosen = read_policy(policy, tables)
        problem = Problem(tables, chosen, objective)
        report = variance_report(
            problem,
            samples=samples,
            seed=seed,
            batch_size=batch_size,
            relative_error=error,
            confidence=confidence,
            max_steps=max_steps,
            title=_title(name, objective, policy, max_steps),
            progress=tell,
        )
        tell("drawing the page")
        page = report.to_html(out)
    if json:
        from pgverify.variance.as_json import as_json

        print(as_json(report))
    else:
        print(f"{report}\nPage: {page}")


def _dynamics(mdp: str | None, env: str | None) -> tuple[TabularMDP, str]:
    if (mdp is None) == (env is None):
        raise InvalidInput("variance takes either MDP, a name of the zoo, a .json file or FILE.py:NAME, or --env ID")
    from pgverify.cli.named_in_python import environments_of_this_folder, is_named, named_dynamics
    from pgverify.cli.typed_problem import load_mdp
    from pgverify.mdps import from_gymnasium

    if env is not None:
        environments_of_this_folder()
        return from_gymnasium(env), env
    assert mdp is not None
    if is_named(mdp):
        return named_dynamics(mdp), mdp
    return load_mdp(mdp), mdp


def _title(
    name: str, objective: FiniteHorizon | Discounted | AverageReward, policy: Path | None, max_steps: int | None
) -> str:
    """Spell the problem as it was typed."""
    parts = [name]
    horizon, discount = getattr(objective, "horizon", None), getattr(objective, "discount", None)
    parts += [] if horizon is None else [f"T = {horizon}"]
    parts += [] if discount is None else [f"γ = {discount:g}"]
    parts += ["average reward"] if horizon is None and discount is None else []
    parts += [] if max_steps is None else [f"cut after {max_steps} steps"]
    parts.append("uniform policy" if policy is None else f"policy {policy}")
    return ", ".join(parts)
