"""What to do now, by the verdict and by the evidence it rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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

TRAJECTORY = "one trajectory"

BY_EVIDENCE: Mapping[str, Mapping[Outcome, str]] = MappingProxyType(
    {
        "exhaustive": {
            Outcome.BIASED: f"compare {TRAJECTORY} by hand, on the problem above",
            Outcome.INCONCLUSIVE: "give problems with something to estimate, small enough to list",
        },
        "sampled": {
            Outcome.BIASED: "compare with pgv.exact.gradient on the problem named above",
            Outcome.INCONCLUSIVE: "raise budget or tolerance, or lower the variance",
        },
    }
)


LAWLESS = (
    "the direction is right, the length differs from batch to batch: find what divides it before tuning a step size"
)
"""For a multiple whose factors are listed: no one step size is right for it."""


ONE_DIRECTION = "give one more problem, small enough to list, whose policy can change in more than one direction"
"""For a multiple on a problem where anything is one."""

LATE = "within the time limit"
"""Words of every sentence about a call that took too long."""

SLOW = "; if it only needs longer, as what is compiled in its first call may, raise time_limit"

UNNAMED = (
    "; no fault that has a name explains it, alone or composed: take out one part at a time, such as a normalisation, "
    "and check again"
)
"""For a bias that no entry of the catalogue explains, alone or composed with another."""


def next_step(
    outcome: Outcome, evidence: Literal["exhaustive", "sampled"], shown_by: str = TRAJECTORY, named: bool = True
) -> str:
    """Return the next step, in one sentence; empty where there is nothing to do.

    Parameters
    ----------
    outcome : Outcome
    evidence : "exhaustive" or "sampled"
    shown_by : str
        What a bias shows in, where it is more than a single trajectory: a batch, an update.
    named : bool
        Whether a bias has a name, which comes with its own cure.
    """
    step = {**ALWAYS, **BY_EVIDENCE[evidence]}.get(outcome, "")
    if outcome is not Outcome.BIASED or evidence == "sampled":
        return step
    step = step.replace(TRAJECTORY, shown_by)
    return step if named else step + UNNAMED


def one_batch(batch_size: int) -> str:
    """Return the words for a batch of a size, of one trajectory too."""
    return TRAJECTORY if batch_size == 1 else f"one batch of {batch_size}"


def after_a_failed_call(happened: str) -> str:
    """Return the next step where a call failed, by what is said of it."""
    missing = re.search(r"ModuleNotFoundError: No module named '(\w+)", happened)
    if missing:
        return f"install {missing[1]} where pgverify runs, or pgverify where it is installed"
    return "call it on the input above" + SLOW * (LATE in happened)


def after_an_unusable_sampler(happened: str) -> str:
    """Return the next step where the estimates of a sampler cannot be judged, by what is said of them."""
    if "independent" in happened:
        return "draw all that is random by the generator that is given, anew for every estimate, and reuse nothing"
    return f"call it as sampler(problem, 16, np.random.default_rng(0)) on that problem{SLOW * (LATE in happened)}"


def claim_again(claim: str, cures: Sequence[str] = (), claimed: str = "") -> str:
    """Return the next step where something else than what was claimed is estimated: the literal claim, after the cures.

    Parameters
    ----------
    claim : str
        The target that fits, as `check` takes it.
    cures : sequence of str
        What is to be mended before it does, each a clause.
    claimed : str
        What is claimed already: where that is what fits, only the cures are left.
    """
    if cures and claim == claimed:
        return "; ".join(cures)
    call = f'check(…, target="{claim}")'
    if cures:
        return f"{'; '.join(cures)}; and claim what is estimated then: {call}"
    return f"claim what it estimates, {call}, or change the implementation"
