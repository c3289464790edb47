"""What sampled batches of several sizes have shown, on several problems."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.checking.calling.answer import Notes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.sampled.families import Family
from pgverify.checking.sampled.one_size import SizeVerdict


@dataclass(frozen=True, eq=False)
class SampledSizes:
    """What sampled batches have shown.

    Attributes
    ----------
    verdicts : tuple of (SizePair, SizeVerdict)
    untried : tuple of SizePair
        For which no time was left.
    failure : str
        Why a call gave no value, with its batch; empty if all did.
    notes : mapping of kind to sentence
    """

    verdicts: tuple[tuple[SizePair, SizeVerdict], ...]
    untried: tuple[SizePair, ...]
    failure: str
    notes: Notes

    @property
    def family(self) -> Family | None:
        """The further controls by which estimates were last explained wholly, where the usual ones did not."""
        return next((verdict.family for _, verdict in reversed(self.verdicts) if verdict.family is not None), None)
