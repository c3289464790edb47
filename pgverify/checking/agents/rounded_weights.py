"""Updates that are differences of weights in single precision: how much of them the weights' own rounding has taken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.agents.agent_run import AgentRun
from pgverify.checking.agents.expected_update import ExpectedUpdate
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
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
"""Relative to an update: a coarser spacing may be that of what few values a problem has."""

REPEATS = 4
"""Of fewer different numbers there must be so many times more: weights that move by few steps of single precision make
them, and the smallest is so many steps at most."""

UNROUNDED = "return the gradient, or raise the learning rate, or keep the weights in float64"
"""What would leave no rounding."""

SMALLEST_RATE = 1e-13
"""A learning rate below is none: what looks like one is a spacing of something else."""

ALIKE = 1e-3
"""Numbers that differ by less have one size, as in the first step of Adam: no rounding made them so."""


def tried_values(updates: Sequence[ExpectedUpdate], runs: Sequence[AgentRun]) -> list[list[Float[Array, "d"]]]:
    """Return what a dozen runs of each problem return, their draws at random; nothing where one of them fails.

    Parameters
    ----------
    updates : one a problem
    runs : one a problem
    """
    chance = random.Random(2)
    try:
        return [
            [one_run(run, AtRandom(chance)).value for _ in range(RUNS)] for _, run in zip(updates, runs, strict=True)
        ]
    except InvalidInput:  # such as a run that took too long this time: what was found before stays as it is
        return []


def weight_rounding(updates: Sequence[ExpectedUpdate], tried: Sequence[Sequence[Float[Array, "d"]]]) -> float:
    """Return the most that rounding of weights in single precision moved a mean, relative to E max|update|; 0 if none.

    (θ' − θ)/α of weights θ of single precision is a whole multiple of the spacing of numbers at θ, over α: with
    θ = 1 and α = 1e-3 a number is known to 6e-5, whatever was exact before. α is not known: it is that for which all
    numbers of a dozen runs are whole multiples; none is where updates were no such differences.

    Parameters
    ----------
    updates : one a problem
    tried : one a problem
        As `tried_values` returns them.
    """
    if not tried:
        return 0.0
    numbers: list[Float[Array, "_"]] = []
    sizes: list[Float[Array, "_"]] = []
    widest = max(float(_spacing(update).max()) for update in updates)
    for update, values in zip(updates, tried, strict=True):
        spaced = _spacing(update)
        large = spaced >= widest / 4.0  # numbers of many spacings tell nothing
        numbers += [value[large] / spaced[large] for value in values]
        sizes += [np.abs(value[value != 0.0]) for value in values]
    unit = _common_unit(np.concatenate(numbers))
    rounding = (
        0.5
        * unit
        * max((float(_spacing(one).max()) / one.found.scale for one in updates if one.found.scale), default=0.0)
    )
    coarse = rounding > MOST and not (unit * SMALLEST_RATE <= 1.0 and _generic(updates, np.concatenate(sizes)))
    return 0.0 if coarse else rounding


def _generic(updates: Sequence[ExpectedUpdate], sizes: Float[Array, "_"]) -> bool:
    """Return whether numbers would be of all sizes but for rounding.

    They are not where policies take all actions alike, whose scores are fractions; nor where all have one size.
    """
    tables = [update.entry.problem.policy.probabilities() for update in updates]
    apart = any(float(np.ptp(row[row > 0.0])) > ALIKE for table in tables for row in np.abs(table))
    return apart and float(np.ptp(sizes)) > ALIKE * float(sizes.max())


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
        f"update: {UNROUNDED}"
    ]


def unrounded(report: Report, rounding: float) -> Report:
    """Return the report on updates that are rounded so far: that nothing is left of them is no finding.

    Parameters
    ----------
    report : Report
    rounding : float
        As `weight_rounding` returns it.
    """
    if report.outcome is Outcome.NO_SIGNAL and rounding > MOST:
        why = "what is left of the updates by the rounding of weights in single precision is too little to judge"
        return replace(
            report, outcome=Outcome.INCONCLUSIVE, explanation=why, matches=(), diagnosis=None, next_step=UNROUNDED
        )
    return replace(report, next_step=UNROUNDED) if report.outcome is Outcome.INCONCLUSIVE else report


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
    few = sizes.size < NUMBERS
    if few and np.count_nonzero(numbers) < REPEATS * max(sizes.size, 2):
        return 0.0
    ratios = sizes[: 2 * NUMBERS] / sizes[0]
    wholes = np.arange(1, 1 + (REPEATS if few else int(MULTIPLES / ratios[-1])))
    multiples = wholes[:, None] * ratios
    fits = np.flatnonzero((np.abs(multiples - np.rint(multiples)) <= OFF).all(axis=1))
    if fits.size == 0:
        return 0.0
    unit = float(sizes[0]) / int(wholes[fits[0]])
    even = np.rint(sizes[sizes <= MULTIPLES * unit] / unit) % 2.0 == 0.0
    return 2.0 * unit if even.mean() > 0.75 else unit
