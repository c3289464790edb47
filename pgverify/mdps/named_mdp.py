"""What the zoo knows about a problem: how to build it, where it comes from, and answers derived by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pgverify.kinds import known_arguments
from pgverify.mdp import TabularMDP

Logits = tuple[tuple[float, ...], ...]

CERTAIN = 50.0
"""A logit that makes an action certain in float64: the others keep e^-50 = 2e-22 of its probability."""

LONG = 3000
"""A horizon by which every episodic problem here has ended, up to less than 1e-17 of probability."""


@known_arguments
@dataclass(frozen=True)
class KnownAnswer:
    """A closed-form fact: the exact expected return J of one policy under one objective.

    Attributes
    ----------
    statement : str
        The formula, with its value.
    objective : mapping
        Plain data: `{"kind": "finite_horizon", "horizon": T, "discount": γ}`,
        `{"kind": "discounted", "discount": γ}` or `{"kind": "average_reward"}`.
    policy : "uniform" or logits [S, A]
        The softmax policy whose return is meant.
    value : float
        J, in units of reward.
    derivation : str
        Why, in a few lines a reader can check by hand.
    tolerance : float
        |J − value| ≤ tolerance · max(1, |value|); larger than rounding only where the value was published
        rounded.
    """

    statement: str
    objective: Mapping[str, str | int | float]
    policy: Literal["uniform"] | Logits
    value: float
    derivation: str
    tolerance: float = 1e-10


@known_arguments
@dataclass(frozen=True)
class Entry:
    """A named problem of the zoo.

    Attributes
    ----------
    name : str
        The name `pgverify.mdps.get` knows it by.
    build : function () -> TabularMDP
        Builds it anew; deterministic.
    source : str
        The publication, or the reason it was made for this project.
    description : str
        States, actions and rewards in words, and what the problem is good for.
    answers : tuple of KnownAnswer
        Facts derived by hand, never computed by pgverify; empty where no closed form is known.
    """

    name: str
    build: Callable[[], TabularMDP]
    source: str
    description: str
    answers: tuple[KnownAnswer, ...] = ()


def finite_horizon(horizon: int, discount: float = 1.0) -> Mapping[str, str | int | float]:
    """Describe J = E Σ_{t<T} γ^t r_t as plain data."""
    return MappingProxyType({"kind": "finite_horizon", "horizon": horizon, "discount": discount})


def discounted(discount: float) -> Mapping[str, str | int | float]:
    """Describe J = E Σ_{t≥0} γ^t r_t as plain data."""
    return MappingProxyType({"kind": "discounted", "discount": discount})


def average_reward() -> Mapping[str, str | int | float]:
    """Describe J = lim (1/T) E Σ r_t as plain data."""
    return MappingProxyType({"kind": "average_reward"})


def choose(actions: tuple[int, ...], num_actions: int) -> Logits:
    """Return logits that make one action a state certain."""
    return tuple(tuple(CERTAIN * (a == chosen) for a in range(num_actions)) for chosen in actions)
