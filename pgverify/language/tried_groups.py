"""The groups of a prompt on which it is tried whether groups affect each other: all, or telling ones where many."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from pgverify.language.group_lists import group_list, number_of_groups
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

MOST = 500
"""Groups of a prompt that are all tried; of sixteen completions there are 75,000 on the largest tree."""


def tried_groups(problem: TokenProblem, group_size: int, seed: int) -> list[Integer[Array, "M G"]]:
    """Return groups of each prompt as rows of its table, sorted: the shortest completion alone first, the longest last.

    Where they are too many: those all alike, those alike but for one, and others as the sampler draws them.
    """
    completions = problem.chances.shape[1]
    if number_of_groups(completions, group_size, ordered=False) <= MOST:
        return [group_list(c, group_size, prompt * completions).rows for prompt, c in enumerate(problem.chances)]
    rng = np.random.default_rng(seed)
    return [_telling(c, group_size, rng) + prompt * completions for prompt, c in enumerate(problem.chances)]


def _telling(chances: Float[Array, "K"], group_size: int, rng: np.random.Generator) -> Integer[Array, "M G"]:
    names = np.arange(len(chances))
    nearly = np.repeat(np.repeat(names, len(names))[:, None], group_size, axis=1)
    nearly[:, -1] = np.tile(names, len(names))
    drawn = rng.choice(names, size=(MOST - len(nearly), group_size), p=chances / chances.sum())
    return np.asarray(np.unique(np.sort(np.concatenate([nearly, drawn]), axis=1), axis=0))
