"""What a call of somebody's function gave: a value that can be judged, or a failure in its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from jaxtyping import Float

from pgverify.checking.calling.significant_bits import OF_DOUBLE
from pgverify.validation import Array

Notes: TypeAlias = Mapping[str, str]
"""What was noticed beside the value, by kind: the sentence names the first input on which it was."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array that can be judged.

    Attributes
    ----------
    array : [n, d], [d] or [n, T], float64
    notes : mapping of kind to sentence
        Mutated input, prints, global random numbers, integers.
    single : bool
        Whether the array came in, or is representable in, single precision.
    telling : bool
        Whether single precision says something: numbers such as 0, 1/2 and 3/4 are representable in any.
    bits : int
        Significant bits of the longest number, 0 where all are zero: see `significant_bits`.
    """

    array: Float[Array, "*shape"]
    notes: Notes = field(default_factory=dict)
    single: bool = False
    telling: bool = False
    bits: int = OF_DOUBLE


@dataclass(frozen=True, eq=False)
class Failure:
    """Why there is no value.

    Attributes
    ----------
    happened : str
        What the function did, as it follows "it": "raised ValueError: no".
    batch : str
        On which batch, as one would type it.
    examined : bool
        Whether an array came back, which was found wanting.
    timed_out : bool
        Whether the time limit ended the call.
    notes : mapping of kind to sentence
    seconds : float
        Processor time that it took to fail.
    """

    happened: str
    batch: str
    examined: bool = False
    timed_out: bool = False
    notes: Notes = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.happened}{',' if self.examined else ''} on {self.batch}"


Answer: TypeAlias = Value | Failure


def together(earlier: Notes, later: Notes) -> Notes:
    """Return all notes, with the earlier one of each kind."""
    return {**later, **earlier}
