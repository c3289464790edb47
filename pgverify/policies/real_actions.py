"""Policies whose actions are real numbers: what they offer beside the two doors, which are answered on nodes."""

from __future__ import annotations

from typing import Protocol, TypeGuard, runtime_checkable

from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from pgverify.kinds import offers
from pgverify.policies.protocol import Policy
from pgverify.policies.steps import Steps
from pgverify.validation import Array


@runtime_checkable
class RealPolicy(Protocol):
    """A density π_θ(a|s) on D real numbers, and a finite policy on K nodes that stands for it in exact computations.

    The two doors of every policy, `probabilities` and `score_vjp`, are those of the nodes [S, K]. At the θ of the nodes
    the score there is that of the density: for it E ψ = 0 on the nodes, too.
    """

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ, as one vector."""
        ...

    def with_parameters(self, theta: ArrayLike) -> RealPolicy:
        """Return the same policy at another θ [d]."""
        ...

    def probabilities(self) -> Inexact[Array, "S K"]:
        """π(k|s) on the nodes: every row sums to one."""
        ...

    def score_vjp(self, weights: Inexact[Array, "*rows S K"]) -> Inexact[Array, "*rows d"]:
        """Return Σ_{s,k} w(s,k) ∇ log π(k|s) on the nodes."""
        ...

    @property
    def nodes(self) -> Float[Array, "S K D"]:
        """The actions that the nodes are."""
        ...

    def on_nodes(self, count: int) -> RealPolicy:
        """Return the same policy with so many nodes a dimension, which move with θ."""
        ...

    def on_nodes_of(self, other: RealPolicy) -> RealPolicy:
        """Return the same policy on the nodes of another one, which stay where they are."""
        ...

    def node_score(self) -> Inexact[Array, "S K d"]:
        """Return ∇ log π(k|s) on the nodes, all at once."""
        ...

    def log_densities(self) -> Inexact[Array, "S K"]:
        """Return log π(a_k|s) at the nodes, the density's."""
        ...

    def log_density(self, states: Array, actions: Float[Array, "*rows D"]) -> Inexact[Array, "*rows"]:
        """Return log π(a|s) for states [...] and actions [..., D]."""
        ...

    def act(self, states: Array, normals: Float[Array, "m D"]) -> Float[Array, "m D"]:
        """Return the actions that standard normal numbers [m, D] stand for in states [m]."""
        ...

    def log_prob(self, steps: Steps) -> Float[Array, "n T"]:
        """Return log π(a_t|s_t)."""
        ...

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t)."""
        ...


def is_real(policy: Policy) -> TypeGuard[RealPolicy]:
    """Return whether a policy's actions are real numbers."""
    return getattr(policy, "log_densities", None) is not None and offers(policy, RealPolicy)
