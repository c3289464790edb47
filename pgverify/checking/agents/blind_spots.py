"""Faults that an agent could have, and be correct all the same on the problems at hand: what those cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import window_gradient
from pgverify.checking.agents.window_names import fault_of
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision
from pgverify.problem import FiniteHorizon

TELLING = 10.0
"""A fault shows where it is so many times the precision beside what is right."""


@dataclass(frozen=True)
class BlindSpot:
    """Faults that show on the same occasions.

    Attributes
    ----------
    slugs : tuple of str
    takes : str
        The occasion, in words.
    possible : window -> bool
        Whether an agent that collects so can have them at all.
    """

    slugs: tuple[str, ...]
    takes: str
    possible: Callable[[Window], bool]


def _always(_: Window) -> bool:
    return True


SPOTS: tuple[BlindSpot, ...] = (
    BlindSpot(
        ("done-ignored", "done-off-by-one"),
        "windows in which an episode ends and another begins, by more steps or shorter episodes",
        _always,
    ),
    BlindSpot(("bootstrap-missing",), "windows that cut an episode", lambda window: window.critic is not None),
    BlindSpot(
        ("one-step-advantages", "gae-across-episodes"),
        "windows of two steps and more, with an end before the last",
        lambda window: window.trace_decay > 0.0,
    ),
    BlindSpot(("lambda-missing",), "windows of two steps and more", lambda window: 0.0 < window.trace_decay < 1.0),
    BlindSpot(("discount-missing", "discount-twice"), "γ other than 0 and 1, and windows of two steps", _always),
    BlindSpot(("reward-clipped",), "rewards beyond ±1", _always),
    BlindSpot(
        ("limit-as-end", "sum-across-limits"),
        "windows that go on after a time limit",
        lambda window: window.truncates and window.critic is not None,
    ),
    BlindSpot(
        ("advantage-of-another-environment",),
        "environments that are not alike in expectation",
        lambda window: False if window.environments < 2 else window.critic is not None,
    ),
    BlindSpot(
        ("entropy-missing",), "a policy that is not the same in all actions", lambda window: window.entropy != 0.0
    ),
    BlindSpot(("ratio-missing",), "a policy that acts and is another one", lambda window: window.acting is not None),
)
"""What is looked for, and what it takes."""


def blind_spots(evidence: Sequence[TargetComparison], precision: Precision, window: Window) -> tuple[str, ...]:
    """Return, as a warning, the faults with which an agent would be correct as well; empty where all would show.

    Parameters
    ----------
    evidence : sequence of TargetComparison
        On every problem, the target being the gradient of the window.
    precision : Precision
    window : Window
    """
    hidden: list[str] = []
    takes: list[str] = []
    for spot in SPOTS:
        unseen = [
            slug for slug in spot.slugs if spot.possible(window) and not _shows(slug, evidence, precision, window)
        ]
        hidden += unseen
        takes += [spot.takes] if unseen else []
    if not hidden:
        return ()
    return (
        f"an agent with one of these faults would be correct here as well: {', '.join(hidden)}; to tell takes "
        f"{'; '.join(takes)}",
    )


def unmet_limits(evidence: Sequence[TargetComparison], window: Window) -> tuple[str, ...]:
    """Return, as a note, that horizons were ends, so that nothing is known of what the agent does at time limits."""
    horizons = [o.horizon for item in evidence if isinstance(o := item.entry.problem.objective, FiniteHorizon)]
    if window.truncates or window.critic is None or not horizons or window.steps < min(horizons):
        return ()
    return (
        "the horizon ended episodes, as terminated: what the agent does at a time limit was not tried, which "
        "Window(truncates=True) does",
    )


def _shows(slug: str, evidence: Sequence[TargetComparison], precision: Precision, window: Window) -> bool:
    fault = fault_of(slug)
    return any(
        np.abs(fault.update(item.entry.problem, window) - window_gradient(item.entry.problem, window)).max()
        > TELLING * precision.relative * item.found.natural
        for item in evidence
    )
