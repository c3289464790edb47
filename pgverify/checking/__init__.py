"""The oracle for outsiders: whether a function estimates the gradient it claims to."""

from pgverify.checking.oracle import check
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import FaultyImplementation, Report
from pgverify.kinds import suggesting as _suggesting
from pgverify.suites.standard import standard_suite
from pgverify.suites.suite_problem import SuiteProblem

__all__ = ["FaultyImplementation", "Finding", "Outcome", "Report", "SuiteProblem", "check", "standard_suite"]

__getattr__ = _suggesting(__name__, __all__)
