"""`pgverify check`: hand over a function or a program, get a verdict and its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgverify.cli.check_agent import judged_agent
from pgverify.cli.check_progress import check_progress
from pgverify.cli.terminal import reserved_output
from pgverify.errors import InvalidFile, InvalidInput

if TYPE_CHECKING:
    from pgverify.checking import Report

STANDARD_OUTPUT = Path("-")


def check(
    implementation: Annotated[
        str | None,
        typer.Argument(metavar="MODULE:FUNCTION", help="package.module:function, or file.py:function."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(metavar="PROGRAM", help="A program with its arguments, run instead of a function."),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="LIBRARY:ALGORITHM",
            help="A whole agent: stable_baselines3:A2C, trl:GRPO, …, or MODULE:UPDATE of your own loop.",
        ),
    ] = None,
    kwargs: Annotated[str | None, typer.Option(metavar="JSON", help="Arguments of that agent.")] = None,
    problem: Annotated[
        list[str] | None, typer.Option(help="For an agent: a problem of the suite; may be given several times.")
    ] = None,
    processes: Annotated[int, typer.Option(help="For an agent: among which its runs are shared out.")] = 1,
    resume: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For an agent: goes on where it was ended, by files there.")
    ] = None,
    kind: Annotated[str, typer.Option(help="What it returns: gradient, weights or sampler.")] = "gradient",
    target: Annotated[str, typer.Option(help="What it claims to estimate.")] = "policy_gradient",
    alpha: Annotated[float, typer.Option(help="Total false-alarm probability, where sampled.")] = 1e-6,
    tolerance: Annotated[float, typer.Option(help="Relative bias that is tolerated, where sampled.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Seed, where sampled.")] = 0,
    time_limit: Annotated[float, typer.Option(help="Seconds for each call.")] = 10.0,
    total_time_limit: Annotated[float, typer.Option(help="Seconds after which no further call begins.")] = 600.0,
    explore: Annotated[int, typer.Option(help="Random problems beyond the suite; 0 for none.")] = 24,
    budget: Annotated[int, typer.Option(help="Most estimates on one problem, where sampled.")] = 1_000_000,
    rarest: Annotated[
        float | None, typer.Option(help="For a sampler: nothing that matters in its draws is less probable.")
    ] = None,
    batch_size: Annotated[
        list[int] | None, typer.Option(help="Call it on batches of this size alone; may be given several times.")
    ] = None,
    group_size: Annotated[
        int | None, typer.Option(help="Call it on groups of so many trajectories of one start state alone.")
    ] = None,
    prompts: Annotated[int, typer.Option(help="Groups in a batch, with --group-size.")] = 1,
    suite: Annotated[str, typer.Option(help="The problems: see pgv.suites.names().")] = "standard",
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON; - prints it instead of the text.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page for a browser.")] = None,
    memory_limit: Annotated[float, typer.Option(help="GiB for its process and all that it starts.")] = 4.0,
    isolate: Annotated[
        bool, typer.Option("--isolate/--no-isolate", help="In a process of its own, or in this one for a debugger.")
    ] = True,
) -> None:
    """Tell whether an implementation estimates the gradient it claims to estimate.

    Exit codes: 0 correct or consistent, 1 anything worse, 2 the call itself was wrong, 3 inconclusive.
    """
    _refuse_unwritable("--json", None if json == STANDARD_OUTPUT else json)
    _refuse_unwritable("--junit", junit)
    _refuse_unwritable("--html", html)
    if [implementation, command, agent].count(None) != 2:
        raise InvalidInput('check takes either MODULE:FUNCTION, or --command "PROGRAM", or --agent LIBRARY:ALGORITHM')
    if agent is None and (kwargs is not None or problem or processes != 1 or resume is not None):
        raise InvalidInput("--kwargs, --problem, --processes and --resume belong to --agent, which is missing")
    named = implementation or command or agent or ""
    options = {
        "kind": kind,
        "target": target,
        "alpha": alpha,
        "tolerance": tolerance,
        "seed": seed,
        "time_limit": time_limit,
        "total_time_limit": total_time_limit,
        "explore": explore,
        "budget": budget,
        "rarest": rarest,
        "design": None,
        "suite": suite,
    }
    request = {
        "implementation": implementation,
        "command": command,
        "options": options,
        "design": _design(batch_size, group_size, prompts),
    }
    with reserved_output() as answer:
        if agent is not None:
            of_agent = _of_agent(options, request["design"]) | {"processes": processes, "resume": resume}
            report = judged_agent(agent, kwargs, of_agent, suite, problem)
        else:
            report = _judged(request, memory_limit, isolate)
        if json is not None and json != STANDARD_OUTPUT:
            _write("--json", json, report.to_json())
        if junit is not None:
            from pgverify.reporting.junit import junit_xml

            _write("--junit", junit, junit_xml(report, named))
        if html is not None:
            report.to_html(html, named)
        print(report.to_json() if json == STANDARD_OUTPUT else report, file=answer, flush=True)
    raise typer.Exit(report.outcome.exit_code)


def _judged(request: dict[str, Any], memory_limit: float, isolate: bool) -> Report:
    """Return the report on what was asked for, from a process of its own unless that is not wanted."""
    if not isolate:
        from pgverify.checking import Report
        from pgverify.held_interrupts import raised_interrupts
        from pgverify.isolated_child import judged

        with raised_interrupts():
            return Report.from_json(judged(request))
    from pgverify.checking.isolation import isolated_check
    from pgverify.checking.isolation.limits import Limits

    options = request["options"]
    limits = Limits(options["time_limit"], options["total_time_limit"], memory_limit)
    with check_progress() as listener:
        return isolated_check.check_in_process(request, limits, listener, alone=True)


def _of_agent(options: dict[str, Any], design: Any) -> dict[str, Any]:
    """Return the options of `check` for an agent."""
    if options["kind"] not in ("gradient", "agent"):
        raise InvalidInput(f"--kind is {options['kind']!r}, must be left out with --agent")
    if design is not None:
        raise InvalidInput("--batch-size and --group-size must be left out with --agent, which collects for itself")
    return {name: value for name, value in options.items() if name not in ("kind", "suite", "design")}


def _design(batch_size: list[int] | None, group_size: int | None, prompts: int) -> dict[str, Any] | None:
    """Return the batches that the implementation is made for, where any were named, in numbers."""
    if batch_size and group_size is not None:
        raise InvalidInput("check takes either --batch-size or --group-size, for batches are grouped or they are not")
    if group_size is not None:
        return {"size": group_size, "prompts": prompts}
    return {"sizes": batch_size} if batch_size else None


def _refuse_unwritable(option: str, path: Path | None) -> None:
    """Refuse a file that cannot be written, before anything is computed."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise InvalidFile(f"{option} is {path}, must be a file in a folder that exists")


def _write(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as reason:
        raise InvalidFile(f"{option} is {path}, which cannot be written: {reason.strerror}") from None
