"""A Gaussian policy as a tabular one: its actions are Gauss–Hermite nodes; and the settings made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.mdp import TabularMDP
from pgverify.policies.softmax_algebra import logit_vjp, softmax
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, parameter_array, require_shape


@dataclass(frozen=True, eq=False)
class QuadratureGaussian:
    """π_θ(k|s) ∝ w_k N(a_k; μ_θ(s), σ_θ²) / N(a_k; μ_0(s), σ_0²) over K fixed nodes, μ = φ(s)ᵀM, diagonal σ.

    The nodes are a_k = μ_0(s) + σ_0 x_k with Gauss–Hermite x_k, w_k. At θ = θ_0 the probabilities are the weights, and
    because the rule integrates polynomials exactly the score is the Gaussian's own, (a − μ)φ/σ² for the mean and
    (a − μ)²/σ² − 1 for log σ. Away from θ_0 it remains a policy over the nodes: probabilities sum to one.

    Attributes
    ----------
    features : [S, F]
        φ(s).
    nodes : [S, A, D]
        The actions, D numbers each.
    base : [S, A]
        log w_k − log N(a_k; μ_0, σ_0²), up to a constant.
    mean_weights : [F, D]
        M.
    log_std : [D]
    learns_std : bool
        Whether log σ belongs to θ, behind M.
    """

    features: Float[Array, "S F"]
    nodes: Float[Array, "S A D"]
    base: Float[Array, "S A"]
    mean_weights: Inexact[Array, "F D"]
    log_std: Inexact[Array, "D"]
    learns_std: bool

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ: M row by row, then log σ where it is learnt."""
        parts = [self.mean_weights.reshape(-1)] + ([self.log_std] if self.learns_std else [])
        return np.concatenate(parts)

    def with_parameters(self, theta: ArrayLike) -> QuadratureGaussian:
        """Return the same nodes at another θ [d]."""
        array = parameter_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self.parameters.shape, "[d]", InvalidPolicy)
        size = self.mean_weights.size
        return replace(
            self,
            mean_weights=array[:size].reshape(self.mean_weights.shape),
            log_std=array[size:] if self.learns_std else self.log_std,
        )

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(k|s) [S, A]."""
        return self._softmax[0].copy()

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]."""
        return self.log_density_vjp(self.nodes, logit_vjp(*self._softmax, weights))

    def log_density_vjp(
        self,
        actions: Float[Array, "S A D"],
        weights: Inexact[Array, "*rows S A"],
        std: Inexact[Array, "D"] | None = None,
    ) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,k) ∇ log N(a_k; μ(s), σ²) for any actions [S, A, D], with `std` in place of σ if given.

        In place of σ = exp(l) a std of exp(exp(l)) is meant: the derivative by l then has a factor exp(l).
        """
        width = np.exp(self.log_std) if std is None else std
        standard = (actions - self.means()[:, None, :]) / width
        by_mean = np.einsum("...sa,sad,sf->...fd", weights, standard / width, self.features)
        flat = by_mean.reshape(*weights.shape[:-2], -1)
        if not self.learns_std:
            return flat
        chain = 1.0 if std is None else np.exp(self.log_std)
        by_std = np.einsum("...sa,sad->...d", weights, (standard**2 - 1.0) * chain)
        return np.concatenate([flat, by_std], axis=-1)

    def means(self) -> Inexact[Array, "S D"]:
        """μ(s) [S, D]."""
        return self.features @ self.mean_weights

    @cached_property
    def _softmax(self) -> tuple[Inexact[Array, "S A"], Inexact[Array, "S A"]]:
        standard = (self.nodes - self.means()[:, None, :]) / np.exp(self.log_std)
        return softmax(self.base - 0.5 * (standard**2).sum(axis=2))


def gaussian_policy(
    means: Float[Array, "S D"], log_std: Float[Array, "D"], nodes: int, learns_std: bool
) -> QuadratureGaussian:
    """Return the policy with one mean a state (φ = identity) and K nodes a dimension, K^D actions."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    states, dimensions = means.shape
    grid = np.array(list(product(points, repeat=dimensions)))
    mass = np.array([np.prod(w) for w in product(weights, repeat=dimensions)])
    actions = means[:, None, :] + np.exp(log_std) * grid
    base = np.log(mass / mass.sum()) + 0.5 * (grid**2).sum(axis=1)
    return QuadratureGaussian(
        features=np.eye(states),
        nodes=actions,
        base=np.tile(base, (states, 1)),
        mean_weights=means,
        log_std=log_std,
        learns_std=learns_std,
    )


def of_batch(batch: Trajectories) -> QuadratureGaussian:
    """Return the batch's policy, refusing one whose actions are no points on a line."""
    policy = batch.policy
    if not isinstance(policy, QuadratureGaussian):
        raise InvalidPolicy(
            f"policy is {type(policy).__name__}, must be the Gaussian of this entry's own setting: call its `setting()`"
        )
    return policy


def visited(batch: Trajectories, weights: Float[Array, "n T"]) -> Float[Array, "n S A"]:
    """Return Σ_t w_t 1{s_t = s, a_t = a} [n, S, A], padding left out."""
    mdp = batch.problem.mdp
    table = np.zeros((len(batch), mdp.num_states, mdp.num_actions))
    index = np.arange(len(batch))
    for t in range(batch.num_steps):
        table[index, batch.states[:, t], batch.actions[:, t]] += np.where(batch.mask[:, t], weights[:, t], 0.0)
    return table


def line_problem(effect: Float[Array, "S A"], policy: QuadratureGaussian) -> Problem:
    """Return a two-state, two-step problem in which an action acts through a number `effect` [S, A].

    Reward −(u − 1)² in state 0 and u/2 − u²/4 in state 1; the larger u, the likelier state 1. γ = 0.9.
    """
    push = 1.0 / (1.0 + np.exp(-effect))
    transition = np.stack([1.0 - push, push], axis=2)
    reward = np.stack([-((effect[0] - 1.0) ** 2), effect[1] / 2.0 - effect[1] ** 2 / 4.0])
    return Problem(TabularMDP([0.7, 0.3], transition, reward), policy, FiniteHorizon(2, 0.9))


def one_dimension(learns_std: bool = False) -> QuadratureGaussian:
    """Return the policy of the settings: means 0.3 and −0.4, σ = 0.8, five nodes."""
    return gaussian_policy(np.array([[0.3], [-0.4]]), np.log([0.8]), 5, learns_std)
