"""Token trees: a language model's completions as an MDP whose states are (prompt, prefix)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Integer

from pgverify.errors import InvalidInput, TooLarge
from pgverify.kinds import FUNCTION, accepts
from pgverify.mdp import TabularMDP
from pgverify.validation import Array, require_integer, require_number, shown

MOST_PREFIXES = 1_000_000
"""States of a tree: its tables take about a hundred bytes for each token of each."""

DENSE_CELLS = 2**20
"""Cells [S, A, S] up to which the transitions are a dense table, which everything takes; 8 MB."""


@accepts(reward=FUNCTION)
def tokens(
    prompts: int, vocabulary: int, max_length: int, reward: Callable[[int, tuple[int, ...]], float], end: int = 0
) -> TabularMDP:
    """Return the MDP of completions: states are (prompt, prefix), an action is the next token, the last one pays.

    A completion ends with the token `end`, or when it has `max_length` tokens. States are ordered by the length of the
    prefix, then by prompt, then as numbers are: state i < P is prompt i without a token; the last state is the end,
    which is terminal. `token_prefixes` lists them. All prompts are equally likely. With `FiniteHorizon(max_length)`
    every episode is one completion.

    Parameters
    ----------
    prompts : int
        P ≥ 1.
    vocabulary : int
        A ≥ 2: tokens 0..A−1, the end token among them.
    max_length : int
        Most tokens of a completion, at least 1.
    reward : (prompt, completion) -> float
        What a completion earns, paid on its last token; `completion` is a tuple of tokens that includes the end, where
        there is one.
    end : int
        The token that ends a completion.

    Raises
    ------
    InvalidInput
        On a number outside its range, or a reward that is not a finite number, naming the prompt and the completion.
    TooLarge
        When the tree has more than a million prefixes, naming the count.
    """
    size = _Size.of(prompts, vocabulary, max_length, end)
    over = size.states
    successor = np.full((over + 1, size.vocabulary), over)
    paid = np.zeros((over + 1, size.vocabulary))
    following = size.prompts  # children are met in the order in which they are numbered
    for state, (prompt, prefix) in enumerate(size.prefixes()):
        for token in range(size.vocabulary):
            if token == size.end or len(prefix) + 1 == size.max_length:
                paid[state, token] = _number(reward, prompt, (*prefix, token))
            else:
                successor[state, token] = following
                following += 1
    start = np.zeros(over + 1)
    start[: size.prompts] = 1.0 / size.prompts
    return TabularMDP(start, _transitions(successor), paid, np.arange(over + 1) == over)


@accepts()
def token_prefixes(prompts: int, vocabulary: int, max_length: int, end: int = 0) -> list[tuple[int, tuple[int, ...]]]:
    """Return (prompt, prefix) for every state of `tokens(prompts, vocabulary, max_length, …)` but the last, the end.

    Parameters and errors as for `tokens`.
    """
    return list(_Size.of(prompts, vocabulary, max_length, end).prefixes())


class _Size:
    """The numbers of a tree, checked."""

    def __init__(self, prompts: int, vocabulary: int, max_length: int, end: int) -> None:
        self.prompts, self.vocabulary, self.max_length, self.end = prompts, vocabulary, max_length, end
        branching = vocabulary - 1
        # One after another, for the count of a deep tree has thousands of digits.
        states, level = 0, prompts
        for _ in range(max_length):
            states, level = states + level, level * branching
            if states > MOST_PREFIXES:
                raise TooLarge(
                    f"{prompts} prompts, {vocabulary} tokens and max_length {max_length} have more than "
                    f"{MOST_PREFIXES:,} prefixes, at most so many are built; shorten the completions"
                )
        self.states = states

    @classmethod
    def of(cls, prompts: Any, vocabulary: Any, max_length: Any, end: Any) -> _Size:
        prompts = require_integer("prompts", prompts, 1, InvalidInput, ", the number of start states")
        vocabulary = require_integer("vocabulary", vocabulary, 2, InvalidInput, " tokens, the end token among them")
        max_length = require_integer("max_length", max_length, 1, InvalidInput, " token")
        end = require_integer("end", end, 0, InvalidInput, ", a token of the vocabulary")
        if end >= vocabulary:
            raise InvalidInput(f"end is {end}, must be a token of the vocabulary, 0..{vocabulary - 1}")
        return cls(prompts, vocabulary, max_length, end)

    def prefixes(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield (prompt, prefix) in the order of the states."""
        words = [token for token in range(self.vocabulary) if token != self.end]
        for length in range(self.max_length):
            for prompt in range(self.prompts):
                for prefix in product(words, repeat=length):
                    yield prompt, prefix


def _transitions(successor: Integer[Array, "S A"]) -> Any:
    """Return the table of what is certain, [S, A, S] or sparse: one successor for every prefix and token."""
    from scipy.sparse import csr_array  # imported late, as everywhere

    states, actions = successor.shape
    ones = np.ones(successor.size)
    table = csr_array((ones, successor.ravel(), np.arange(successor.size + 1)), shape=(successor.size, states))
    return table.toarray().reshape(states, actions, states) if states * table.shape[0] <= DENSE_CELLS else table


def _number(reward: Callable[[int, tuple[int, ...]], float], prompt: int, completion: tuple[int, ...]) -> float:
    found = reward(prompt, completion)
    try:
        return require_number("reward", found, -1e100, 1e100, InvalidInput)
    except InvalidInput:
        raise InvalidInput(
            f"reward({prompt}, {completion}) is {shown(found)} of type {type(found).__name__}, must be a finite number"
        ) from None
