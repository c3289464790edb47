"""Objectives of θ written out over completions, and the expectation of reference losses by enumeration.

The expectation is that of the reference loss: weights of scores on every group, times the probability of the group.
The derivation is an objective of θ, written out over completions and differentiated by central differences; what is
held (visits, baselines, the old policy) is computed once. Neither shares code with the other.
"""

from __future__ import annotations

import numpy as np

from pgverify.language.built_in_problems import built_in_problems
from pgverify.language.coupling import ALONE
from pgverify.language.listed_expectation import batch_list, lists_of
from pgverify.language.losses.loss_rows import loss_rows
from pgverify.language.losses.reference_losses import BY_NAME
from pgverify.language.row_table import row_table

G = 3
PROBLEMS = {sampler: built_in_problems(2, sampler) for sampler in ("same", "old", "rollout")}
CLOSE = 2e-9
"""Central differences of fourth order, h = 1e-3: h⁴f⁗⁻⁵/30 and ε/h."""


def expectation(name: str, problem, group_size: int = G):
    """Return the expected direction of ascent of a reference loss on groups of one prompt."""
    table = row_table(problem, group_size)
    batches = batch_list(lists_of(problem, group_size), 1, ALONE)
    rows, one = loss_rows(table, batches.rows), BY_NAME[name]
    size = len(problem.policy.parameters)
    scores = problem.scores.reshape(-1, problem.longest, size)[batches.rows]
    slopes = problem.entropy_gradients.reshape(-1, problem.longest, size)[batches.rows]
    by_row = np.einsum("nbt,nbtd->nbd", one.weights(rows), scores)
    by_row += np.einsum("nbt,nbtd->nbd", one.entropy_weights(rows), slopes)
    return np.einsum("nb,nbd->d", batches.weights, by_row)


def slope(problem, objective):
    """Return ∇ of a function of the policy at θ."""
    theta, h = problem.policy.parameters, 1e-3
    found = []
    for unit in np.eye(len(theta)):
        at = [objective(problem.policy.with_parameters(theta + s * h * unit)) for s in (1, -1, 2, -2)]
        found.append((8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h))
    return np.array(found)


def tokens_of(problem, x, y):
    """Yield (state, token) of a completion, in plain loops."""
    table = problem.completions
    for t in range(table.mask.shape[2]):
        if table.mask[x, y, t]:
            yield int(table.states[x, y, t]), int(table.tokens[x, y, t])


def completions(problem):
    """Yield (x, y, R, L)."""
    rewards = problem.completions.rewards
    for x, y in np.ndindex(*rewards.shape):
        yield x, y, rewards[x, y], len(list(tokens_of(problem, x, y)))


def chance(problem, policy, x, y):
    """Return p(y|x)/P."""
    pi = policy.probabilities()
    return float(np.prod([pi[s, a] for s, a in tokens_of(problem, x, y)])) / problem.prompts


def of_completions(problem, gain):
    """Return the objective Σ_x Σ_y p_θ(y|x) gain(x, y, R, L)."""

    def objective(policy):
        return sum(chance(problem, policy, x, y) * gain(x, y, r, n) for x, y, r, n in completions(problem))

    return objective


def value(problem, x):
    """Return V(x) under the sampler, a constant."""
    paid = [(chance(problem, problem.sampler, i, y) * r, i) for i, y, r, _ in completions(problem)]
    return sum(r for r, i in paid if i == x) * problem.prompts


def longest(problem):
    return problem.completions.mask.shape[2]


def policy_gradient(problem):
    return slope(problem, of_completions(problem, lambda x, y, r, n: r))  # noqa: ARG005


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)
