"""Exact beside sampled: tidy rows whose intervals hold all at once, and the claims that are made of them."""

from pgverify.comparison.calibration import calibration_claim, z_scores
from pgverify.comparison.contributions import Contributions, exact_trace, listed_moments, sampled_moments
from pgverify.comparison.intervals import Simultaneous
from pgverify.comparison.trace_ratios import variance_report
from pgverify.comparison.unbiasedness import ROUNDING, agreement, claims, relative_error
from pgverify.exact.martingale_shares import SOURCES
from pgverify.kinds import suggesting

__all__ = [
    "ROUNDING",
    "SOURCES",
    "Contributions",
    "Simultaneous",
    "agreement",
    "calibration_claim",
    "claims",
    "exact_trace",
    "listed_moments",
    "relative_error",
    "sampled_moments",
    "variance_report",
    "z_scores",
]


__getattr__ = suggesting(__name__, __all__)
