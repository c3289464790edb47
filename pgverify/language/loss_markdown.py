"""A verdict on a loss as Markdown, as code hosts show it."""

from __future__ import annotations

from pgverify.drawing.markdown_words import plain, sourced
from pgverify.drawing.words import number
from pgverify.language.shown_loss import ShownLoss, ShownTree, shown_trees

MOST_NUMBERS = 6
"""Of a vector in a table; the rest is in the JSON."""


def loss_markdown(report: ShownLoss, name: str = "") -> str:
    """Return the report as Markdown; arguments as in `loss_page`."""
    judged = f"{plain(name)}: " if name else ""
    lines = [f"# {judged}{report.outcome.value}", "", f"**{plain(report.explanation)}**", ""]
    facts = {
        "Claimed": f"that it estimates {plain(report.target)}",
        "It estimates": plain(report.estimated),
        "Cause": f"{plain(report.diagnosis)}: {plain(report.cause)}" if report.diagnosis else "",
        "Cure": plain(report.cure),
        "Seen in": ", ".join(map(sourced, report.source)),
        "How sure": f"{plain(report.evidence)} evidence; {plain(report.error_rate)}",
        "Scope": plain(report.scope) if report.scope is not None else "",
        "Next": plain(report.next_step),
    }
    lines += [f"- {heading}: {text}" for heading, text in facts.items() if text]
    lines += [f"- Warning: {plain(warning)}" for warning in report.warnings]
    lines += [f"- Note: {plain(note)}" for note in report.notes]
    if report.findings:
        lines += ["", "| | tree of tokens | batches | off by | expected | found |", "|---|---|---|---|---|---|"]
        lines += map(_row, shown_trees(report))
    return "\n".join([*lines, ""])


def _row(one: ShownTree) -> str:
    finding, tree = one.finding, one.tree
    batches = "" if tree is None else f"{tree.batches:,} {'listed' if tree.listed else 'drawn'}"
    cells = (
        finding.problem,
        batches,
        number(finding.deviation, 3),
        _vector(finding.expected),
        _vector(finding.found),
    )
    return f"| {'✓' if finding.holds else '✗'} | {' | '.join(map(plain, cells))} |"


def _vector(numbers: tuple[float, ...]) -> str:
    return ", ".join(number(x) for x in numbers[:MOST_NUMBERS]) + (", …" if len(numbers) > MOST_NUMBERS else "")
