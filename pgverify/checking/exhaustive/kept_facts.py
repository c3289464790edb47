"""What is known of the problems of the standard suite, shipped: every check of a process that begins would compute it.

They are numbers that the package computes from itself, `make catalogue-means` writes them anew, and
`tests/checking/exhaustive/test_kept_facts.py` computes them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from pgverify.problem import Problem
from pgverify.suites.standard import standard_suite

FILE = Path(__file__).with_name("kept_facts.json")


def kept_or_computed(fact: str, problem: Problem, compute: Callable[[Problem], float]) -> float:
    """Return a number that is known of a problem, as it is kept; computed where it is not.

    Parameters
    ----------
    fact : str
        Its name in the file.
    problem : Problem
        Only the very problems of the suite are known.
    compute : problem -> float
    """
    known = _kept().get(_names().get(problem, ""), {}).get(fact)
    return compute(problem) if known is None else known


@cache
def _names() -> Mapping[Problem, str]:
    return {entry.problem: entry.name for entry in standard_suite()}


@cache
def _kept() -> Mapping[str, Mapping[str, float]]:
    try:
        found: Mapping[str, Mapping[str, float]] = json.loads(FILE.read_text())
        return found
    except (OSError, ValueError):  # not there, or damaged: everything is computed
        return {}
