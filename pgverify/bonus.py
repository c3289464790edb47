"""A bonus on the objective: what the policy itself earns or costs at every step, beside the rewards.

c(s,a) enters as a reward. It depends on θ, but E_π[∇c(s,·)] = 0, so that the policy gradient theorem holds as it is:

    ∇J_β = Σ_t γ^t Σ_s d_t Σ_a π ψ Q^β,    Q^β the action values with c among the rewards.

The *loss term* β Σ_t E_{d_t} ∇H(π(·|s_t)) of many codes holds the states fixed: another vector, `entropy_bonus` among
the targets of `check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Inexact

from pgverify.errors import InvalidObjective
from pgverify.kinds import known_arguments
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.validation import Array, require_number, settle


@runtime_checkable
class Bonus(Protocol):
    """c(s,a) = −β log π(a|s) + f(s,a) for some f that does not depend on θ: then E_π[∇c(s,·)] = −β Σ_a ∇π = 0."""

    @property
    def coefficient(self) -> float:
        """β."""
        ...

    def reward(self, probabilities: Inexact[Array, "S A"]) -> Inexact[Array, "S A"]:
        """Return c(s,a), analytic in π; 0 where the policy never acts so."""
        ...

    def require_fit(self, probabilities: Inexact[Array, "S A"], running: Bool[Array, "S"]) -> None:
        """Refuse, with `InvalidObjective`, what does not fit the policy on the states that are not terminal."""
        ...


LARGEST = 1e100
"""|β| beyond this leaves no digit for the rewards."""


@known_arguments
@dataclass(frozen=True)
class Entropy:
    """c(s,a) = −β log π(a|s): E_π c = β H(π(·|s)), the entropy in nats.

    Parameters
    ----------
    coefficient : float
        β, in units of reward; negative to punish entropy.

    References
    ----------
    Ziebart, Modeling purposeful adaptive behavior with the principle of maximum causal entropy, 2010; Haarnoja et al.,
    Soft actor-critic, 2018.
    """

    coefficient: float

    def __post_init__(self) -> None:
        settle(self, coefficient=require_number("coefficient", self.coefficient, -LARGEST, LARGEST, InvalidObjective))

    def reward(self, probabilities: Inexact[Array, "S A"]) -> Inexact[Array, "S A"]:
        """Return c(s,a); 0 where the policy never acts so."""
        return -self.coefficient * _log(probabilities)

    def require_fit(self, probabilities: Inexact[Array, "S A"], running: Bool[Array, "S"]) -> None:
        """Nothing to refuse: the entropy is finite whatever the policy."""


@known_arguments
@dataclass(frozen=True, eq=False)
class KL:
    """c(s,a) = −β log(π(a|s)/π_ref(a|s)): E_π c = −β KL(π(·|s) ‖ π_ref(·|s)), in nats.

    Parameters
    ----------
    reference : Policy
        π_ref, with the same states and actions; its parameters are not those that are differentiated.
    coefficient : float
        β, in units of reward.

    References
    ----------
    Jaques et al., Sequence tutor, 2017; Ziegler et al., Fine-tuning language models from human preferences, 2019.
    """

    reference: Policy
    coefficient: float

    def __post_init__(self) -> None:
        settle(self, coefficient=require_number("coefficient", self.coefficient, -LARGEST, LARGEST, InvalidObjective))
        if not is_policy(self.reference):
            raise InvalidObjective(
                f"reference is {kind_of(self.reference)}, must be a policy; a SoftmaxPolicy with logits of "
                "zero is the uniform one"
            )

    def reward(self, probabilities: Inexact[Array, "S A"]) -> Inexact[Array, "S A"]:
        """Return c(s,a); 0 where the policy never acts so."""
        reference = self.reference.probabilities()
        ratio = np.where(probabilities.real > 0, _log(probabilities) - _log(reference), 0.0)
        return -self.coefficient * ratio

    def require_fit(self, probabilities: Inexact[Array, "S A"], running: Bool[Array, "S"]) -> None:
        """Refuse a reference of another shape, or one that gives probability 0 to what the policy does."""
        reference = self.reference.probabilities()
        if reference.shape != probabilities.shape:
            raise InvalidObjective(
                f"reference of the KL bonus has probabilities of shape {reference.shape}, must be [S, A] = "
                f"{probabilities.shape} as the policy's; give a reference of the same MDP"
            )
        wrong = ~np.isfinite(reference) | (reference < 0) | ((reference == 0) & (probabilities.real > 0))
        wrong &= running[:, None]
        if wrong.any():
            state, action = (int(i) for i in np.argwhere(wrong)[0])
            raise InvalidObjective(
                f"reference of the KL bonus has probability {reference[state, action]:g} at state {state}, action "
                f"{action}, must be above 0 wherever the policy's is ({probabilities.real[state, action]:.3g}): the KL "
                "is infinite; mix the reference with the uniform policy"
            )


def _log(probabilities: Inexact[Array, "S A"]) -> Inexact[Array, "S A"]:
    return np.log(np.where(probabilities.real > 0, probabilities, 1.0))
