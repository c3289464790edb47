"""Hypothesis strategies for MDPs, policies and problems: small, simple, full of the cases formulas forget.

    from hypothesis import given
    from pgverify.strategies import problems

    @given(problems(objectives=("finite",), extreme=True))
    def test_my_estimator_is_unbiased(problem): ...

Examples shrink towards one state, one action, one step, zero rewards and equal logits. Probabilities are ratios
of small integers, rewards and logits multiples of 1/4 or 1/2, so that a failing example can be checked by hand.
This module needs Hypothesis (the `test` extra) and is never imported by `pgverify` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jaxtyping import Float

from pgverify.errors import InvalidInput
from pgverify.kinds import accepts, suggesting
from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Objective, Problem
from pgverify.validation import Array, require_integer, require_number

__all__ = ["ObjectiveKind", "PolicyKind", "mdps", "objectives", "policies", "problems"]

ObjectiveKind: TypeAlias = Literal["finite", "discounted", "average"]
"""Which objectives a strategy may choose: `FiniteHorizon`, `Discounted`, `AverageReward`."""

PolicyKind: TypeAlias = Literal["softmax", "linear"]
"""Which policies a strategy may choose: `SoftmaxPolicy`, `LinearSoftmaxPolicy`."""

DrawExample: TypeAlias = Callable[..., Any]  # Hypothesis's own DrawFn cannot be checked at run time

LARGEST_WEIGHT = 4
"""Rows of probabilities are integers 0..4 over their sum: zeros are common, and so are equal entries."""

EXTREME_LOGIT = 40.0
"""Probabilities of 1e-35 for logits, and not below 1e-280 for the weights of four features of size 2."""

LARGEST_DISCOUNT = 0.99
"""For the discounted objective: 1/(1 − γ) = 100 leaves fourteen digits in a value."""


@accepts()
def mdps(
    max_states: int = 4,
    max_actions: int = 3,
    *,
    min_states: int = 1,
    min_actions: int = 1,
    max_reward: float = 4.0,
    terminal: bool = True,
    noise: bool = False,
    continuing: bool = False,
) -> st.SearchStrategy[TabularMDP]:
    """Return a strategy for MDPs with impossible transitions, unreachable states and terminal states.

    Parameters
    ----------
    max_states, max_actions, min_states, min_actions : int
        Bounds on S and A, each at least 1.
    max_reward : float
        Largest absolute mean reward; rewards are multiples of 1/4.
    terminal : bool
        Whether states may be terminal (the start state, and all states, included).
    noise : bool
        Whether rewards may be noisy, with standard deviation up to 1.
    continuing : bool
        No terminal states, and state 0 is reached from every state under every action, itself included: the
        chain of every policy is then unichain and aperiodic, as the average reward demands.

    Raises
    ------
    InvalidInput
        When a bound is below 1, or a smallest above its largest.
    """
    _require_bounds("states", min_states, max_states)
    _require_bounds("actions", min_actions, max_actions)
    require_number("max_reward", max_reward, 0.0, 1e6, InvalidInput)
    return _mdp(
        st.integers(min_states, max_states),
        st.integers(min_actions, max_actions),
        max_reward,
        terminal and not continuing,
        noise,
        continuing,
    )


@accepts()
def policies(
    states: int,
    actions: int,
    *,
    kinds: Sequence[PolicyKind] = ("softmax", "linear"),
    max_parameters: int = 4,
    extreme: bool = False,
) -> st.SearchStrategy[SoftmaxPolicy | LinearSoftmaxPolicy]:
    """Return a strategy for policies on S states and A actions.

    Parameters
    ----------
    states, actions : int
        S and A.
    kinds : "softmax", "linear"
        Tabular softmax, and softmax of linear features (which may be equal in several states: aliasing).
    max_parameters : int
        Largest d of a linear policy.
    extreme : bool
        Whether parameters may also be ±40, so that policies are nearly deterministic; otherwise they lie in
        [−3, 3].

    Raises
    ------
    InvalidInput
        When a size is below 1, or a kind is not known.
    """
    for name, size in (("states", states), ("actions", actions), ("max_parameters", max_parameters)):
        require_integer(name, size, 1, InvalidInput)
    _require_kinds("kinds", kinds, ("softmax", "linear"))
    logits = st.integers(-6, 6).map(lambda n: n / 2)
    if extreme:
        logits |= st.sampled_from([EXTREME_LOGIT, -EXTREME_LOGIT])
    softmax = arrays(np.float64, (states, actions), elements=logits, fill=st.just(0.0)).map(SoftmaxPolicy)
    chosen: dict[PolicyKind, st.SearchStrategy[SoftmaxPolicy | LinearSoftmaxPolicy]] = {
        "softmax": softmax,
        "linear": _linear_policy(states, actions, max_parameters, logits),
    }
    return st.one_of([chosen[kind] for kind in kinds])


@accepts()
def objectives(
    kinds: Sequence[ObjectiveKind] = ("finite", "discounted", "average"), *, max_horizon: int = 3
) -> st.SearchStrategy[Objective]:
    """Return a strategy for objectives; discounts are tenths, 0 and 1 (or 0.99) among them.

    Parameters
    ----------
    kinds : "finite", "discounted", "average"
    max_horizon : int
        Largest T of a finite horizon; small values keep every trajectory listable.

    Raises
    ------
    InvalidInput
        When the horizon is below 1, or a kind is not known.
    """
    require_integer("max_horizon", max_horizon, 1, InvalidInput, " step")
    _require_kinds("kinds", kinds, ("finite", "discounted", "average"))
    tenths = [n / 10 for n in range(11)]
    chosen: dict[ObjectiveKind, list[Objective]] = {
        "finite": [FiniteHorizon(t, g) for t in range(1, max_horizon + 1) for g in reversed(tenths)],
        "discounted": [Discounted(min(g, LARGEST_DISCOUNT)) for g in tenths],
        "average": [AverageReward()] * len(tenths),  # as often as the discounted
    }
    return st.sampled_from([objective for kind in kinds for objective in chosen[kind]])


@accepts()
def problems(
    max_states: int = 3,
    max_actions: int = 3,
    *,
    min_states: int = 1,
    min_actions: int = 1,
    max_horizon: int = 3,
    objectives: Sequence[ObjectiveKind] = ("finite", "discounted", "average"),
    policies: Sequence[PolicyKind] = ("softmax", "linear"),
    max_reward: float = 4.0,
    terminal: bool = True,
    noise: bool = False,
    extreme: bool = False,
) -> st.SearchStrategy[Problem]:
    """Return a strategy for problems: an MDP, a policy that fits it, and an objective that it allows.

    With the default bounds a finite-horizon problem has at most 3 · 9³ = 2,187 trajectories, so that
    expectations can be computed by listing them. Under the average reward the MDP is `continuing`.

    Parameters
    ----------
    max_states, max_actions, min_states, min_actions, max_reward, terminal, noise
        As for `mdps`.
    max_horizon, objectives
        As for `objectives`.
    policies, extreme
        As `kinds` and `extreme` for `policies`.

    Raises
    ------
    InvalidInput
        When a bound or a kind is not allowed.
    """
    _require_kinds("policies", policies, ("softmax", "linear"))
    mdp = partial(
        mdps,
        max_states,
        max_actions,
        min_states=min_states,
        min_actions=min_actions,
        max_reward=max_reward,
        noise=noise,
    )
    chosen = _objectives(objectives, max_horizon=max_horizon)
    return _problem(mdp(terminal=terminal), mdp(continuing=True), chosen, policies, extreme)


# Inside `problems` these names are its arguments.
_objectives = objectives
_policies = policies


@st.composite
def _problem(
    draw: DrawExample,
    episodic: st.SearchStrategy[TabularMDP],
    continuing: st.SearchStrategy[TabularMDP],
    chosen: st.SearchStrategy[Objective],
    kinds: Sequence[PolicyKind],
    extreme: bool,
) -> Problem:
    objective = draw(chosen)
    mdp = draw(continuing if isinstance(objective, AverageReward) else episodic)
    policy = draw(_policies(mdp.num_states, mdp.num_actions, kinds=kinds, extreme=extreme))
    return Problem(mdp, policy, objective)


@st.composite
def _mdp(
    draw: DrawExample,
    num_states: st.SearchStrategy[int],
    num_actions: st.SearchStrategy[int],
    max_reward: float,
    terminal: bool,
    noise: bool,
    continuing: bool,
) -> TabularMDP:
    states, actions = draw(num_states), draw(num_actions)
    ends = np.array(draw(st.lists(st.booleans(), min_size=states, max_size=states))) & terminal
    weights = draw(_weights((states, actions, states)))
    if continuing:
        weights[:, :, 0] += 1.0
    weights[ends] = np.eye(states)[ends][:, None, :]
    quarters = int(max_reward * 4)
    size = (states, actions, states)
    reward = draw(arrays(np.int64, size, elements=st.integers(-quarters, quarters), fill=st.just(0))) / 4.0
    reward[ends] = 0.0
    spread = draw(arrays(np.int64, size, elements=st.integers(0, 4), fill=st.just(0))) / 4.0 if noise else None
    start = _normalised(draw(_weights((states,))))
    return TabularMDP(start, _normalised(weights), reward, ends, spread)


@st.composite
def _linear_policy(
    draw: DrawExample, states: int, actions: int, max_parameters: int, logits: st.SearchStrategy[float]
) -> LinearSoftmaxPolicy:
    size = draw(st.integers(1, max_parameters))
    whole = st.integers(-2, 2)
    features = draw(arrays(np.int64, (states, actions, size), elements=whole, fill=st.just(0)))
    return LinearSoftmaxPolicy(features, draw(arrays(np.float64, size, elements=logits, fill=st.just(0.0))))


def _weights(shape: tuple[int, ...]) -> st.SearchStrategy[Float[Array, "..."]]:
    """Return a strategy for small whole numbers, to become probabilities along the last axis."""
    elements = st.integers(0, LARGEST_WEIGHT)
    return arrays(np.int64, shape, elements=elements, fill=st.just(0)).map(lambda w: w.astype(np.float64))


def _normalised(weights: Float[Array, "*rows K"]) -> Float[Array, "*rows K"]:
    """Return rows that sum to one; a row of zeros puts everything on its first entry."""
    filled = weights.copy()
    filled[..., 0] += weights.sum(axis=-1) == 0
    return np.asarray(filled / filled.sum(axis=-1, keepdims=True))


def _require_bounds(name: str, smallest: int, largest: int) -> None:
    require_integer(f"min_{name}", smallest, 1, InvalidInput)
    require_integer(f"max_{name}", largest, smallest, InvalidInput)


def _require_kinds(name: str, kinds: Sequence[str], known: tuple[str, ...]) -> None:
    if isinstance(kinds, str) or not kinds or any(kind not in known for kind in kinds):
        raise InvalidInput(f"{name} is {kinds!r}, must be one or more of {', '.join(known)}")


__getattr__ = suggesting(__name__, __all__)
