"""Names for expected updates of agents that learn from windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.equal_advantages import left_to_rounding, nearest
from pgverify.checking.agents.window_faults import FAULTS, WindowFault
from pgverify.checking.agents.window_limit_faults import LIMIT_FAULTS
from pgverify.checking.agents.window_ratio_faults import RATIO_FAULTS
from pgverify.checking.agents.window_recursion_faults import RECURSION_FAULTS
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision, common_factor, deviation
from pgverify.checking.verdict.scale_laws import fitted_law
from pgverify.validation import Array

KNOWN = (*FAULTS, *RECURSION_FAULTS, *RATIO_FAULTS, *LIMIT_FAULTS)
"""Faults that have a name."""

OF_A_RATIO = frozenset({"ratio-inverted-and-differentiated"})
"""Faults that are others where the ratio is 1: an agent that has no ratio cannot have made them."""

PLAINER = MappingProxyType({"bootstrap-missing": "critic-ignored"})
"""Two faults that are the same where λ = 1, V being no more than a baseline then: the second one is not named."""


DOWNHILL = "window-sign-reversed"

DOWN = f" + {DOWNHILL}"
"""After the name of a fault whose update, besides, goes the other way."""


def window_matches(evidence: Sequence[TargetComparison], precision: Precision, window: Window) -> tuple[Match, ...]:
    """Return the faults whose expected update is that found on every problem; else those that it is a multiple of."""
    weighs = window.acting is not None or window.clip is not None
    possible = [fault for fault in KNOWN if weighs or fault.slug not in OF_A_RATIO]
    made = [(fault.slug, _updates(fault, evidence, precision, window)) for fault in possible]
    for sign, multiples in ((1.0, False), (-1.0, False), (1.0, True)):
        found = [match for slug, means in made if (match := _match(slug, means, evidence, precision, sign, multiples))]
        lesser = {PLAINER.get(match.slug) for match in found} & {match.slug for match in found}
        kept = [match for match in found if match.slug not in lesser]
        if kept:
            return tuple(kept)
    return ()


def _updates(
    fault: WindowFault, evidence: Sequence[TargetComparison], precision: Precision, window: Window
) -> list[Float[Array, "d"]]:
    """Return the expected updates with a fault; what rounding decides there is as it was found."""
    problems = [item.entry.problem for item in evidence]
    return [
        nearest(item, fault.update(problem, window), left_to_rounding(fault.slug, problem, window), precision)
        for item, problem in zip(evidence, problems, strict=True)
    ]


def fault_of(slug: str) -> WindowFault:
    """Return the fault of a name that `window_matches` gave, one that goes down as well included."""
    plain = slug.removesuffix(DOWN)
    fault = next(fault for fault in KNOWN if fault.slug == plain)
    if plain == slug:
        return fault
    return replace(fault, slug=slug, cause=f"{fault.cause}, and it goes down", cure=f"{fault.cure}; reverse the sign")


def _match(
    slug: str,
    means: Sequence[Float[Array, "d"]],
    evidence: Sequence[TargetComparison],
    precision: Precision,
    sign: float,
    multiples: bool,
) -> Match | None:
    worst, factors, told = 0.0, [], 0
    for item, update in zip(evidence, means, strict=True):
        mean = sign * update
        factor = 1.0
        if multiples:
            common = common_factor([item.found], [mean], precision)
            if common is None:
                return None
            factor = 1.0 if common[0] is None else common[0]
            factors += [] if common[0] is None else [(item, factor)]
        gap = deviation(item.found, factor * mean, precision, factor)
        if gap > precision.relative:
            return None
        told += bool(np.abs(mean - item.target).max() > 10.0 * precision.relative * item.found.natural)
        worst = max(worst, gap)
    if told == 0:  # the fault shows on none of the problems
        return None
    named = slug if sign > 0.0 else slug + DOWN
    if not multiples:
        return Match(named, len(evidence), worst)
    if len(factors) < 3:
        return None
    law = fitted_law([item for item, _ in factors], [factor for _, factor in factors], precision)
    if law is None:
        return None
    named = slug if law.constant > 0.0 else slug + DOWN
    return Match(named, len(factors), worst, abs(law.constant), law.law)
