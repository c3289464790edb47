"""Expectations of the catalogue on the standard suite, shipped: whoever looks for a name needs some hundred of them.

They are numbers that the package computes from itself, `make catalogue-means` writes them anew, and
`tests/checking/exhaustive/test_kept_means.py` computes them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from pgverify.bugs import ENTRIES, FORMS, Bug
from pgverify.problem import Problem
from pgverify.suites.standard import standard_suite
from pgverify.validation import Array, read_only

FILE = Path(__file__).with_name("kept_means.npz")

SIZES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "coin": (1, 2, 3, 4, 5, 6, 9, 17, 65),
        "bandit": (1, 2, 3, 4, 5, 6, 9, 17),
        "early-stop": (1, 2, 3, 4, 5, 6),
        "three-starts": (1, 2, 3, 4),
        "random-end": (1, 2, 3),
        "coin-door": (1, 2, 3),
    }
)
"""Batches in which implementations of the catalogue are judged on each problem; on those without a row, `OTHERS`."""

OTHERS = (1, 2)


@dataclass(frozen=True)
class KeptQuestion:
    """One expectation: of which function, how it is listed, on which problem.

    Attributes
    ----------
    label : str
        Slug, "implementation" or "correct", and the number of the entry among those of that slug.
    function : batch -> [n, d] or [d]
    problem : str
        Its name in the standard suite.
    batch_size : int
    ordered, alone : bool
        As in `exact_mean`.
    """

    label: str
    function: Callable[..., Any]
    problem: str
    batch_size: int
    ordered: bool
    alone: bool

    @property
    def key(self) -> str:
        """Its name in the file."""
        return f"{self.label} on {self.problem} by {self.batch_size}"


@dataclass(frozen=True, eq=False)
class _Kept:
    place: Mapping[str, int]
    ends: Integer[Array, "m"]
    values: Float[Array, "numbers"]


def everything_asked() -> Iterator[KeptQuestion]:
    """Yield every expectation that is kept."""
    for label, bug, which in _functions():
        for entry in standard_suite():
            for size in SIZES.get(entry.name, OTHERS):
                alone = bug.batch_size > 1 and size == 1
                yield KeptQuestion(label, getattr(bug, which), entry.name, size, bug.ordered, alone)


def kept_mean(
    function: Callable[..., Any], problem: Problem, batch_size: int, ordered: bool, alone: bool
) -> tuple[Float[Array, "d"] | None] | None:
    """Return (the expectation,), or (None,) where there is none, as it is kept; None where it is not.

    Parameters
    ----------
    function, problem, batch_size, ordered, alone
        As in `exact_mean`. Only the very functions of the catalogue and problems of the suite are known.
    """
    name = _problems().get(problem)
    if name is None or batch_size not in SIZES.get(name, OTHERS):
        return None
    label = _labels().get((function, ordered, alone if batch_size == 1 else None))
    kept = _kept()
    place = None if label is None or kept is None else kept.place.get(f"{label} on {name} by {batch_size}")
    if place is None or kept is None:
        return None
    first, last = (0 if place == 0 else int(kept.ends[place - 1])), int(kept.ends[place])
    return (kept.values[first:last] if last > first else None,)


def _functions() -> Iterator[tuple[str, Bug, str]]:
    seen: Counter[str] = Counter()
    for bug in (*ENTRIES, *FORMS):
        seen[bug.slug] += 1
        for which in ("implementation", "correct"):
            yield f"{bug.slug} {which} {seen[bug.slug]}", bug, which


@cache
def _labels() -> dict[tuple[Callable[..., Any], bool, bool | None], str]:
    """Return the label of a function in each way it is listed: alone or not for batches of 1, and for larger ones."""
    found: dict[tuple[Callable[..., Any], bool, bool | None], str] = {}
    for label, bug, which in _functions():
        for alone in (bug.batch_size > 1, None):
            found.setdefault((getattr(bug, which), bug.ordered, alone), label)
    return found


@cache
def _problems() -> dict[Problem, str]:
    return {entry.problem: entry.name for entry in standard_suite()}


@cache
def _kept() -> _Kept | None:
    try:
        with np.load(FILE) as file:
            keys, ends, values = file["keys"], file["ends"], read_only(file["values"])
    except OSError:  # not there: everything is computed
        return None
    return _Kept({key: number for number, key in enumerate(keys.tolist())}, ends, values)
