"""Which batches are tried on one problem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgverify.checking.exhaustive.batch_lists import BATCH_SIZES
from pgverify.checking.exhaustive.coupling import TRIED_SIZES


@dataclass(frozen=True)
class Effort:
    """Which batches are tried on one problem.

    Attributes
    ----------
    tried : tuple of int
        Sizes of the random batches on which coupling is looked for.
    sizes : tuple of int
        Sizes of the batches that are listed where trajectories are coupled, as far as there are not too many.
    """

    tried: tuple[int, ...] = TRIED_SIZES
    sizes: tuple[int, ...] = BATCH_SIZES


THOROUGH = Effort()

BRIEF = Effort(tried=(2, 3, 64, 1021), sizes=(2,))
"""In pairs: larger batches of all problems would take as long as all the rest. 64 shows how long a large one takes."""


def unusual(sizes: Iterable[int]) -> set[int]:
    """Return the sizes that are not listed on the smallest problems in any case."""
    return set(sizes) - {0, *BATCH_SIZES}
