"""A problem is an MDP, a policy and an objective: together they define J(θ)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from pgverify.arrays import as_array
from pgverify.bonus import Bonus
from pgverify.continuous import ContinuousMDP, NodeMDP, bonus_on_the_same_nodes, on_nodes
from pgverify.errors import InvalidMDP, InvalidObjective, InvalidPolicy
from pgverify.kinds import SuggestsNames, instance_of, known_arguments, offers
from pgverify.mdp import TabularMDP
from pgverify.policies.linear_softmax import LinearSoftmaxPolicy
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.policies.real_actions import is_real
from pgverify.policies.tabular_softmax import SoftmaxPolicy
from pgverify.validation import ROW_SUM_TOLERANCE, bracket, first_index, require_integer, require_number, settle, shown


@known_arguments
@dataclass(frozen=True)
class FiniteHorizon:
    """J = E Σ_{t<T} γ^t r_t. The horizon is part of the problem: reaching it is termination, not truncation.

    Parameters
    ----------
    horizon : int
        T ≥ 1, in steps.
    discount : float
        γ in [0, 1].
    bonus : Entropy or KL, optional
        What the policy itself earns or costs at every step; it enters J as a reward.
    """

    horizon: int
    discount: float = 1.0
    bonus: Bonus | None = None

    def __post_init__(self) -> None:
        _require_bonus(self.bonus)
        horizon = require_integer("horizon", self.horizon, 1, InvalidObjective, " step")
        settle(self, horizon=horizon, discount=require_number("discount", self.discount, 0.0, 1.0, InvalidObjective))


@known_arguments
@dataclass(frozen=True)
class Discounted:
    """J = E Σ_{t≥0} γ^t r_t.

    Parameters
    ----------
    discount : float
        γ in [0, 1). For γ = 1 a horizon is needed: use `FiniteHorizon`.
    bonus : Entropy or KL, optional
        What the policy itself earns or costs at every step; it enters J as a reward.
    """

    discount: float
    bonus: Bonus | None = None

    def __post_init__(self) -> None:
        _require_bonus(self.bonus)
        settle(self, discount=require_number("discount", self.discount, 0.0, 1.0, InvalidObjective))
        if self.discount == 1.0:
            raise InvalidObjective(
                "discount is 1.0, must be below 1 without a horizon; use FiniteHorizon(horizon, discount=1.0)"
            )


@known_arguments
@dataclass(frozen=True)
class AverageReward:
    """J = lim_{T→∞} (1/T) E Σ_{t<T} r_t, for a continuing problem whose chain is unichain and aperiodic.

    Parameters
    ----------
    bonus : Entropy or KL, optional
        What the policy itself earns or costs at every step; it enters J as a reward.
    """

    bonus: Bonus | None = None

    def __post_init__(self) -> None:
        _require_bonus(self.bonus)


Objective: TypeAlias = FiniteHorizon | Discounted | AverageReward


@known_arguments
@dataclass(frozen=True, eq=False, init=False)
class Problem(SuggestsNames):
    """The J(θ) whose gradient is in question: dynamics, policy and objective, checked to fit.

    A continuous MDP becomes, as `mdp`, the finite one on the quadrature nodes of its policy.

    Parameters
    ----------
    mdp : TabularMDP or ContinuousMDP
    policy : Policy
        Any object with `parameters`, `with_parameters`, `probabilities` and `score_vjp`; for a `ContinuousMDP` one of
        real actions, such as `GaussianPolicy`.
    objective : FiniteHorizon, Discounted or AverageReward

    Raises
    ------
    InvalidPolicy
        When the policy's probabilities are not [S, A] of the MDP, or not probabilities.
    InvalidObjective
        When the objective is none of the three, is the average reward of an episodic problem, or has a bonus whose
        reference policy does not fit.
    """

    mdp: TabularMDP
    policy: Policy
    objective: Objective

    def __init__(self, mdp: TabularMDP | ContinuousMDP, policy: Policy, objective: Objective) -> None:
        if not isinstance(mdp, TabularMDP | ContinuousMDP):
            raise InvalidMDP(f"mdp is {kind_of(mdp)}, must be a TabularMDP; pgv.mdps.get(name) gives one")
        if not is_policy(policy):
            raise InvalidPolicy(
                f"policy is {kind_of(policy)}, must offer parameters, with_parameters, probabilities and score_vjp"
            )
        if isinstance(mdp, ContinuousMDP | NodeMDP):
            mdp, policy = on_nodes(mdp, policy)
            objective = _on_the_same_nodes(objective, policy)
        settle(self, mdp=mdp, policy=policy, objective=objective)
        _require_fitting_probabilities(self.policy, self.mdp)
        if not isinstance(self.objective, FiniteHorizon | Discounted | AverageReward):
            raise InvalidObjective(
                f"objective is {shown(self.objective)}, must be FiniteHorizon(...), Discounted(...) or AverageReward()"
            )
        if isinstance(self.objective, AverageReward) and self.mdp.terminal.any():
            state = int(np.argmax(self.mdp.terminal))
            raise InvalidObjective(
                f"terminal[{state}] is True, under AverageReward() no state may be terminal: an episode that ends "
                "has average reward 0; use FiniteHorizon or Discounted"
            )
        if self.objective.bonus is not None:
            self.objective.bonus.require_fit(self.policy.probabilities(), ~self.mdp.terminal)

    def __getstate__(self) -> dict[str, Any]:
        # What has been computed of a problem stays with it: copies and pickles compute it anew.
        return {given.name: getattr(self, given.name) for given in fields(self)}

    def with_parameters(self, theta: ArrayLike) -> Problem:
        """Return the same problem at another θ [d]."""
        policy = self.policy.with_parameters(theta)
        if type(self) is not Problem or type(policy) not in SURE or self.objective.bonus is not None:
            return replace(self, policy=policy)
        made = object.__new__(Problem)
        kept, own = made.__dict__, self.__dict__
        kept["mdp"], kept["policy"], kept["objective"] = own["mdp"], policy, own["objective"]
        kept[UNCHANGED] = own.setdefault(UNCHANGED, {})
        return made


UNCHANGED = "_unchanged"
"""Where a problem keeps what is the same at all parameters, for all problems that come of it by `with_parameters`."""

SURE = (SoftmaxPolicy, LinearSoftmaxPolicy)
"""Policies whose probabilities are a distribution of the same shape at whatever θ they accept: nothing to check."""


PROBLEM = instance_of(Problem, expected="a Problem", advice="pgv.Problem(mdp, policy, objective) makes one of an MDP")


def _is_real(problem: object) -> bool:
    if not PROBLEM.fits(problem):
        return False
    parameters = getattr(problem, "policy").parameters  # noqa: B009
    return not np.iscomplexobj(parameters) or not np.imag(parameters).any()


REAL_PROBLEM = replace(PROBLEM, fits=_is_real, expected="a Problem whose parameters are real numbers")
"""Where imaginary parts, by which derivatives are taken, would be lost."""


def _on_the_same_nodes(objective: Objective, policy: Policy) -> Objective:
    bonus = getattr(objective, "bonus", None)
    return objective if bonus is None else replace(objective, bonus=bonus_on_the_same_nodes(bonus, policy))


def _require_bonus(bonus: object) -> None:
    if bonus is not None and (isinstance(bonus, type) or not offers(bonus, Bonus)):
        raise InvalidObjective(
            f"bonus is {shown(bonus)}, must be Entropy(coefficient), KL(reference, coefficient), or another object "
            "with coefficient, reward and require_fit"
        )


def _require_fitting_probabilities(policy: Policy, mdp: TabularMDP) -> None:
    probabilities = as_array("policy.probabilities()", policy.probabilities(), InvalidPolicy)
    if probabilities.dtype.kind not in "fc":
        raise InvalidPolicy(f"policy.probabilities() has dtype {probabilities.dtype}, must hold floating-point numbers")
    shape = (mdp.num_states, mdp.num_actions)
    if probabilities.shape != shape and is_real(policy):
        raise InvalidPolicy(
            f"policy is {kind_of(policy)}, whose actions are real numbers, must be given a ContinuousMDP: this MDP has "
            f"{mdp.num_actions} numbered ones"
        )
    if probabilities.shape != shape:
        raise InvalidPolicy(
            f"policy.probabilities() has shape {probabilities.shape}, must be [S, A] = {shape} of the MDP"
        )
    real = probabilities.real
    bad = ~np.isfinite(probabilities) | (real < 0)
    if bad.any():
        index = first_index(bad)
        raise InvalidPolicy(
            f"policy.probabilities(){bracket(index)} is {probabilities[index]}, must be a probability in [0, 1]"
        )
    off = np.abs(real.sum(axis=1) - 1.0) > max(ROW_SUM_TOLERANCE, 4e-16 * mdp.num_actions)
    if off.any():
        state = int(np.argmax(off))
        raise InvalidPolicy(
            f"policy.probabilities()[{state}] sums to {real[state].sum():.15g}, must sum to 1 within 1e-12; "
            "compute it in float64"
        )
