"""What the table of estimators says of each: every class states it itself, beside its equation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgverify.estimators.protocol import Estimator
from pgverify.problem import Problem


@dataclass(frozen=True)
class Facts:
    """One row of the table, as the estimator's own file states it.

    Attributes
    ----------
    name : str
        Under which `check(target="name(…)")` knows the expectation, with the estimator's numbers in their order.
    expectation : str
        What it estimates, as a formula.
    assumptions : str
        What that holds under.
    source : str
    example : Problem -> estimator
        One that fits a problem.
    unbiased : bool
        Whether the example's expectation is ∇J on every problem with a horizon, whoever acts.
    """

    name: str
    expectation: str
    assumptions: str
    source: str
    example: Callable[[Problem], Estimator]
    unbiased: bool = True
