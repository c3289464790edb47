"""`pgverify study` and `pgverify report`: run questions, and show the answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgverify.cli.exit_codes import FINE, INCONCLUSIVE, INTERRUPTED, WORSE
from pgverify.counts import counted
from pgverify.errors import InvalidInput, without_commands
from pgverify.guarded_process import FOLDER, GUARDIAN

if TYPE_CHECKING:  # everything heavy is imported by the command that needs it: --help must be fast
    from rich.progress import Progress

    from pgverify.reporting.judged import Judged
    from pgverify.running import Pool, ProgressListener, Workload

app = typer.Typer(help="Questions with their answers: list them, run them.", no_args_is_help=True)


@app.command("list")
def study_list() -> None:
    """List the studies with their questions."""
    from pgverify.studies import load_study, study_files

    for name, path in study_files().items():
        print(f"{name}\n    {without_commands(str(load_study(str(path))[0].question))}")


@app.command("run")
def study_run(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME|FILE...", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every study.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny grid, for a first look.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; by default one a processor.", show_default=False)
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on the workers of this Dask scheduler instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Every cell's seed is derived from it.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Compute a finished run once more.")] = False,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("reports"),
) -> None:
    """Run studies: CSV tables, figures and one HTML page. An interrupted run resumes where it stood."""
    if bool(names) == every:
        raise InvalidInput("study run takes either names or files of studies, or --all")
    if workers is not None and dask is not None:
        raise InvalidInput("study run takes either --workers or --dask, the cluster has workers of its own")
    from pgverify.held_interrupts import raised_interrupts

    try:
        with raised_interrupts(), _bars() as bars:
            judged = _computed(bars, names or [], quick, seed, again, out, workers, dask)
    except KeyboardInterrupt:
        print("pgverify: interrupted; the same command resumes where it stood", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(_tell(judged, out))


@app.command("status")
def study_status(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Say how far each run in an output folder has come."""
    from pgverify.running import open_store

    with open_store(folder, create=False) as store:
        runs = store.runs()
        notes = store.notes
    for note in notes:
        _say(note)
    for run in runs:
        state = "finished" if run.reported else "computed, reports unfinished" if run.finished else "unfinished"
        failed = f", {len(run.failures)} failed" if run.failures else ""
        damaged = f", {run.damaged} damaged" if run.damaged else ""
        quick = ", quick" if run.quick else ""
        done = f"{run.done} of {counted(run.total, 'cell')}"
        print(f"{run.study}: {done}{failed}{damaged}, {state} (seed {run.seed}{quick})")
    if any(run.failures for run in runs):
        raise typer.Exit(WORSE)
    raise typer.Exit(FINE if runs and all(run.reported for run in runs) else INCONCLUSIVE)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    trust: Annotated[
        bool, typer.Option("--trust", help="Decide and draw anew, which runs the code of the studies in the store.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead: say what changed beyond noise since this folder.")
    ] = None,
    error_rate: Annotated[
        float, typer.Option(help="With --against: that of all rows together, of telling a change where there is none.")
    ] = 0.001,
) -> None:
    """Write tables, figures and pages again from the results stored in an output folder; no study's code runs."""
    from pgverify.held_interrupts import raised_interrupts

    if against is not None:
        from pgverify.cli.changes import tell_changes

        raise typer.Exit(tell_changes(folder, against, error_rate))
    with raised_interrupts(), _bars() as bars:
        if trust:
            from pgverify.reporting.concluding import conclude_anew
            from pgverify.running import open_store

            with open_store(folder, create=False):
                pass  # refuse a folder that holds none, before one is made there
            with open_store(folder) as store:
                GUARDIAN.tell(f"{FOLDER}{folder}")
                runs = conclude_anew(store, _listener(bars, "deciding, drawing: "))
                judged = _write_reports(bars, folder)
                for run in runs:
                    store.mark_reported(run)
        else:
            judged = _write_reports(bars, folder)
    raise typer.Exit(_tell(judged, folder))


