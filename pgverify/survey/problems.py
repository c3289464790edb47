"""Problems of the standard suite by name, for functions that compile or are slow."""

from __future__ import annotations

from pgverify.suites.standard import standard_suite
from pgverify.problem import Problem


def problems(*names: str) -> list[Problem]:
    """Return problems of the standard suite by name."""
    suite = {entry.name: entry.problem for entry in standard_suite()}
    return [suite[name] for name in names]


def few() -> list[Problem]:
    """Return five problems: one, two and three steps; fixed lengths, random ones, and such as the actions decide;
    deterministic and random dynamics; tabular policies and shared features.
    """
    return problems("coin", "early-stop", "delayed-reward", "coin-door", "random-end")
