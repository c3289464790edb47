"""Estimators of ∇J: one idea a file, each a frozen dataclass that maps a batch to one row a trajectory."""

from pgverify.estimators.action_baseline import ActionBaseline
from pgverify.estimators.all_actions import AllActions
from pgverify.estimators.capped_importance import CappedImportance
from pgverify.estimators.capped_ratios import CappedRatios
from pgverify.estimators.compatible_critic import CompatibleCritic
from pgverify.estimators.compatible_natural_gradient import CompatibleNaturalGradient
from pgverify.estimators.generalized_advantage import GeneralizedAdvantage
from pgverify.estimators.gpomdp import GPOMDP
from pgverify.estimators.n_step_advantage import NStepAdvantage
from pgverify.estimators.natural_gradient import NaturalGradient
from pgverify.estimators.protocol import Estimator, StepWeighted
from pgverify.estimators.reward_baseline import RewardBaseline
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.estimators.sample_size import effective_sample_size
from pgverify.estimators.self_normalized import SelfNormalized
from pgverify.estimators.standardized import StandardizedAdvantage, StandardizedReturn
from pgverify.estimators.total_return import TotalReturn
from pgverify.estimators.v_trace import VTrace
from pgverify.kinds import suggesting as _suggesting

__all__ = [
    "GPOMDP",
    "ActionBaseline",
    "AllActions",
    "CappedImportance",
    "CappedRatios",
    "CompatibleCritic",
    "CompatibleNaturalGradient",
    "Estimator",
    "GeneralizedAdvantage",
    "NStepAdvantage",
    "NaturalGradient",
    "RewardBaseline",
    "RewardToGo",
    "SelfNormalized",
    "StandardizedAdvantage",
    "StandardizedReturn",
    "StepWeighted",
    "TotalReturn",
    "VTrace",
    "effective_sample_size",
]

__getattr__ = _suggesting(__name__, __all__)
