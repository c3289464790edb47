"""The token trees on which a loss is tried: two or three tokens, completions of at most three, shared features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgverify.mdps.token_trees import tokens
from pgverify.policies import LinearSoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.targets.token_problem import TokenProblem

FEATURES = 4
"""d: fewer parameters than prefixes times tokens, so that no prompt and no prefix has one of its own."""


@dataclass(frozen=True)
class TreeShape:
    """One tree: its size, what completions earn, and how far the other policies are.

    Attributes
    ----------
    name : str
    vocabulary, longest : int
    graded : bool
        Rewards of many levels, negative ones included; otherwise 0 and 1.
    seed : int
    distance : float
        Of the policy that drew the completions, in logits, where it is another than π_θ.
    """

    name: str
    vocabulary: int
    longest: int
    graded: bool
    seed: int
    distance: float


SAME: tuple[TreeShape, ...] = (
    TreeShape("right-or-wrong", 2, 3, False, 11, 0.0),
    TreeShape("graded", 2, 3, True, 12, 0.0),
    TreeShape("three-tokens", 3, 2, True, 13, 0.0),
)
"""On which the sampler is the policy."""

APART: tuple[TreeShape, ...] = (
    TreeShape("right-or-wrong-near", 2, 3, False, 19, 0.45),
    TreeShape("right-or-wrong-far", 2, 3, False, 345, 0.8),
    TreeShape("graded-far", 2, 3, True, 87, 0.8),
    TreeShape("three-tokens-far", 3, 2, True, 352, 0.8),
)
"""On which it is not: each side of the usual clip is active on a tenth of the tokens and more."""


def built_in_problems(prompts: int, sampler: str) -> tuple[TokenProblem, ...]:
    """Return the problems for a design, each with at least two prompts.

    Parameters
    ----------
    prompts : int
        Prompts of a batch; a problem has as many, and two where that is one.
    sampler : "same", "old" or "rollout"
        Who draws: π_θ, the π_old of the ratio, or a third policy while π_old = π_θ.
    """
    return tuple(token_problem(shape, max(prompts, 2), sampler) for shape in (SAME if sampler == "same" else APART))


def token_problem(shape: TreeShape, prompts: int, sampler: str) -> TokenProblem:
    """Return one problem: everything about it follows from the seed of its shape."""
    rng = np.random.default_rng(shape.seed)
    table: dict[tuple[int, tuple[int, ...]], float] = {}

    def reward(prompt: int, completion: tuple[int, ...]) -> float:
        drawn = table.setdefault((prompt, completion), float(rng.normal()))
        return round(2.0 * drawn, 1) if shape.graded else float(drawn > 0)

    mdp = tokens(prompts, shape.vocabulary, shape.longest, reward)
    for prompt in range(
        prompts if not shape.graded else 0
    ):  # a prompt that is always, or never, solved teaches nothing
        table[prompt, (0,)], table[prompt, (1, 0)] = (1.0, -1.0) if prompt % 2 else (-1.0, 1.0)
    mdp = tokens(prompts, shape.vocabulary, shape.longest, reward)
    features = rng.normal(size=(mdp.num_states, shape.vocabulary, FEATURES))
    weights = 0.5 * rng.normal(size=FEATURES)
    policy = LinearSoftmaxPolicy(features, weights)
    aside = rng.normal(size=FEATURES)
    away = policy.with_parameters(weights + shape.distance * aside / np.linalg.norm(aside))
    reference = policy.with_parameters(weights + 0.4 * rng.normal(size=FEATURES))
    problem = Problem(mdp, policy, FiniteHorizon(shape.longest))
    return TokenProblem(
        name=shape.name,
        problem=problem,
        sampler=policy if sampler == "same" else away,
        old=away if sampler == "old" else policy,
        reference=reference,
        vocabulary=shape.vocabulary,
    )


def clipped_shares(problem: TokenProblem, low: float = 0.8, high: float = 1.2) -> tuple[float, float]:
    """Return the shares of the sampler's tokens whose ratio to π_old is below `low`, and above `high`."""
    ratio = np.exp(problem.log_probs(problem.policy) - problem.log_probs(problem.old))
    weight = np.where(problem.completions.mask, problem.chances[:, :, None], 0.0)
    weight = weight / weight.sum()
    return float(weight[ratio < low].sum()), float(weight[ratio > high].sum())
