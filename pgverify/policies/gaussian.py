"""The Gaussian policy: real actions, a mean that is linear in features, a diagonal standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Inexact, Integer
from numpy.typing import ArrayLike

from pgverify.arrays import as_array
from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames, known_arguments
from pgverify.policies.gaussian_density import density_vjp, log_density
from pgverify.policies.node_table import FixedNodes, table_log_prob
from pgverify.policies.normal_rule import normal_rule, usual_count
from pgverify.policies.protocol import dense_score, table_weights
from pgverify.policies.real_actions import RealPolicy
from pgverify.policies.steps import Steps, score_sum_by_table
from pgverify.validation import (
    Array,
    bracket,
    first_index,
    parameter_array,
    read_only,
    real_array,
    refuse_non_finite,
    require_flag,
    require_shape,
)

LARGEST_LOG = 50.0
"""|log σ| beyond it leaves no digits: σ would be 2e-22, or 5e21."""

LARGEST_MEAN = 1e50
"""|μ| and |φ| beyond it: squares of their products would overflow."""


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class GaussianPolicy(SuggestsNames):
    """π(a|s) = N(a; φ(s)ᵀM, diag σ²), with score (a − μ)φ/σ² for M and (a − μ)²/σ² − 1 for log σ.

    The parameters θ are M row by row, then log σ where it is learnt. Samples are drawn from this law. In exact
    computations it is a policy on quadrature nodes a_k = μ(s) + σ x_k: π(k|s) = w_k, with the same score.

    Parameters
    ----------
    features : [S, F]
        φ(s), finite.
    mean_weights : [F, D]
        M; real, or complex where a derivative is taken by complex step.
    log_std : [D]
        log σ, the same in all states.
    learns_std : bool
        Whether log σ belongs to θ.

    Raises
    ------
    InvalidPolicy
        On wrong shapes, non-finite entries, or a standard deviation of zero.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), section 13.7; Williams, Simple statistical gradient-following
    algorithms, 1992, section 6.
    """

    features: Float[Array, "S F"]
    mean_weights: Inexact[Array, "F D"]
    log_std: Inexact[Array, "D"]
    learns_std: bool
    node_count: int
    fixed: FixedNodes | None

    def __init__(
        self, features: ArrayLike, mean_weights: ArrayLike, log_std: ArrayLike, learns_std: bool = True
    ) -> None:
        phi = real_array("features", features, InvalidPolicy, LARGEST_MEAN)
        if phi.ndim != 2 or 0 in phi.shape:
            raise InvalidPolicy(f"features has shape {phi.shape}, must be [S, F], each at least 1")
        weights = parameter_array("mean_weights", mean_weights, InvalidPolicy)
        if weights.ndim != 2 or weights.shape[0] != phi.shape[1] or 0 in weights.shape:
            raise InvalidPolicy(
                f"mean_weights has shape {weights.shape}, must be [F, D] with F = {phi.shape[1]} as the features and "
                "D the dimensions of an action, at least 1"
            )
        spread = _log_std(log_std)
        require_shape("log_std", spread, (weights.shape[1],), "[D]", InvalidPolicy)
        object.__setattr__(self, "features", phi)
        object.__setattr__(self, "mean_weights", weights)
        object.__setattr__(self, "log_std", spread)
        object.__setattr__(self, "learns_std", require_flag("learns_std", learns_std, InvalidPolicy))
        object.__setattr__(self, "node_count", usual_count(weights.shape[1]))
        object.__setattr__(self, "fixed", None)

    @property
    def action_dim(self) -> int:
        """D, numbers an action."""
        return self.mean_weights.shape[1]

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ: M row by row, then log σ where it is learnt."""
        parts = [self.mean_weights.reshape(-1)] + ([self.log_std] if self.learns_std else [])
        return np.concatenate(parts)

    def with_parameters(self, theta: ArrayLike) -> GaussianPolicy:
        """Return the same policy at another θ [d]; nodes move along, unless they were fixed."""
        array = parameter_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self.parameters.shape, "[d]", InvalidPolicy)
        size = self.mean_weights.size
        spread = array[size:] if self.learns_std else self.log_std
        moved = GaussianPolicy(
            self.features, array[:size].reshape(self.mean_weights.shape), spread, learns_std=self.learns_std
        )
        return moved._with_nodes(self.node_count, self.fixed)

    def means(self) -> Inexact[Array, "S D"]:
        """μ(s) = φ(s)ᵀM [S, D]."""
        return self._means.copy()

    def on_nodes(self, count: int) -> GaussianPolicy:
        """Return the same policy with so many nodes a dimension, which move with θ."""
        normal_rule(count, self.action_dim)  # refuses what is too large
        return self._with_nodes(count, None)

    def on_nodes_of(self, other: RealPolicy) -> GaussianPolicy:
        """Return the same policy on the nodes of another one (or its own), which stay where they are."""
        return self._with_nodes(self.node_count, FixedNodes.of(other))

    def _with_nodes(self, count: int, fixed: FixedNodes | None) -> GaussianPolicy:
        other = object.__new__(GaussianPolicy)
        vars(other).update({name: vars(self)[name] for name in ("features", "mean_weights", "log_std", "learns_std")})
        vars(other).update(node_count=count, fixed=fixed)
        return other

    @property
    def nodes(self) -> Float[Array, "S K D"]:
        """The actions a_k that the nodes are."""
        return self._nodes.nodes

    def probabilities(self) -> Inexact[Array, "S K"]:
        """π(k|s) [S, K]: w_k where the nodes are the policy's own, ∝ w_k N(a_k; θ)/N(a_k; θ_nodes) elsewhere."""
        return self._probabilities.copy()

    def score_vjp(self, weights: Inexact[Array, "*rows S K"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,k) ∇ log π(k|s) for weights [..., S, K], as [..., d]."""
        weights = table_weights("weights", weights, self._nodes.nodes.shape[:2])
        if not self._own:
            # ∇ log π(k|s) = ψ_k − Σ_j π_j ψ_j for the density's ψ; on the policy's own nodes the sum is 0.
            weights = weights - self._probabilities * weights.sum(axis=-1, keepdims=True)
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            found = self.log_density_vjp(self.nodes, weights)
        refuse_non_finite("the product of the score with these weights", found, InvalidPolicy)
        return found

    def log_density_vjp(
        self, actions: Float[Array, "S K D"], weights: Inexact[Array, "*rows S K"]
    ) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,k) ∇ log N(a_k; μ(s), σ²) for any actions [S, K, D]."""
        states, count = actions.shape[:2]
        means, features = (np.repeat(table, count, axis=0) for table in (self._means, self.features))
        flat = weights.reshape(*weights.shape[:-2], states * count)
        chain = np.ones(self.action_dim) if self.learns_std else None
        return density_vjp(actions.reshape(-1, self.action_dim), means, features, flat, np.exp(self.log_std), chain)

    def node_score(self) -> Inexact[Array, "S K d"]:
        """Return ∇ log π(k|s) on the nodes, all at once."""
        spread = np.exp(self.log_std)
        standard = (self.nodes - self._means[:, None, :]) / spread
        by_mean = self.features[:, None, :, None] * (standard / spread)[:, :, None, :]
        score = by_mean.reshape(*standard.shape[:2], -1)
        if self.learns_std:
            score = np.concatenate([score, standard**2 - 1.0], axis=2)
        if not self._own:
            score = score - np.einsum("sk,skd->sd", self._probabilities, score)[:, None, :]
        return score

    def log_densities(self) -> Inexact[Array, "S K"]:
        """Return log N(a_k; μ(s), σ²) at the nodes."""
        return log_density(self.nodes, self._means[:, None, :], self.log_std)

    def log_density(self, states: Integer[Array, "*rows"], actions: Float[Array, "*rows D"]) -> Inexact[Array, "*rows"]:
        """Return log N(a; μ(s), σ²) for states [...] and actions [..., D], summed over the dimensions."""
        return log_density(actions, self._means[states], self.log_std)

    def act(self, states: Integer[Array, "m"], normals: Float[Array, "m D"]) -> Float[Array, "m D"]:
        """Return μ(s) + σ x for standard normal numbers x [m, D]."""
        return self._means[states].real + np.exp(self.log_std.real) * normals

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
        here = steps.states[:, :-1]
        chain = np.ones(self.action_dim) if self.learns_std else None
        return density_vjp(steps.actions, self._means[here], self.features[here], weights, np.exp(self.log_std), chain)

    def score(self) -> Inexact[Array, "S K d"]:
        """ψ(s,k) = ∇ log π(k|s) on the nodes [S, K, d]."""
        return dense_score(self)

    @cached_property
    def _means(self) -> Inexact[Array, "S D"]:
        return read_only(self.features @ self.mean_weights)

    @cached_property
    def _nodes(self) -> FixedNodes:
        if self.fixed is not None:
            return self.fixed
        rule = normal_rule(self.node_count, self.action_dim)
        means, spread = self._means.real[:, None, :], self.log_std.real
        nodes = means + np.exp(spread) * rule.points
        return FixedNodes(read_only(nodes), np.log(rule.weights) - log_density(nodes, means, spread))

    @property
    def _own(self) -> bool:
        """Whether the nodes are those of this very θ."""
        return self.fixed is None and not np.iscomplexobj(self.parameters)

    @cached_property
    def _probabilities(self) -> Inexact[Array, "S K"]:
        if self._own:
            rule = normal_rule(self.node_count, self.action_dim)
            return np.tile(rule.weights, (len(self.features), 1))
        return self._nodes.normalised(self.log_densities())

    def __repr__(self) -> str:
        kind = "learnt" if self.learns_std else "fixed"
        return f"GaussianPolicy(states={len(self.features)}, action_dim={self.action_dim}, std={kind})"


def _log_std(value: ArrayLike) -> Inexact[Array, "D"]:
    """Return log σ, refusing a standard deviation of zero, which −∞ stands for."""
    given = as_array("log_std", value, InvalidPolicy)
    if given.dtype.kind == "f" and np.isneginf(given).any():
        index = first_index(np.isneginf(given))
        raise InvalidPolicy(
            f"log_std{bracket(index)} is -inf, a standard deviation of zero, must be a finite logarithm: a policy "
            "without spread has no score"
        )
    numbers = parameter_array("log_std", value, InvalidPolicy)
    far = np.abs(numbers.real) > LARGEST_LOG
    if far.any():
        index = first_index(far)
        raise InvalidPolicy(
            f"log_std{bracket(index)} is {numbers.real[index]:.6g}, must lie in [-{LARGEST_LOG:g}, {LARGEST_LOG:g}]: "
            "it is the logarithm of the standard deviation"
        )
    return numbers
