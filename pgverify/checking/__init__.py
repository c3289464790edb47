"""The oracle for outsiders: whether a function estimates the gradient it claims to.

Names are loaded when they are first used: reports are read and written where NumPy need not be.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pgverify.errors import UnknownAttribute

if TYPE_CHECKING:
    from pgverify.checking.oracle import check as check
    from pgverify.checking.policies.policy_oracle import check_policy as check_policy
    from pgverify.checking.policies.policy_report import PolicyReport as PolicyReport
    from pgverify.checking.verdict.finding import Finding as Finding
    from pgverify.checking.verdict.outcome import Outcome as Outcome
    from pgverify.checking.verdict.report import FaultyImplementation as FaultyImplementation
    from pgverify.checking.verdict.report import Report as Report
    from pgverify.suites.standard import standard_suite as standard_suite
    from pgverify.suites.suite_problem import SuiteProblem as SuiteProblem

_HOMES = {
    "FaultyImplementation": "pgverify.checking.verdict.report",
    "Finding": "pgverify.checking.verdict.finding",
    "Outcome": "pgverify.checking.verdict.outcome",
    "PolicyReport": "pgverify.checking.policies.policy_report",
    "Report": "pgverify.checking.verdict.report",
    "SuiteProblem": "pgverify.suites.suite_problem",
    "check": "pgverify.checking.oracle",
    "check_policy": "pgverify.checking.policies.policy_oracle",
    "standard_suite": "pgverify.suites.standard",
}

__all__ = [
    "FaultyImplementation",
    "Finding",
    "Outcome",
    "PolicyReport",
    "Report",
    "SuiteProblem",
    "check",
    "check_policy",
    "standard_suite",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value  # asked for once
        return value
    raise UnknownAttribute(f"module {__name__!r}", name, lambda: __all__)
