"""PyTorch: a module that puts out means and the logarithms of standard deviations becomes a policy of real actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import ArrayLike

from pgverify.adapters.module_parameters import ModuleParameters
from pgverify.policies import GaussianPolicy
from pgverify.policies.real_actions import RealPolicy
from pgverify.policies.steps import Steps
from pgverify.validation import Array


class GaussianModulePolicy:
    """π_θ(a|s) = N(a; μ_θ(s), diag σ_θ²), with θ the parameters of a module in its order, and σ the same in all states.

    ∇_θ log π = (∂(μ, log σ)/∂θ)ᵀ ∇_{μ, log σ} log π, the latter that of a Gaussian policy with a mean for each state.

    Parameters
    ----------
    module : torch.nn.Module
        observations [S, ...] -> [S D + D]: the means state by state, then log σ.
    observations : [S, ...]
    dimensions : int
        D.
    """

    def __init__(self, module: Any, observations: Array, dimensions: int) -> None:
        self._function = _Moments(module, observations, dimensions)
        self._settle(self._function.parameters.theta(), None)

    def _settle(self, theta: Float[Array, "d"], gaussian: GaussianPolicy | None) -> None:
        self._theta = theta
        self._jacobian = self._function.jacobian(theta)
        self._gaussian = self._function.gaussian(theta) if gaussian is None else gaussian

    def _with(self, theta: Float[Array, "d"], gaussian: GaussianPolicy) -> GaussianModulePolicy:
        other = object.__new__(GaussianModulePolicy)
        other._function = self._function
        other._settle(theta, gaussian)
        return other

    @property
    def parameters(self) -> Float[Array, "d"]:
        """θ, as one vector."""
        return self._theta.copy()

    def with_parameters(self, theta: ArrayLike) -> GaussianModulePolicy:
        """Return the same policy at another θ [d]; nodes move along, unless they were fixed."""
        array = np.asarray(theta, dtype=np.float64)
        return self._with(array, self._gaussian.with_parameters(self._function.moments(array)))

    def probabilities(self) -> Float[Array, "S K"]:
        """π(k|s) on the nodes [S, K]."""
        return np.asarray(self._gaussian.probabilities())

    def score_vjp(self, weights: Float[Array, "*rows S K"]) -> Float[Array, "*rows d"]:
        """Return Σ w(s,k) ∇ log π(k|s) on the nodes."""
        return np.asarray(self._gaussian.score_vjp(weights) @ self._jacobian)

    @property
    def nodes(self) -> Float[Array, "S K D"]:
        """The actions that the nodes are."""
        return self._gaussian.nodes

    def on_nodes(self, count: int) -> GaussianModulePolicy:
        """Return the same policy with so many nodes a dimension, which move with θ."""
        return self._with(self._theta, self._gaussian.on_nodes(count))

    def on_nodes_of(self, other: RealPolicy) -> GaussianModulePolicy:
        """Return the same policy on the nodes of another one, which stay where they are."""
        return self._with(self._theta, self._gaussian.on_nodes_of(other))

    def node_score(self) -> Float[Array, "S K d"]:
        """Return ∇ log π(k|s) on the nodes, all at once."""
        return np.asarray(self._gaussian.node_score() @ self._jacobian)

    def log_densities(self) -> Float[Array, "S K"]:
        """Return log π(a_k|s) at the nodes."""
        return np.asarray(self._gaussian.log_densities())

    def log_density(self, states: Integer[Array, "*rows"], actions: Float[Array, "*rows D"]) -> Float[Array, "*rows"]:
        """Return log π(a|s) for states [...] and actions [..., D]."""
        return np.asarray(self._gaussian.log_density(states, actions))

    def act(self, states: Integer[Array, "m"], normals: Float[Array, "m D"]) -> Float[Array, "m D"]:
        """Return μ(s) + σ x for standard normal numbers x [m, D]."""
        return self._gaussian.act(states, normals)

    def log_prob(self, steps: Steps) -> Float[Array, "n T"]:
        """Return log π(a_t|s_t)."""
        return self._gaussian.log_prob(steps)

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Float[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t)."""
        return np.asarray(self._gaussian.score_sum(steps, weights) @ self._jacobian)


class _Moments:
    """Means and log σ of a module as a function of its parameters."""

    def __init__(self, module: Any, observations: Array, dimensions: int) -> None:
        self.parameters = ModuleParameters(module)
        self.observations = observations
        self.dimensions = dimensions

    def moments(self, theta: Float[Array, "d"]) -> Float[Array, "m"]:
        """Return means state by state, then log σ [S D + D]."""
        found = self.parameters.called(self.parameters.split(theta), self.observations)
        return np.asarray(found.detach().cpu().double().numpy())

    def jacobian(self, theta: Float[Array, "d"]) -> Float[Array, "m d"]:
        """Return ∂(means, log σ)/∂θ."""
        size = (len(self.observations) + 1) * self.dimensions
        return self.parameters.pulled_back(
            lambda parts: self.parameters.called(parts, self.observations), theta, np.eye(size)
        )

    def gaussian(self, theta: Float[Array, "d"]) -> GaussianPolicy:
        """Return the policy with a mean of its own for each state."""
        found, states = self.moments(theta), len(self.observations)
        means = found[: states * self.dimensions].reshape(states, self.dimensions)
        return GaussianPolicy(np.eye(states), means, found[states * self.dimensions :])
