"""Named problems with real actions, each with what its return is in closed form under a Gaussian policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.continuous import ContinuousMDP
from pgverify.kinds import known_arguments
from pgverify.validation import Array

BOUND = 0.5
"""Where the actions of the clipped bandit are cut off."""

CURVATURE = np.array([[1.0, 0.4], [0.4, 0.5]])
"""Of the reward of the plane bandit."""


@known_arguments
@dataclass(frozen=True)
class ContinuousEntry:
    """A named problem with real actions.

    Attributes
    ----------
    name : str
    build : function () -> ContinuousMDP
    source : str
    description : str
        States, actions and rewards in words, and what J is under a Gaussian policy, where that is known.
    """

    name: str
    build: Callable[[], ContinuousMDP]
    source: str
    description: str


def _stays(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K 1"]:
    return np.ones((len(actions), 1))


def sine_bandit() -> ContinuousMDP:
    """Return one state in which the action a pays sin a."""
    return ContinuousMDP([1.0], _stays, lambda _, actions: np.sin(actions))


def push_pull() -> ContinuousMDP:
    """Return two states between which the sine of the action decides, with a reward for being near a goal."""

    def transition(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K 2"]:
        push = 0.5 + (0.4, -0.3)[state] * np.sin(actions[:, 0])
        return np.stack([1.0 - push, push], axis=1)

    def reward(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
        return np.asarray((1.0, -0.5)[state] - (actions[:, 0] - (0.5, -1.0)[state]) ** 2 / 4.0)

    return ContinuousMDP([0.7, 0.3], transition, reward)


def plane_bandit() -> ContinuousMDP:
    """Return one state in which the action a in the plane pays 1 − (a − c)ᵀC(a − c), c = (0.6, −0.4)."""

    def reward(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
        off = actions - np.array([0.6, -0.4])
        return np.asarray(1.0 - np.einsum("ki,ij,kj->k", off, CURVATURE, off))

    return ContinuousMDP([1.0], _stays, reward, action_dim=2)


def clipped_bandit() -> ContinuousMDP:
    """Return one state in which the action a pays clip(a, −1/2, 1/2): a kink, as bounds of actions make."""
    return ContinuousMDP([1.0], _stays, lambda _, actions: np.clip(actions, -BOUND, BOUND))


CONTINUOUS: tuple[ContinuousEntry, ...] = (
    ContinuousEntry(
        "sine-bandit",
        sine_bandit,
        "this project's",
        "One state, reward sin a. With a ~ N(μ, σ²): J = sin(μ) e^{−σ²/2}, ∂J/∂μ = cos(μ) e^{−σ²/2}, "
        "∂J/∂log σ = −σ² J.",
    ),
    ContinuousEntry(
        "push-pull",
        push_pull,
        "this project's",
        "Two states. P(1|0,a) = 0.5 + 0.4 sin a, P(1|1,a) = 0.5 − 0.3 sin a; rewards 1 − (a − 0.5)²/4 and −0.5 − "
        "(a + 1)²/4. Averaged over a ~ N(μ, σ²) both are closed: sin a becomes sin(μ) e^{−σ²/2}, and (a − c)² becomes "
        "(μ − c)² + σ². What remains is a chain of two states.",
    ),
    ContinuousEntry(
        "plane-bandit",
        plane_bandit,
        "this project's",
        "One state, two dimensions, reward 1 − (a − c)ᵀC(a − c) with C = [[1, 0.4], [0.4, 0.5]]. With a ~ N(μ, "
        "diag σ²): J = 1 − (μ − c)ᵀC(μ − c) − Σ_j C_jj σ_j².",
    ),
    ContinuousEntry(
        "clipped-bandit",
        clipped_bandit,
        "this project's",
        "One state, reward clip(a, −b, b) with b = 1/2: the trap of clipped actions. The score is that of a as drawn, "
        "not of what is left of it. With a ~ N(μ, σ²), ∂J/∂μ = P(−b < a < b). Not smooth: quadrature is off by 1e-5.",
    ),
)
"""Simple problems first."""


def continuous_names() -> list[str]:
    """Return the names of the problems with real actions, which `pgverify.mdps.get` knows as well."""
    return [known.name for known in CONTINUOUS]
