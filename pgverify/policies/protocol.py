"""The two doors of a policy: probabilities, and the product of the score with weights."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Inexact
from numpy.typing import ArrayLike

from pgverify.arrays import refuse_non_finite, weights_as_given
from pgverify.errors import InvalidPolicy
from pgverify.kinds import Requirement, accepts
from pgverify.validation import Array


@runtime_checkable
class Policy(Protocol):
    """A differentiable map from parameters θ [d] to action probabilities π(a|s) [S, A].

    Nothing downstream asks for more, so a neural network in any framework can stand behind these doors. A policy
    whose `with_parameters` accepts complex θ, and whose doors are analytic in θ, also gets the derivatives that
    are taken by complex step (the Hessian, and one of the routes to the gradient).
    """

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ, as one vector."""
        ...

    def with_parameters(self, theta: ArrayLike) -> Policy:
        """Return the same policy at another θ [d]."""
        ...

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s): every row sums to one."""
        ...

    def score_vjp(self, weights: Inexact[Array, "... S A"]) -> Inexact[Array, "... d"]:
        """Return Σ_{s,a} w(s,a) ∇ log π(a|s), for any leading axes of the weights."""
        ...


def is_policy(value: object) -> bool:
    """Return whether something offers the doors of a policy; a class does not, only its objects do."""
    kind = type(value)
    # What `isinstance(value, Policy)` says, which looks the doors up anew each time, and takes ten times as long.
    has_doors = all(
        getattr(kind, door, None) is not None or getattr(value, door, None) is not None
        for door in ("parameters", "with_parameters", "probabilities", "score_vjp")
    )
    return has_doors and not isinstance(value, type)


def kind_of(value: object) -> str:
    """Return the name of a value's type for a message, or "the class X" for a class."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def table_weights(name: str, weights: Any, shape: tuple[int, int]) -> Inexact[Array, "... S A"]:
    """Return weights [..., S, A] of a policy's second door as an array, every entry finite.

    Raises
    ------
    InvalidPolicy
        When they are no numbers, or not [..., S, A] of the policy.
    """
    array = weights_as_given(name, weights, InvalidPolicy)
    refuse_non_finite(name, array, InvalidPolicy)
    if array.shape[-2:] != shape:
        raise InvalidPolicy(f"{name} has shape {array.shape}, must be [..., S, A] with [S, A] = {shape}")
    return array


POLICY = Requirement(
    is_policy,
    "a policy, with parameters, with_parameters, probabilities and score_vjp",
    "pgv.SoftmaxPolicy(logits) is one",
)


@accepts(policy=POLICY)
def dense_score(policy: Policy) -> Inexact[Array, "S A d"]:
    """Return the score ψ(s,a) = ∇ log π(a|s) of any policy, row by row through its second door.

    Parameters
    ----------
    policy : Policy
        Any object with the two doors.
    """
    table = getattr(policy, "node_score", None)  # of many nodes and few parameters, known without one weight a node
    if table is not None:
        return table()
    states, actions = policy.probabilities().shape
    identity = np.eye(states * actions).reshape(states, actions, states, actions)
    return policy.score_vjp(identity)
