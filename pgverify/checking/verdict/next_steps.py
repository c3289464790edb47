"""What to do now, by the verdict and by the evidence it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pgverify.checking.verdict.outcome import Outcome

ALWAYS: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.NO_SIGNAL: "look for what is detached, centred on itself, or differentiated as a loss",
        Outcome.SCALED: "harmless with a tuned step size; otherwise divide by the factor",
        Outcome.OTHER_TARGET: "pass this target, or change the implementation",
    }
)

BY_EVIDENCE: Mapping[str, Mapping[Outcome, str]] = MappingProxyType(
    {
        "exhaustive": {
            Outcome.BIASED: "compare one trajectory by hand, on the problem above",
            Outcome.INCONCLUSIVE: "give problems with something to estimate, small enough to list",
        },
        "sampled": {
            Outcome.BIASED: "compare with pgv.exact.gradient on the problem named above",
            Outcome.INCONCLUSIVE: "raise budget or tolerance, or lower the variance",
        },
    }
)


LAWLESS = (
    "the direction is right, the length follows no law known: find what it is divided by before tuning a step size"
)
"""For a multiple whose factors are listed: no one step size is right for it."""


def next_step(outcome: Outcome, evidence: Literal["exhaustive", "sampled"]) -> str:
    """Return the next step, in one sentence; empty where there is nothing to do."""
    return {**ALWAYS, **BY_EVIDENCE[evidence]}.get(outcome, "")
