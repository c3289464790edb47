"""Prompts, prefixes and what completions earn, read off a problem that is a token tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from pgverify.errors import InvalidInput
from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array

NONE = -1
"""Fills up what is shorter."""


@dataclass(frozen=True, eq=False)
class TokenTree:
    """A token tree, as `mdps.tokens` makes them; token 0 ends a completion, and prompt i is the token i + 1.

    Attributes
    ----------
    problem : Problem
    prefixes : tuple of (prompt, tokens), or None for the end
        Of every state.
    max_length : int
        L.
    """

    problem: Problem
    prefixes: tuple[tuple[int, tuple[int, ...]] | None, ...]
    max_length: int

    end = 0

    @classmethod
    def of(cls, problem: Problem) -> TokenTree:
        """Return the tree that a problem is.

        Raises
        ------
        InvalidInput
            When it is none, or has more prompts than tokens that do not end.
        """
        mdp, objective = problem.mdp, problem.objective
        if not isinstance(objective, FiniteHorizon) or objective.discount != 1.0:
            raise InvalidInput(_refusal(f"its objective is {objective!r}, must be FiniteHorizon(L) without a discount"))
        starts = [int(s) for s in np.flatnonzero(mdp.start)]
        if len(starts) >= mdp.num_actions or len({float(mdp.start[s]) for s in starts}) > 1:
            raise InvalidInput(
                _refusal(
                    f"it has {len(starts)} start states, must have at most A − 1 = {mdp.num_actions - 1}, all alike"
                )
            )
        prefixes: dict[int, tuple[int, tuple[int, ...]]] = {s: (i, ()) for i, s in enumerate(starts)}
        waiting = list(starts)
        while waiting:
            state = waiting.pop(0)
            prompt, tokens = prefixes[state]
            for action in range(mdp.num_actions):
                branches = np.flatnonzero(mdp.successors.weight[state, action] > 0.0)
                following = int(mdp.successors.successor[state, action, branches[0]])
                over = bool(mdp.terminal[following])
                if len(branches) > 1 or following in prefixes or (action == cls.end and not over):
                    raise InvalidInput(_refusal(f"action {action} of state {state} leads to no prefix of its own"))
                if not over:
                    prefixes[following] = prompt, (*tokens, action)
                    waiting.append(following)
                    if float(mdp.paid[state, action, branches[0]]) != 0.0:
                        raise InvalidInput(_refusal(f"action {action} of state {state} pays before the last token"))
        longest = 1 + max(len(tokens) for _, tokens in prefixes.values())
        return cls(problem, tuple(prefixes.get(s) for s in range(mdp.num_states)), longest)

    @property
    def prompts(self) -> int:
        """P."""
        return int(np.count_nonzero(self.problem.mdp.start))

    @property
    def vocabulary(self) -> int:
        """A."""
        return self.problem.mdp.num_actions

    @property
    def words(self) -> list[str]:
        """A word for each token."""
        return [self.word(token) for token in range(self.vocabulary)]

    def word(self, token: int) -> str:
        """Return the word for a token."""
        return f"w{token}"

    def observations(self) -> Integer[Array, "S W"]:
        """Return what a model is given in each state: its prompt and prefix, filled up; of the end the first prompt."""
        rows = []
        for prefix in self.prefixes:
            prompt, tokens = prefix or (0, ())
            rows.append([prompt + 1, *tokens, *[NONE] * (self.max_length - len(tokens))])
        return np.array(rows, dtype=np.int64)

    def reward(self, prompt: int, completion: Sequence[int]) -> float:
        """Return what a completion earns: what its last token pays."""
        mdp = self.problem.mdp
        state = int(np.flatnonzero(mdp.start)[prompt])
        for token in completion:
            branch = int(np.argmax(mdp.successors.weight[state, token] > 0.0))
            paid, state = float(mdp.paid[state, token, branch]), int(mdp.successors.successor[state, token, branch])
            if mdp.terminal[state]:
                return paid
        return 0.0


def _refusal(why: str) -> str:
    return f"problem is no token tree: {why}; pgv.mdps.tokens makes one"
