"""Every composition of parts that is looked for, those with fewer faults first."""

from __future__ import annotations

from collections.abc import Iterator

from pgverify.language.losses import advantages, faulty_ratios, ratios, shares, tokens
from pgverify.language.losses.parts import ComposedLoss, LossPart

NO_RATIO = LossPart("no-ratio", "", ratios.none)
"""On policy, where a ratio is 1."""


def compositions(sampler: str, apart: bool) -> Iterator[ComposedLoss]:
    """Yield the compositions in the order of their number of faults, at most three.

    Parameters
    ----------
    sampler : "same", "old" or "rollout"
        Where π_old drew, no ratio is a fault; where a third policy did, the ratio to π_old is 1 and corrects nothing.
    apart : bool
        Whether any ratio to π_old is another than 1; otherwise only those of sequences are tried beside none.
    """
    if sampler == "rollout":
        corrected = [part for part in ratios.METHODS if part.name.startswith("tis-")]
        wrong = [part for part in faulty_ratios.FAULTY if part.name in faulty_ratios.OF_THE_ROLLOUT]
        kinds: tuple[LossPart, ...] = (*corrected, *wrong)
    elif not apart:
        whole = (part for part in ratios.METHODS if part.name in ("sequence-ratio-on-tokens", "gspo"))
        wrong = [part for part in faulty_ratios.FAULTY if part.name in faulty_ratios.WITHOUT_RATIO_TO_OLD]
        kinds = (NO_RATIO, *whole, *wrong)
    else:
        kinds = (*ratios.METHODS, *faulty_ratios.FAULTY)
    every = [
        ComposedLoss(advantage, ratio, share, counted)
        for advantage in (*advantages.RIGHT, *advantages.METHODS, *advantages.FAULTY)
        for ratio in kinds
        for share in (*shares.RIGHT, *shares.METHODS, *shares.FAULTY)
        for counted in (*tokens.RIGHT, *tokens.METHODS, *tokens.FAULTY)
        if not (counted.name != "own-tokens" and (ratio.fault or advantage.fault))
        if not (ratio.fault and advantage.fault and share.fault)
    ]
    yield from sorted(every, key=lambda one: len(one.faults))
