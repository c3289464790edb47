"""What shows in single updates that were cut after the gradient: norms clipped, entries clipped, sizes levelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

ALIKE = 1e-3
"""Relative: numbers that differ by less have one size. Adam adds 1e-8 to what it divides by."""

CLOSER = 3e-6
"""Relative: so close are the norms that were clipped to one number, by torch's 1e-6 and single precision."""

SEVERAL = 3
"""Updates that must be different, and have the same largest size."""

UNCUT = "return the gradient as it is in .grad before anything cuts it or steps along it, and check again"
"""What to do then: of what is not linear in the data nothing follows for the gradient."""


def told_cuts(tried: Sequence[Sequence[Float[Array, "d"]]]) -> list[str]:
    """Return, as a warning, how updates seem to have been changed after the gradient was known; empty where none was.

    Parameters
    ----------
    tried : values [d] of some runs, for each problem
    """
    every = [value for values in tried for value in _different(values)]
    if len(every) < SEVERAL:
        return []
    sizes = np.abs(np.concatenate([value[value != 0.0] for value in every]))
    if float(np.ptp(sizes)) <= ALIKE * float(sizes.max()):
        return [
            f"in each of {len(every)} different updates all entries have one size, as after the first step of Adam or "
            "RMSprop, or a sign: that is not linear in the data"
        ]
    norms = np.array([float(np.linalg.norm(value)) for value in every])
    largest = np.array([float(np.abs(value).max()) for value in every])
    count, what = max((_at_the_top(norms), "norms"), (_at_the_top(largest), "entries"))
    if count < SEVERAL:
        return []
    most = norms.max() if what == "norms" else largest.max()
    which = f"the norm is {most:.6g}" if what == "norms" else f"the largest entry is {most:.6g}"
    return [
        f"in {count} of {len(every)} different updates {which}, and in none larger: {what} seem to be clipped there, "
        "which is not linear in the data"
    ]


def _different(values: Sequence[Float[Array, "d"]]) -> list[Float[Array, "d"]]:
    """Return the values that point in different directions, which what is never clipped would leave of any length."""
    kept: list[Float[Array, "d"]] = []
    for value in values:
        size = float(np.linalg.norm(value))
        if size > 0.0 and all(
            abs(float(value @ one)) < (1.0 - ALIKE) * size * float(np.linalg.norm(one)) for one in kept
        ):
            kept.append(value)
    return kept


def _at_the_top(sizes: Float[Array, "n"]) -> int:
    return int(np.count_nonzero(sizes >= (1.0 - CLOSER) * sizes.max()))
