"""The part of the standard suite that the fast tests use; the whole of it is for `slow` ones and the benchmark."""

from __future__ import annotations

from pgverify import Problem
from pgverify.checking import standard_suite

FEW = ("coin", "bandit", "early-stop", "three-starts")
SOME = (*FEW, "delayed-reward", "coin-door", "near-deterministic")


def named(*names: str) -> list[Problem]:
    return [entry.problem for entry in standard_suite() if entry.name in names]
