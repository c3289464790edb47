"""The question, put so that a slow machine gives the same answer, and the problems for functions that are slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgverify.checking.oracle import check
from pgverify.checking.verdict.report import Report
from pgverify.language.check import check_lm
from pgverify.language.loss_report import LossReport
from pgverify.problem import Problem
from pgverify.suites.standard import standard_suite
from pgverify.survey.spread import with_variance, with_variance_of_groups

LONGEST = 600.0
"""Seconds of processor time a call: nothing in a survey is about speed, and libraries compile in their first calls."""


def asked(function: Callable[..., Any], **keywords: Any) -> Report:
    """Return the report of `pgv.check`, with a time limit that only what never returns exceeds, and its variance."""
    report = check(function, time_limit=LONGEST, total_time_limit=12 * LONGEST, **keywords)
    return with_variance(report, function, keywords.get("kind", "gradient"))


def asked_lm(loss: Callable[[Any], Any], group_size: int, **keywords: Any) -> LossReport:
    """Return the report of `pgv.check_lm`, in the same way."""
    report = check_lm(loss, group_size=group_size, time_limit=LONGEST, **keywords)
    return with_variance_of_groups(report, loss, group_size)


def problems(*names: str) -> list[Problem]:
    """Return problems of the standard suite by name."""
    suite = {entry.name: entry.problem for entry in standard_suite()}
    return [suite[name] for name in names]


def few() -> list[Problem]:
    """Return five problems that differ in all that matters.

    One, two and three steps; fixed lengths, random ones, and such as the actions decide;
    deterministic and random dynamics; tabular policies and shared features.
    """
    return problems("coin", "early-stop", "delayed-reward", "coin-door", "random-end")
