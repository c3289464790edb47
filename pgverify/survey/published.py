"""The survey as a table for machines, a page for code hosts, and a page for browsers that filters."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from pgverify.checking.verdict.outcome import Outcome
from pgverify.counts import counted
from pgverify.drawing.pages import page_environment, write_whole
from pgverify.errors import InvalidFile
from pgverify.survey.entry import Role
from pgverify.survey.judged import COLUMNS, FAILED, PASSING, WITHDRAWN, Verdict
from pgverify.survey.since import said
from pgverify.survey.spread import ON, TREE

NONE = "–"
"""In place of a variance that there is none of."""

VARIANCES = (
    "The variance is exact: tr Cov of the estimate from one trajectory, less its factor, relative to that of the best "
    f"baseline b(s, t). It is measured on `{ON}` of the standard suite without its discount, with an exact critic "
    "where one is asked for: the total return has 2.97 there, reward-to-go 2.68, reward-to-go less V 1.37, and what "
    "has an exact V in place of rewards, as at a cut, less than 1. For losses of language models it is G times that "
    f"of a group, on one prompt of the tree `{TREE}`, where the plain return has 24.5: the best baseline knows every "
    f"prefix. {NONE} stands where an estimate is none of ∇J, or is not made one trajectory at a time; survey.csv has "
    "each reason."
)
"""What the column says."""

CONTROLS = {Role.RIGHT.value: "must pass", Role.PLANTED.value: "must be caught"}


def publish(
    verdicts: Sequence[Verdict], folder: Path, left_out: Mapping[str, str] = MappingProxyType({})
) -> list[Path]:
    """Write `survey.csv`, `survey.md` and `survey.html`; return their paths.

    Parameters
    ----------
    verdicts : sequence of Verdict
    folder : Path
    left_out : library -> why it is not surveyed

    Raises
    ------
    InvalidFile
        When one of them cannot be written.
    """
    make_folder(folder)
    made = {"survey.csv": table(verdicts), "survey.md": markdown(verdicts, left_out)}
    made["survey.html"] = page(verdicts, left_out)
    for name, text in made.items():
        write_whole(folder / name, text)
    return [folder / name for name in made]


def make_folder(folder: Path) -> None:
    """Make the folder of the three files: before hours are spent on what goes into them.

    Raises
    ------
    InvalidFile
        When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise InvalidFile(f"out is {folder}, which cannot be made ({reason.strerror}), must be a folder") from None


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(verdict) for verdict in verdicts)
    return text.getvalue()


def headline(verdicts: Sequence[Verdict]) -> str:
    """Return what was found, in a sentence."""
    functions = [verdict for verdict in verdicts if verdict.role == Role.FUNCTION.value]
    ran = [verdict for verdict in functions if verdict.outcome not in (FAILED, WITHDRAWN)]
    passing = sum(verdict.outcome in PASSING for verdict in ran)
    multiples = sum(verdict.outcome == Outcome.SCALED.value for verdict in ran)
    libraries = len({verdict.library for verdict in ran})
    open_ones = len(functions) - len(ran)
    rest = f"; {open_ones} could not be judged" if open_ones else ""
    whose = counted(libraries, "library", "libraries")
    more = f", {multiples} a multiple of it" if multiples else ""
    return f"{passing} of {counted(len(ran), 'function')} of {whose} estimate what they claim{more}{rest}"


def markdown(verdicts: Sequence[Verdict], left_out: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the page for code hosts."""
    lines = [
        "# Other people's code before the oracle",
        "",
        f"{headline(verdicts)}. A function that does not estimate what it claims need not be wrong: a constant factor, "
        "or a mean over steps, is often a documented choice, and is said to be one. No function is accused without a "
        "control that passed in the same run.",
        "",
        VARIANCES,
        "",
        f"`pgverify survey` makes this page anew; [survey.csv](survey.csv) has every column. Judged {days(verdicts)}.",
    ]
    for library, group in groupby(verdicts, key=lambda verdict: verdict.library):
        rows = list(group)
        lines += [
            "",
            f"## {library} {rows[0].version}",
            "",
            "| function | claim | verdict | factor | variance | why |",
            "|---|---|---|---|---|---|",
        ]
        for verdict in rows:
            name = verdict.function if verdict.role == Role.FUNCTION.value else f"_control:_ {verdict.function}"
            cells = (name, verdict.claim, said(verdict), verdict.factor, verdict.variance or NONE, why(verdict))
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
        called = [verdict for verdict in rows if verdict.called and verdict.role == Role.FUNCTION.value]
        if called:
            lines += ["", "How its own loop calls them:", ""]
            lines += [f"- {verdict.function}: {verdict.called}" for verdict in called]
    if left_out:
        lines += ["", "## Not surveyed", ""]
        lines += [f"- {library}: {reason}" for library, reason in left_out.items()]
    return "\n".join([*lines, ""])


def days(verdicts: Sequence[Verdict]) -> str:
    """Return the days on which verdicts were made: the first, and the last where it is another."""
    dates = sorted({verdict.date for verdict in verdicts if verdict.date}) or ["on no day"]
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def why(verdict: Verdict) -> str:
    """Return the reason of a verdict: our remark, else the report's sentence where it does not simply pass."""
    if verdict.role in CONTROLS:
        return f"{verdict.of}: {CONTROLS[verdict.role]}" + (f"; {verdict.remark}" if verdict.remark else "")
    return verdict.remark or ("" if verdict.outcome in PASSING else verdict.explanation)


def page(verdicts: Sequence[Verdict], left_out: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the page for browsers, in one file that loads nothing."""
    template = page_environment("pgverify.survey").get_template("survey.html")
    return template.render(
        headline=headline(verdicts),
        verdicts=verdicts,
        left_out=left_out,
        outcomes=sorted({verdict.outcome for verdict in verdicts}),
        libraries=sorted({(verdict.library, verdict.version) for verdict in verdicts}),
        date=days(verdicts),
        variances=VARIANCES.replace("`", ""),
        dash=NONE,
        why=why,
        said=said,
        passing=PASSING,
        function=Role.FUNCTION.value,
    )
