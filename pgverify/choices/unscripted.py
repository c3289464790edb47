"""Draws that nobody dictated: looked for once, in the first run, and named with their line."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from pgverify.choices.generators import described_generator, living_generators, state_of, states_of
from pgverify.choices.jax_draws import line_of_jax_draw
from pgverify.choices.made_generators import noting_what_is_made
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.torch_draws import noting_torch_draws, torch_state
from pgverify.choices.whereabouts_of_draws import OURS, described_line
from pgverify.choices.world import Answers, Choice
from pgverify.errors import UnscriptedDraw

NOT_NAMED = (*OURS, "<string>", str(Path(np.__file__).parent), random.__file__, contextlib.__file__)
"""Where the line that draws is not looked for: it is the one that called these."""

SEARCHED = 1000
"""Runs that are made again to find the one that drew."""

CURE = "draw by world.choose(probabilities) instead"
CURE_OF_TORCH = (
    f"{CURE}, or, where pgv.adapters.torch.scripted(world) answers it, inside that; a network, whose first weights are "
    "random, is made before the update"
)

NOT_FOUND = "an operator that was not met again"

CURE_OF_JAX = f"{CURE}, or inside pgv.adapters.jax.scripted(world)"


def require_scripted(run: ScriptedProgram, answers: Answers) -> Leaf:
    """Return the first run, of a program in which nothing draws that is not dictated.

    Parameters
    ----------
    run : world -> [d]
    answers : Answers
        Of that run.

    Raises
    ------
    UnscriptedDraw
        Naming the generator and the line that drew.
    """
    line = line_of_jax_draw(run, answers)
    if line is not None:
        raise UnscriptedDraw(f"run drew from jax.random at {line}, which nobody dictated: {CURE_OF_JAX}")
    before = states_of(living_generators())
    with noting_torch_draws() as in_torch, noting_what_is_made() as made:
        leaf = one_run(run, answers)
    if in_torch:
        raise torch_refusal(in_torch[0])
    drawn = [generator for generator, state in (*before, *made) if state is not None and state_of(generator) != state]
    if not drawn:
        return leaf
    line = _line_that_draws(run, answers, [generator for generator, _ in before])
    raise UnscriptedDraw(f"run drew from {described_generator(drawn[0])} at {line}, which nobody dictated: {CURE}")


def torch_refusal(draw: str) -> UnscriptedDraw:
    """Return the refusal of a draw of torch, its operator and its line in words."""
    return UnscriptedDraw(f"run drew from torch's random numbers by {draw}, which nobody dictated: {CURE_OF_TORCH}")


class Watched:
    """The generators that live when a walk begins, with their states: what draws later, on any branch, shows."""

    def __init__(self) -> None:
        self._states = [(g, state) for g, state in states_of(living_generators()) if state is not None]
        self._torch = torch_state()

    def require_untouched(self, run: ScriptedProgram, runs: Iterable[tuple[Leaf, float]]) -> None:
        """Refuse a program some run of which has drawn.

        Parameters
        ----------
        run : world -> [d]
        runs : Leaf, probability
            Its runs, made again to find the one.

        Raises
        ------
        UnscriptedDraw
            Naming the generator, and the line where that is found.
        """
        touched = self._touched()
        if not touched and self._torch == torch_state():
            return
        if not touched:
            raise _torch_on_one_branch(run, runs)
        what = described_generator(touched[0])
        line = "a line that was not found again"
        watched = [generator for generator, _ in self._states]
        last = states_of(touched)
        for leaf, _ in islice(runs, SEARCHED):
            if any(state_of(generator) != state for generator, state in last):
                line = _line_that_draws(run, _Again(leaf.draws), watched)
                break
            last = states_of(touched)
        raise UnscriptedDraw(f"run drew from {what} at {line}, on one branch, which nobody dictated: {CURE}")

    def _touched(self) -> list[Any]:
        return [generator for generator, state in self._states if state_of(generator) != state]


class MadeGenerators:
    """The generators that runs make, looked at after each: one that draws on one branch only shows there.

    Parameters
    ----------
    made : list of (generator, its first state)
        Which grows as runs make some, as that of `noting_what_is_made`; it is emptied after each run.
    """

    def __init__(self, made: list[tuple[Any, Any]] | None = None) -> None:
        self._made = [] if made is None else made

    def forget(self) -> None:
        """Leave out what runs before have made: of which it was is not known."""
        self._made.clear()

    def require_untouched(self, run: ScriptedProgram, leaf: Leaf) -> None:
        """Refuse a program whose last run has drawn from what it made.

        Parameters
        ----------
        run : world -> [d]
        leaf : Leaf
            That run, which is made again to find the line.

        Raises
        ------
        UnscriptedDraw
        """
        if not self._made:
            return
        drawn = [generator for generator, state in self._made if state is not None and state_of(generator) != state]
        self._made.clear()
        if drawn:
            what = described_generator(drawn[0])
            line = _line_that_draws(run, _Again(leaf.draws), [])
            raise UnscriptedDraw(
                f"run made and drew from {what} at {line}, on one branch, which nobody dictated: {CURE}"
            )


def _torch_on_one_branch(run: ScriptedProgram, runs: Iterable[tuple[Leaf, float]]) -> UnscriptedDraw:
    """Return the refusal of a draw of torch's own generator, by runs that are made again to find the one."""
    before = torch_state()
    for leaf, _ in islice(runs, SEARCHED):
        if torch_state() != before:
            with noting_torch_draws() as in_torch, contextlib.suppress(Exception):
                one_run(run, _Again(leaf.draws))
            return torch_refusal(f"{in_torch[0]}, on one branch" if in_torch else NOT_FOUND)
        before = torch_state()
    return torch_refusal(NOT_FOUND)


@dataclass(frozen=True)
class _Again:
    """Answers of a run that is made again.

    Attributes
    ----------
    draws : tuple of Choice
    """

    draws: tuple[Choice, ...]

    def __call__(self, count: int, place: str, site: int, probabilities: Any) -> int:  # noqa: ARG002
        """Return the index that is dictated."""
        return self.draws[count].index if count < len(self.draws) else 0


def _line_that_draws(run: ScriptedProgram, answers: Answers, generators: list[Any]) -> str:
    """Return the first line after which a generator is in another state, by a run that is looked at line by line."""
    with noting_what_is_made() as made, _tracing(generators, made) as found, contextlib.suppress(Exception):
        one_run(run, answers)
    return found[0] if found else "a line of compiled code"


@contextlib.contextmanager
def _tracing(generators: list[Any], made: list[tuple[Any, Any]]) -> Iterator[list[str]]:
    watched = [(generator, state) for generator, state in states_of(generators) if state is not None]
    found: list[str] = []
    last = ["the first line"]

    def look(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001 — as sys.settrace calls it
        if not found:
            if any(state_of(generator) != state for generator, state in (*watched, *made)):
                found.append(last[0])
            else:
                last[0] = _line_to_name(frame.f_back if event == "return" else frame) or last[0]
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield found
    finally:
        sys.settrace(before)
        if not found and any(state_of(g) != state for g, state in (*watched, *made)):
            found.append(last[0])


def _line_to_name(frame: FrameType | None) -> str:
    """Return the line of a frame, or of the first around it that is neither ours nor a library of numbers."""
    while frame is not None and frame.f_code.co_filename.startswith(NOT_NAMED):
        frame = frame.f_back
    return "" if frame is None else described_line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
