"""The command line. It reads arguments, calls the library, prints, and chooses an exit code; no statistics.

Exit codes: 0 all well, 1 anything worse, 2 the call itself was wrong, 3 inconclusive, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgverify import __version__
from pgverify.errors import InvalidInput, InvalidObjective
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Objective

if TYPE_CHECKING:  # everything heavy is imported by the command that needs it: --help must be fast
    from pgverify.reporting.judged import Judged
    from pgverify.running import Plan, Pool, Run, Store

FINE, WORSE, WRONG_CALL, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="gradcheck for policy gradients: exact ground truth, verdicts and variance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
study_app = typer.Typer(help="Questions with their answers: list them, run them.", no_args_is_help=True)
app.add_typer(study_app, name="study")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; errors are one sentence on standard error."""
    # The base class of every complaint about a call; typer takes click from different places over time.
    usage_error: Any = typer.BadParameter.__base__
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(given, prog_name="pgverify", standalone_mode=False)
    except InvalidInput as error:
        code = _complain(error)
    except usage_error as error:
        # Help that was asked for by giving no sub-command has been printed already.
        code = FINE if type(error).__name__ == "NoArgsIsHelpError" else _complain(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        print("pgverify: interrupted", file=sys.stderr)
        code = INTERRUPTED
    except MemoryError:
        code = _complain("out of memory: the problem or the horizon is too large for an exact computation")
    sys.exit(code if isinstance(code, int) else FINE)


def _complain(what: object) -> int:
    print(f"pgverify: {' '.join(str(what).split())}", file=sys.stderr)
    return WRONG_CALL


def _version(wanted: bool) -> bool:
    if wanted:
        print(f"pgverify {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Gradcheck for policy gradients: exact ground truth, verdicts and variance."""


@study_app.command("list")
def study_list() -> None:
    """List the studies with their questions."""
    from pgverify.studies import load_study, study_files

    for name, path in study_files().items():
        print(f"{name}\n    {load_study(str(path))[0].question}")


@study_app.command("run")
def study_run(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME|FILE...", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every study.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny grid, for a first look.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; by default one a processor.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Every cell's seed is derived from it.")] = 0,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("reports"),
) -> None:
    """Run studies: CSV tables, figures and one HTML page. An interrupted run resumes where it stood."""
    from pgverify.running import make_plan, open_store, process_pool
    from pgverify.studies import load_study, study_files

    if bool(names) == every:
        raise InvalidInput("study run takes either names or files of studies, or --all")
    wanted = names or [str(path) for path in study_files().values()]
    if not wanted:
        raise InvalidInput("--all found no study; run it where the folder studies/ is, or give a file")
    plans = [make_plan(*load_study(name), seed=seed, quick=quick) for name in wanted]
    pool = process_pool(workers)
    try:
        with open_store(out) as store:
            runs = _run_with_progress(plans, store, pool)
        judged = _write_reports(out)
    except KeyboardInterrupt:
        print("pgverify: interrupted; the same command resumes where it stood", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    names_run = {run.study for run in runs}
    raise typer.Exit(_tell([study for study in judged if study.study.name in names_run], out))


@study_app.command("status")
def study_status(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Say how far each run in an output folder has come."""
    from pgverify.running import open_store

    with open_store(folder, create=False) as store:
        runs = store.runs()
    for run in runs:
        state = "finished" if run.finished else "unfinished"
        failed = f", {len(run.failures)} failed" if run.failures else ""
        quick = ", quick" if run.quick else ""
        print(f"{run.study}: {run.done} of {run.total} cells{failed}, {state} (seed {run.seed}{quick})")
    if any(run.failures for run in runs):
        raise typer.Exit(WORSE)
    raise typer.Exit(FINE if runs and all(run.finished for run in runs) else INCONCLUSIVE)


@app.command("report")
def report(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Rebuild tables, figures and the page from the results stored in an output folder."""
    raise typer.Exit(_tell(_write_reports(folder), folder))


@app.command("exact")
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


def _run_with_progress(plans: list[Plan], store: Store, pool: Pool) -> list[Run]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pgverify.running import run_plans

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {plan.study.name: bars.add_task(plan.study.name, total=len(plan.cells)) for plan in plans}
        return run_plans(
            plans,
            store,
            pool,
            lambda study, done, total: bars.update(tasks[study], completed=done, total=total),
        )


def _write_reports(folder: Path) -> list[Judged]:
    from rich.console import Console

    from pgverify.reporting.output import write_reports

    console = Console(stderr=True)
    if not console.is_terminal:
        return write_reports(folder)
    with console.status("deciding claims, drawing figures"):
        return write_reports(folder)


def _tell(studies: list[Judged], folder: Path) -> int:
    """Print what was found, what fails first, and return the exit code."""
    from pgverify.running.execute import failures

    for line in failures(judged.run for judged in studies):
        print(f"pgverify: {line}", file=sys.stderr)
    for judged in studies:
        held = len(judged.claims) - len(judged.failing)
        print(f"{judged.study.name}: {held} of {len(judged.claims)} claims hold")
        for claim in judged.failing:
            print(f"  FAILS {claim.name}: {claim.statement} Expected {claim.expected}, found {claim.found}.")
        for trouble in judged.troubles:
            print(f"  {trouble}")
    print(f"Page: {folder / 'index.html'}")
    if any(judged.failing or judged.run.failures or judged.broken for judged in studies):
        return WORSE
    return FINE if all(judged.claims for judged in studies) else INCONCLUSIVE
