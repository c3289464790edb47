"""The oracle for outsiders: is this function an estimator of the gradient it claims?"""

from pgverify.checking.check import check
from pgverify.checking.outcome import Outcome
from pgverify.checking.report import FaultyImplementation, Finding, Report
from pgverify.checking.suite import SuiteProblem, standard_suite

__all__ = ["FaultyImplementation", "Finding", "Outcome", "Report", "SuiteProblem", "check", "standard_suite"]
