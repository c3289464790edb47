"""The oracle for outsiders: whether a function estimates the gradient it claims to."""

from pgverify.checking.check import check
from pgverify.checking.outcome import Outcome
from pgverify.checking.report import FaultyImplementation, Finding, Report
from pgverify.checking.suite import SuiteProblem, standard_suite

__all__ = ["FaultyImplementation", "Finding", "Outcome", "Report", "SuiteProblem", "check", "standard_suite"]
