"""A tree of choices in parts: each is what follows some first choices, and can be walked on its own."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import prod

from pgverify.choices.made_generators import noting_what_is_made
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.program_expectation import WeightedSums
from pgverify.choices.tree_walk import Dictated, leaves, require_same_draws
from pgverify.choices.unscripted import MadeGenerators
from pgverify.choices.world import Choice

PARTS = 64
"""Parts that a tree is cut into, however many processes there are: so that their number changes no bit."""


@dataclass(frozen=True)
class Subtrees:
    """A tree in parts.

    Attributes
    ----------
    roots : tuple of tuples of Choice
        The choices that each part begins with, in the order of the walk.
    seen : tuple of Leaf
        Runs that were made to cut it.
    """

    roots: tuple[tuple[Choice, ...], ...]
    seen: tuple[Leaf, ...]


@dataclass(frozen=True, order=True)
class _Part:
    mass: float  # negative, for the heap gives the smallest
    order: tuple[int, ...]
    root: tuple[Choice, ...] = field(compare=False)
    leaf: Leaf = field(compare=False)


def subtrees(run: ScriptedProgram, idle: Collection[int] = (), parts: int = PARTS) -> Subtrees:
    """Return the tree of a program in about so many parts: always the most probable one is cut again.

    Parameters
    ----------
    run : world -> [d]
    idle : sites
        Draws that change nothing, and branch nowhere.
    parts : int
    """
    first = one_run(run, Dictated([]))
    seen = [first]
    open_parts = [_Part(-1.0, (), (), first)]
    whole: list[_Part] = []
    while open_parts and len(open_parts) + len(whole) < parts:
        part = heapq.heappop(open_parts)
        depth = _next_branching(part.leaf.draws, len(part.root), idle)
        if depth is None:
            whole.append(part)
            continue
        draw = part.leaf.draws[depth]
        for index in draw.options:
            chosen = Choice(draw.place, draw.site, draw.probabilities, index)
            root = (*part.leaf.draws[:depth], chosen)
            leaf = part.leaf
            if index != draw.index:
                leaf = one_run(run, Dictated(list(root)))
                require_same_draws(list(root), leaf.draws)
                seen.append(leaf)
            mass = prod(float(x.probabilities[x.index]) for x in root if x.site not in idle)
            heapq.heappush(open_parts, _Part(-mass, (*part.order, index), root, leaf))
    ordered = sorted((*open_parts, *whole), key=lambda part: part.order)
    return Subtrees(tuple(part.root for part in ordered), tuple(seen))


def summed(
    run: ScriptedProgram, root: Sequence[Choice], idle: Collection[int], first: Leaf, limit: int
) -> WeightedSums | None:
    """Return the sums over all runs of one part, relative to a first run; None where there are more than the limit."""
    sums = WeightedSums(first.value)
    with noting_what_is_made() as noted:
        made = MadeGenerators(noted)
        for count, (leaf, probability) in enumerate(leaves(run, idle, root)):
            if count == limit:
                return None
            sums.add_leaf(leaf, probability)
            made.require_untouched(run, leaf)
    return sums


def _next_branching(draws: Sequence[Choice], beyond: int, idle: Collection[int]) -> int | None:
    for depth in range(beyond, len(draws)):
        if draws[depth].site not in idle and len(draws[depth].options) > 1:
            return depth
    return None
