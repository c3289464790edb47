"""The walk: depth first over sequences of choices, each run one leaf."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Float

from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.world import Choice
from pgverify.errors import NotRepeatable
from pgverify.validation import Array

LEAKS = "state is left over from one run to the next: make everything anew in run, or reset it"


def leaves(
    run: ScriptedProgram, idle: Collection[int] = (), root: Sequence[Choice] = ()
) -> Iterator[tuple[Leaf, float]]:
    """Yield every run with its probability.

    Parameters
    ----------
    run : world -> [d]
    idle : sites
        Draws that change nothing: they are answered one way, which counts for all of theirs.
    root : choices
        What the runs begin with: all of them, of the whole tree, by default.

    Raises
    ------
    NotRepeatable
        When a run meets other draws than before where every answer was the same.
    """
    known = list(root)  # the draws whose answers are dictated, as they were when they were first met
    while True:
        leaf = one_run(run, Dictated(known))
        require_same_draws(known, leaf.draws)
        yield leaf, prod(float(x.probabilities[x.index]) for x in leaf.draws if x.site not in idle)
        following = next_path(leaf.draws, idle, len(root))
        if following is None:
            return
        known = following


def next_path(draws: tuple[Choice, ...], idle: Collection[int], kept: int = 0) -> list[Choice] | None:
    """Return the beginning of the next run: the last draw with an option left takes it; None after the last run.

    The first draws, so many as are `kept`, stay as they are.
    """
    for depth in range(len(draws) - 1, kept - 1, -1):
        draw = draws[depth]
        if draw.site not in idle:
            later = [index for index in draw.options if index > draw.index]
            if later:
                return [*draws[:depth], Choice(draw.place, draw.site, draw.probabilities, later[0])]
    return None


@dataclass(frozen=True)
class Dictated:
    """Answers of a run that begins as one before, and takes the first option of every further draw.

    Attributes
    ----------
    known : list of Choice
    """

    known: list[Choice]

    def __call__(self, count: int, place: str, site: int, probabilities: Float[Array, "k"]) -> int:
        """Return the index that is dictated."""
        if count >= len(self.known):
            return int(np.argmax(probabilities > 0.0))
        expected = self.known[count]
        require_same_draw(count, expected, Choice(place, site, probabilities, expected.index))
        return expected.index


def require_same_draw(count: int, expected: Choice, found: Choice) -> None:
    """Refuse a draw that is not the one met before after the same answers."""
    if len(expected.probabilities) != len(found.probabilities):
        what = f"has {len(found.probabilities)} options, and had {len(expected.probabilities)}"
    elif expected.probabilities.tobytes() != found.probabilities.tobytes():
        index = int(np.argmax(np.abs(expected.probabilities - found.probabilities)))
        was, now = expected.probabilities[index], found.probabilities[index]
        what = f"has probability {now:.17g} of option {index}, and had {was:.17g}"
    elif expected.place != found.place:
        what = f"was at {expected.place}"
    else:
        return
    raise NotRepeatable(f"draw {count + 1} at {found.place} {what} in a run before with the same answers; {LEAKS}")


def require_same_draws(known: list[Choice], found: tuple[Choice, ...]) -> None:
    """Refuse a run that ended before it had drawn all that it drew before with the same answers."""
    if len(found) < len(known):
        raise NotRepeatable(
            f"run ended after {len(found)} draws, and went on to {known[len(found)].place} before with the same "
            f"answers; {LEAKS}"
        )
