"""Windows beside the one that was said, of which one may be what an agent does: other steps, fewer of them summed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import window_gradient
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision, deviation
from pgverify.errors import InvalidInput


def told_window(evidence: Sequence[TargetComparison], precision: Precision, window: Window) -> str:
    """Return, in words, the window that the expected updates are those of; nothing where they are of none.

    Parameters
    ----------
    evidence : sequence of TargetComparison
    precision : Precision
    window : Window
        As it was said.
    """
    for said, other in _beside(window):
        try:
            same = all(
                deviation(item.found, window_gradient(item.entry.problem, other), precision) <= precision.relative
                for item in evidence
            )
        except InvalidInput:  # too many to list
            continue
        if same:
            return said
    return ""


def _beside(window: Window) -> Iterator[tuple[str, Window]]:
    for steps in (window.steps + 1, window.steps - 1):
        if steps:
            yield f"steps={steps}", replace(window, steps=steps)
    for count in range(1, window.steps):
        yield f"n_step={count}", replace(window, n_step=count)
    if window.n_step is not None:
        yield "n_step=None", replace(window, n_step=None)
    if window.entropy:
        return
    flipped = not window.resets_take_a_step
    yield f"resets_take_a_step={flipped}", replace(window, resets_take_a_step=flipped)
