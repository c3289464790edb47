"""Works measured in turns: the middle of the ratios of neighbours, which a busy machine slows alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

Work = Callable[[np.ndarray], object]
"""What is done at one vector of parameters."""

REST = 0.002
"""Seconds of sleep before each block: threads of a library that wait in a loop would be counted with the next."""


@dataclass(frozen=True)
class Measured:
    """What one work took, beside ours.

    Attributes
    ----------
    line, work : str
    unit : str
    taken : float
        The middle of all turns, in that unit.
    ratio : float
        The middle of (its time / ours in the same turn): how many times as long it takes.
    """

    line: str
    work: str
    unit: str
    taken: float
    ratio: float


def in_turns(
    line: str,
    unit: str,
    scale: Mapping[str, float],
    works: Mapping[str, Work],
    parameters: Sequence[np.ndarray],
    block: int,
    clock: Callable[[], int] = time.process_time_ns,
) -> list[Measured]:
    """Measure works in turns, each on the same parameters; the first is ours.

    Parameters
    ----------
    line : str
    unit : str
    scale : {work: float}
        How many units a nanosecond of one call is.
    works : {name: function of the parameters}
    parameters : of equal length, new ones for every call
    block : int
        Calls that are timed together.
    clock : function () -> nanoseconds
        Of the processor, by default.
    """
    for work in works.values():
        work(parameters[0])  # what is compiled or built once is not what is measured
    taken: dict[str, list[float]] = {name: [] for name in works}
    for first in range(0, len(parameters) - block + 1, block):
        for name, work in works.items():
            time.sleep(REST)
            start = clock()
            for theta in parameters[first : first + block]:
                work(theta)
            taken[name].append((clock() - start) / block * scale[name])
    ours = next(iter(taken.values()))
    return [
        Measured(line, name, unit, median(turns), median(b / a for a, b in zip(ours, turns, strict=True)))
        for name, turns in taken.items()
    ]
