"""Variance reports: how noisy the estimators of a gradient are, where the noise comes from, and what would help."""

from pgverify.kinds import suggesting
from pgverify.variance.exact_report import variance_report
from pgverify.variance.report import VarianceReport
from pgverify.variance.stored_batch import stored_rollouts

from_batches = VarianceReport.from_batches

__all__ = ["VarianceReport", "from_batches", "stored_rollouts", "variance_report"]


__getattr__ = suggesting(__name__, __all__)
