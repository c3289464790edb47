"""A token problem: prompts, every completion of each, and the policies that score, sampled and are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.kinds import known_arguments
from pgverify.mdps.token_trees import token_prefixes
from pgverify.policies import LinearSoftmaxPolicy
from pgverify.problem import Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class CompletionTable:
    """All K completions of each of P prompts, padded to T tokens.

    Attributes
    ----------
    states : [P, K, T]
        (prompt, prefix) before each token; on padding the last one visited.
    tokens : [P, K, T]
        On padding the end token, as trainers pad.
    mask : [P, K, T]
        True on the completion's own tokens, its end included.
    rewards : [P, K]
    """

    states: Integer[Array, "P K T"]
    tokens: Integer[Array, "P K T"]
    mask: Bool[Array, "P K T"]
    rewards: Float[Array, "P K"]

    @property
    def lengths(self) -> Float[Array, "P K"]:
        """L, tokens of each completion."""
        return self.mask.sum(axis=2).astype(np.float64)


@known_arguments
@dataclass(frozen=True, eq=False)
class TokenProblem:
    """Completions of equally likely prompts under a policy, with the three others that losses know.

    Attributes
    ----------
    name : str
    problem : Problem
        The token tree (`pgv.mdps.tokens`), π_θ, and a horizon of its longest completion.
    sampler : policy
        Which drew the completions.
    old : policy
        π_old, of the ratio.
    reference : policy
        π_ref, of the KL terms.
    vocabulary : int
    """

    name: str
    problem: Problem
    sampler: LinearSoftmaxPolicy
    old: LinearSoftmaxPolicy
    reference: LinearSoftmaxPolicy
    vocabulary: int

    @property
    def policy(self) -> LinearSoftmaxPolicy:
        """π_θ, which is differentiated."""
        policy: LinearSoftmaxPolicy = self.problem.policy  # type: ignore[assignment]
        return policy

    @property
    def prompts(self) -> int:
        """P."""
        return int(np.count_nonzero(self.problem.mdp.start))

    @property
    def longest(self) -> int:
        """T, the most tokens of a completion."""
        return int(self.problem.objective.horizon)  # type: ignore[union-attr]

    @cached_property
    def completions(self) -> CompletionTable:
        """Every completion of every prompt, shortest prefixes first."""
        places = {
            place: state for state, place in enumerate(token_prefixes(self.prompts, self.vocabulary, self.longest))
        }
        endings = [
            (*prefix, token)
            for prompt, prefix in places
            if prompt == 0
            for token in range(self.vocabulary)
            if token == 0 or len(prefix) + 1 == self.longest
        ]
        shape = (self.prompts, len(endings), self.longest)
        states, tokens, mask = np.zeros(shape, int), np.zeros(shape, int), np.zeros(shape, bool)
        rewards = np.zeros(shape[:2])
        paid = (self.problem.mdp.paid * self.problem.mdp.successors.weight).sum(axis=2)  # one successor each
        for prompt in range(self.prompts):
            for k, ending in enumerate(endings):
                visited = [places[prompt, ending[:t]] for t in range(len(ending))]
                states[prompt, k] = visited + visited[-1:] * (self.longest - len(ending))
                tokens[prompt, k, : len(ending)] = ending
                mask[prompt, k, : len(ending)] = True
                rewards[prompt, k] = paid[visited[-1], ending[-1]]
        return CompletionTable(states, tokens, mask, rewards)

    def log_probs(self, policy: LinearSoftmaxPolicy) -> Float[Array, "P K T"]:
        """Return log π(token|prompt, prefix) of a policy, on padding that of the end token where it would stand."""
        table = self.completions
        found: Float[Array, "P K T"] = np.log(policy.probabilities())[table.states, table.tokens]
        return found

    @cached_property
    def entropies(self) -> Float[Array, "P K T"]:
        """H(π_θ(·|prompt, prefix)) before each token."""
        probabilities = self.policy.probabilities()
        found: Float[Array, "P K T"] = -(probabilities * np.log(probabilities)).sum(axis=1)[self.completions.states]
        return found

    @cached_property
    def scores(self) -> Float[Array, "P K T d"]:
        """ψ of each token under π_θ."""
        table = self.completions
        found: Float[Array, "P K T d"] = self.policy.score()[table.states, table.tokens]
        return found

    @cached_property
    def entropy_gradients(self) -> Float[Array, "P K T d"]:
        """∇H(π_θ(·|prompt, prefix)) = −Σ_a π ψ log π before each token."""
        probabilities = self.policy.probabilities()
        by_state = -np.einsum("sa,sad->sd", probabilities * np.log(probabilities), self.policy.score())
        found: Float[Array, "P K T d"] = by_state[self.completions.states]
        return found

    @cached_property
    def chances(self) -> Float[Array, "P K"]:
        """p(y|x) of each completion under the sampler."""
        return self.chances_under(self.sampler)

    def chances_under(self, policy: LinearSoftmaxPolicy) -> Float[Array, "P K"]:
        """Return p(y|x) of each completion under a policy, whoever drew it."""
        return np.exp(np.where(self.completions.mask, self.log_probs(policy), 0.0).sum(axis=2))
