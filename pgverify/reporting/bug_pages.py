"""The catalogue on a terminal: a table of all entries, or everything about one."""

from __future__ import annotations

import inspect
import json
from typing import Any

from pgverify.bugs import CATALOGUE, Bug, Effect, LossBug
from pgverify.checking import Report, check
from pgverify.language import LossReport, check_lm

EFFECTS = {
    Effect.BIASED: "biased: its expectation has another direction than its target",
    Effect.SCALED: "scaled: its expectation is a positive multiple of its target",
    Effect.NOISIER: "noisier: the right expectation, with more variance",
    Effect.OTHER_TARGET: "another target: its expectation is the gradient, or the direction, of something else",
    Effect.NO_SIGNAL: "no signal: its expectation is zero",
    Effect.INNOCENT: "innocent: the right expectation, though it was accused",
    Effect.INVALID_COMPARISON: "invalid comparison: the right expectation, but not the estimator that it speaks for",
}
"""The effects in words."""


def verdict(bug: Bug | LossBug) -> Report | LossReport:
    """Return what the oracle says about an entry: on its own setting if it has one, else on the standard suite.

    A loss of a language model is judged on the token trees, with the groups on which it shows.
    """
    if isinstance(bug, LossBug):
        return check_lm(
            bug.implementation,
            group_size=bug.group_size,
            prompts=bug.prompts,
            target=bug.target,
            sampler=bug.sampler,
            framework="numpy",
        )
    problems = [bug.setting()] if bug.setting else None
    return check(bug.implementation, target=bug.target, problems=problems)


def source_code(bug: Bug | LossBug) -> str:
    """Return the code of the faulty implementation, below its module's name; of an object, that of its class."""
    function = bug.loss if isinstance(bug, LossBug) else bug.implementation
    written: Any = inspect.unwrap(function) if inspect.isroutine(function) else type(function)
    called = f"# {function!r}\n" if inspect.isclass(written) else ""
    return f"# {written.__module__}\n{called}{inspect.getsource(written).rstrip()}"


def as_data(bug: Bug | LossBug) -> dict[str, Any]:
    """Return what the catalogue says about an entry, as plain data."""
    groups = {"group_size": bug.group_size, "sampler": bug.sampler} if isinstance(bug, LossBug) else {}
    return {
        "number": bug.number,
        "slug": bug.slug,
        "effect": bug.effect.value,
        "effect_in_words": EFFECTS[bug.effect],
        "cause": bug.cause,
        "cure": bug.cure,
        "source": list(bug.source),
        "note": bug.note,
        "target": bug.target,
        "batch_size": bug.batch_size,
        **groups,
    }


def print_table(as_json: bool) -> None:
    """Print one line an entry: a table with a legend on a terminal, plain columns elsewhere, or JSON."""
    from rich.console import Console

    rows = [(str(bug.number), bug.effect.value, bug.slug, bug.cause) for bug in CATALOGUE]
    if as_json:
        print(json.dumps([as_data(bug) for bug in CATALOGUE], ensure_ascii=False, indent=2))
    elif (console := Console()).is_terminal:
        from pgverify.reporting import terminal_tables

        table = terminal_tables.empty_table("no.")
        table.add_column("effect", max_width=10)  # two words of one entry would cost the causes of all eight columns
        table.add_column("slug", no_wrap=True)
        table.add_column("cause")
        for row in rows:
            table.add_row(*row)
        terminal_tables.print_table(table, console)
        print_legend()
    else:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, effect, slug, cause in rows:
            print(f"{number:>{widths[0]}}  {effect:<{widths[1]}}  {slug:<{widths[2]}}  {cause}")


def print_legend() -> None:
    """Print what the letters of the effects stand for."""
    print("\nThe effect of an entry on the expectation of its estimate:")
    for effect, words in EFFECTS.items():
        print(f"  {effect.value:<18}  {words}")
    print("`pgverify bugs SLUG`, or its number, shows one: its cause, its cure, its code, and the verdict on it.")


def print_page(bug: Bug | LossBug, report: Report | LossReport, as_json: bool) -> None:
    """Print everything about one entry: what it is, where it was seen, its code, and what the oracle says."""
    code = source_code(bug)
    if as_json:
        page = {**as_data(bug), "code": code, "report": json.loads(report.to_json())}
        print(json.dumps(page, ensure_ascii=False, indent=2))
        return
    lines = {
        "effect": EFFECTS[bug.effect],
        "cause": bug.cause,
        "cure": bug.cure,
        "seen in": "; ".join(bug.source),
        "note": bug.note,
    }
    print(f"{bug.number}. {bug.slug}" if bug.number else bug.slug)  # a pair of faults has no number
    for heading, text in lines.items():
        if text:
            print(f"  {heading + ':':<9}{text}")
    asked = "pgv.check_lm" if isinstance(bug, LossBug) else "pgv.check"
    print(f"\n{code}\n\n{asked} says\n{report}")