def _computed(
    bars: Progress, names: list[str], quick: bool, seed: int, again: bool, out: Path,
    workers: int | None, dask: str | None,
) -> list[Judged]:  # fmt: skip
    """Compute, conclude, write the reports, and only then say that the runs are finished."""
    from pgverify.reporting.concluding import conclude
    from pgverify.running import dask_pool, make_workload, open_store, process_pool, run_workloads
    from pgverify.running.made import Clock
    from pgverify.studies import load_study, study_files

    wanted = names or [str(path) for path in study_files().values()]
    if not wanted:
        raise InvalidInput("--all found no study; run it where the folder studies/ is, or give a file")
    workloads = [make_workload(*load_study(name), seed=seed, quick=quick) for name in wanted]
    pool = process_pool(workers) if dask is None else dask_pool(dask)
    with open_store(out) as store:
        GUARDIAN.tell(f"{FOLDER}{out}")
        for note in store.notes:
            _say(note)
        clock, show = Clock(), _announced(bars, pool, workloads, again)

        def tell(study: str, done: int, total: int) -> None:
            clock(study, done, total)
            show(study, done, total)

        runs = run_workloads(workloads, store, pool, tell, again)
        runs = conclude(store, workloads, _listener(bars, "deciding, drawing: "), clock)
        judged = _write_reports(bars, out)
        for run in runs:
            if run.finished:
                store.mark_reported(run)
    numbers = {run.number for run in runs}
    return [study for study in judged if study.run.number in numbers]


def _announced(bars: Progress, pool: Pool, workloads: list[Workload], again: bool) -> ProgressListener:
    """Return a listener that says first what is there already and what computes the rest."""
    show = _listener(bars)
    begun: dict[str, bool] = {}
    seeds = {workload.study.name: workload.seed for workload in workloads}

    def tell(study: str, done: int, total: int) -> None:
        if study not in begun:
            begun[study] = done == total
            if done == total and not again:
                _say(f"{study} with seed {seeds[study]} is finished, nothing is computed; --again computes it anew")
            if len(begun) == len(seeds) and not all(begun.values()) and pool.said:
                _say(pool.said)
        show(study, done, total)

    return tell


@contextmanager
def _bars() -> Iterator[Progress]:
    """Show signs of life on a terminal, from the first second on: importing the libraries takes as long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bars.add_task("loading", total=None)
        yield bars


def _listener(bars: Progress, doing: str = "") -> ProgressListener:
    """Return a listener that moves one bar for each study, or one for a step that goes through all of them."""
    tasks = {}

    def tell(study: str, done: int, total: int) -> None:
        for task in bars.tasks:
            if task.total is None:  # what came before this step is done
                bars.update(task.id, visible=False)
        key = doing or study
        if key not in tasks:
            tasks[key] = bars.add_task(doing + study, total=total)
        bars.update(
            tasks[key], description=(doing + study) if study else doing.rstrip(": "), completed=done, total=total
        )

    return tell


def _write_reports(bars: Progress, folder: Path) -> list[Judged]:
    from pgverify.reporting.output import write_reports

    return write_reports(folder, _listener(bars, "writing: "), _say)


def _say(sentence: str) -> None:
    """Tell beside the answer."""
    print(f"pgverify: {without_commands(sentence)}", file=sys.stderr)


def _tell(studies: list[Judged], folder: Path) -> int:
    """Print what was found, what fails first, and return the exit code."""
    from pgverify.running.execute import failures

    for line in failures(judged.run for judged in studies):
        _say(line)
    for judged in studies:
        held = len(judged.claims) - len(judged.failing)
        tally = f"{held} of {counted(len(judged.claims), 'claim')} hold"
        print(f"{judged.title}: {judged.undecided or tally}")
        for claim in judged.failing:
            print(f"  FAILS {claim.name}: {claim.statement} Expected {claim.expected}, found {claim.found}.")
        for trouble in judged.troubles:
            print(f"  {trouble}")
    print(f"Page: {folder / 'index.html'}")
    if any(judged.failing or judged.run.failures or judged.broken for judged in studies):
        return WORSE
    return FINE if all(judged.claims for judged in studies) else INCONCLUSIVE
