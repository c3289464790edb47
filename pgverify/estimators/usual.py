"""The estimators that are set side by side where nobody names others."""

from __future__ import annotations

from pgverify.baselines import StateValue
from pgverify.estimators.generalized_advantage import GeneralizedAdvantage
from pgverify.estimators.protocol import StepWeighted
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.estimators.total_return import TotalReturn


def usual_estimators() -> dict[str, StepWeighted]:
    """Return them by the name under which they are shown, from the noisiest to the one in general use."""
    return {
        "total return": TotalReturn(),
        "reward-to-go": RewardToGo(),
        "reward-to-go − V": RewardToGo(StateValue()),
        "GAE(0.95), critic V": GeneralizedAdvantage(0.95),
    }
