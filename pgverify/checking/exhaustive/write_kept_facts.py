"""`make catalogue-means`: computes what is known of the problems of the suite, and writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from pgverify.checking.exhaustive.kept_facts import FILE
from pgverify.checking.exhaustive.listed_problem import COMPUTED
from pgverify.problem import Problem
from pgverify.suites.standard import standard_suite


def computed(problem: Problem, facts: Mapping[str, Callable[[Problem], float]] = COMPUTED) -> dict[str, float]:
    """Return everything that is kept of a problem, computed anew."""
    return {fact: compute(problem) for fact, compute in facts.items()}


def write(file: Path = FILE) -> int:
    """Write all of them; return of how many problems."""
    known = {entry.name: computed(entry.problem) for entry in standard_suite()}
    file.write_text(json.dumps(known, indent=1) + "\n")
    return len(known)


if __name__ == "__main__":
    print(f"facts of {write()} problems in {FILE}")
