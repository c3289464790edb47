"""Whether a clip was met at all: where no ratio is far enough from 1, no fault of it can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import advantages, collected
from pgverify.problem import Problem


def unmet_clip(problems: Sequence[Problem], window: Window) -> tuple[str, ...]:
    """Return, as a warning, the sides of the clip that no step of any problem was on; empty where all were met.

    There are four: ρ above 1 + ε or below 1 − ε, with Â of either sign. With one the step must not count, with the
    other it must, and a clip that is wrong on one of them shows there alone.

    Parameters
    ----------
    problems : with the policy whose parameters are updated
    window : Window
    """
    if window.clip is None or window.acting is None:
        return ()
    met, lowest, highest = np.zeros(4, dtype=bool), np.inf, -np.inf
    for problem in problems:
        given = collected(problem, window)
        found, ratio = advantages(given), given.ratio
        learned = ~given.windows.only_reset
        above, below = (ratio > 1.0 + window.clip) & learned, (ratio < 1.0 - window.clip) & learned
        met |= [np.any(side & (found * sign > 0.0)) for side in (above, below) for sign in (1.0, -1.0)]
        lowest, highest = min(lowest, float(ratio.min())), max(highest, float(ratio.max()))
    high, low = f"ρ > {1.0 + window.clip:g}", f"ρ < {1.0 - window.clip:g}"
    sides = [f"{side} and Â {sign} 0" for side in (high, low) for sign in (">", "<")]
    missing = [side for side, seen in zip(sides, met, strict=True) if not seen]
    if not missing:
        return ()
    return (
        f"no step had {', nor '.join(missing)}, so that a fault of the clip would not show there: ratios were from "
        f"{lowest:.3g} to {highest:.3g}; let the policy that acts be further from the one that is updated",
    )


def clip_alike(problems: Sequence[Problem], window: Window) -> tuple[str, ...]:
    """Return, as a note, between which numbers each bound of the clip could be without a difference.

    Only the ratios that occur tell one bound from another: the finitely many of the problems.

    Parameters
    ----------
    problems : with the policy whose parameters are updated
    window : Window
    """
    if window.clip is None or window.acting is None:
        return ()
    ratios = np.unique(np.concatenate([collected(problem, window).ratio.ravel() for problem in problems]))
    said = []
    for bound in (1.0 + window.clip, 1.0 - window.clip):
        below, above = ratios[ratios <= bound], ratios[ratios > bound]
        if below.size and above.size:
            said.append(f"{bound:g} as from {below[-1]:.3g} to {above[0]:.3g}")
    if not said:
        return ()
    return (f"as far as the ratios of these problems tell, the clip could be at {' and '.join(said)}",)
