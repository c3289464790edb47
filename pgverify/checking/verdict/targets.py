"""What an implementation may claim to estimate: named vectors, each computed exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.bonus import LARGEST
from pgverify.bugs import ENTRIES, Bug
from pgverify.bugs import TARGETS as CATALOGUED
from pgverify.checking.exhaustive.bootstrapped import Bootstrapped
from pgverify.checking.exhaustive.catalogue_means import known_mean
from pgverify.checking.verdict.bonus_terms import BONUS_TERMS, entropy_bonus
from pgverify.checking.verdict.estimated_targets import (
    ESTIMATED,
    claim_of_estimator,
    estimated_vector,
    estimator_of,
)
from pgverify.checking.verdict.first_terms import discount_dropped, policy_gradient
from pgverify.checking.verdict.surrogate_terms import NAME as SURROGATE
from pgverify.checking.verdict.surrogate_terms import claim_of_target, surrogate_numbers, surrogate_vector
from pgverify.collected_problem import CollectedProblem
from pgverify.errors import InvalidInput, unknown_name
from pgverify.policies.steps import remembers
from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array, require_number


def undiscounted_policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return the gradient of the undiscounted return E Σ_t r_t of the same episodes."""
    return policy_gradient(without_discount(problem))


def entropy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) ∇H(π(·|s)), with the states held where the policy leads: `entropy_bonus` at β = 1."""
    return entropy_bonus(problem, 1.0)


def without_discount(problem: Problem) -> Problem:
    """Return the problem of the same episodes with γ = 1."""
    objective: Any = problem.objective
    return replace(problem, objective=replace(objective, discount=1.0))


CLOSED_FORMS: Mapping[str, Callable[[Problem], Float[Array, "d"]]] = MappingProxyType(
    {
        "policy_gradient": policy_gradient,
        "discount_dropped": discount_dropped,
        "undiscounted_policy_gradient": undiscounted_policy_gradient,
        "entropy_gradient": entropy_gradient,
    }
)
"""Targets with a formula of their own."""

TARGETS: tuple[str, ...] = tuple(dict.fromkeys((*CLOSED_FORMS, *CATALOGUED)))
"""All names: those, and the targets of the catalogue, defined by its correct implementations."""

FITS = 1e-8
"""Relative: a correct implementation of the catalogue that is further from its target was not made for such data."""

TERM = re.compile(r"\s*(\w+)\s*(?:\(\s*([-+.\w][-+.\w,\s]*?)\s*\))?\s*")
"""A name, or one with a coefficient, or with several numbers."""


@dataclass(frozen=True)
class TargetTerm:
    """One summand of a claim: the name of a target, the β of a bonus, the numbers of an estimator or a surrogate."""

    name: str
    coefficient: float | None = None
    numbers: tuple[float, ...] = ()


def claim_of(target: Any) -> Any:
    """Return the text of a claim that was made as an object, an estimator or one of `pgv.targets`; else what was given.

    Raises
    ------
    InvalidInput
        When the object says more than a text holds, or belongs to groups of completions.
    """
    return claim_of_estimator(claim_of_target(target))


@lru_cache(maxsize=256)
def target_terms(claim: str) -> tuple[TargetTerm, ...]:
    """Return the terms of a claim: "policy_gradient", "gpomdp(0.9)", or a sum "surrogate(0.2) + entropy_bonus(0.01)".

    Raises
    ------
    UnknownName
        Listing the nearest targets.
    InvalidInput
        When a coefficient is no number, given to a target that has none, or out of the range of an estimator.
    """
    terms = []
    for text in re.split(r"\+(?![^(]*\))", claim):
        numbers = surrogate_numbers(text)
        if numbers is not None:
            terms.append(TargetTerm(SURROGATE, numbers=numbers))
            continue
        found = TERM.fullmatch(text)
        name = found[1] if found else text.strip()
        if name not in (*TARGETS, *BONUS_TERMS, *ESTIMATED):
            raise unknown_name("target", name, (*TARGETS, *BONUS_TERMS, *ESTIMATED, SURROGATE))
        given = found[2] if found else None
        if name in ESTIMATED:
            numbers = () if given is None else tuple(_number(one, text.strip()) for one in given.split(","))
            estimator_of(name, numbers)
            terms.append(TargetTerm(name, numbers=numbers))
            continue
        if given is not None and name not in BONUS_TERMS:
            takers = f"{', '.join(BONUS_TERMS)} take one, and the estimators their numbers"
            raise InvalidInput(f"target {text.strip()!r} has a coefficient, only {takers}")
        terms.append(TargetTerm(name, None if given is None else _number(given, text.strip())))
    return tuple(terms)


def _number(text: str, term: str) -> float:
    try:
        return require_number("coefficient", float(text), -LARGEST, LARGEST, InvalidInput)
    except ValueError:
        raise InvalidInput(f"target {term!r} has the coefficient {text!r}, must be a finite number") from None


def smallest_batch(claim: str) -> int:
    """Return the smallest batch for which a target is defined: above 1 where it belongs to groups of trajectories."""
    return max(_smallest(term.name) for term in target_terms(claim))


def _smallest(name: str) -> int:
    if name in (*CLOSED_FORMS, *BONUS_TERMS, *ESTIMATED, SURROGATE):
        return 1
    return min((bug.batch_size for bug in _definitions(name)), default=1)


def target_vector(claim: str, problem: Problem, batch_size: int = 1) -> Float[Array, "d"] | None:
    """Return what is claimed, on a finite-horizon problem.

    None where it cannot be had: batches too many to list, or a definition that does not fit the problem.

    Parameters
    ----------
    claim : str
        One of `TARGETS`, a bonus term, an estimator, or a sum of them: see `target_terms`.
    problem : Problem
    batch_size : int
        For targets that depend on it.

    Raises
    ------
    UnknownName
        Listing the nearest targets.
    """
    total: Float[Array, "d"] | None = None
    for term in target_terms(claim):
        vector = _vector(term, problem, batch_size)
        if vector is None:
            return None
        total = vector if total is None else total + vector
    return total


def _vector(term: TargetTerm, problem: Problem, batch_size: int) -> Float[Array, "d"] | None:
    if remembers(problem.policy) and term.name in (*BONUS_TERMS, "entropy_gradient"):
        return None  # states do not say which distribution an entropy is of
    if term.name == SURROGATE:
        return surrogate_vector(problem, term.numbers)
    if term.name in BONUS_TERMS:
        return BONUS_TERMS[term.name](problem, term.coefficient)
    if term.name == "undiscounted_policy_gradient" and not isinstance(problem.objective, FiniteHorizon):
        return None  # without a discount and without an end there is no return
    if term.name in ESTIMATED:
        return estimated_vector(term.name, term.numbers, problem, batch_size)
    if term.name in CLOSED_FORMS:
        return CLOSED_FORMS[term.name](problem)
    if isinstance(problem, CollectedProblem):
        return None  # implementations of the catalogue define targets of whole episodes
    for bug in _definitions(term.name):
        vector = mean_of(bug, "correct", problem, batch_size if bug.batch_size > 1 else 1)
        if vector is not None:
            return vector
    return None


def mean_of(bug: Bug, which: str, problem: Problem, batch_size: int) -> Float[Array, "d"] | None:
    """Return the exact expectation of a bug's "implementation" or "correct"; None where it does not fit the problem.

    On data that are cut, or somebody else's, only entries fit whose correct implementation is right there: as it is, or
    with the value of what follows a cut for a last reward.
    """
    if not isinstance(problem, CollectedProblem):
        return _mean(bug, which, problem, batch_size)
    known = bug.target in CLOSED_FORMS or surrogate_numbers(bug.target) is not None
    aim = target_vector(bug.target, problem, batch_size) if known else None
    if aim is None:
        return None
    whole = replace(bug, correct=Bootstrapped(bug.correct), implementation=Bootstrapped(bug.implementation))
    for form in (bug, whole):
        right = _mean(form, "correct", problem, batch_size)
        if right is not None and np.abs(right - aim).max() <= FITS * np.abs(aim).max():
            return _mean(form, which, problem, batch_size)
    return None


def _mean(bug: Bug, which: str, problem: Problem, batch_size: int) -> Float[Array, "d"] | None:
    alone = bug.batch_size > 1 and batch_size == 1
    try:
        mean = known_mean(getattr(bug, which), problem, batch_size, bug.ordered, alone)
    except Exception:  # an entry for Gaussian policies on a softmax problem: whatever it trips over, it does not apply
        return None
    # One for actions in two dimensions may answer on those in one, with parameters that are not the policy's.
    if mean is None or mean.shape != (len(problem.policy.parameters),):
        return None
    return mean if np.isfinite(mean).all() else None


def _definitions(name: str) -> list[Bug]:
    """Return the entries whose correct implementation estimates a target, those for every problem first."""
    known = [bug for bug in ENTRIES if bug.target == name]
    known += [replace(bug, correct=bug.implementation) for bug in ENTRIES if bug.other_target == name]
    return sorted(known, key=lambda bug: bug.setting is not None)
