"""Is the mean off its target at all? Both tests at half the error rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import accepts, known_arguments
from pgverify.stats.coordinate_test import CoordinateResult, CoordinateTest, unit
from pgverify.stats.directions import beyond, rounding_noise, target_array
from pgverify.stats.hotelling_test import HotellingResult, HotellingTest
from pgverify.stats.moments import MOMENTS, Moments
from pgverify.stats.power import nonnegative, open_unit
from pgverify.stats.skewed_means import corrected_p_values, equivalent_statistic, notable_skewness
from pgverify.stats.varying import Varying, is_diagonal
from pgverify.validation import Array, require_flag, require_integer, settle

TOO_FEW = "only the coordinates were tested: the samples are too few for the directions in which they vary"
FEW_EVENTS = (
    "not rejected: the samples are too skewed, as by {events:.2g} rare events, for an error rate below "
    "{supported:.2g}; take more samples"
)
UNVARIED = (
    "not rejected: it would rest on what did not vary in {count} samples, where an event rarer than {rarest:.2g} may "
    "hide; bound it (jump=), or vouch that nothing there varies (deterministic=True)"
)
SEEN = 1e-8
"""Length of the part of a unit vector below which it is rounding of the basis."""

DIAGONAL = "only the coordinates were tested: the moments keep no covariance"


@known_arguments
@dataclass(frozen=True, eq=False)
class BiasResult:
    """What a `BiasTest` found.

    Parameters
    ----------
    p_value : number
        min(1, 2 min(coordinate, hotelling)), of the t and F statistics alone.
    guarded_p_value : number
        The same with skewness allowed for, and without what did not vary; at least p_value.
    rejected : bool
        guarded_p_value ≤ alpha.
    supported : number
        The smallest alpha at which these samples could be rejected at all, however far off their mean.
    rarest : number
        What the error rate rests on: that events rarer than this add nothing that matters, for they may be in none of
        the samples. alpha = (1 − rarest)^n.
    bias : [d]
        Mean minus target, in the unit of the samples.
    coordinate : CoordinateResult
    hotelling : HotellingResult or None
        None when it could not be run; `note` says why.
    note : str
        Empty when both were run, and nothing else stands in the way.
    rests_on_deterministic : bool
        The rejection would not stand if what did not vary in the sample could vary.
    """

    p_value: float
    guarded_p_value: float
    rejected: bool
    supported: float
    rarest: float
    bias: Float[Array, "d"]
    coordinate: CoordinateResult
    hotelling: HotellingResult | None
    note: str
    rests_on_deterministic: bool


@known_arguments
@dataclass(frozen=True)
class BiasTest:
    """Test that the mean equals its target: each coordinate, and every direction at once.

    p = min(1, 2 min(p of CoordinateTest, p of HotellingTest)),  both as in `corrected_p_values`

    The coordinates find a bias of a single entry, the ellipsoid one spread over many. The total false-alarm
    probability is at most alpha, with the skewness of the samples allowed for, where every event that matters has
    a probability of at least `BiasResult.rarest`. Each keeps its half even when the other cannot be run, so the error
    rate does not depend on what the sample happens to allow. What did not vary at all is no evidence, unless `jump`
    bounds how far it may move, or the caller vouches. The skewness allowed for in the ellipsoid is the largest of the
    coordinates: a direction in which what they share cancels and only a rare event remains is not seen by it
    (`SequentialTest` looks in every direction).

    Parameters
    ----------
    alpha, power, rounding
        As in `CoordinateTest`.
    deterministic : bool
        Whether what did not vary in the samples is vouched to be deterministic.
    """

    alpha: float
    power: float = 0.9
    rounding: float = 1e-9
    deterministic: bool = False

    def __post_init__(self) -> None:
        settle(self, alpha=open_unit("alpha", self.alpha))
        settle(self, power=open_unit("power", self.power))
        settle(self, rounding=nonnegative("rounding", self.rounding))
        settle(self, deterministic=require_flag("deterministic", self.deterministic, InvalidData))

    @property
    def coordinate(self) -> CoordinateTest:
        """The test of the coordinates, at half the error rate."""
        return CoordinateTest(self.alpha / 2, self.power, self.rounding)

    @property
    def hotelling(self) -> HotellingTest:
        """The test of all directions, at half the error rate."""
        return HotellingTest(self.alpha / 2, self.power, self.rounding)

    @accepts(moments=MOMENTS)
    def run(self, moments: Moments, target: ArrayLike, jump: ArrayLike | float | None = None) -> BiasResult:
        """Test `moments` against `target` [d]; `jump` (number or [d]) bounds |x_j − x'_j|."""
        coordinate = self.coordinate.run(moments, target, jump)
        applicable = self.hotelling.applicable(moments)
        hotelling = self.hotelling.run(moments, target, jump) if applicable else None
        parts: list[CoordinateResult | HotellingResult] = [coordinate]
        if hotelling is not None:
            parts.append(hotelling)
        p_value = min(1.0, 2 * min(part.p_value for part in parts))
        rests = p_value <= self.alpha and all(part.rests_on_deterministic for part in parts if part.rejected)
        varying, supported = self._corrected(moments, coordinate, hotelling)
        believed = self.deterministic or jump is not None
        guarded = max(p_value, varying if not believed or not rests else p_value)
        rarest = -math.expm1(math.log(self.alpha) / moments.count)
        note = "" if applicable else DIAGONAL if moments.diagonal else TOO_FEW
        if p_value <= self.alpha < guarded and rests:
            note = UNVARIED.format(count=moments.count, rarest=rarest)
        elif p_value <= self.alpha < guarded:
            events = 1.0 / max(float((moments.skewness**2).max()) / moments.count, 1e-300)
            note = FEW_EVENTS.format(events=events, supported=max(guarded, supported))
        return BiasResult(
            p_value=p_value,
            guarded_p_value=guarded,
            rejected=guarded <= self.alpha,
            supported=supported,
            rarest=rarest,
            bias=coordinate.bias,
            coordinate=coordinate,
            hotelling=hotelling,
            note=note,
            rests_on_deterministic=rests,
        )

    def _corrected(
        self, moments: Moments, coordinate: CoordinateResult, hotelling: HotellingResult | None
    ) -> tuple[float, float]:
        """Return the p value of what varied, with skewness allowed for, and the smallest that it could be."""
        d, freedom = moments.dimension, moments.count - 1
        skewness = notable_skewness(moments.skewness, moments.count)
        noise = rounding_noise(moments.mean, moments.variance, self.rounding)
        off = beyond(coordinate.bias, noise)
        still = coordinate.deterministic
        error = np.where(still, 1.0, moments.standard_error)
        # A mean below the target errs more often where the long tail lies above it, and the other way round.
        against = np.where(coordinate.bias * moments.skewness < 0, skewness, 0.0)
        found, least = corrected_p_values(np.where(still, 0.0, off / error), freedom, against)
        p = [d * float(found.min())]
        floor = [d * float(least[~still].min(initial=1.0))]
        if hotelling is not None and hotelling.rank:
            axes = self.hotelling.directions(moments)
            squared = moments.count * np.sum(beyond(axes.basis.T @ coordinate.bias, noise) ** 2 / axes.variances)
            z = np.array([equivalent_statistic(float(squared), axes.rank, moments.count)])
            found, least = corrected_p_values(z, freedom, np.array([skewness[~still].max(initial=0.0)]))
            p.append(float(found[0]))
            floor.append(float(least[0]))
        return min(1.0, 2 * min(p)), min(1.0, 2 * min(floor))

    def detectable_bias(self, covariance: Moments | ArrayLike, n: int, direction: ArrayLike | None = None) -> float:
        """Return the length of the smallest bias that one of the two finds with probability `power`.

        In the direction least favourable to each, or along `direction` [d]; see the two tests. What does not vary is no
        evidence unless it is vouched for: a bias of that alone is never found, whatever its length (∞).
        """
        if self.deterministic:
            found = [self.coordinate.detectable_bias(covariance, n, direction)]
            if not is_diagonal(covariance):
                found.append(self.hotelling.detectable_bias(covariance, n, direction))
            return min(found)
        varying = Varying.of(covariance, self.rounding)
        found = [math.inf]
        if direction is None:
            if varying.every_coordinate:
                found.append(self.coordinate.detectable_bias(covariance, n))
            if varying.every_direction:
                found.append(self.hotelling.detectable_bias(covariance, n))
        else:
            along = unit("direction", direction, varying.dimension)
            for test, seen in (
                (self.coordinate, varying.coordinates(along)),
                (self.hotelling, varying.directions(along)),
            ):
                length = 0.0 if seen is None else float(np.linalg.norm(seen))
                if length > SEEN:
                    found.append(test.detectable_bias(covariance, n, seen) / length)
        require_integer("n", n, 2, InvalidData)
        return min(found)

    def samples_needed(self, covariance: Moments | ArrayLike, bias: ArrayLike) -> int | None:
        """Return the smallest n at which one of the two finds `bias` [d] with probability `power`, if any.

        None, too, where all of it lies in what does not vary, and nobody vouches for that.
        """
        if self.deterministic:
            counts = [self.coordinate.samples_needed(covariance, bias)]
            if not is_diagonal(covariance):
                counts.append(self.hotelling.samples_needed(covariance, bias))
        else:
            varying = Varying.of(covariance, self.rounding)
            whole = target_array("bias", bias, varying.dimension)
            counts = [self.coordinate.samples_needed(covariance, varying.coordinates(whole))]
            seen = varying.directions(whole)
            if seen is not None:
                counts.append(self.hotelling.samples_needed(covariance, seen))
        found = min(math.inf if count is None else count for count in counts)
        return None if math.isinf(found) else int(found)
