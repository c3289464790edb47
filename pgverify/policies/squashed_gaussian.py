"""The squashed Gaussian policy: tanh of a Gaussian, with the log-determinant of tanh in its density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Inexact, Integer
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames, known_arguments
from pgverify.policies.gaussian import GaussianPolicy
from pgverify.policies.node_table import FixedNodes, table_log_prob
from pgverify.policies.protocol import dense_score
from pgverify.policies.real_actions import RealPolicy
from pgverify.policies.steps import Prefix, Steps, score_sum_by_table
from pgverify.validation import Array, read_only, require_number

LAST = 1.0 - 2.0**-53
"""The largest number below one: tanh rounds to one from about 19 on, which has no preimage."""


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class SquashedGaussianPolicy(SuggestsNames):
    """a = c tanh(u) with u ~ N(φ(s)ᵀM, diag σ²), so that log π(a|s) = log N(u) − Σ_j log(c (1 − tanh² u_j)).

    The log-determinant does not depend on θ: the score is the Gaussian's at u = artanh(a/c). It does matter for
    densities, ratios with other families, and the entropy.

    Parameters
    ----------
    features, mean_weights, log_std, learns_std
        As of `GaussianPolicy`, for u.
    scale : float
        c > 0: actions lie in (−c, c).

    Raises
    ------
    InvalidPolicy
        As of `GaussianPolicy`, and on a scale that is not positive.

    References
    ----------
    Haarnoja et al., Soft actor-critic, 2018, appendix C.
    """

    gaussian: GaussianPolicy
    scale: float
    fixed: FixedNodes | None

    def __init__(
        self,
        features: ArrayLike,
        mean_weights: ArrayLike,
        log_std: ArrayLike,
        learns_std: bool = True,
        scale: float = 1.0,
    ) -> None:
        object.__setattr__(self, "gaussian", GaussianPolicy(features, mean_weights, log_std, learns_std))
        largest = require_number("scale", scale, 1e-50, 1e50, InvalidPolicy, "a number in [1e-50, 1e50]")
        object.__setattr__(self, "scale", largest)
        object.__setattr__(self, "fixed", None)

    def _of(self, gaussian: GaussianPolicy, fixed: FixedNodes | None = None) -> SquashedGaussianPolicy:
        other = object.__new__(SquashedGaussianPolicy)
        vars(other).update(gaussian=gaussian, scale=self.scale, fixed=fixed)
        return other

    @property
    def action_dim(self) -> int:
        """D, numbers an action."""
        return self.gaussian.action_dim

    @property
    def learns_std(self) -> bool:
        """Whether log σ belongs to θ."""
        return self.gaussian.learns_std

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ: M row by row, then log σ where it is learnt."""
        return self.gaussian.parameters

    def with_parameters(self, theta: ArrayLike) -> SquashedGaussianPolicy:
        """Return the same policy at another θ [d]; nodes move along, unless they were fixed."""
        return self._of(self.gaussian.with_parameters(theta), self.fixed)

    def on_nodes(self, count: int) -> SquashedGaussianPolicy:
        """Return the same policy with so many nodes a dimension, which move with θ."""
        return self._of(self.gaussian.on_nodes(count))

    def on_nodes_of(self, other: RealPolicy) -> SquashedGaussianPolicy:
        """Return the same policy on the nodes of another one (or its own), which stay where they are."""
        fixed = FixedNodes.of(other)
        before = self.before(fixed.nodes)
        # The base is one for densities of a; for those of u the log-determinant is taken off.
        latent = FixedNodes(before, fixed.base - self._log_determinant(before))
        return self._of(self.gaussian._with_nodes(self.gaussian.node_count, latent), fixed)

    @property
    def nodes(self) -> Float[Array, "S K D"]:
        """The actions a_k that the nodes are."""
        return self._nodes if self.fixed is None else self.fixed.nodes

    def probabilities(self) -> Inexact[Array, "S K"]:
        """π(k|s) [S, K], the Gaussian's on the nodes of u."""
        return self.gaussian.probabilities()

    def score_vjp(self, weights: Inexact[Array, "*rows S K"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,k) ∇ log π(k|s) for weights [..., S, K], as [..., d]."""
        return self.gaussian.score_vjp(weights)

    def node_score(self) -> Inexact[Array, "S K d"]:
        """Return ∇ log π(k|s) on the nodes, all at once."""
        return self.gaussian.node_score()

    def log_densities(self) -> Inexact[Array, "S K"]:
        """Return log π(a_k|s) at the nodes."""
        return self.gaussian.log_densities() - self._log_determinant(self.gaussian.nodes)

    def log_density(self, states: Integer[Array, "*rows"], actions: Float[Array, "*rows D"]) -> Inexact[Array, "*rows"]:
        """Return log π(a|s) for states [...] and actions [..., D]: the log-determinant is in it."""
        before = self.before(actions)
        return np.asarray(self.gaussian.log_density(states, before) - self._log_determinant(before))

    def act(self, states: Integer[Array, "m"], normals: Float[Array, "m D"]) -> Float[Array, "m D"]:
        """Return c tanh(μ(s) + σ x) for standard normal numbers x [m, D]."""
        return self.squashed(self.gaussian.act(states, normals))

    def log_prob(self, steps: Steps) -> Float[Array, "n T"]:
        """Return log π(a_t|s_t): the density's for real actions [n, T, D], that of the nodes for their numbers."""
        if steps.actions.ndim == 2:
            return table_log_prob(self, steps)
        return self.log_density(steps.states[:, :-1], steps.actions).real

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t) for real actions [n, T, D], or for the numbers of nodes.

        Parameters
        ----------
        steps : Steps
            n trajectories.
        weights : [n, T]
            w_t, 0 on padding.
        """
        if steps.actions.ndim == 2:
            return score_sum_by_table(self, steps, weights)
        return self.gaussian.score_sum(Prefix(steps.states, self.before(steps.actions), steps.mask), weights)

    def squashed(self, before: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """Return c tanh(u)."""
        return self.scale * np.tanh(before)

    def before(self, actions: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """Return u = artanh(a/c); where a/c rounds to one, the largest u that there is."""
        return np.arctanh(np.clip(actions / self.scale, -LAST, LAST))

    def score(self) -> Inexact[Array, "S K d"]:
        """ψ(s,k) = ∇ log π(k|s) on the nodes [S, K, d]."""
        return dense_score(self)

    def _log_determinant(self, before: Float[Array, "*rows D"]) -> Float[Array, "*rows"]:
        """Return Σ_j log(c (1 − tanh² u_j)), as log c + 2 (log 2 − u − log(1 + e^{−2u})), which never is −∞."""
        slope = 2.0 * (np.log(2.0) - before - np.logaddexp(0.0, -2.0 * before))
        return np.asarray((np.log(self.scale) + slope).sum(axis=-1))

    @cached_property
    def _nodes(self) -> Float[Array, "S K D"]:
        return read_only(self.squashed(self.gaussian.nodes))

    def __repr__(self) -> str:
        kind = "learnt" if self.learns_std else "fixed"
        states = len(self.gaussian.features)
        return (
            f"SquashedGaussianPolicy(states={states}, action_dim={self.action_dim}, std={kind}, scale={self.scale:g})"
        )
