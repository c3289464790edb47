"""The report as plain text: lines as long as their numbers, for none is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgverify.variance.contents import ReportContents

HEADINGS = {
    "estimator": "estimator",
    "trace": "tr Cov[g]",
    "ratio_to_reward_to_go": "÷ to-go",
    "ratio_to_best_baseline": "÷ best b*",
    "relative_bias": "bias",
    "signal_to_noise": "signal/noise",
    "cosine": "cosine",
    "trajectories": "trajectories",
    "environment_steps": "steps",
}
"""The columns that are printed, and their headings."""
SAMPLED_HEADINGS = {"sampled_trace": "sampled", "sampled_low": "from", "sampled_high": "to"}
STORED_HEADINGS = {
    "low": "trace from",
    "high": "trace to",
    "ratio_low": "÷ from",
    "ratio_high": "÷ to",
    "trajectories_low": "traj. from",
    "trajectories_high": "traj. to",
}
NONE = "–"


def as_text(report: ReportContents) -> str:
    """Return the recommendation, the table and the remarks."""
    facts = report.facts
    asked = (
        f"cosine: to be expected of a batch of {spelled(facts['batch_size'])}; trajectories and steps: for an error of "
        f"{100 * facts['relative_error']:g} % with {100 * facts['confidence']:g} % confidence"
    )
    lines = [f"{report.title} ({report.evidence})", report.recommendation, ""]
    lines += aligned(*printed_table(report))
    lines += ["", asked, *report.remarks, *(f"Left out: {reason}" for reason in report.omitted)]
    return "\n".join(lines)


def printed_table(report: ReportContents) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells of the table as they are printed."""
    columns = {name: heading for name, heading in HEADINGS.items() if name in report.table}
    columns |= {name: heading for name, heading in (SAMPLED_HEADINGS | STORED_HEADINGS).items() if name in report.table}
    rows = [[spelled(row[name]) for name in columns] for row in report.table.to_dict("records")]
    return list(columns.values()), rows


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose first column is flush left and whose others are flush right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = []
    for cells in (headings, *rows):
        rest = "  ".join(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        lines.append(f"{cells[0].ljust(widths[0])}  {rest}".rstrip())
    return lines


def spelled(value: Any) -> str:
    """Return a value for reading: whole numbers with separators, others in four digits, a dash where there is none."""
    if value is None or type(value).__name__ == "NAType" or value != value:  # pandas says NA, others NaN
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float | np.floating):
        value = float(value)
        if 999.95 <= abs(value) < 1e15:  # from here on four digits are a whole number
            return f"{value:,.0f}".replace("-", "−")
        return f"{value:.4g}".replace("-", "−")
    return str(value)
