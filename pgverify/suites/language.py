"""The language suite: completions of prompts, as token trees, with a reward on the last token."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float

from pgverify.mdps.token_trees import token_prefixes, tokens
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites.suite_problem import SuiteProblem
from pgverify.validation import Array


@cache
def language_suite() -> tuple[SuiteProblem, ...]:
    """Return problems of completions, smallest first: token 0 ends one, γ = 1."""
    return (
        SuiteProblem(
            "one-token",
            "two prompts of unequal difficulty, one of three tokens, rewards 0 and 1: groups and their baselines",
            _one_token(),
        ),
        SuiteProblem(
            "right-or-wrong",
            "two prompts, at most two tokens, reward 1 for one completion of each and 0 for all others",
            _right_or_wrong(),
        ),
        SuiteProblem(
            "lengths-that-vary",
            "one to four tokens, longer completions earn more at one prompt and less at the other: every mean over "
            "tokens, and all that padding can do",
            _lengths_that_vary(),
        ),
        SuiteProblem(
            "graded",
            "two prompts, three tokens, graded rewards of both signs; prompts and prefixes share their features: no "
            "parameter belongs to one of them",
            _graded(),
        ),
        SuiteProblem(
            "shared-by-prompts",
            "two prompts that pay opposite rewards for the same tokens, and one set of parameters for both: whatever "
            "mixes prompts cancels, or does not",
            _shared_by_prompts(),
        ),
    )


def _tabular(
    vocabulary: int, max_length: int, reward: Callable[[int, tuple[int, ...]], float], logits: Float[Array, "S A"]
) -> Problem:
    mdp = tokens(2, vocabulary, max_length, reward)
    return Problem(mdp, SoftmaxPolicy(logits[: mdp.num_states]), FiniteHorizon(max_length))


def _waves(states: int, actions: int) -> Float[Array, "S A"]:
    """Return logits of both signs, no two alike."""
    rows, columns = np.indices((states, actions))
    return np.round(0.8 * np.sin(1.0 + 2.0 * rows + 3.0 * columns), 2)


def _one_token() -> Problem:
    logits = np.array([[0.2, -0.4, 0.5], [0.9, -0.8, -0.3], [0.0, 0.0, 0.0]])
    return _tabular(3, 1, lambda prompt, completion: float(completion == (prompt + 1,)), logits)


def _right_or_wrong() -> Problem:
    right = {0: (1, 1), 1: (1, 0)}
    return _tabular(2, 2, lambda prompt, completion: float(completion == right[prompt]), _waves(5, 2))


def _lengths_that_vary() -> Problem:
    def reward(prompt: int, completion: tuple[int, ...]) -> float:
        return (0.5 if prompt == 0 else -0.3) * len(completion) + 0.2 * (1 - prompt)

    return _tabular(2, 4, reward, _waves(9, 2) + np.array([-0.4, 0.4]))


def _graded() -> Problem:
    def reward(prompt: int, completion: tuple[int, ...]) -> float:
        return 0.7 * completion.count(1) - 0.4 * completion.count(2) + (1.1 if completion[0] == prompt + 1 else -0.5)

    return _with_features(3, 2, reward, [0.4, -0.3, 0.2])


def _shared_by_prompts() -> Problem:
    def reward(prompt: int, completion: tuple[int, ...]) -> float:
        return (1.0 if prompt == 0 else -1.0) * (1.0 + completion.count(1)) + 0.3 * len(completion)

    return _with_features(2, 3, reward, [-0.2, 0.5, 0.3])


def _with_features(
    vocabulary: int, max_length: int, reward: Callable[[int, tuple[int, ...]], float], weights: list[float]
) -> Problem:
    mdp = tokens(2, vocabulary, max_length, reward)
    features = np.zeros((mdp.num_states, vocabulary, len(weights)))
    for state, (prompt, prefix) in enumerate(token_prefixes(2, vocabulary, max_length)):
        last = prefix[-1] if prefix else vocabulary
        for token in range(vocabulary):
            # Of the token, of its distance from the last one, and of the prompt: all states have all three.
            features[state, token] = [
                np.cos(2.0 * token),
                np.sin(1.0 + token + 2.0 * last + len(prefix)),
                (token > 0) * (1.0 if prompt == 0 else -0.5),
            ]
    return Problem(mdp, LinearSoftmaxPolicy(np.round(features, 2), weights), FiniteHorizon(max_length))
