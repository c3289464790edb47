"""Throwaway studies, written as text: workers load them from a file as they load the real ones."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = """
import math, os, signal, time
from pathlib import Path
import numpy as np
from pgverify.studies import Claim, Study

FOLDER = Path({folder!r})

def cells(quick):
    return [{{"n": n, "kind": "even" if n % 2 == 0 else "odd"}} for n in range(2 if quick else {count})]

def run(parameters, seed):
    n = parameters["n"]
    with (FOLDER / "ran.txt").open("a") as file:  # what was computed, for the tests to see
        file.write(f"{{n}}\\n")
{body}
    draws = np.random.default_rng(seed).normal(size=3)
    return [{{"n": n, "draw": k, "value": float(x) / 3.0, "size": np.int64(k)}} for k, x in enumerate(draws)]

def decide(table):
    return [
        Claim("counted", "Every cell has three rows.", "exact", "3", "3", True, "exact"),
        Claim("mean", "The mean is <small>.", "sampled", "0", "0.1", {holds}, "error rate 1e-6"),
    ]

def figures(table):
    from matplotlib.figure import Figure
    figure = Figure()
    figure.subplots().plot(table["value"])
    figure.suptitle("Values in order")
    return {{"values": figure}}

STUDY = Study({name!r}, "Does it run & finish?", "made for the tests", cells, run, decide, figures)
"""


def write_study(folder: Path, name: str = "tiny", body: str = "    pass", count: int = 6, holds: object = True) -> Path:
    """Write a study whose cells first run `body`, indented by four; it sees `n`, `seed` and `FOLDER`."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    path = place / "study.py"
    path.write_text(
        TEMPLATE.format(folder=str(place), name=name, body=body, count=count, holds=holds), encoding="utf-8"
    )
    return path


def computed(path: Path) -> list[int]:
    """Return the cells that were computed, in order, repeats included."""
    record = path.parent / "ran.txt"
    return [int(line) for line in record.read_text().split()] if record.exists() else []
