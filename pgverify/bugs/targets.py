"""What the entries claim to estimate, where it is not ∇J, and what some of them estimate instead.

θ is the batch's own parameter; θ' = θ + Δ is the shifted one of `pgverify.bugs.off_policy`. "States held fixed" means
that the derivative does not reach the law of the states: it is what a loss summed over visited states differentiates.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "policy_gradient": "∇J(θ)",
        "off_policy_gradient": "∇J(θ'), from trajectories of θ",
        "surrogate_gradient": "Σ_t γ^t E_θ[ρ_t ψ'_t A_t], with ρ_t = π_θ'/π_θ of the action and A_t = G_t − V(s_t)",
        "ppo_surrogate_gradient": "∇ at θ' of Σ_t γ^t E_θ min(ρ_t A_t, clip(ρ_t, 1−ε, 1+ε) A_t)",
        "weighted_likelihood_gradient": "∇ at θ' of Σ_t γ^t E_θ[A_t log π_θ'(a_t|s_t)], with A_t = G_t − V(s_t)",
        "masked_policy_gradient": "∇J of the policy renormalised over the allowed actions",
        "undiscounted_policy_gradient": "the gradient of E Σ_t r_t, of the same episodes",
        "unit_reward_gradient": "∇J with every reward r replaced by clip(r, −1, 1)",
        "clipped_reward_gradient": "∇J with every reward r replaced by clip(r/σ, −c, c)",
        "entropy_gradient": "Σ_t E ∇H(π(·|s_t)), states held fixed",
        "entropy_regularised_gradient": "∇J + β Σ_t E ∇H(π(·|s_t)), states held fixed",
        "kl_gradient": "Σ_t E ∇KL(π(·|s_t) ‖ uniform), states held fixed",
        "forward_kl_gradient": "Σ_t E ∇KL(uniform ‖ π(·|s_t)), states held fixed",
        "td_semigradient": "Σ_t E[δ_t ∇V(s_t)], the critic's TD(0) direction",
        "fisher_vector_product": "F v with F = Σ_t E[ψ_t ψ_tᵀ] and a fixed v",
        "damped_fisher_vector_product": "(F + 0.1 I) v",
        "group_standardised_gradient": "E of Σ_t ψ_t (R − mean)/std within the trajectories that share a start state",
        "accepted_return_gradient": "P(at least two kept) · ∇E[R | kept]",
    }
)
"""What entries of the catalogue claim to estimate: the name, and the vector [d] in words."""
