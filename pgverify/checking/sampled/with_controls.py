"""The expectation of a function from sampled batches, less what usual estimators say on the same batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.sampled.alike import alike
from pgverify.checking.sampled.batch_law import BatchLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.drawn_batches import Drawn, Estimate, Source
from pgverify.checking.sampled.families import FAMILIES, Family, of_outstanding_rows, pursued_families
from pgverify.checking.sampled.standing_out import Pursued
from pgverify.validation import Array

FIT, CONFIRM = 32, 16
"""Batches on which the controls are fitted, and on which it is seen whether they explain the estimate wholly."""

FIT_MORE = 64
"""Batches on which all controls together are fitted, where the usual ones do not explain the estimate wholly."""

AS_BEFORE = 8
"""Batches on which it is seen whether what explained smaller ones does so in some that take long."""

PURSUED = 1_000_000
"""Rows times coordinates of the batches in which it is looked for what stands out: of large ones a few, which tell."""

ROUNDING = 1e-5
"""Relative to the largest estimate: single precision, added up over a thousand rows. Smaller gaps are not seen."""

DUST = 1e-13
"""Relative to what estimates of ∇J are made of: what is left where all that was added up cancels."""

LONG_SUM, OF_SINGLE = 16.0, 2.0**-24
"""Rows added one after another lose some √n units of their size: a few standard errors of that. Single precision where
it is not known to be another."""

ALIKE = 3.0 / 8.0
"""Of n units, what is lost at most where all rows are one number, which is rounded alike: at the sum of k rows by
2^⌊log₂ k⌋ units. The mean of those up to n = 2^e (1 + f) is (1/3 + f)/(1 + f)² n, at most 3/8 n, at f = 1/3."""

COARSE = 4.0
"""Units of a coarser rounding that an estimate may be off by, relative to what is added up, as single ones may."""

COLLINEAR = 1e-9
"""Singular values below this part of the largest are zero: some controls coincide on some problems."""

TINY = float(np.finfo(float).tiny)
"""In place of 0 below a fraction line."""

CHUNK = 64
"""Batches whose controls are computed at once: what is computed for all rows of a few hundred fills no cache."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """An estimate less its fitted controls: x = ĝ − Σ_k a_k (c_k − E c_k), whose mean is that of ĝ whatever a is.

    The coefficients come from batches that are not used again.

    Attributes
    ----------
    source : Source
    coefficients : [k, d]
        a, for each coordinate.
    used : int
        Batches that were drawn so far.
    first : [m, d]
        x on fresh batches that were drawn to see how well the fit holds.
    size : float
        The largest |ĝ| that was met.
    """

    source: Source
    coefficients: Float[Array, "k d"]
    used: int
    first: Float[Array, "m d"]
    size: float

    @property
    def exact(self) -> bool:
        """Whether the controls leave nothing but rounding: then ĝ is made of them."""
        return float(np.ptp(self.first, axis=0).max(initial=0.0)) <= self.rounding

    @property
    def rounding(self) -> float:
        """Return what rounding explains: of the estimates, of what they were before it cancelled, or of a long sum."""
        controls = self.source.controls
        unit = min(OF_SINGLE, self.source.coarse or OF_SINGLE)
        lost = max(LONG_SUM * self.source.size**0.5, ALIKE * self.source.size)
        one_by_one = lost * unit * controls.amplitude
        coarse = COARSE * self.source.coarse * controls.amplitude
        return max(ROUNDING * self.size, self.dust, one_by_one, coarse)

    @property
    def dust(self) -> float:
        """Return what is left in double precision where all that was added up cancels."""
        rows = self.source.controls.rows[:-1]  # the last are sums of scores, without rewards
        return DUST * float(np.abs(rows).max(initial=0.0))

    @property
    def leverage(self) -> float:
        """Return 1 + max Σ_k |a_k|: how much larger x may be than an estimate."""
        return 1.0 + float(np.abs(self.coefficients).sum(axis=0).max(initial=0.0))

    @property
    def spread(self) -> float:
        """Return the trace of the covariance of x, as far as it was seen."""
        return float(self.first.var(axis=0).sum())

    def sample(self, count: int, rng: np.random.Generator) -> Float[Array, "m d"]:
        """Return x on new batches."""
        parts = [self.source.draw(min(CHUNK, count - done), rng) for done in range(0, count, CHUNK)]
        return np.concatenate([self.reduced(each) for each in parts])

    def reduced(self, drawn: Drawn) -> Float[Array, "m d"]:
        """Return x on batches that were drawn."""
        away, means = self.source.on(drawn), self.source.controls.means
        away[:, : len(means)] -= means  # those of a family have mean zero
        return np.asarray(drawn.estimates - np.einsum("kd,mkd->md", self.coefficients, away))


def fitted(
    law: BatchLaw,
    estimate: Estimate,
    controls: Controls,
    rng: np.random.Generator,
    smaller: Fitted | None = None,
    coarse: float = 0.0,
    families: Sequence[Family] = FAMILIES,
) -> Fitted:
    """Return an estimate less its controls, fitted coordinate by coordinate on `FIT` batches.

    Where some trajectories are seldom drawn, batches that hold all alike are tried first: what the controls explain
    wholly there, they explain wherever. Where the usual controls do not, further families come to them, one at a time.

    Parameters
    ----------
    law : BatchLaw
    estimate : callable
    controls : Controls
    rng : generator
    smaller : Fitted, optional
        In smaller batches: where what explained the estimate wholly does so on as many of these, nothing is fitted,
        and where nothing explained it, further families are not tried again.
    coarse : as in `Source`
    families : sequence of Family
        Tried in this order, after that which explained smaller batches.
    """
    fit = _of_law(law, estimate, controls, rng, smaller, coarse, families)
    return _where_alike(fit, law, rng) if fit.exact and law.rows > 1 else fit


def _where_alike(fit: Fitted, law: BatchLaw, rng: np.random.Generator) -> Fitted:
    """Return the fit, which is exact no longer where it fails on batches of one trajectory and those matter.

    They are in few of the batches that confirmed it, or none: what is left out where all returns are alike, say, moves
    the mean of pairs by Σ_τ P(τ)² times what is missing there.
    """
    chances, rows = alike(law, rng, fit.rounding / max(fit.size * fit.leverage * len(fit.source.controls.starts), TINY))
    if not len(rows):
        return fit
    away = fit.reduced(fit.source.called_on(rows)) - fit.first.mean(axis=0)
    moved = np.abs(chances @ np.where(np.abs(away) <= fit.rounding, 0.0, away)).max(initial=0.0)
    if moved <= fit.rounding:
        return fit
    worst = away[[np.argmax(np.abs(away).max(axis=1))]]
    return replace(fit, first=np.concatenate([fit.first, fit.first.mean(axis=0) + worst]))


def _of_law(
    law: BatchLaw,
    estimate: Estimate,
    controls: Controls,
    rng: np.random.Generator,
    smaller: Fitted | None,
    coarse: float,
    families: Sequence[Family],
) -> Fitted:
    plain, spread = (
        Source(rows, estimate, controls, law.group, law.rows, coarse=coarse) for rows in (law.draw, law.spread)
    )
    used = 0
    if law.skewed:
        fit = _best(spread, rng, smaller, families)
        here = replace(fit, source=replace(plain, family=fit.source.family))
        x = np.concatenate([fit.first, here.sample(CONFIRM, rng)])
        used = fit.used + CONFIRM
        fit = replace(here, first=x, used=used)
        if fit.exact:
            return fit
    fit = _best(plain, rng, smaller, families)
    return replace(fit, used=fit.used + used)


def as_before(
    law: BatchLaw,
    estimate: Estimate,
    controls: Controls,
    rng: np.random.Generator,
    smaller: Fitted,
    coarse: float = 0.0,
) -> Fitted | None:
    """Return the estimate less what explained smaller batches wholly, if it does so on `AS_BEFORE` of these, else None.

    Parameters as for `fitted`.
    """
    source = Source(law.draw, estimate, controls, law.group, law.rows, coarse=coarse)
    fit = _as_before(source, smaller, source.draw(AS_BEFORE, rng))
    return fit if fit.exact else None


def _best(source: Source, rng: np.random.Generator, smaller: Fitted | None, families: Sequence[Family]) -> Fitted:
    """Return the first fit that explains the estimate wholly, that of the usual controls before others.

    Where none does, that which leaves least. Further controls are first fitted with one coefficient for all
    coordinates, as most functions have: they need fewer batches so, and what the first ones say is enough.
    """
    begun, fresh = source.draw(FIT, rng), source.draw(CONFIRM, rng)
    known = [] if smaller is None else [_as_before(source, smaller, fresh.after(begun))]
    if known and known[0].exact:
        return known[0]
    usual = _fitted(source, begun, fresh)
    if usual.exact:
        return usual
    if smaller is not None and not smaller.exact:  # no family explained it there, and calls on larger ones take longer
        return min(usual, *known, key=lambda fit: fit.spread)
    if smaller is not None:
        families = sorted(families, key=lambda family: family is not smaller.source.family)
    for family in (_outstanding(source, begun), *families):
        whole = _fitted(replace(source, family=family), begun, fresh, common=True)
        if whole.exact:
            return whole
    more = source.draw(FIT_MORE - FIT - CONFIRM, rng).after(fresh.after(begun))
    fresh = source.draw(CONFIRM, rng)
    fits = [_fitted(source, more, fresh)]
    for family in (_outstanding(source, more), *families):
        for common in (False, True):
            fits.append(_fitted(replace(source, family=family), more, fresh, common))
            if fits[-1].exact:
                return fits[-1]
    seen = slice(max(AS_BEFORE, PURSUED // (more.rows.shape[1] * more.estimates.shape[1])))
    pursued = Pursued.of(more.estimates[seen], source.on(more)[seen])
    for family in pursued_families(source.controls, more.rows[seen], pursued):
        fits.append(_fitted(replace(source, family=family), more, fresh, common=True))
        if fits[-1].exact:
            return fits[-1]
    return min(fits, key=lambda fit: fit.spread)


def _outstanding(source: Source, begun: Drawn) -> Family:
    """Return the family of the rows that the usual controls, fitted in common, leave most of."""
    return of_outstanding_rows(source.controls, begun.rows, begun.estimates, source.on(begun))


def _as_before(source: Source, smaller: Fitted, drawn: Drawn) -> Fitted:
    """Return the estimate less its controls with coefficients from smaller batches: all of these confirm them."""
    estimates = drawn.estimates
    size = float(np.abs(estimates).max(initial=0.0))
    here = replace(source, family=smaller.source.family)
    fit = Fitted(here, smaller.coefficients, len(drawn), estimates[:0], size)
    return replace(fit, first=fit.reduced(drawn))


def _fitted(source: Source, begun: Drawn, fresh: Drawn, common: bool = False) -> Fitted:
    """Return the estimate less its controls, with coefficients for each coordinate, or in common for all."""
    found, estimates = source.on(begun), begun.estimates
    if common:
        columns = [_common_slopes(estimates, found)] * estimates.shape[1]
    else:
        columns = [_slopes(estimates[:, j], found[:, :, j]) for j in range(estimates.shape[1])]
    size = float(max(np.abs(each).max(initial=0.0) for each in (estimates, fresh.estimates)))
    fit = Fitted(source, np.stack(columns, axis=1), len(begun) + len(fresh), estimates[:0], size)
    return replace(fit, first=fit.reduced(fresh))


def _common_slopes(estimates: Float[Array, "m d"], controls: Float[Array, "m k d"]) -> Float[Array, "k"]:
    """Return the coefficients of least squares that are the same for all coordinates, each with its own intercept."""
    away = controls - controls.mean(axis=0)
    return _slopes((estimates - estimates.mean(axis=0)).ravel(), np.moveaxis(away, 1, 2).reshape(-1, away.shape[1]))


def _slopes(estimate: Float[Array, "m"], controls: Float[Array, "m k"]) -> Float[Array, "k"]:
    """Return the coefficients of least squares with an intercept, the shortest where several serve as well."""
    centred = controls - controls.mean(axis=0)
    spread = np.abs(centred).max(axis=0)
    unit = np.where(spread > ROUNDING**2 * np.abs(controls).max(initial=0.0), spread, np.inf)
    slopes = np.linalg.lstsq(centred / unit, estimate - estimate.mean(), rcond=COLLINEAR)[0]
    return np.asarray(slopes / unit)
