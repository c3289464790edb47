"""The world of one run: it answers draws as they are dictated, and remembers them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from pgverify.choices.normal_nodes import MOST_NODES, NODES, normal_nodes
from pgverify.choices.option_probabilities import option_probabilities
from pgverify.choices.whereabouts_of_draws import calling_line
from pgverify.errors import InvalidChoice, InvalidInput, InvalidRun
from pgverify.kinds import known_arguments
from pgverify.validation import Array, require_integer

MOST_DRAWS = 100_000
"""Draws in one run: a program that draws until it is told to stop is told so."""


@dataclass(frozen=True, eq=False)
class Choice:
    """One draw of a run.

    Attributes
    ----------
    place : str
        The line that drew.
    site : int
        Stands for that line and the calls that led to it.
    probabilities : [k]
        Of its options.
    index : int
        The option that was dictated.
    """

    place: str
    site: int
    probabilities: Float[Array, "k"]
    index: int

    @property
    def options(self) -> list[int]:
        """The options that can happen."""
        return [index for index, chance in enumerate(self.probabilities) if chance > 0.0]

    def __str__(self) -> str:
        return f"{self.index} of {len(self.probabilities)} at {self.place}"


Answers = Callable[[int, str, int, Float[Array, "k"]], int]
"""(number of the draw, place, site, probabilities [k]) -> the index that is dictated."""


@known_arguments
class World:
    """What a scripted program draws from: every draw is a call of `choose`.

    A refusal is remembered, so that a program which catches everything cannot hide it.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._draws: list[Choice] = []
        self._refusal: InvalidInput | None = None
        self._thread = threading.get_ident()
        self._open = True
        self._fewer = 0
        self._normals = 0
        self._remarks: dict[str, None] = {}
        self._kept: dict[Any, Any] = {}

    def choose(self, probabilities: Any) -> int:
        """Return the index of one option; every option with a probability above zero comes in some run.

        Parameters
        ----------
        probabilities : [k]
            Sum 1.

        Raises
        ------
        InvalidChoice
            When they are no probabilities, and when the run is over or another thread asks.
        """
        place, site = calling_line()
        try:
            if not self._open:
                raise InvalidChoice(
                    f"the draw at {place} comes after the end of its run: draw from the run's own world"
                )
            if threading.get_ident() != self._thread:
                raise InvalidChoice(
                    f"the draw at {place} is another thread's: the order of draws must be the program's"
                )
            if len(self._draws) >= MOST_DRAWS:
                raise InvalidRun(f"run drew {MOST_DRAWS:,} times and went on at {place}: a run must end")
            weights = option_probabilities(probabilities, place)
            index = self._answers(len(self._draws), place, site, weights)
        except InvalidInput as refusal:
            self.refuse(refusal)
            raise
        self._draws.append(Choice(place, site, weights, index))
        return index

    def normal(self, nodes: int = NODES) -> float:
        """Return a number that stands for one of N(0, 1): a node of Gauss–Hermite quadrature, by its weight.

        Expectations are those of a polynomial that goes through the nodes: exact up to degree 2·nodes − 1, good where
        what is done with the number is smooth. `expectation` runs on fewer nodes as well, and says how far apart it is.

        Parameters
        ----------
        nodes : int
            From 1 to 64.

        Raises
        ------
        InvalidChoice
            As `choose`.
        """
        count = require_integer("nodes", nodes, 1, InvalidChoice, largest=MOST_NODES)
        places, weights = normal_nodes(max(count - self._fewer, 1))
        self._normals += 1
        return float(places[self.choose(weights)])

    @property
    def normals(self) -> int:
        """How many normal numbers were drawn so far."""
        return self._normals

    def use_fewer_nodes(self, fewer: int) -> None:
        """Let every normal number have fewer nodes from here on."""
        self._fewer = fewer

    @property
    def draws(self) -> Sequence[Choice]:
        """What was drawn so far, in order."""
        return tuple(self._draws)

    @property
    def kept(self) -> dict[Any, Any]:
        """What libraries that are scripted remember of this run, such as the seeds that were given."""
        return self._kept

    def remark(self, text: str) -> None:
        """Remember what should be said of this run, which can be judged all the same."""
        self._remarks[text] = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What should be said of this run."""
        return tuple(self._remarks)

    def refuse(self, reason: InvalidInput) -> None:
        """Remember why this run cannot be judged; the first reason counts."""
        self._refusal = self._refusal or reason

    def close(self) -> None:
        """End the run, and raise what was refused in it.

        Raises
        ------
        InvalidInput
            The first refusal, whatever the program made of it.
        """
        self._open = False
        if self._refusal is not None:
            raise self._refusal
