"""A bonus of the objective where actions are real: of log-densities, at the nodes or at the actions drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Inexact, Integer

from pgverify.bonus import KL, Bonus, Entropy
from pgverify.continuous.actions_of_nodes import on_the_same_nodes
from pgverify.policies.protocol import Policy
from pgverify.policies.real_actions import RealPolicy, is_real
from pgverify.validation import Array


def bonus_on_the_same_nodes(bonus: Bonus, policy: Policy) -> Bonus:
    """Return a bonus whose reference policy is on the nodes of the policy, where that one has real actions."""
    if not is_real(policy) or not isinstance(bonus, KL):
        return bonus
    return replace(bonus, reference=on_the_same_nodes(bonus.reference, policy, "reference"))


def node_bonus(bonus: Bonus, policy: Policy) -> Inexact[Array, "S A"]:
    """Return c(s,a) for every action, of its probability; for every node, of its density."""
    if not is_real(policy):
        return bonus.reward(policy.probabilities())
    reference = bonus.reference.log_densities() if isinstance(bonus, KL) and is_real(bonus.reference) else None
    return _of_log_densities(bonus, policy.log_densities(), reference)


def drawn_bonus(
    bonus: Bonus, policy: RealPolicy, states: Integer[Array, "m"], actions: Float[Array, "m D"]
) -> Float[Array, "m"]:
    """Return c(s,a) of real actions [m, D] in states [m]."""
    reference = None
    if isinstance(bonus, KL) and is_real(bonus.reference):
        reference = bonus.reference.log_density(states, actions)[:, None]
    return _of_log_densities(bonus, policy.log_density(states, actions)[:, None], reference)[:, 0].real


def _of_log_densities(
    bonus: Bonus, log_density: Inexact[Array, "m k"], reference: Inexact[Array, "m k"] | None
) -> Inexact[Array, "m k"]:
    """Return −β log π for the entropy, −β (log π − log π_ref) for a KL; others are asked."""
    if reference is not None:
        return -bonus.coefficient * (log_density - reference)
    if isinstance(bonus, Entropy):
        return -bonus.coefficient * log_density
    return bonus.reward(np.exp(log_density))
