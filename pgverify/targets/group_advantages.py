"""What a completion's advantage can be, given its own reward: sums over what the others of its group may earn.

The other G − 1 completions of a group are independent draws for the same prompt, so what they earn is multinomial over
the levels of reward; nothing needs the list of groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import lgamma
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import InvalidInput, TooLarge
from pgverify.validation import Array

MOST_GROUPS = 200_000
"""Kinds of group that are summed over."""

Advantages = Literal["leave-one-out", "own-mean", "none"]


@dataclass(frozen=True, eq=False)
class OwnAdvantages:
    """The law of a completion's advantage, given what it earns.

    Attributes
    ----------
    values : [K, M]
        A of completion k beside others of kind m.
    chances : [M]
        Of each kind of others.
    """

    values: Float[Array, "K M"]
    chances: Float[Array, "M"]

    def mean(self, of: Callable[[Float[Array, "K M"]], Float[Array, "K M"]] = lambda a: a) -> Float[Array, "K"]:
        """Return E[f(A)|y] for every completion."""
        found: Float[Array, "K"] = of(self.values) @ self.chances
        return found


def own_advantages(kind: str, rewards: Float[Array, "K"], chances: Float[Array, "K"], group_size: int) -> OwnAdvantages:
    """Return the law of A given each completion of one prompt.

    Parameters
    ----------
    kind : "leave-one-out", "own-mean" or "none"
        A = R − mean of the others, R − mean of the group, or R.
    rewards, chances : [K]
        Of the prompt's completions, under the sampler.
    group_size : int
        G.

    Raises
    ------
    InvalidInput
        For another kind, or a group of one where there must be others.
    TooLarge
        When the others come in too many kinds.
    """
    if kind not in (*KINDS, "none"):
        raise InvalidInput(f"advantages is {kind!r}, must be one of {', '.join(KINDS)}, none")
    if kind == "none":
        return OwnAdvantages(rewards[:, None], np.ones(1))
    if kind == "leave-one-out" and group_size < 2:
        raise InvalidInput(
            f"group_size is {group_size}, must be at least 2 for leave-one-out advantages: there is no other "
            "completion to compare with; raise it, or take advantages='none'"
        )
    levels, where = np.unique(rewards, return_inverse=True)
    probability = np.bincount(where, weights=chances)
    counts, weight = others(probability, group_size - 1)
    return OwnAdvantages(KINDS[kind](rewards[:, None], levels, counts, group_size), weight)


def others(chances: Float[Array, "L"], number: int) -> tuple[Integer[Array, "M L"], Float[Array, "M"]]:
    """Return how often each level can occur among independent draws, and how probable that is."""
    kinds = np.exp(lgamma(number + len(chances)) - lgamma(number + 1) - lgamma(len(chances)))
    if kinds > MOST_GROUPS:
        raise TooLarge(
            f"{number} others with {len(chances)} levels of reward are {kinds:.0f} kinds of group, at most "
            f"{MOST_GROUPS} are summed over; lower group_size"
        )
    counts = np.array(list(compositions(number, len(chances))), dtype=int).reshape(-1, len(chances))
    ways = np.array([lgamma(number + 1) - sum(lgamma(c + 1) for c in row) for row in counts.tolist()])
    return counts, np.exp(ways + counts @ np.log(chances))


def compositions(number: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to write a number as an ordered sum of so many parts, zeros included."""
    if parts == 1:
        yield (number,)
        return
    for first in range(number, -1, -1):
        for rest in compositions(number - first, parts - 1):
            yield (first, *rest)


def _leave_one_out(
    own: Float[Array, "K 1"], levels: Float[Array, "L"], counts: Integer[Array, "M L"], group_size: int
) -> Float[Array, "K M"]:
    return own - (counts @ levels) / (group_size - 1)


def _own_mean(
    own: Float[Array, "K 1"], levels: Float[Array, "L"], counts: Integer[Array, "M L"], group_size: int
) -> Float[Array, "K M"]:
    return own - (counts @ levels + own) / group_size


KINDS: Mapping[str, Callable[..., Float[Array, "K M"]]] = MappingProxyType(
    {"leave-one-out": _leave_one_out, "own-mean": _own_mean}
)
