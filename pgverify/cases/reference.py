"""What is in the golden cases: the problems, the baselines and the estimators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.baselines import AverageReturn, Baseline, Constant, NoBaseline, StateValue
from pgverify.checking import standard_suite
from pgverify.estimators import (
    GeneralizedAdvantage,
    NStepAdvantage,
    RewardToGo,
    StandardizedAdvantage,
    StandardizedReturn,
    StepWeighted,
    TotalReturn,
)
from pgverify.exact import values
from pgverify.problem import Discounted, FiniteHorizon, Problem
from pgverify.validation import Array

CONSTANT = 0.5
TRACE_DECAYS = (0.0, 0.5, 0.95, 1.0)
LOOKAHEADS = (2, 3)
EPSILON = 0.01
"""Not negligible beside the spread of the returns, so that its place in the formula shows."""

COUPLED_SIZE = 2
"""Of the batches of the closed forms: all pairs of trajectories can be listed by a reader who wants to check."""

STANDARDIZED_SIZE = 3
"""In batches of two every standardised return is ±1 or 0; three is the smallest size that shows the formula."""


@dataclass(frozen=True, eq=False)
class Case:
    """A problem of the document; with `max_steps` its episodes are cut, without they end at the horizon."""

    name: str
    reason: str
    problem: Problem
    max_steps: int | None = None

    @property
    def steps(self) -> int:
        """T, the largest number of steps of an episode."""
        objective = self.problem.objective
        return objective.horizon if isinstance(objective, FiniteHorizon) else int(self.max_steps or 0)

    @property
    def state_values(self) -> Float[Array, "T_plus_1 S"]:
        """V_t(s), also where it does not depend on the time."""
        table = values(self.problem).state
        return np.array(np.broadcast_to(table, (self.steps + 1, self.problem.mdp.num_states)))


@dataclass(frozen=True, eq=False)
class Reference:
    """An estimator with the fields that describe it in the document.

    Attributes
    ----------
    fields : dict
        name, kind, baseline, discount_weighting, and the settings of the kind.
    estimator : StepWeighted
    batch_size : int
        Of the estimate whose exact moments are given; 1 where trajectories do not affect each other.
    """

    fields: dict[str, Any]
    estimator: StepWeighted
    batch_size: int = 1


def cases() -> tuple[Case, ...]:
    """Return the problems of the standard suite, and one whose episodes are cut: there the critic has the last word."""
    suite = [Case(entry.name, entry.reason, entry.problem) for entry in standard_suite()]
    door = next(case.problem for case in suite if case.name == "coin-door")
    cut = Case(
        "coin-door-cut",
        "the dynamics of coin-door without a horizon, cut after three steps: an episode that is cut still has a value",
        Problem(door.mdp, door.policy, Discounted(0.7)),
        max_steps=3,
    )
    return (*suite, cut)


def baseline_tables(case: Case) -> dict[str, Float[Array, "T_plus_1 S"]]:
    """Return b_t(s) of every named baseline; "state" is deliberately wrong, and not zero in terminal states."""
    value = case.state_values
    states = np.arange(value.shape[1])
    return {
        "none": np.zeros_like(value),
        "constant": np.full_like(value, CONSTANT),
        "state": np.tile(0.5 * value[0] + 0.25 * (1 + states), (len(value), 1)),
        "value": value,
    }


def references(case: Case) -> Iterator[Reference]:
    """Yield every estimator of the document, for one problem."""
    baselines: dict[str, Baseline] = {
        "none": NoBaseline(),
        "constant": Constant(CONSTANT),
        "state": StateValue(baseline_tables(case)["state"][0]),
        "value": StateValue(),
    }
    critics = {name: baselines[name] for name in ("state", "value")}
    yield from _family("total_return", TotalReturn, baselines, {})
    yield from _family("reward_to_go", RewardToGo, baselines, {})
    for decay in TRACE_DECAYS:
        yield from _family("generalized_advantage", GeneralizedAdvantage, critics, {"trace_decay": decay})
    for steps in LOOKAHEADS:
        yield from _family("n_step_advantage", NStepAdvantage, critics, {"steps": steps})
    for name, average in (("batch_mean", AverageReturn()), ("leave_one_out", AverageReturn(leave_one_out=True))):
        yield _reference("total_return", TotalReturn(average), name, True, {}, COUPLED_SIZE)
        yield _reference("reward_to_go", RewardToGo(average), name, True, {}, COUPLED_SIZE)
    for kind, standardized in (
        ("standardized_return", StandardizedReturn(EPSILON)),
        ("standardized_advantage", StandardizedAdvantage(RewardToGo(), EPSILON)),
    ):
        yield _reference(kind, standardized, "none", True, {"epsilon": EPSILON}, STANDARDIZED_SIZE)


def _family(
    kind: str, make: Callable[..., StepWeighted], baselines: dict[str, Baseline], settings: dict[str, float]
) -> Iterator[Reference]:
    """Yield one kind of estimator with every baseline, with and without the factor γ^t."""
    for name, baseline in baselines.items():
        for weighting in (True, False):
            yield _reference(kind, make(*settings.values(), baseline, weighting), name, weighting, settings, 1)


def _reference(
    kind: str, estimator: StepWeighted, baseline: str, weighting: bool, settings: dict[str, float], batch_size: int
) -> Reference:
    shown = [f"{name}={value:g}" for name, value in settings.items()]
    name = ", ".join([kind, *shown, f"baseline={baseline}", *([] if weighting else ["without gamma^t"])])
    fields = {"name": name, "kind": kind, "baseline": baseline, "discount_weighting": weighting, **settings}
    return Reference(fields, estimator, batch_size)
