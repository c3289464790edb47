"""Policies made of another one: what they share, the second door through that of the policy beneath."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Inexact
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames
from pgverify.policies.protocol import Policy, dense_score, is_policy, kind_of
from pgverify.policies.real_actions import is_real
from pgverify.validation import Array

MadeOf = TypeVar("MadeOf", bound="OfAnother")


class OfAnother(SuggestsNames):
    """π = f(p) for the probabilities p of a policy beneath, with the same parameters.

    Attributes
    ----------
    policy : Policy
        p, with numbered actions.
    """

    policy: Policy

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ, that of the policy beneath."""
        return self.policy.parameters

    def with_parameters(self: MadeOf, theta: ArrayLike) -> MadeOf:
        """Return the same policy at another θ [d]."""
        other = object.__new__(type(self))
        vars(other).update({name: value for name, value in vars(self).items() if not name.startswith("_")})
        vars(other)["policy"] = self.policy.with_parameters(theta)
        return other

    def score(self) -> Inexact[Array, "S A d"]:
        """ψ(s,a) = ∇ log π(a|s) [S, A, d]."""
        return dense_score(self)

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        raise NotImplementedError


def require_numbered(policy: Any) -> Policy:
    """Return a policy of numbered actions, refusing anything else."""
    if not is_policy(policy):
        raise InvalidPolicy(
            f"policy is {kind_of(policy)}, must be a policy with parameters, with_parameters, probabilities and "
            "score_vjp; SoftmaxPolicy(logits) is one"
        )
    if is_real(policy):
        raise InvalidPolicy(f"policy is {kind_of(policy)}, whose actions are real numbers, must have numbered ones")
    return policy


def renormalised(probabilities: Inexact[Array, "S A"], allowed: Bool[Array, "S A"]) -> Inexact[Array, "S A"]:
    """Return p 1{allowed} / Σ_b p_b 1{b allowed}."""
    left = np.where(allowed, probabilities, 0.0)
    return left / left.sum(axis=1, keepdims=True)


def renormalised_weights(
    probabilities: Inexact[Array, "S A"], allowed: Bool[Array, "S A"], weights: Inexact[Array, "*rows S A"]
) -> Inexact[Array, "*rows S A"]:
    """Return weights for p's own score: ∇ log π_a = ψ_a − Σ_b π_b ψ_b on allowed actions, for the π above.

    What is never done has no score: weights on forbidden actions do not count.
    """
    kept = np.where(allowed, weights, 0.0)
    return kept - probabilities * kept.sum(axis=-1, keepdims=True)
