"""Policies restricted to some actions, and renormalised over them: a mask, the k likeliest, the likeliest mass p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Inexact
from numpy.typing import ArrayLike

from pgverify.arrays import truths
from pgverify.errors import InvalidPolicy
from pgverify.kinds import known_arguments
from pgverify.policies.of_another import OfAnother, renormalised, renormalised_weights, require_numbered
from pgverify.policies.protocol import Policy, table_weights
from pgverify.validation import Array, require_integer, require_number, require_shape, settle


class Restricted(OfAnother):
    """π(a|s) = p(a|s) 1{a ∈ A(s)} / Σ_{b ∈ A(s)} p(b|s), so that ∇ log π_a = ψ_a − Σ_b π_b ψ_b for a ∈ A(s).

    Where A(s) follows from p it is constant but at ties, where π jumps and has no derivative.
    """

    def allowed(self) -> Bool[Array, "S A"]:
        """A(s), the actions that are taken [S, A]."""
        raise NotImplementedError

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        return renormalised(self.policy.probabilities(), self.allowed())

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]; 0 for what is never done."""
        allowed = self.allowed()
        weights = table_weights("weights", weights, (allowed.shape[0], allowed.shape[1]))
        return self.policy.score_vjp(renormalised_weights(self.probabilities(), allowed, weights))


@known_arguments
@dataclass(frozen=True, eq=False)
class MaskedPolicy(Restricted):
    """The policy restricted to a fixed set of actions in every state.

    Parameters
    ----------
    policy : Policy
        p.
    mask : [S, A] of bool
        True where an action is allowed; at least one in every state.

    Raises
    ------
    InvalidPolicy
        When there is no such policy, the mask has another shape, or it allows nothing that p ever does.
    """

    policy: Policy
    mask: Bool[Array, "S A"] | ArrayLike

    def __post_init__(self) -> None:
        require_numbered(self.policy)
        allowed = truths("mask", self.mask, InvalidPolicy).copy()
        table = self.policy.probabilities()
        require_shape("mask", allowed, table.shape, "[S, A]", InvalidPolicy)
        empty = ~(allowed & (table != 0)).any(axis=1)
        if empty.any():
            state = int(np.argmax(empty))
            raise InvalidPolicy(
                f"mask[{state}] allows no action that the policy takes in state {state}, must allow at least one"
            )
        allowed.setflags(write=False)
        settle(self, mask=allowed)

    def allowed(self) -> Bool[Array, "S A"]:
        """A(s) [S, A]."""
        return np.asarray(self.mask)


@known_arguments
@dataclass(frozen=True, eq=False)
class TopKPolicy(Restricted):
    """The policy restricted to its k likeliest actions in every state; of equals, the first.

    Parameters
    ----------
    policy : Policy
        p.
    count : int
        k ≥ 1.

    Raises
    ------
    InvalidPolicy
        When there is no such policy, or k is below one.
    """

    policy: Policy
    count: int

    def __post_init__(self) -> None:
        require_numbered(self.policy)
        settle(self, count=require_integer("count", self.count, 1, InvalidPolicy))

    def allowed(self) -> Bool[Array, "S A"]:
        """A(s) [S, A]."""
        return _rank(self.policy.probabilities().real) < self.count


@known_arguments
@dataclass(frozen=True, eq=False)
class TopPPolicy(Restricted):
    """The policy restricted to the fewest likeliest actions that hold a mass of p; of equals, the first.

    Parameters
    ----------
    policy : Policy
    mass : float
        p in (0, 1].

    Raises
    ------
    InvalidPolicy
        When there is no such policy, or the mass lies outside.

    References
    ----------
    Holtzman et al., The curious case of neural text degeneration, 2020.
    """

    policy: Policy
    mass: float

    def __post_init__(self) -> None:
        require_numbered(self.policy)
        settle(self, mass=require_number("mass", self.mass, 1e-12, 1.0, InvalidPolicy, "a number in (0, 1]"))

    def allowed(self) -> Bool[Array, "S A"]:
        """A(s) [S, A]."""
        table = self.policy.probabilities().real
        order = np.argsort(-table, axis=1, kind="stable")
        ordered = np.take_along_axis(table, order, axis=1)
        before = np.cumsum(ordered, axis=1) - ordered  # mass of what is likelier
        return np.take_along_axis(before < self.mass, np.argsort(order, axis=1), axis=1) & (table > 0)


def _rank(table: Array) -> Array:
    """Return the place of every action among those of its state, likeliest first."""
    return np.argsort(np.argsort(-table, axis=1, kind="stable"), axis=1, kind="stable")
