"""Is the mean off its target at all? Both tests at half the error rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.stats.coordinate_test import CoordinateResult, CoordinateTest
from pgverify.stats.hotelling_test import HotellingResult, HotellingTest
from pgverify.stats.moments import Moments
from pgverify.stats.power import nonnegative, open_unit
from pgverify.validation import Array

TOO_FEW = "only the coordinates were tested: the samples are too few for the directions in which they vary"
DIAGONAL = "only the coordinates were tested: the moments keep no covariance"


@dataclass(frozen=True, eq=False)
class BiasResult:
    """What a `BiasTest` found.

    Parameters
    ----------
    p_value : number
        min(1, 2 min(coordinate, hotelling)).
    rejected : bool
        p_value ≤ alpha.
    bias : [d]
        Mean minus target, in the unit of the samples.
    coordinate : CoordinateResult
    hotelling : HotellingResult or None
        None when it could not be run; `note` says why.
    note : str
        Empty when both were run.
    rests_on_deterministic : bool
        The rejection would not stand if what did not vary in the sample could vary.
    """

    p_value: float
    rejected: bool
    bias: Float[Array, "d"]
    coordinate: CoordinateResult
    hotelling: HotellingResult | None
    note: str
    rests_on_deterministic: bool


@dataclass(frozen=True)
class BiasTest:
    """Test that the mean equals its target: each coordinate, and every direction at once.

    p = min(1, 2 min(p of CoordinateTest, p of HotellingTest))

    The coordinates find a bias of a single entry, the ellipsoid one spread over many. The total false-alarm
    probability is at most alpha, under the assumptions of each. Each keeps its half even when the other
    cannot be run, so the error rate does not depend on what the sample happens to allow.

    Parameters
    ----------
    alpha, power, rounding
        As in `CoordinateTest`.
    """

    alpha: float
    power: float = 0.9
    rounding: float = 1e-9

    def __post_init__(self) -> None:
        open_unit("alpha", self.alpha)
        open_unit("power", self.power)
        nonnegative("rounding", self.rounding)

    @property
    def coordinate(self) -> CoordinateTest:
        """The test of the coordinates, at half the error rate."""
        return CoordinateTest(self.alpha / 2, self.power, self.rounding)

    @property
    def hotelling(self) -> HotellingTest:
        """The test of all directions, at half the error rate."""
        return HotellingTest(self.alpha / 2, self.power, self.rounding)

    def run(self, moments: Moments, target: ArrayLike, jump: ArrayLike | float | None = None) -> BiasResult:
        """Test `moments` against `target` [d]; `jump` (number or [d]) bounds |x_j − x'_j|."""
        coordinate = self.coordinate.run(moments, target, jump)
        applicable = self.hotelling.applicable(moments)
        hotelling = self.hotelling.run(moments, target, jump) if applicable else None
        parts: list[CoordinateResult | HotellingResult] = [coordinate]
        if hotelling is not None:
            parts.append(hotelling)
        rejecting = [part for part in parts if part.rejected]
        return BiasResult(
            p_value=min(1.0, 2 * min(part.p_value for part in parts)),
            rejected=bool(rejecting),
            bias=coordinate.bias,
            coordinate=coordinate,
            hotelling=hotelling,
            note="" if applicable else DIAGONAL if moments.diagonal else TOO_FEW,
            rests_on_deterministic=bool(rejecting) and all(part.rests_on_deterministic for part in rejecting),
        )

    def detectable_bias(self, covariance: Moments | ArrayLike, n: int, direction: ArrayLike | None = None) -> float:
        """Return the length of the smallest bias that one of the two finds with probability `power`.

        In the direction least favourable to each, or along `direction` [d]; see the two tests.
        """
        spread = self.coordinate.detectable_bias(covariance, n, direction)
        if isinstance(covariance, Moments) and covariance.diagonal:
            return spread
        return min(spread, self.hotelling.detectable_bias(covariance, n, direction))

    def samples_needed(self, covariance: Moments | ArrayLike, bias: ArrayLike) -> int | None:
        """Return the smallest n at which one of the two finds `bias` [d] with probability `power`, if any."""
        counts = [self.coordinate.samples_needed(covariance, bias)]
        if not (isinstance(covariance, Moments) and covariance.diagonal):
            counts.append(self.hotelling.samples_needed(covariance, bias))
        found = min(math.inf if count is None else count for count in counts)
        return None if math.isinf(found) else int(found)
