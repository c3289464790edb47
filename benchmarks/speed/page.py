"""The page reports/speed.md and the table beside it, and what fell since they were written."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np
from growth import Slope
from pairs import Measured

REPORTS = Path(__file__).resolve().parents[2] / "reports"
COLUMNS = ("line", "work", "unit", "taken", "ratio")
FELL = 0.2
"""Share by which a ratio may fall: medians of neighbours differ by less from run to run."""


def write(measured: list[Measured], slopes: list[Slope], memory: dict[str, float], speed_up: float) -> None:
    """Write both files."""
    with (REPORTS / "speed.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([row.line, row.work, row.unit, f"{row.taken:.4g}", f"{row.ratio:.4g}"] for row in measured)
    (REPORTS / "speed.md").write_text("\n".join(_page(measured, slopes, memory, speed_up)) + "\n", encoding="utf-8")


def _page(measured: list[Measured], slopes: list[Slope], memory: dict[str, float], speed_up: float) -> Iterable[str]:
    load = os.getloadavg()[0]
    yield "# Speed, side by side"
    yield ""
    yield (
        f"Made {date.today()} by `make benchmark-speed` on {os.cpu_count()} cores ({_processor()}), Python "
        f"{platform.python_version()}, NumPy {np.__version__}; mean load during the last minute {load:.1f}."
    )
    yield ""
    yield (
        "One run, one process, works in turns, new parameters at every call. Times are of the processor, the middle of "
        "all turns; a ratio is the middle of (theirs / ours compiled) within a turn, which a busy machine slows alike: "
        "trust the ratios, not the times. Ours includes whatever it takes from θ to the answer, and third and fourth "
        "moments where it samples. JAX is given one core; what it compiles is not counted."
    )
    for line in dict.fromkeys(row.line for row in measured):
        rows = [row for row in measured if row.line == line]
        yield ""
        yield f"## {line[0].upper()}{line[1:]}"
        yield ""
        yield f"| | {rows[0].unit} | times as long |"
        yield "|---|---:|---:|"
        for row in rows:
            yield f"| {row.work} | {row.taken:.3g} | {row.ratio:.2f} |"
    yield ""
    yield "## Growth"
    yield ""
    yield "| with | sizes | slope of log time |"
    yield "|---|---|---:|"
    for row in slopes:
        yield f"| {row.what} | {', '.join(f'{size:,}' for size in row.sizes)} | {row.slope:.2f} |"
    yield ""
    yield f"Two workers are {speed_up:.2f} times as fast as one, by the wall clock."
    yield ""
    yield "## Peak memory of the whole process"
    yield ""
    yield "| | MB |"
    yield "|---|---:|"
    for what, megabytes in memory.items():
        yield f"| {what} | {megabytes:.0f} |"


def fallen(measured: list[Measured]) -> list[str]:
    """Return one sentence for every ratio that fell by more than 20 % since the table was written."""
    with (REPORTS / "speed.csv").open(newline="", encoding="utf-8") as file:
        before = {(row["line"], row["work"]): float(row["ratio"]) for row in csv.DictReader(file)}
    return [
        f"{row.line}: {row.work} takes {row.ratio:.2f} times as long as ours, was {was:.2f}"
        for row in measured
        if (was := before.get((row.line, row.work))) is not None and row.ratio < (1.0 - FELL) * was
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
