"""Updates that are differences of weights in single precision: how much of them the weights' own rounding has taken."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.checking.agents.agent_run import AgentRun
from pgverify.checking.agents.expected_update import ExpectedUpdate
from pgverify.choices.idle_draws import AtRandom
from pgverify.choices.one_run import one_run
from pgverify.errors import InvalidInput
from pgverify.validation import Array

RUNS = 12
"""Runs on each problem whose values are looked at."""

NUMBERS = 8
"""Different numbers that must all be whole multiples of one spacing: by chance they are not."""

MULTIPLES = 100_000
"""Most spacings in a number: of more, single precision itself does not tell whether they are a whole number."""

OFF = 0.02
"""How far a multiple may be from a whole number: what the division by the learning rate rounds."""

MOST = 1e-2
"""Relative to an update: a coarser spacing is that of what few values a problem has, not of rounding."""


def weight_rounding(updates: Sequence[ExpectedUpdate], runs: Sequence[AgentRun]) -> float:
    """Return the most that rounding of weights in single precision moved a mean, relative to E max|update|; 0 if none.

    (θ' − θ)/α of weights θ of single precision is a whole multiple of the spacing of numbers at θ, over α: with
    θ = 1 and α = 1e-3 a number is known to 6e-5, whatever was exact before. α is not known: it is that for which all
    numbers of a dozen runs are whole multiples; none is where updates were no such differences.

    Parameters
    ----------
    updates : one a problem
    runs : one a problem
    """
    chance = random.Random(2)
    numbers: list[Float[Array, "_"]] = []
    widest = max(float(_spacing(update).max()) for update in updates)
    for update, run in zip(updates, runs, strict=True):
        spaced = _spacing(update)
        large = spaced >= widest / 4.0  # numbers of many spacings tell nothing
        try:
            numbers += [one_run(run, AtRandom(chance)).value[large] / spaced[large] for _ in range(RUNS)]
        except InvalidInput:  # such as a run that took too long this time: what was found before stays as it is
            return 0.0
    unit = _common_unit(np.concatenate(numbers))
    rounding = (
        0.5
        * unit
        * max((float(_spacing(one).max()) / one.found.scale for one in updates if one.found.scale), default=0.0)
    )
    return rounding if rounding <= MOST else 0.0


def told_rounding(rounding: float) -> list[str]:
    """Return, as a warning, what rounding of weights has taken, and what would take less; nothing where there is none.

    Parameters
    ----------
    rounding : float
        As `weight_rounding` returns it.
    """
    if rounding == 0.0:
        return []
    return [
        f"the update is a difference of weights in single precision, whose rounding is up to {rounding:.2g} of an "
        "update: return the gradient, or raise the learning rate, or keep the weights in float64"
    ]


def _spacing(update: ExpectedUpdate) -> Float[Array, "d"]:
    """Return the distance to the next number of single precision at each parameter."""
    return np.asarray(np.spacing(np.abs(update.entry.problem.policy.parameters).astype(np.float32)), dtype=np.float64)


def _common_unit(numbers: Float[Array, "_"]) -> float:
    """Return the largest unit of which all numbers are whole multiples; 0 where there is none.

    Where a weight falls below a power of two, the numbers are twice as dense: a unit of which most are even multiples
    is half of the one that rounds them.
    """
    sizes = np.unique(np.abs(numbers[numbers != 0.0]))
    if sizes.size == 0:
        return 0.0
    sizes = sizes[np.concatenate([[True], np.diff(sizes) > 1e-6 * sizes[:-1]])]
    if sizes.size < NUMBERS:
        return 0.0
    ratios = sizes[: 2 * NUMBERS] / sizes[0]
    wholes = np.arange(1, int(MULTIPLES / ratios[-1]) + 1)
    multiples = wholes[:, None] * ratios
    fits = np.flatnonzero((np.abs(multiples - np.rint(multiples)) <= OFF).all(axis=1))
    if fits.size == 0:
        return 0.0
    unit = float(sizes[0]) / int(wholes[fits[0]])
    even = np.rint(sizes[sizes <= MULTIPLES * unit] / unit) % 2.0 == 0.0
    return 2.0 * unit if even.mean() > 0.75 else unit
