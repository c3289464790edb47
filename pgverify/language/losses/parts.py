"""A part of a loss: one idea, with its name, what is wrong with it where something is, and where it was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.bugs import get
from pgverify.language.losses.loss_rows import LossRows
from pgverify.validation import Array


@dataclass(frozen=True)
class LossPart:
    """An advantage, a ratio, what each token counts, or which tokens do.

    Attributes
    ----------
    name : str
        Its public name; of a fault the slug.
    words : str
    weights : function
        Of `LossRows`, and for a ratio of the advantages and the shares of tokens as well.
    fault : bool
        Whether it is one, whatever is claimed. What a paper proposes is none.
    cause, cure : str
        Of a fault: one sentence each.
    source : tuple of str
    coupled : bool
        Whether a row depends on other groups.
    """

    name: str
    words: str
    weights: Callable[..., Float[Array, "N B #T"]]
    fault: bool = False
    cause: str = ""
    cure: str = ""
    source: tuple[str, ...] = ()
    coupled: bool = False


def fault(slug: str, words: str, weights: Callable[..., Float[Array, "N B #T"]], coupled: bool = False) -> LossPart:
    """Return the part that an entry of the catalogue is: cause, cure and source are the entry's."""
    entry = get(slug)
    return LossPart(slug, words, weights, True, entry.cause, entry.cure, entry.source, coupled)


@dataclass(frozen=True)
class ComposedLoss:
    """A loss made of four parts: Σ over tokens of share × ratio(A).

    Attributes
    ----------
    advantage, ratio, share, tokens : LossPart
    counted : bool
        Whether lengths in the share are numbers of the tokens that count, not of the completion's own.
    """

    advantage: LossPart
    ratio: LossPart
    share: LossPart
    tokens: LossPart
    counted: bool = False

    def weights(self, rows: LossRows) -> Float[Array, "N B T"]:
        """Return the weight of each token's score in the direction of ascent."""
        mask = self.tokens.weights(rows)
        share = self.share_of(rows, mask)
        found: Any = self.ratio.weights(rows, self.advantage.weights(rows), share)
        return found * (mask != 0)

    def share_of(self, rows: LossRows, mask: Float[Array, "N B T"]) -> Float[Array, "N B T"]:
        """Return what each token counts, 0 for those that do not."""
        return shared(self.share, rows, mask, self.counted)

    @property
    def parts(self) -> tuple[LossPart, ...]:
        """All four."""
        return self.advantage, self.ratio, self.share, self.tokens

    @property
    def coupled(self) -> bool:
        """Whether the groups of a batch affect each other."""
        return any(part.coupled for part in self.parts)

    @property
    def faults(self) -> tuple[LossPart, ...]:
        """The parts that are faults."""
        return tuple(part for part in self.parts if part.fault)

    @property
    def words(self) -> str:
        """The parts in words."""
        return ", ".join(part.words for part in self.parts if part.words)


def shared(share: LossPart, rows: LossRows, mask: Float[Array, "N B T"], counted: bool) -> Float[Array, "N B T"]:
    """Return what each token counts: its share by the completions' lengths, or by the numbers of tokens in `mask`."""
    if not counted:
        return share.weights(rows) * mask
    with np.errstate(divide="ignore", invalid="ignore"):  # no token counts: none has a share
        found = share.weights(replace(rows, mask=mask != 0))
        return np.where(mask != 0, found * mask, 0.0)
