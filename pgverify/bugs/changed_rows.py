"""Faults of the batch beside another fault: rows that are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import BUG, Bug, Effect
from pgverify.bugs.whole_batch import LAST_ROW_LOST
from pgverify.kinds import accepts
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

BatchRows = Float[Array, "n d"]


def _without_last(rows: BatchRows) -> BatchRows:
    """Return the rows with zeros for the last: what it is divided by stays."""
    return np.concatenate([rows[:-1], np.zeros_like(rows[-1:])])


CHANGES: Mapping[str, tuple[Bug, Callable[[BatchRows], BatchRows]]] = MappingProxyType(
    {LAST_ROW_LOST.slug: (LAST_ROW_LOST, _without_last)}
)
"""What is done to the contributions of a batch, by the entry that it is."""


@accepts(bug=BUG)
def with_rows_changed(bug: Bug, change: str) -> Bug:
    """Return a fault composed with one of the whole batch.

    Parameters
    ----------
    bug : Bug
        Whose implementation has rows [n, d]; the batch's estimate [d] is taken for n rows alike.
    change : str
        A key of `CHANGES`.
    """
    added, made = CHANGES[change]

    def implementation(batch: Trajectories) -> Inexact[Array, "n d"]:
        found = np.asarray(bug.implementation(batch))
        return made(found if found.ndim == 2 else np.repeat(found[None], len(batch), axis=0))

    return replace(
        bug,
        number=0,
        slug=f"{bug.slug} + {change}",
        effect=Effect.BIASED,
        cause=f"{bug.cause} {added.cause}",
        cure=f"{bug.cure} {added.cure}",
        source=tuple(dict.fromkeys((*bug.source, *added.source))),
        implementation=implementation,
        batch_size=max(bug.batch_size, added.batch_size),
        ordered=True,
        factor=None,
        other_target=None,
    )
