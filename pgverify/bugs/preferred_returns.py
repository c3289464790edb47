"""What is better counts for more than it is worth: exponential weights, the best of a batch alone, squares.

With f(R) for R the estimate follows ∇E f(R): of exp(R/τ) that is the gradient of a utility that seeks risk, of R² that
of the second moment. Where what counts is chosen among the returns of a batch, f depends on the own return besides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import (
    NO_THREAD,
    KeptSteps,
    LossChange,
    StepValues,
    entry_of_change,
)
from pgverify.bugs.normalisation import SMALL
from pgverify.bugs.other_returns import Returns, of_batch, of_each
from pgverify.validation import Array

TEMPERATURES = (1.0, 0.5, 0.3, 1.0 / 3.0, 0.25, 0.2, 0.1, 0.05, 2.0, 3.0, 5.0, 10.0)
"""τ, as configurations have it; 1/3 is β = 3 as a factor."""

LARGEST_WEIGHTS = (np.inf, 20.0, 100.0)
"""At which exponential weights are cut."""

MOST_EXPONENT = 700.0
"""exp is finite up to here."""

PERCENTILES = (50.0, 60.0, 70.0, 75.0, 80.0, 90.0, 100.0)
"""Of returns, below which an episode does not count; 100: the best alone."""

Shares = Callable[[Float[Array, "n"]], Float[Array, "n"]]
"""The returns of a batch -> 1 for the episodes that count, 0 for the others."""


def _exponential(temperature: float, largest: float, values: StepValues) -> StepValues:
    return np.minimum(np.exp(np.minimum(values / temperature, MOST_EXPONENT)), largest)


def _of_standardised(largest: float, values: Returns) -> Returns:
    return _exponential(1.0, largest, (values - values.mean()) / (values.std() + SMALL))


def _softmax(temperature: float, number: bool, values: StepValues, mask: KeptSteps) -> StepValues:
    """Return exp(x/τ)/Σ exp(x/τ) over all steps, times the number of rows, of which a mean is taken, or of steps."""
    found = np.zeros_like(values)
    if mask.any():
        raised = np.exp((values[mask] - values[mask].max()) / temperature)
        found[mask] = raised / raised.sum() * (mask.sum() if number else len(mask))
    return found


def _softmax_of_episodes(temperature: float, number: bool, values: Returns) -> Returns:
    raised = np.exp((values - values.max()) / temperature) if len(values) else values
    return raised / raised.sum() * (len(values) if number else 1.0)


def _percentile(percent: float, values: Float[Array, "n"]) -> Float[Array, "n"]:
    return (values >= np.percentile(values, percent)).astype(float)


def _first_of_order(number: Callable[[int], int], last_of_equals: bool, values: Float[Array, "n"]) -> Float[Array, "n"]:
    order = np.argsort(values, kind="stable")[::-1] if last_of_equals else np.argsort(-values, kind="stable")
    found = np.zeros_like(values)
    found[order[: max(number(len(values)), 1)]] = 1.0
    return found


def _elite(chosen: Shares, divided: str, by_return: bool, values: StepValues, mask: KeptSteps) -> StepValues:
    """Return what counts of the episodes that are chosen by their return: 1, or the values; nothing of the others.

    Divided by the number of all, of those chosen, or of their steps.
    """
    if not values.size:
        return values
    kept = chosen(values[:, 0])[:, None]
    number = {"all": float(len(values)), "chosen": kept.sum(), "steps": max(float((kept * mask).sum()), 1.0)}[divided]
    return kept * (values if by_return else 1.0) * mask * (len(values) / number)


def _half_down(count: int) -> int:
    return count // 2


def _half_up(count: int) -> int:
    return (count + 1) // 2


def _fifth(count: int) -> int:
    return count // 5


ELITE_WORDS = "the best episodes of each batch alone"
"""Of how many they are the best is left open: small batches of 70 and of 75 % are the same."""


def _elites(chosen: Shares, ordered: bool) -> tuple[LossChange, ...]:
    """Return the losses of the episodes chosen: their scores, or these by the return, or by what is left to earn."""
    forms = (("", True, False), (", by their returns", True, True), (", by what is left to earn", False, True))
    return tuple(
        LossChange(
            "elite-trajectories-alone",
            ELITE_WORDS + words,
            returns=partial(_elite, chosen, divided, by_return),
            whole=whole,
            coupled=True,
            ordered=ordered,
        )
        for words, whole, by_return in forms
        for divided in ("chosen", "all", "steps")
    )


ELITES: tuple[LossChange, ...] = tuple(
    change
    for chosen, ordered in (
        *((partial(_percentile, percent), False) for percent in PERCENTILES[2:] + PERCENTILES[:2]),
        *(
            (partial(_first_of_order, number, last), True)
            for number in (_half_down, _half_up, _fifth)
            for last in (False, True)
        ),
    )
    for change in _elites(chosen, ordered)
)

EXPONENTIALS: tuple[LossChange, ...] = (
    *(
        change
        for largest in LARGEST_WEIGHTS
        for temperature in TEMPERATURES
        for change in of_each(
            "exponential-weights",
            f"exp(x/{temperature:.4g}) of each return or advantage x",
            partial(_exponential, temperature, largest),
        )[::-1]
    ),
    *(
        change
        for largest in LARGEST_WEIGHTS
        for change in of_batch(
            "exponential-weights", "exp of standardised returns or advantages", partial(_of_standardised, largest)
        )
    ),
    *(
        change
        for temperature in TEMPERATURES
        for number in (True, False)
        for change in (
            of_batch(
                "exponential-weights",
                f"the softmax of returns over {temperature:.4g} in their batch",
                partial(_softmax_of_episodes, temperature, number),
            )[0],
            LossChange(
                "exponential-weights",
                f"the softmax of returns or advantages over {temperature:.4g} in their batch",
                returns=partial(_softmax, temperature, number),
                coupled=True,
            ),
        )
    ),
)

PREFERENCES: tuple[LossChange, ...] = (
    *of_each("return-squared", "the squares of returns or advantages", np.square)[::-1],
    *EXPONENTIALS,
    *ELITES,
)
"""The plainest form of each slug comes first."""

_entry = partial(entry_of_change, PREFERENCES)

EXPONENTIAL_WEIGHTS = _entry(
    148,
    "exponential-weights",
    "Steps are weighted by exp(return/τ), or its softmax in the batch: that is regression towards what was good, and "
    "follows the gradient of E exp(return/τ), which seeks risk.",
    "Weight by the return or the advantage itself, or say that the regression is meant.",
    ("takuseno/d3rlpy#163", "rail-berkeley/rlkit#130",
     "Peng et al., Advantage-weighted regression, 2019, arXiv 1910.00177"),
    "The entry has exp of the return of the episode, τ = 1. Regression on stored data weights so on purpose.",
)  # fmt: skip

ELITE_TRAJECTORIES_ALONE = _entry(
    149,
    "elite-trajectories-alone",
    "Only the best trajectories of the batch count: luck is imitated, what is bad is not avoided, and which are the "
    "best depends on the own return.",
    "Keep all trajectories, weighted by their return less a mean of the others.",
    ("kengz/SLM-Lab#446", "yandexdataschool/Practical_RL#495"),
    "The entry has the mean of those that reach the 70th percentile. The cross-entropy method chooses so on purpose, "
    "and follows no gradient of the return.",
    batch_size=3,
)

RETURN_SQUARED = _entry(
    150,
    "return-squared",
    "Returns or advantages are squared: what is bad counts as if it were good, and the second moment is improved.",
    "Weight by the return or the advantage itself; squares belong to the critic's loss.",
    NO_THREAD,
    "The entry has the return of the episode.",
)
