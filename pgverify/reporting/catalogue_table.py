"""The whole catalogue before the oracle, one row an entry: `python -m pgverify.reporting.catalogue_table FOLDER`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import MappingProxyType

from pgverify.bugs import CATALOGUE, Bug, Effect, LossBug
from pgverify.checking import Outcome, Report
from pgverify.errors import InvalidFile
from pgverify.language import LossReport
from pgverify.reporting.bug_pages import EFFECTS, verdict
from pgverify.reporting.catalogue_pages import write_bug_page, write_catalogue_page

FAULTY = (Effect.BIASED, Effect.SCALED, Effect.OTHER_TARGET, Effect.NO_SIGNAL)
"""Effects with a wrong expectation: what the oracle must tell apart, and name."""

RIGHT: Mapping[Effect, Outcome] = MappingProxyType(
    {
        Effect.BIASED: Outcome.BIASED,
        Effect.SCALED: Outcome.SCALED,
        Effect.NOISIER: Outcome.CORRECT,
        Effect.OTHER_TARGET: Outcome.OTHER_TARGET,
        Effect.NO_SIGNAL: Outcome.NO_SIGNAL,
        Effect.INNOCENT: Outcome.CORRECT,
        Effect.INVALID_COMPARISON: Outcome.CORRECT,
    }
)
"""The outcome that an effect calls for: variance alone is no fault of the expectation."""

NAMED: Mapping[str, Outcome] = MappingProxyType({"discount-dropped": Outcome.OTHER_TARGET})
"""Biased, but towards something that has a name."""

SUITE, OWN, TREES = "standard suite", "its own", "token trees"


@dataclass(frozen=True)
class CatalogueRow:
    """What the oracle says about one entry.

    Attributes
    ----------
    number, slug, effect :
        As the catalogue has them; the effect is the one expected.
    outcome : str
    right : "yes" or "no"
        Whether that is the outcome which the effect calls for.
    diagnosis : str
        The slug that the oracle names; empty without one.
    other_matches : str
        Slugs with the same expectation, besides the diagnosis.
    differs, compared : int
        Problems on which the expectation differs from the target, and on which it could be compared.
    problems : str
        Which: the standard suite, the entry's own setting, or, of losses for language models, the token trees.
    """

    number: int
    slug: str
    effect: str
    outcome: str
    right: str
    diagnosis: str
    other_matches: str
    differs: int
    compared: int
    problems: str


def row(bug: Bug | LossBug, report: Report | LossReport | None = None) -> CatalogueRow:
    """Return the row of an entry; the oracle is asked where its report is not given."""
    report = report or verdict(bug)
    found = [finding for finding in report.findings if finding.check == "expectation"]
    return CatalogueRow(
        bug.number,
        bug.slug,
        bug.effect.value,
        report.outcome.value,
        "yes" if report.outcome is NAMED.get(bug.slug, RIGHT[bug.effect]) else "no",
        report.diagnosis or "",
        " ".join(slug for slug in _matches(report) if slug != report.diagnosis),
        len({finding.problem for finding in found if not finding.holds}),
        len({finding.problem for finding in found}),
        TREES if isinstance(bug, LossBug) else OWN if bug.setting else SUITE,
    )


def _matches(report: Report | LossReport) -> list[str]:
    """Return the slugs with the same expectation; a loss is named by its weights, and has no others."""
    return [match.slug for match in report.matches] if isinstance(report, Report) else []


def summary(rows: Sequence[CatalogueRow]) -> list[str]:
    """Return the lines on top: what was told apart, what was named, and the same by effect."""
    faulty = [row for row in rows if row.effect in {effect.value for effect in FAULTY}]
    innocent = [row for row in rows if row not in faulty]
    named = [row for row in faulty if row.diagnosis == row.slug]
    share = 100 * len(named) // max(len(faulty), 1)
    lines = [
        f"Faulty entries with the right outcome: {_right(faulty)}.",
        f"Faulty entries diagnosed to their own slug: {len(named)} of {len(faulty)} ({share} %).",
        f"Entries with the right expectation that pass: {_right(innocent)}.",
    ]
    for effect, words in EFFECTS.items():
        known = [row for row in rows if row.effect == effect.value]
        lines.append(f"Effect {effect.value}: {_right(known)} with the right outcome ({words}).")
    return lines


def _right(rows: Sequence[CatalogueRow]) -> str:
    return f"{sum(row.right == 'yes' for row in rows)} of {len(rows)}"


def as_markdown(rows: Sequence[CatalogueRow]) -> str:
    """Return the summary and the table as Markdown."""
    lines = [
        "# The catalogue before the oracle",
        "",
        "Written by `make catalogue`: what `pgv.check` says about every entry of `pgv.bugs`, on the standard suite,",
        "or on the setting of the entry where it needs one of its own; and what `pgv.check_lm` says about the losses",
        "for language models, on its token trees. Nothing is sampled: the same code writes the same bytes.",
        "",
        *(f"- {line}" for line in summary(rows)),
        "",
        "*Differs*: on how many problems the exact expectation differs from the target, of those on which it could be",
        "compared; a fault that couples the trajectories of a batch is compared where the batches can be listed.",
        f"{', '.join(NAMED)} is biased towards something that has a name, and is called so.",
        "Entries of effect Z are one class: the expectation is zero, which has no one cause; they are matches.",
        "ratio-to-rollout is known by the name of the method that it is without a cap, tis-token-inf.",
        "A fault that has its name on the smallest problems is confirmed on the largest, and no others are tried.",
        "",
        "| no. | slug | effect | outcome | right | diagnosis | other matches | differs | problems |",
        "|---:|---|---|---|---|---|---|---:|---|",
    ]
    for r in rows:
        cells = (r.number, r.slug, r.effect, r.outcome, r.right, r.diagnosis or "–", r.other_matches or "–")
        lines.append(f"| {' | '.join(map(str, cells))} | {r.differs} of {r.compared} | {r.problems} |")
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[CatalogueRow]) -> str:
    """Return the table as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(field.name for field in fields(CatalogueRow))
    writer.writerows(map(astuple, rows))
    return file.getvalue()


def write_catalogue(folder: str | Path) -> list[CatalogueRow]:
    """Write `catalogue.md` and `catalogue.csv`, and return the rows; about a minute.

    The same stands in `catalogue.html`, with a page an entry in `bugs/`.

    Raises
    ------
    InvalidFile
        When the folder does not exist.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InvalidFile(f"folder is {folder}, must exist")
    rows = []
    for bug in CATALOGUE:
        report = verdict(bug)
        rows.append(row(bug, report))
        write_bug_page(root / "bugs" / f"{bug.slug}.html", bug, report, up="../")
    write_catalogue_page(root / "catalogue.html", {row.slug: row.outcome for row in rows}, "bugs/")
    (root / "catalogue.md").write_text(as_markdown(rows), encoding="utf-8")
    (root / "catalogue.csv").write_text(as_csv(rows), encoding="utf-8")
    return rows


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m pgverify.reporting.catalogue_table FOLDER")
    try:
        print("\n".join(summary(write_catalogue(sys.argv[1]))))
    except InvalidFile as reason:
        sys.exit(str(reason))
