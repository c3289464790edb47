"""Claims about ratios to an old policy: "surrogate(0.2)" as a term of a target, and targets said as objects."""

from __future__ import annotations

import re
from typing import Any

from jaxtyping import Float

from pgverify.errors import InvalidInput
from pgverify.exact.listed_surrogate import sampled_surrogate_gradient
from pgverify.problem import Problem
from pgverify.targets import Entropy, PolicyGradient, Surrogate, Target
from pgverify.targets.target import TargetSum, WeightedTarget
from pgverify.validation import Array

NAME = "surrogate"
CLIPPED = f"{NAME}(0.2)"
"""The claim of `pgv.targets.Surrogate()`, and the clip that most code has; the bare name claims no clip."""

GROUPS = Surrogate().advantages
"""What nobody chose: `pgv.check` has no groups of completions."""

PATTERN = re.compile(r"surrogate\s*(?:\((.*)\))?")


def surrogate_numbers(text: str) -> tuple[float, ...] | None:
    """Return the numbers of "surrogate", "surrogate(ε)", "surrogate(ε_low, ε_high)" or with c of the dual clip.

    None where the text is no such term.

    Raises
    ------
    InvalidInput
        When what stands in the brackets are not one to three numbers.
    """
    found = PATTERN.fullmatch(text.strip())
    if found is None:
        return None
    if found[1] is None:
        return ()
    try:
        numbers = tuple(float(each) for each in found[1].split(","))
    except ValueError:
        numbers = ()
    if not 1 <= len(numbers) <= 3:
        raise InvalidInput(
            f"target {text.strip()!r} must be surrogate, surrogate(0.2), surrogate(0.2, 0.28), or with a dual clip "
            "surrogate(0.2, 0.2, 3)"
        )
    return numbers


def surrogate_vector(problem: Problem, numbers: tuple[float, ...]) -> Float[Array, "d"] | None:
    """Return what the claim stands for on a problem; None where it cannot be had."""
    return sampled_surrogate_gradient(problem, clip_of(numbers), numbers[2] if len(numbers) == 3 else None)


def clip_of(numbers: tuple[float, ...]) -> tuple[float, float] | None:
    """Return ε_low and ε_high of the numbers of a claim."""
    return (numbers[0], numbers[min(1, len(numbers) - 1)]) if numbers else None


def claim_of_target(target: Any) -> Any:
    """Return the text of a target that is said as an object; anything else as it is.

    Raises
    ------
    InvalidInput
        When the target belongs to groups of completions.
    """
    if not isinstance(target, Target):
        return target
    terms = target.terms if isinstance(target, TargetSum) else (WeightedTarget(1.0, target),)
    return " + ".join(_text(term) for term in terms)


def _text(term: WeightedTarget) -> str:
    match term.target:
        case PolicyGradient() if term.weight == 1.0:
            return "policy_gradient"
        case Surrogate() as one if term.weight == 1.0:
            return _surrogate_text(one)
        case Entropy(coefficient=coefficient):
            return f"entropy_bonus({term.weight * coefficient!r})"
    raise InvalidInput(
        f"target {term.weight:g} × {term.target.formula} is one of groups of completions: pgv.check_lm judges it; "
        "pgv.check takes PolicyGradient(), Surrogate(clip) and Entropy(β), and sums of them"
    )


def _surrogate_text(one: Surrogate) -> str:
    if one.advantages != GROUPS:
        raise InvalidInput(
            f"advantages is {one.advantages!r}, which belongs to groups of completions: pgv.check_lm judges it; leave "
            "it out for pgv.check, whose A is G_t − V(s_t)"
        )
    if one.clip is None:
        if one.dual is not None:
            raise InvalidInput(
                f"dual is {one.dual!r} and clip is None, pgv.check takes a dual clip beside a clip: give it"
            )
        return NAME
    low, high = one.clip if isinstance(one.clip, tuple) else (one.clip, one.clip)
    return f"{NAME}({low!r}, {high!r}" + (")" if one.dual is None else f", {one.dual!r})")
