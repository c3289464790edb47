"""Token trees against completions written out one by one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import pgverify as pgv


def pays(amount: Any) -> Callable[..., Any]:
    """Return a reward that is the same for all."""
    return lambda *_: amount


def completions(vocabulary: int, max_length: int, end: int) -> list[tuple[int, ...]]:
    """Return every completion: words without the end and then the end, or as many words as there may be."""
    words = [token for token in range(vocabulary) if token != end]
    ended = [(*word, end) for length in range(max_length) for word in product(words, repeat=length)]
    return ended + [tuple(word) for word in product(words, repeat=max_length)]


def compare(seed: int) -> None:
    """Check J and ∇J against Σ P(completion) R and Σ P(completion) R Σ ψ, over completions and no MDP."""
    rng = np.random.default_rng(seed)
    prompts, vocabulary, longest = int(rng.integers(1, 4)), int(rng.integers(2, 5)), int(rng.integers(1, 4))
    end = int(rng.integers(vocabulary))
    paid: dict[Any, float] = {}

    def reward(prompt: int, completion: tuple[int, ...]) -> float:
        return paid.setdefault((prompt, completion), float(rng.normal()))

    mdp = pgv.mdps.tokens(prompts, vocabulary, longest, reward, end)
    assert set(paid) == set(product(range(prompts), completions(vocabulary, longest, end)))
    logits = rng.normal(size=(mdp.num_states, vocabulary))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(longest))
    pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    place = {prefix: state for state, prefix in enumerate(pgv.mdps.token_prefixes(prompts, vocabulary, longest, end))}
    value, slope = 0.0, np.zeros_like(logits)
    for (prompt, completion), earned in paid.items():
        visited = [(place[prompt, completion[:t]], token) for t, token in enumerate(completion)]
        weight = earned / prompts * np.prod([pi[pair] for pair in visited])
        value += weight
        for state, token in visited:
            slope[state] -= weight * pi[state]
            slope[state, token] += weight
    assert pgv.exact.expected_return(problem) == pytest.approx(value, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(pgv.exact.gradient(problem), slope.ravel(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_return_and_gradient_are_those_of_the_completions(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
def test_200_trees() -> None:
    for seed in range(10, 210):
        compare(seed)


def test_states_are_numbered_as_they_are_listed() -> None:
    """Prompts first, then prefixes by length and prompt; the end comes last."""
    mdp = pgv.mdps.tokens(2, 3, 2, lambda prompt, completion: 10.0 * prompt + len(completion), end=1)
    assert pgv.mdps.token_prefixes(2, 3, 2, end=1) == [
        (0, ()), (1, ()), (0, (0,)), (0, (2,)), (1, (0,)), (1, (2,)),
    ]  # fmt: skip
    assert mdp.start.tolist() == [0.5, 0.5, 0, 0, 0, 0, 0]
    assert mdp.terminal.tolist() == [False] * 6 + [True]
    assert np.argmax(mdp.transition, axis=2).tolist()[:2] == [[2, 6, 3], [4, 6, 5]]
    assert mdp.reward[:3, :, 0].tolist() == [[0, 1, 0], [0, 11, 0], [2, 2, 2]]


def test_a_large_tree_is_sparse_and_says_the_same() -> None:
    """2 · (1 + 6 + 36 + 216 + 1,296) prefixes; uniform, P(length = 5) = (6/7)^4."""
    mdp = pgv.mdps.tokens(2, 7, 5, lambda _, completion: float(len(completion) == 5))
    assert mdp.sparse
    assert mdp.num_states == 2 * 1555 + 1
    uniform = pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((mdp.num_states, 7))), pgv.FiniteHorizon(5))
    assert pgv.exact.expected_return(uniform) == pytest.approx((6 / 7) ** 4, rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prompts": 0}, "prompts is 0, must be an integer of at least 1"),
        ({"vocabulary": 1}, "vocabulary is 1, must be an integer of at least 2 tokens"),
        ({"max_length": 2.5}, "max_length is 2.5, must be an integer of at least 1 token"),
        ({"end": 3}, r"end is 3, must be a token of the vocabulary, 0\.\.2"),
        ({"end": -1}, "end is -1, must be an integer of at least 0"),
        ({"reward": 1.0}, "reward is .*must be a function"),
        ({"reward": pays("good")}, r"reward\(0, \(0,\)\) is 'good' of type str, must be a finite number"),
        ({"reward": pays(float("nan"))}, r"reward\(0, \(0,\)\) is nan of type float, must be a finite number"),
        ({"reward": pays(None)}, r"reward\(0, \(0,\)\) is None of type NoneType"),
        ({"max_length": 10**9}, "have more than 1,000,000 prefixes"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_nonsense_is_refused(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"prompts": 2, "vocabulary": 3, "max_length": 2, "reward": pays(0.0), **changed}
    with pytest.raises(pgv.errors.InvalidInput, match=message):
        pgv.mdps.tokens(**arguments)
