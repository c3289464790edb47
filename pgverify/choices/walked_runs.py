"""The walk over all runs of a program: in this process one after another, or by parts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pgverify.choices.estimated_runs import EstimatedRuns
from pgverify.choices.kept_sums import kept_sums
from pgverify.choices.one_run import Leaf, ScriptedProgram
from pgverify.choices.program_expectation import WeightedSums
from pgverify.choices.progress import TreeProgress
from pgverify.choices.several_processes import sums_of_parts
from pgverify.choices.subtrees import subtrees
from pgverify.choices.tree_walk import leaves
from pgverify.choices.unscripted import MadeGenerators

TRIED_AGAIN = 24
"""Runs that are kept, to be repeated with idle draws flipped."""

BETWEEN = 0.1
"""Seconds between two reports of progress."""


MOST_COVERING = 64
"""Runs that are kept because each takes an option which none before had taken."""


@dataclass(frozen=True)
class Walked:
    """All runs of a program, summed, and some of them kept.

    Attributes
    ----------
    sums : WeightedSums
    kept : list of Leaf
        Some at random.
    asking : list of Leaf
        Some in which the system was asked for random bytes.
    covering : list of Leaf
        Such that every option of every line that draws is taken in one: a branch of the program begins at a draw.
    """

    sums: WeightedSums
    kept: list[Leaf]
    asking: list[Leaf] = field(default_factory=list)
    covering: list[Leaf] = field(default_factory=list)


@dataclass(frozen=True)
class Walk:
    """How the runs of a program are made.

    Attributes
    ----------
    run : world -> [d]
    first : Leaf
        Its first run.
    limit : int
        Most runs.
    progress : TreeProgress -> anything, or None
    began : float
        When, by `time.perf_counter`.
    processes : int
    resume : Path or None
        The file of what was found already.
    entropy : lines
        Where the system was asked for random bytes, which grows as runs are made: some of these runs are kept.
    made : MadeGenerators
        The generators that runs make.
    """

    run: ScriptedProgram
    first: Leaf
    limit: int
    progress: Callable[[TreeProgress], None] | None
    began: float
    processes: int = 1
    resume: Path | None = None
    entropy: Sequence[str] = ()
    made: MadeGenerators = field(default_factory=MadeGenerators)

    def few(self, limit: int) -> Walked | None:
        """Return the sums over all runs, and some of these; None where there are more than a few."""
        return self._in_order((), None, limit)

    def whole(self, idle: Collection[int], known: EstimatedRuns | None) -> Walked | None:
        """Return the sums over all runs, and some of these; None where there are more than the limit."""
        if self.processes == 1 and self.resume is None:
            return self._in_order(idle, known, self.limit)
        return self._by_parts(idle, known)

    def _in_order(self, idle: Collection[int], known: EstimatedRuns | None, limit: int) -> Walked | None:
        sums = WeightedSums(self.first.value)
        kept: list[Leaf] = []
        asking: list[Leaf] = []
        covering: list[Leaf] = []
        taken: set[tuple[int, int]] = set()
        self.made.forget()
        told, chance, asked = 0.0, random.Random(2), len(self.entropy)
        for count, (leaf, probability) in enumerate(leaves(self.run, idle)):
            if count == limit:
                return None
            sums.add_leaf(leaf, probability)
            self.made.require_untouched(self.run, leaf)
            options = {(draw.site, draw.index) for draw in leaf.draws}
            if not options <= taken and len(covering) < MOST_COVERING:
                covering.append(leaf)
                taken |= options
            if len(kept) < TRIED_AGAIN:
                kept.append(leaf)
            elif (place := chance.randrange(count + 1)) < TRIED_AGAIN:
                kept[place] = leaf
            if len(self.entropy) > asked and len(asking) < TRIED_AGAIN:
                asking.append(leaf)
            asked = len(self.entropy)
            if time.perf_counter() - told > BETWEEN:
                told = time.perf_counter()
                self._tell(sums.runs, sums.mass, known)
        return Walked(sums, kept, asking, covering)

    def _by_parts(self, idle: Collection[int], known: EstimatedRuns | None) -> Walked | None:
        tree = subtrees(self.run, idle)
        with kept_sums(self.resume, self.first, tree.roots) as keeping:
            found = keeping.known(self.first)
            left = [(number, root) for number, root in enumerate(tree.roots) if number not in found]
            for number, sums in sums_of_parts(self.run, left, idle, self.first, self.limit, self.processes):
                if sums is None:
                    return None
                keeping.keep(number, sums)
                found[number] = sums
                runs = sum(part.runs for part in found.values())
                if runs > self.limit:
                    return None
                self._tell(runs, sum(part.mass for part in found.values()), known)
        whole = WeightedSums(self.first.value)
        for number in range(len(tree.roots)):
            whole.merge(found[number])
        return Walked(whole, list(tree.seen[:TRIED_AGAIN]))

    def _tell(self, runs: int, mass: float, known: EstimatedRuns | None) -> None:
        if self.progress is not None:
            gone = time.perf_counter() - self.began
            self.progress(TreeProgress(runs, mass, None if known is None else known.mean, gone))
