"""A target that lies beyond all that was seen: a bias that needs no variance, where tails forbid to trust one."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from pgverify.stats.sequential_rare import RareEvents
from pgverify.stats.sequential_tails import Tails
from pgverify.validation import Array

SHARE = 0.1
"""Of the rate of false alarms, for this test; the sequential one has the rest."""


def beyond_the_range(tails: Tails, target: Float[Array, "d"], unseen: tuple[RareEvents, ...], alpha: float) -> bool:
    """Whether the mean of samples is further from the target than their whole range explains, at rate α.

    |mean − E x| ≤ w (√(L/2n) + 5 L/n),  w the range of the samples,  L = log(6 d/α)

    Hoeffding's inequality for what is between two quantiles that L/n of the samples are beyond: the range holds them
    but with probability e^{−L}. What is beyond them was seen in few samples, at most w away each; and what was not
    seen adds no more than `SequentialTest` grants it, √2 (L/n) w. Nothing is said where `unseen` adds to that.

    A function that leaves the controls a little, and seldom, has a kurtosis that no variance can be trusted with;
    where it is off by many times all that it varies, none is needed.

    Parameters
    ----------
    tails : Tails
        Of the samples.
    target : [d]
    unseen : tuple of RareEvents
        What rare trajectories may add.
    alpha : float

    References
    ----------
    Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58, 1963.
    """
    if any(rare.jump.any() for rare in unseen):
        return False
    odds = math.log(6.0 * target.size / alpha) / tails.moments.count
    allowed = (tails.high - tails.low) * (math.sqrt(odds / 2.0) + 5.0 * odds) + tails.noise
    return bool((np.abs(tails.moments.mean - target) > allowed).any())
