"""`pgverify study` and `pgverify report`: run questions, and show the answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgverify.cli.exit_codes import FINE, INCONCLUSIVE, INTERRUPTED, WORSE
from pgverify.errors import InvalidInput

if TYPE_CHECKING:  # everything heavy is imported by the command that needs it: --help must be fast
    from pgverify.reporting.judged import Judged
    from pgverify.running import Pool, Run, Store, Workload

app = typer.Typer(help="Questions with their answers: list them, run them.", no_args_is_help=True)


@app.command("list")
def study_list() -> None:
    """List the studies with their questions."""
    from pgverify.studies import load_study, study_files

    for name, path in study_files().items():
        print(f"{name}\n    {load_study(str(path))[0].question}")


@app.command("run")
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
    from pgverify.running import make_workload, open_store, process_pool
    from pgverify.studies import load_study, study_files

    if bool(names) == every:
        raise InvalidInput("study run takes either names or files of studies, or --all")
    wanted = names or [str(path) for path in study_files().values()]
    if not wanted:
        raise InvalidInput("--all found no study; run it where the folder studies/ is, or give a file")
    workloads = [make_workload(*load_study(name), seed=seed, quick=quick) for name in wanted]
    pool = process_pool(workers)
    try:
        with open_store(out) as store:
            runs = _run_with_progress(workloads, store, pool)
        judged = _write_reports(out)
    except KeyboardInterrupt:
        print("pgverify: interrupted; the same command resumes where it stood", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    names_run = {run.study for run in runs}
    raise typer.Exit(_tell([study for study in judged if study.study.name in names_run], out))


@app.command("status")
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


def report(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Rebuild tables, figures and the page from the results stored in an output folder."""
    raise typer.Exit(_tell(_write_reports(folder), folder))


def _run_with_progress(workloads: list[Workload], store: Store, pool: Pool) -> list[Run]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pgverify.running import run_workloads

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {
            workload.study.name: bars.add_task(workload.study.name, total=len(workload.cells)) for workload in workloads
        }
        return run_workloads(
            workloads,
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
