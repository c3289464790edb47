"""The page of a verdict: what was found, how sure and within which scope, and where it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pgverify.checking.pages.check_figures import expectation_figure, problem_figure, variance_figure
from pgverify.checking.pages.shown_report import ShownReport
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.witness import Step, Witness
from pgverify.counts import counted
from pgverify.drawing.pages import page_environment
from pgverify.drawing.problem_graph import steps_drawn
from pgverify.drawing.vector import inline_svg

MOST_COORDINATES = 60
"""Rows of expected against found; the rest is in the JSON."""


@dataclass(frozen=True)
class Weighed:
    """A step as the page shows it: `shown` is where a weight stands, once for all steps that share it."""

    step: Step
    shown: bool


def check_page(report: ShownReport, name: str = "") -> str:
    """Return the page of a verdict as HTML text, that needs nothing else; the same report gives the same bytes.

    Parameters
    ----------
    report : ShownReport
    name : str
        What was judged, as the caller calls it.
    """
    return _rendered("check.html", report, name)


def check_fragment(report: ShownReport) -> str:
    """Return the same as an element with a style of its own, for a notebook."""
    return _rendered("check_notebook.html", report, "")


def _rendered(template: str, report: ShownReport, name: str) -> str:
    return page_environment("pgverify.checking").get_template(template).render(name=name, **evidence_of(report))


def evidence_of(report: ShownReport) -> dict[str, Any]:
    """Return what `check_evidence.html` shows of a report, by the names that it knows."""
    witness = report.witness
    smallest = report.smallest_failure
    return {
        "report": report,
        "tone": tone_of(report.outcome),
        "witness": witness,
        "weighed": weighed(witness) if witness else (),
        "graph": _graph(witness) if witness else None,
        "whole": steps_drawn(witness.problem)[1] if witness else True,
        "smallest": smallest,
        "coordinates": coordinates_of(smallest),
        "side_by_side": drawn(expectation_figure(report), "Expected and found, coordinate by coordinate.", "expected"),
        "variances": drawn(variance_figure(report), "Variance relative to reward-to-go, by problem.", "variance"),
        "compared": [finding for finding in report.findings if finding.check == "expectation"],
        "invariants": [finding for finding in report.findings if finding.check != "expectation" and finding.found],
    }


def tone_of(outcome: Outcome) -> str:
    """Return the colour of a verdict: "good", "warn" where nothing is decided, or "bad"."""
    return "good" if outcome.good else "warn" if outcome.exit_code == 3 else "bad"


def coordinates_of(finding: Finding | None) -> list[tuple[float, float]]:
    """Return the first coordinates of a comparison, expected and found, as `coordinates.html` shows them."""
    if finding is None:
        return []
    return list(zip(finding.expected, finding.found, strict=False))[:MOST_COORDINATES]


def weighed(witness: Witness) -> Sequence[Weighed]:
    """Return the steps of a witness, each weight once: on the first of the steps that it is the sum of."""
    return [Weighed(step, all(index < other for other in step.together)) for index, step in enumerate(witness.steps)]


def _graph(witness: Witness) -> Markup | None:
    problem = witness.problem
    path = ", ".join(f"state {step.state}, action {step.action}" for step in witness.steps)
    size = f"{counted(problem.states, 'state')}, {counted(problem.actions, 'action')}"
    words = f"Problem {problem.name}: {size}. The steps shown: {path}."
    return drawn(problem_figure(witness), words, "problem")


def drawn(figure: object, words: str, prefix: str) -> Markup | None:
    """Return a figure as an element; its words are escaped there."""
    return None if figure is None else Markup(inline_svg(figure, words, f"pgverify-{prefix}"))  # type: ignore[arg-type]
