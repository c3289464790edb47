"""One sequence of estimates that several tests read, each from its beginning: none is drawn twice."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.checking.sampled.goal import Draw
from pgverify.validation import Array


class SameEstimates:
    """Reads from a source what is asked for, and keeps it for the tests that follow.

    Tests that see the same sequence share its cost; their rates of error add up, whatever the dependence.

    Parameters
    ----------
    source : (count, call) -> [k, d]
    """

    def __init__(self, source: Draw) -> None:
        self._source = source
        self._calls = 0
        self._kept: Float[Array, "k d"] | None = None

    @property
    def drawn(self) -> int:
        """How many estimates were drawn from the source."""
        return 0 if self._kept is None else len(self._kept)

    def reader(self) -> Draw:
        """Return a source that begins with the first estimate."""
        place = 0

        def read(count: int, _call: int) -> Float[Array, "k d"]:
            nonlocal place
            place += count
            return self._up_to(place)[place - count : place]

        return read

    def _up_to(self, end: int) -> Float[Array, "k d"]:
        while self._kept is None or len(self._kept) < end:
            more = self._source(end - self.drawn, self._calls)
            self._calls += 1
            self._kept = more if self._kept is None else np.concatenate([self._kept, more])
        return self._kept
