"""Statistics on arrays: moments, confidence regions, tests with their power. Knows no MDP."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.stats.bias_test import BiasResult, BiasTest
from pgverify.stats.binomial import clopper_pearson
from pgverify.stats.calibration import Calibration, quantile_pairs
from pgverify.stats.coordinate_test import CoordinateResult, CoordinateTest
from pgverify.stats.hotelling_test import HotellingResult, HotellingTest
from pgverify.stats.mean_region import MeanEllipsoid, MeanRegion
from pgverify.stats.moments import Moments
from pgverify.stats.order_statistics import uniform_band
from pgverify.stats.sequential import SequentialTest
from pgverify.stats.sequential_result import SequentialOutcome, SequentialResult
from pgverify.stats.sequential_tails import Tails
from pgverify.stats.variance_ratio import VarianceRatio, VarianceRatioResult
from pgverify.stats.variance_region import TraceInterval, VarianceRegion

__all__ = [
    "BiasResult",
    "BiasTest",
    "Calibration",
    "CoordinateResult",
    "CoordinateTest",
    "HotellingResult",
    "HotellingTest",
    "MeanEllipsoid",
    "MeanRegion",
    "Moments",
    "SequentialOutcome",
    "SequentialResult",
    "SequentialTest",
    "Tails",
    "TraceInterval",
    "VarianceRatio",
    "VarianceRatioResult",
    "VarianceRegion",
    "clopper_pearson",
    "quantile_pairs",
    "uniform_band",
]

__getattr__ = _suggesting(__name__, __all__)
