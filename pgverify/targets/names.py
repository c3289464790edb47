"""Targets by name: strings are shorthand for their defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pgverify.errors import InvalidInput, unknown_name
from pgverify.kinds import accepts, described
from pgverify.targets.divergences import SequenceKL, StateKL
from pgverify.targets.entropy import StateEntropy
from pgverify.targets.group_std import GroupStd
from pgverify.targets.lengths import LengthBonus, LengthNormalised
from pgverify.targets.policy_gradient import PolicyGradient
from pgverify.targets.surrogate import Surrogate
from pgverify.targets.target import Target

SHORTHAND: Mapping[str, Callable[..., Target]] = MappingProxyType(
    {
        "policy_gradient": PolicyGradient,
        "surrogate": Surrogate,
        "sequence_kl": SequenceKL,
        "state_kl": StateKL,
        "entropy": StateEntropy,
        "length_normalised": LengthNormalised,
        "length_bonus": LengthBonus,
        "group_std": GroupStd,
    }
)
"""What a string stands for."""

WITH_COEFFICIENT = ("sequence_kl", "state_kl", "entropy", "length_bonus")
TERM = re.compile(r"\s*(\w+)\s*(?:\(\s*([-+.\w]+)\s*\))?\s*")


@accepts()
def target_of(claim: Any) -> Target:
    """Return the target that is meant: itself, or what a string such as "policy_gradient + sequence_kl(0.1)" says.

    Raises
    ------
    UnknownName
        Listing the nearest names.
    InvalidInput
        For what is no target, or a coefficient that is no number.
    """
    if isinstance(claim, Target):
        return claim
    if not isinstance(claim, str):
        raise InvalidInput(
            f"target is {described(claim)}, must be a target, such as pgv.targets.Surrogate(clip=0.2), or the name of "
            f"one: {', '.join(SHORTHAND)}"
        )
    total: Target | None = None
    for text in re.split(r"\+(?![^(]*\))", claim):
        found = TERM.fullmatch(text)
        name = found[1] if found else text.strip()
        if name not in SHORTHAND:
            raise unknown_name("target", name, SHORTHAND)
        given = found[2] if found else None
        one = SHORTHAND[name](*([] if given is None else [_number(name, given)]))
        total = one if total is None else total + one
    return total if total is not None else PolicyGradient()


def _number(name: str, given: str) -> float:
    if name not in WITH_COEFFICIENT:
        raise InvalidInput(f"target {name}({given}) has a coefficient, only {', '.join(WITH_COEFFICIENT)} take one")
    try:
        return float(given)
    except ValueError:
        raise InvalidInput(f"target {name}({given}) has the coefficient {given!r}, must be a number") from None
