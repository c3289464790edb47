"""Sample until it is clear whether the mean is off its target or within tolerance of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import FUNCTION, accepts, known_arguments
from pgverify.stats.coordinate_test import unit
from pgverify.stats.directions import (
    Directions,
    covariance_array,
    jump_array,
    rounding_noise,
    target_array,
    varying_directions,
)
from pgverify.stats.moments import sample_array
from pgverify.stats.power import nonnegative, open_unit
from pgverify.stats.sequential_look import evidence_of_bias, hidden_bias
from pgverify.stats.sequential_plan import STATISTIC, Looks
from pgverify.stats.sequential_power import count_to_clear, count_to_find, length_found
from pgverify.stats.sequential_rare import RareEvents
from pgverify.stats.sequential_result import SequentialOutcome, SequentialResult, explanation
from pgverify.stats.sequential_tails import UNSEEN, Tails, directions
from pgverify.validation import real_array, require_flag, require_integer, require_number, require_shape, settle

DrawSamples = Callable[[int, int], Any]
"""`draw(count, index)` returns `count` new independent samples [count, d]; index = 0, 1, ... may seed them."""


@known_arguments
@dataclass(frozen=True)
class SequentialTest:
    """Test a mean against its target with as many samples as it takes, looking on the way.

    BIASED        at the first look k with p_k ≤ 0.9 alpha / K
    CONSISTENT    at the first with  max_u u·bias + t √(u·C u / n) ≤ tolerance × scale,  t at 0.9 rate / K
    INCONCLUSIVE  when the budget is spent

    p_k is that of Hotelling's test and of each coordinate's (`evidence_of_bias`), with the guarded covariance
    C in place of the sample's (`guard_factor`): larger where heavy tails, skewness or too few samples make
    the normal limit untrue so far out, and not there at all while n < 3.6 kurtosis log(20 d K / alpha).

    Guaranteed, over all looks and directions: BIASED though the mean is the target with probability at most
    `alpha`; CONSISTENT though the bias is longer than tolerance × scale with probability at most
    `consistent_rate`. Both are asymptotic in n (the mean obeys its self-normalised tail bound) and rest on
    independent samples of finite variance, and on one of these, since no sample speaks about what it cannot
    contain (Bahadur & Savage): either `jump` bounds |x_j − x'_j|; or every event that matters has
    probability at least `rarest`, and those beyond the largest sample add no more than twice its square
    times their probability (Pareto tails of index 4 or lighter; measured below that); or `unseen` bounds
    what the rarer ones add. A direction in which nothing varied, and for which neither bound was given, is
    believed to be deterministic, and the result says so.

    Parameters
    ----------
    alpha : number in (0, 1)
        Total probability of a false BIASED.
    tolerance : number of at least 0
        Relative to `scale`. At 0 nothing is ever CONSISTENT.
    consistent_rate : number in (0, 1)
        Total probability of a false CONSISTENT.
    budget, first_look : int
        Most samples, and fewest before the first look (more if `rarest` or d + 2 demands it).
    growth : number above 1
        Ratio of successive sample sizes.
    rarest : number in (0, 1)
        No decision falls before an event of this probability has been seen, up to the error rates; not used
        when `jump` is given.
    power : number in (0, 1)
        What `detectable_bias`, `samples_needed` and `samples_to_settle` promise.
    rounding : number of at least 0
        As in `CoordinateTest`.
    batch : int
        Most samples asked for at a time; memory is that of one batch.

    Raises
    ------
    InvalidData
        Naming the argument, the value and what is allowed.

    References
    ----------
    Bahadur & Savage, "The nonexistence of certain statistical procedures in nonparametric problems", Annals
    of Mathematical Statistics 27, 1956; Jennison & Turnbull, "Group Sequential Methods", 2000.
    """

    alpha: float = 1e-6
    tolerance: float = 0.01
    consistent_rate: float = 1e-3
    budget: int = 1_000_000
    first_look: int = 100
    growth: float = 1.5
    rarest: float = 1e-3
    power: float = 0.9
    rounding: float = 1e-9
    batch: int = 65_536

    def __post_init__(self) -> None:
        # Kept as the plain numbers that were checked: single precision, given in a scalar, would go on in every sum.
        for name in ("alpha", "consistent_rate", "rarest", "power"):
            settle(self, **{name: open_unit(name, getattr(self, name))})
        for name in ("tolerance", "rounding"):
            settle(self, **{name: nonnegative(name, getattr(self, name))})
        for name in ("budget", "first_look", "batch"):
            settle(self, **{name: require_integer(name, getattr(self, name), 2, InvalidData)})
        settle(self, growth=require_number("growth", self.growth, 1.01, 100.0, InvalidData))

    @accepts(draw=FUNCTION)
    def run(
        self,
        draw: DrawSamples,
        target: ArrayLike,
        scale: float,
        jump: ArrayLike | float | None = None,
        unseen: Sequence[RareEvents] = (),
    ) -> SequentialResult:
        """Draw until decided; deterministic when `draw` is.

        With `unseen` every look is taken several times, once with `jump` and once with each of them in its
        place, and the weakest evidence counts: the largest p value, and the largest bias that could hide.

        Parameters
        ----------
        draw : callable
            draw(count, index) -> [count, d], independent of every earlier call; index = 0, 1, ...
        target : [d]
        scale : number of at least 0
            What `tolerance` is relative to, as |target|; in the unit of the samples.
        jump : number or [d], optional
            Bounds |x_j − x'_j|.
        unseen : sequence of RareEvents
            Bounds on what events rarer than `rarest` may add, each for another law that the samples may have.
            Where samples turn out larger, the guard against their own tails still stands.
        """
        goal = np.atleast_1d(real_array("target", target, InvalidData))
        goal = target_array("target", goal, goal.size)
        limit = self.tolerance * nonnegative("scale", scale)
        bound = jump_array(jump, goal.size)
        guards = [bound, *unseen]
        looks = self.looks(goal.size, bounded=bound is not None)
        tails: Tails | None = None
        call, p, stands = 0, 1.0, 1.0
        hidden = np.inf
        outcome = SequentialOutcome.INCONCLUSIVE
        for n in looks.counts:
            tails, call = self._sampled(draw, tails, n, goal.size, call)
            found = [evidence_of_bias(tails, goal, looks.log_odds(self.alpha), guard) for guard in guards]
            p = min(p, max(each.p_value for each in found) * looks.number / STATISTIC)
            varying = max(each.varying_p_value for each in found[1:] or found)
            stands = min(stands, varying * looks.number / STATISTIC)
            share, odds = looks.share(self.consistent_rate), looks.log_odds(self.consistent_rate)
            hidden = max(hidden_bias(tails, goal, share, odds, guard) for guard in guards)
            if p <= self.alpha:
                outcome = SequentialOutcome.BIASED
                break
            if hidden <= limit:
                outcome = SequentialOutcome.CONSISTENT
                break
        assert tails is not None  # there is at least one look
        settled = outcome is not SequentialOutcome.INCONCLUSIVE
        rests = outcome is SequentialOutcome.BIASED and stands > self.alpha
        return SequentialResult(
            outcome=outcome,
            n=tails.moments.count,
            looks=looks.counts,
            bias=tails.moments.mean - goal,
            limit=limit,
            hidden_bias=float(hidden),
            samples_to_settle=tails.moments.count if settled else self._to_settle(tails, limit, looks, unseen),
            p_value=min(1.0, p),
            rests_on_deterministic=rests,
            note=explanation(outcome, tails, float(hidden), limit, rests, looks.log_odds(self.consistent_rate)),
            tails=tails,
        )

    def looks(self, dimension: int, bounded: bool = False) -> Looks:
        """Return the planned looks in `dimension` coordinates; `bounded` when `jump` is given."""
        dimension = require_integer("dimension", dimension, 1, InvalidData)
        bounded = require_flag("bounded", bounded, InvalidData)
        return Looks.planned(
            dimension=require_integer("dimension", dimension, 1, InvalidData),
            first_look=self.first_look,
            budget=self.budget,
            growth=self.growth,
            rarest=None if bounded else self.rarest,
            rate=min(self.alpha, self.consistent_rate),
        )

    def detectable_bias(
        self, covariance: Tails | ArrayLike, n: int | None = None, direction: ArrayLike | None = None
    ) -> float:
        """Return the length of the smallest bias found by look n (the budget) with probability `power`.

        In the direction of largest variance, the least favourable, or along `direction` [d]. By Hotelling's
        part alone and one look alone: a lower bound on the power. From `Tails` of a pilot sample with its
        tails; from a covariance [d, d] with normal ones.
        """
        axes, _, tails = self._axes(covariance)
        d = len(axes.basis)
        looks = self.looks(d)
        count = self.budget if n is None else require_integer("n", n, 2, InvalidData)
        along = None if direction is None else unit("direction", direction, d)
        level, odds = self._hotelling_level(looks), looks.log_odds(self.alpha)
        return length_found(axes, along, count, level, self.power, tails, odds)

    def samples_needed(self, covariance: Tails | ArrayLike, bias: ArrayLike) -> int | None:
        """Return the smallest number at which `bias` [d] is found with probability `power`.

        As for `detectable_bias`; None when no number up to 2^50 suffices. It may exceed the budget.
        """
        axes, noise, tails = self._axes(covariance)
        vector = target_array("bias", bias, len(axes.basis))
        looks = self.looks(vector.size)
        level, odds = self._hotelling_level(looks), looks.log_odds(self.alpha)
        return count_to_find(axes, vector, noise, level, self.power, tails, odds, looks.counts[0])

    def _sampled(self, draw: DrawSamples, tails: Tails | None, n: int, dimension: int, call: int) -> tuple[Tails, int]:
        """Return the tails of n samples in all, and the number of calls so far."""
        while tails is None or tails.moments.count < n:
            have = 0 if tails is None else tails.moments.count
            count = min(n - have, self.batch)
            name = f"draw({count}, {call})"
            rows = sample_array(name, draw(count, call))
            require_shape(name, rows, (count, dimension), "[count, d]", InvalidData)
            tails = Tails.of(rows, self.rounding) if tails is None else tails.extended(rows)
            call += 1
        return tails, call

    def _hotelling_level(self, looks: Looks) -> float:
        return looks.share(self.alpha) / (1 if looks.dimension == 1 else 2)

    def _to_settle(self, tails: Tails, limit: float, looks: Looks, unseen: Sequence[RareEvents]) -> int | None:
        axes = directions(tails.moments, self.rounding)
        odds, first = looks.log_odds(self.consistent_rate), looks.counts[0]
        share = looks.share(self.consistent_rate)
        clear = count_to_clear(axes, limit, share, self.power, tails, odds, first, unseen)
        if clear is None or axes.rank == 0:
            return clear
        # What is unseen enters as samples of that size would, had they been seen.
        largest = max((rare.largest(clear, odds) for rare in unseen), default=0.0) * clear / odds
        radius = max(tails.squared_radius, largest / (UNSEEN * float(axes.variances[-1])))
        find = self.samples_needed(replace(tails, squared_radius=radius), axes.basis[:, -1] * limit)
        return None if find is None else max(clear, find)

    def _axes(self, covariance: Tails | ArrayLike) -> tuple[Directions, float, Tails | None]:
        if isinstance(covariance, Tails):
            return directions(covariance.moments, self.rounding), covariance.noise, covariance
        matrix = covariance_array(covariance)
        noise = rounding_noise(np.zeros(len(matrix)), np.diagonal(matrix), self.rounding)
        return varying_directions(matrix, noise), noise, None
