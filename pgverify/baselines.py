"""Baselines and critics: what is subtracted from a return, or bootstrapped from, in each state.

Each answers two questions: its values along a batch, [n, T+1], and its table over states, which the exact
computations read. A table depends on the state (and the time) alone, so by E_π[ψ(s,·)] = 0 subtracting it leaves the
expectation unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidEstimator
from pgverify.kinds import accepts, instance_of, known_arguments, suggesting
from pgverify.recursion import BatchRecursion, Recursion, StepRecursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, real_array, require_flag, require_number, settle, shown


@runtime_checkable
class Baseline(Protocol):
    """A function of the batch that gives a number for every state visited."""

    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return b_t(s_t) for t = 0..T; 0 where the episode has terminated."""
        ...


@runtime_checkable
class TableBaseline(Baseline, Protocol):
    """A baseline that is a function of state and time alone."""

    def table(self, rollout: Rollout) -> Float[Array, "*time S"]:
        """Return b(s) as [S], or b_t(s) as [T, S] or [T+1, S]."""
        ...


BASELINE = instance_of(
    Baseline,
    expected="a baseline",
    advice="of pgv.baselines, StateValue() is the policy's value, Constant(3.0) a number, StateValue(values) a table",
    error=InvalidEstimator,
)


def table_of(baseline: Baseline, rollout: Rollout) -> Float[Array, "*time S"]:
    """Return the table of a baseline, refusing one that is no function of state and time alone."""
    if not isinstance(baseline, TableBaseline):
        raise InvalidEstimator(
            f"baseline is {shown(baseline)}, must be a function of state and time alone for exact moments: NoBaseline, "
            "Constant, StateValue or TimeStateValue; otherwise sample, or enumerate batches"
        )
    return baseline.table(rollout)


def with_baseline(base: StepRecursion | TotalRecursion, baseline: Baseline, rollout: Rollout) -> Recursion:
    """Return the declaration of an estimator together with its baseline."""
    if not isinstance(baseline, AverageReturn):
        return replace(base, baseline=table_of(baseline, rollout))
    if base.decay != rollout.discount:
        raise InvalidEstimator(
            f"baseline {shown(baseline)} is a mean of returns with γ = {rollout.discount:g}, but the estimator's own "
            f"return has γ = {base.decay:g}: no closed form is known; enumerate (exact.enumerated_moments) or sample"
        )
    return BatchRecursion(base, baseline.leave_one_out)


@known_arguments
@dataclass(frozen=True)
class NoBaseline:
    """b = 0."""

    @accepts(batch=BATCH)
    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return zeros [n, T+1]."""
        return np.zeros(batch.states.shape)

    @accepts(rollout=ROLLOUT)
    def table(self, rollout: Rollout) -> Float[Array, "S"]:
        """Return zeros [S]."""
        return np.zeros(len(rollout.start))


@known_arguments
@dataclass(frozen=True)
class Constant:
    """b = `value` in every state, in units of reward.

    References
    ----------
    Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning, 1992.
    """

    value: float

    def __post_init__(self) -> None:
        allowed = f"a finite number of at most {LARGEST:g} in size"
        settle(self, value=require_number("value", self.value, -LARGEST, LARGEST, InvalidEstimator, allowed))

    @accepts(batch=BATCH)
    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return the constant where the episode goes on [n, T+1]."""
        return np.where(batch.ongoing, float(self.value), 0.0)

    @accepts(rollout=ROLLOUT)
    def table(self, rollout: Rollout) -> Float[Array, "S"]:
        """Return the constant for every state [S]."""
        return np.full(len(rollout.start), float(self.value))


