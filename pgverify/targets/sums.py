"""Sums over completions and over prefixes, in closed form: what the targets are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.exact import occupancy
from pgverify.policies import LinearSoftmaxPolicy
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


def over_completions(
    problem: TokenProblem, law: LinearSoftmaxPolicy, weights: Float[Array, "P K T"]
) -> Float[Array, "d"]:
    """Return E_x Σ_y p(y|x) Σ_t w_t ψ_t; weights on padding are left out.

    Parameters
    ----------
    problem : TokenProblem
    law : policy
        Whose p it is: that of the expectation in the formula, which is not the sampler's where the two differ.
    weights : [P, K, T]
    """
    own = np.where(problem.completions.mask, weights, 0.0) * problem.chances_under(law)[:, :, None]
    found: Float[Array, "d"] = np.einsum("pkt,pktd->d", own, problem.scores) / problem.prompts
    return found


def prefix_visits(problem: TokenProblem) -> Float[Array, "S"]:
    """Return how often the sampler is expected to be at each (prompt, prefix), the end left out."""
    acting = replace(problem.problem, policy=problem.sampler)
    visits: Float[Array, "S"] = np.asarray(occupancy(acting)).sum(axis=0)
    return np.where(problem.problem.mdp.terminal, 0.0, visits)


def over_prefixes(problem: TokenProblem, weights: Float[Array, "S A"]) -> Float[Array, "d"]:
    """Return Σ_s d(s) Σ_a w(s,a) ψ(s,a), d the visits of the sampler."""
    found: Float[Array, "d"] = problem.policy.score_vjp(prefix_visits(problem)[:, None] * weights)
    return found
