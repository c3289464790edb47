"""The estimators that a report sets side by side, and what is made of those that a caller names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pgverify.baselines import AverageReturn, Baseline, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import GeneralizedAdvantage, RewardToGo
from pgverify.estimators.usual import usual_estimators
from pgverify.exact import OptimalBaseline
from pgverify.rollout import Rollout
from pgverify.validation import shown

Lineup: TypeAlias = Mapping[str, Any]
"""Functions of a batch by name; Any, for they may declare a recursion besides."""

REFERENCE = "reward-to-go"
"""What the others are compared with."""


def usual_lineup(law: Rollout, best: OptimalBaseline, coupled: bool = True) -> Lineup:
    """Return the estimators that are compared where nobody names others, by the name under which they are shown.

    Parameters
    ----------
    law : Rollout
    best : OptimalBaseline
        Of reward-to-go.
    coupled : bool
        Whether the one that subtracts a mean of its batch is among them: it takes longest.
    """
    usual = usual_estimators()
    lineup: dict[str, Any] = {name: usual[name] for name in ("total return", REFERENCE)}
    if coupled and law.step_scale == 1.0:  # under the average reward no closed form is known for a mean of returns
        lineup["reward-to-go − mean of the others"] = RewardToGo(AverageReturn(leave_one_out=True))
    lineup["reward-to-go − V"] = usual["reward-to-go − V"]
    lineup["reward-to-go − b*"] = RewardToGo(best_baseline(law, best))
    lineup["GAE(0.95), critic V"] = usual["GAE(0.95), critic V"]
    lineup["one-step actor-critic, critic V"] = GeneralizedAdvantage(0.0)
    if law.discount < 1.0:
        lineup["reward-to-go − V, without γ^t"] = RewardToGo(StateValue(), discount_weighting=False)
    return lineup


def best_baseline(law: Rollout, best: OptimalBaseline) -> Baseline:
    """Return b* as a baseline: of time and state where the number of steps has a bound, else of the state."""
    if law.horizon is None:
        return StateValue(best.by_state)
    # A row for the state after the last step, which nobody subtracts anything from.
    return TimeStateValue(np.vstack([best.values, np.zeros((1, best.values.shape[1]))]))


def named_estimators(estimators: Any, usual: Callable[[], Lineup]) -> Lineup:
    """Return the estimators by name: those given, under their names or as they print, or the usual ones.

    Raises
    ------
    InvalidEstimator
        When there is none, or one is no function of a batch.
    """
    if estimators is None:
        return usual()
    if callable(estimators):
        estimators = [estimators]
    if isinstance(estimators, Mapping):
        named = {str(name): estimator for name, estimator in estimators.items()}
    elif isinstance(estimators, Sequence) and not isinstance(estimators, str | bytes):
        named = {getattr(given, "__name__", None) or shown(given, 120): given for given in estimators}
        if len(named) < len(estimators):
            raise InvalidEstimator("estimators has two that print alike, give names: estimators={'mine': f, ...}")
    else:
        raise InvalidEstimator(
            f"estimators is {shown(estimators)}, must be {{name: estimator}}, a list of them, or None"
        )
    if not named:
        raise InvalidEstimator("estimators is empty, must hold at least one estimator; leave it out for the usual ones")
    for name, given in named.items():
        if not callable(given) or isinstance(given, type):
            raise InvalidEstimator(
                f"estimators[{name!r}] is {shown(given)}, must be a function of a batch, such as "
                "pgverify.estimators.RewardToGo()"
            )
    return named
