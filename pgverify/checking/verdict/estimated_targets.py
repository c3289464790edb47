"""Targets that are what an estimator of the package estimates: "gpomdp(0.9)", "v_trace(1, 1)", "capped_importance(2)".

Biased estimators have an expectation of their own. An implementation of one is right where its expectation is the same,
and wrong where it is ∇J only by claim: both can be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify import estimators, exact
from pgverify.checking.exhaustive.catalogue_means import exact_mean
from pgverify.errors import InvalidEstimator, InvalidInput, TooLarge, shown
from pgverify.estimators.facts import Facts
from pgverify.policies.steps import remembers
from pgverify.problem import Problem
from pgverify.validation import Array


def estimators_by_name() -> Mapping[str, Any]:
    """Return the estimators with facts, by the name that these give them."""
    found = [getattr(estimators, public) for public in estimators.__all__]
    return MappingProxyType({one.facts.name: one for one in found if isinstance(getattr(one, "facts", None), Facts)})


ESTIMATED: Mapping[str, Any] = estimators_by_name()
"""Names of targets, and the estimators whose expectation they are."""


def is_number(field: Field[Any]) -> bool:
    """Return whether a field of an estimator is a number, which a target may give."""
    return str(field.type).split(" |")[0] in ("float", "int")


@lru_cache(maxsize=256)
def estimator_of(name: str, numbers: tuple[float, ...]) -> Any:
    """Return the estimator that a target names, with its numbers in the order of its fields.

    Raises
    ------
    InvalidInput
        When there are too many numbers or too few, or one is out of its range.
    """
    made = ESTIMATED[name]
    names = [field.name for field in fields(made) if is_number(field)]
    needed = [field.name for field in fields(made) if field.default is field.default_factory is MISSING]
    given = {key: _whole(number) for key, number in zip(names, numbers, strict=False)}
    if len(numbers) > len(names) or any(key not in given for key in needed):
        takes = ", ".join(names) if names else "no number"
        others = [key for key in needed if key not in names]
        beside = f", and its {others[0]} cannot be given by name: call check(target=...) with another" if others else ""
        raise InvalidInput(f"target {name!r} has {len(numbers)} numbers, must have those of {name}({takes}){beside}")
    return made(**given)


def claim_of_estimator(target: Any) -> Any:
    """Return the name of a target that was given as an estimator; anything else as it is.

    Raises
    ------
    InvalidInput
        When the estimator has something other than numbers that differs from its defaults: a name does not hold that.
    """
    facts = getattr(target, "facts", None)
    if not isinstance(facts, Facts) or isinstance(target, type):
        return target
    numbers: list[float] = []
    left_out = False
    for field in fields(target):
        value = getattr(target, field.name)
        if is_number(field) and value is not None and not left_out:
            numbers.append(value)
        elif is_number(field) and value is None:
            left_out = True  # numbers are told apart by their places
        elif repr(value) != repr(_default(field)):
            raise InvalidInput(
                f"target is {shown(target)}, must differ from its defaults in numbers alone: {field.name} has no place "
                "in the name of a target"
            )
    return f"{facts.name}({', '.join(f'{number!r}' for number in numbers)})" if numbers else facts.name


def estimated_vector(name: str, numbers: tuple[float, ...], problem: Problem, batch_size: int) -> Array | None:
    """Return the exact expectation of an estimator on a problem [d]; None where it cannot be had.

    By its recursion, or by listing where it has none.
    """
    if remembers(problem.policy):
        return None
    estimator = estimator_of(name, numbers)
    try:
        found: Float[Array, "d"] = exact.batch_moments(estimator, problem, batch_size, "full").mean
    except (InvalidEstimator, TooLarge):
        listed = exact_mean(estimator, problem, batch_size, alone=True)
        return listed if listed is not None and np.isfinite(listed).all() else None
    return found


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _whole(number: float) -> float:
    """Return an integer where a number is one: steps are counted in these."""
    return int(number) if float(number).is_integer() else number
