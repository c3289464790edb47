"""Estimators of ∇J: one idea a file, each a frozen dataclass that maps a batch to one row a trajectory."""

from pgverify.estimators.generalized_advantage import GeneralizedAdvantage
from pgverify.estimators.n_step_advantage import NStepAdvantage
from pgverify.estimators.protocol import Estimator, StepWeighted
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.estimators.standardized import StandardizedAdvantage, StandardizedReturn
from pgverify.estimators.total_return import TotalReturn
from pgverify.kinds import suggesting as _suggesting

__all__ = [
    "Estimator",
    "GeneralizedAdvantage",
    "NStepAdvantage",
    "RewardToGo",
    "StandardizedAdvantage",
    "StandardizedReturn",
    "StepWeighted",
    "TotalReturn",
]

__getattr__ = _suggesting(__name__, __all__)
