"""Every composition of parts that is looked for, those with fewer faults first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from pgverify.language.losses import advantages, faulty_ratios, ratios, shares, tokens
from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import ComposedLoss, LossPart
from pgverify.validation import Array

NO_RATIO = LossPart("no-ratio", "", ratios.none)
"""On policy, where a ratio is 1."""

MULTIPLIED = LossPart(
    "length-multiplied",
    "each completion multiplied by its own length",
    ratios.sequence_on_tokens,
    fault=True,
    cause="Each completion is multiplied by its own length, as by a reward for every token, or by a ratio of the "
    "sequence that stands on every token.",
    cure="Count each completion once.",
)
"""What a ratio of sequences on every token is where it is 1, and what needs no ratio."""

EVERY_TOKEN: tuple[LossPart, ...] = (*tokens.RIGHT, *tokens.METHODS, *tokens.FAULTY)
"""The choices of tokens."""

DISCOUNTING = "tokens-discounted"
"""The choice that leaves nothing out."""

SELECTING = tuple(dict.fromkeys(p.name for p in EVERY_TOKEN if p.name not in ("own-tokens", DISCOUNTING)))
"""The choices under which the tokens that count are others in number than the completion's own."""

NOTHING = 1e-12
"""A weight below this, relative to the largest, is none."""

MOST_FAULTS = 3
"""Of one composition; a wrong sign comes on top."""


def compositions(
    sampler: str,
    apart: bool,
    counting: Sequence[LossPart] = EVERY_TOKEN,
    varies: bool = True,
    clips: Sequence[LossPart] = (),
) -> Iterator[ComposedLoss]:
    """Yield the compositions in the order of their number of faults, at most three.

    Parameters
    ----------
    sampler : "same", "old" or "rollout"
        Where π_old drew, no ratio is a fault; where a third policy did, the ratio to π_old is 1 and corrects nothing.
    apart : bool
        Whether any ratio to π_old is another than 1; otherwise only those of sequences are tried beside none.
    counting : parts
        Which choices of tokens are tried.
    varies : bool
        Whether tokens of one completion weigh differently: otherwise nothing discounts them.
    clips : parts
        Further clips of the ratio to π_old.
    """
    kinds = ratios_tried(sampler, apart, clips)
    every = [
        ComposedLoss(advantage, ratio, share, tokens_, counted)
        for tokens_ in counting
        for counted in ((False, True) if tokens_.name in SELECTING else (False,))
        for share in (*shares.RIGHT, *shares.METHODS, *shares.FAULTY)
        if not counted or share.name in shares.OF_LENGTHS
        for ratio in kinds
        if apart or ratio.fault or ratio is NO_RATIO or tokens_.name not in SELECTING
        for advantage in (*advantages.RIGHT, *advantages.METHODS, *advantages.FAULTY)
        if not (tokens_.name == DISCOUNTING and (not varies or (apart and (ratio.fault or advantage.fault))))
        if sum(part.fault for part in (advantage, ratio, share, tokens_)) <= MOST_FAULTS
    ]
    yield from sorted(every, key=lambda one: len(one.faults))


def ratios_tried(sampler: str, apart: bool, clips: Sequence[LossPart] = ()) -> tuple[LossPart, ...]:
    """Return the ratios that can show, by who drew."""
    if sampler == "rollout":
        corrected = [part for part in ratios.METHODS if part.name.startswith("tis-")]
        wrong = [part for part in faulty_ratios.FAULTY if part.name in faulty_ratios.OF_THE_ROLLOUT]
        return (*corrected, *wrong)
    if not apart:
        whole = (MULTIPLIED, *(part for part in ratios.METHODS if part.name == "gspo"))
        wrong = [part for part in faulty_ratios.FAULTY if part.name in faulty_ratios.WITHOUT_RATIO_TO_OLD]
        return (NO_RATIO, *whole, *wrong)
    return (*ratios.METHODS, *clips, *faulty_ratios.FAULTY)


def tokens_that_fit(found: Sequence[Float[Array, "_ _ _"]], rows: Sequence[LossRows]) -> tuple[LossPart, ...]:
    """Return the choices of tokens that the weights of some trees allow, the completion's own among them.

    What does not count weighs nothing on any batch; of two that allow all that weighs something, the larger is left
    out.
    """
    weighing = [np.abs(weights) > NOTHING * np.abs(weights).max(initial=1e-300) for weights in found]
    covers = {part: [part.weights(each) != 0 for each in rows] for part in EVERY_TOKEN if part.name != DISCOUNTING}
    allowed = [
        part
        for part, cover in covers.items()
        if all((some <= counts).all() for some, counts in zip(weighing, cover, strict=True))
    ]
    smallest = [part for part in allowed if not any(_inside(covers[other], covers[part]) for other in allowed)]
    own = [part for part in tokens.RIGHT if part in allowed]
    discounting = [part for part in EVERY_TOKEN if part.name == DISCOUNTING] if own else []
    return tuple(dict.fromkeys((*own, *smallest, *discounting)))


def _inside(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
    """Return whether the first choice is part of the second, and not all of it."""
    within = all((a <= b).all() for a, b in zip(first, second, strict=True))
    return within and any((a != b).any() for a, b in zip(first, second, strict=True))