@known_arguments
@dataclass(frozen=True)
class AverageReturn:
    """b = (1/n) Σ_j R_j, the mean return of the batch itself, or b_i = Σ_{j≠i} R_j/(n−1), that of the others.

    The mean of the whole batch includes the trajectory it is subtracted from, so the estimate is *not* unbiased: with
    the total return its expectation is (n−1)/n times ∇J. Leaving the own return out (RLOO) removes the factor, and
    needs n ≥ 2. In a batch of groups (`batch.group`) the mean is that of the trajectory's own group.

    Parameters
    ----------
    leave_one_out : bool
        Whether the own return is left out of the mean.

    References
    ----------
    Williams, 1992 (reinforcement comparison); Kool, van Hoof & Welling, Buy 4 REINFORCE samples, get a baseline for
    free!, 2019.
    """

    leave_one_out: bool = False

    def __post_init__(self) -> None:
        settle(self, leave_one_out=require_flag("leave_one_out", self.leave_one_out, InvalidEstimator))

    @accepts(batch=BATCH)
    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return the mean return where the episode goes on [n, T+1]."""
        if not batch.rollout.on_policy:
            raise InvalidEstimator(
                f"baseline is {shown(self)}, must be a function of state and time where another policy acted: the mean "
                "return of the batch is that of the other policy"
            )
        returns = batch.relative_rewards @ batch.discount_powers
        member = np.zeros(len(batch), dtype=np.int64)  # sorting them would take half the time of the call
        if batch.group is not None:
            _, member = np.unique(batch.group, return_inverse=True)
        count, total = np.bincount(member), np.bincount(member, weights=returns)
        if self.leave_one_out:
            if (count < 2).any():
                whose = "batch" if batch.group is None else "a group of the batch"
                raise InvalidEstimator(f"{whose} has 1 trajectory, must have at least 2 to leave one out")
            means = (total[member] - returns) / (count[member] - 1)
        else:
            means = total[member] / count[member]
        return np.where(batch.ongoing, means[:, None], 0.0)


@known_arguments
@dataclass(frozen=True, eq=False)
class StateValue:
    """b(s): one number a state, or by default the state value V of the policy itself.

    Without `values` it is the true value function, which under a finite horizon depends on the time to go.

    Parameters
    ----------
    values : [S], optional
        In units of reward.
    """

    values: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.values is not None:
            array = real_array("values", self.values, InvalidEstimator)
            if array.ndim != 1 or not array.size:
                raise InvalidEstimator(f"values has shape {array.shape}, must be [S]; use TimeStateValue for [T, S]")
            object.__setattr__(self, "values", array)

    @accepts(batch=BATCH)
    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return b(s_t) for t = 0..T [n, T+1]."""
        if self.values is None:
            return batch.values
        return np.where(batch.ongoing, self._fitting(batch.problem.mdp.num_states)[batch.states], 0.0)

    @accepts(rollout=ROLLOUT)
    def table(self, rollout: Rollout) -> Float[Array, "*time S"]:
        """Return b as [S], or V_t as [T+1, S] where the true value depends on time."""
        return rollout.values if self.values is None else self._fitting(len(rollout.start))

    def _fitting(self, states: int) -> Float[Array, "S"]:
        array = np.asarray(self.values)
        if array.shape != (states,):
            raise InvalidEstimator(f"values has shape {array.shape}, must be [S] = {(states,)} of the problem")
        return array


@known_arguments
@dataclass(frozen=True, eq=False)
class TimeStateValue:
    """b_t(s): one number for every time and state.

    Parameters
    ----------
    values : [T, S] or [T+1, S]
        In units of reward. As a critic that is bootstrapped from at a cut, row T is read: [T+1, S] is then needed.
    """

    values: ArrayLike

    def __post_init__(self) -> None:
        array = real_array("values", self.values, InvalidEstimator)
        if array.ndim != 2 or not array.size:
            raise InvalidEstimator(f"values has shape {array.shape}, must be [T, S] or [T+1, S]")
        object.__setattr__(self, "values", array)

    @accepts(batch=BATCH)
    def evaluate(self, batch: Trajectories) -> Float[Array, "n T_plus_1"]:
        """Return b_t(s_t) for t = 0..T [n, T+1]."""
        rows = self._fitting(batch.num_steps, batch.problem.mdp.num_states)
        if len(rows) == batch.num_steps:
            if batch.truncated.any():
                raise InvalidEstimator(
                    f"values has {len(rows)} rows, must have T+1 = {batch.num_steps + 1}: the batch has truncated "
                    "episodes, whose last state is looked up at time T"
                )
            rows = np.vstack([rows, np.zeros(rows.shape[1])])
        times = np.arange(batch.num_steps + 1)
        return np.where(batch.ongoing, rows[times, batch.states], 0.0)

    @accepts(rollout=ROLLOUT)
    def table(self, rollout: Rollout) -> Float[Array, "time S"]:
        """Return b_t(s) as given, [T, S] or [T+1, S]."""
        if rollout.horizon is None:
            raise InvalidEstimator(
                "values depend on time, must be [S] (StateValue) where the number of steps has no bound"
            )
        return self._fitting(rollout.horizon, len(rollout.start))

    def _fitting(self, steps: int, states: int) -> Float[Array, "time S"]:
        array = np.asarray(self.values)
        if array.shape not in ((steps, states), (steps + 1, states)):
            raise InvalidEstimator(
                f"values has shape {array.shape}, must be [T, S] = {(steps, states)} or "
                f"[T+1, S] = {(steps + 1, states)} of the problem"
            )
        return array


__getattr__ = suggesting(
    __name__,
    (
        "AverageReturn",
        "Baseline",
        "Constant",
        "NoBaseline",
        "StateValue",
        "TableBaseline",
        "TimeStateValue",
        "table_of",
        "with_baseline",
    ),
)
