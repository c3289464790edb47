"""What a sequential test found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from jaxtyping import Float

from pgverify.kinds import known_arguments
from pgverify.stats.sequential_tails import GATE, Tails
from pgverify.validation import Array


class SequentialOutcome(Enum):
    """The three answers of a sequential test of a mean."""

    BIASED = "biased"
    CONSISTENT = "consistent"
    INCONCLUSIVE = "inconclusive"


@known_arguments
@dataclass(frozen=True, eq=False)
class SequentialResult:
    """What a `SequentialTest` found.

    Parameters
    ----------
    outcome : SequentialOutcome
    n : int
        Samples drawn.
    looks : tuple of int
        The planned sample sizes.
    bias : [d]
        Mean minus target, in the unit of the samples.
    limit : number
        tolerance × scale: the length below which a bias is tolerated.
    hidden_bias : number
        A bias longer than this would have been seen, wrong at most at `consistent_rate`; at most `limit` when
        CONSISTENT, infinite when the tails allowed no statement.
    samples_to_settle : int or None
        Samples at which, with probability `power`, a bias of zero is found CONSISTENT and one of `limit`
        BIASED; n when settled; None when no number up to 2^50 does.
    p_value : number
        Smallest over all looks, adjusted for all of them: at most alpha exactly when BIASED.
    rests_on_deterministic : bool
        The rejection would not stand without the directions in which no sample varied.
    note : str
        What the answer rests on or what is in the way, one sentence; empty when there is nothing to say.
    tails : Tails
        The sample in sums: to plan with.
    """

    outcome: SequentialOutcome
    n: int
    looks: tuple[int, ...]
    bias: Float[Array, "d"]
    limit: float
    hidden_bias: float
    samples_to_settle: int | None
    p_value: float
    rests_on_deterministic: bool
    note: str
    tails: Tails


def explanation(
    outcome: SequentialOutcome, tails: Tails, hidden: float, limit: float, rests: bool, log_odds: float
) -> str:
    """Return what the answer rests on, or what is in its way; empty when there is nothing to say."""
    n = tails.moments.count
    if rests:
        return (
            f"rests on directions in which none of {n} samples varied: wrong if an event rarer than "
            "`rarest` moves them; give `jump` to allow for it"
        )
    if outcome is not SequentialOutcome.INCONCLUSIVE:
        return ""
    if math.isinf(hidden):
        least = math.ceil(2 * tails.kurtosis * log_odds / GATE**2)
        return f"the tails are too heavy for {n} samples: a kurtosis of {tails.kurtosis:.3g} needs at least {least}"
    return f"a bias up to {hidden:.3g} could still hide, the limit is {limit:.3g}"
