"""The expectation of a function from sampled batches, less what usual estimators say on the same batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.batch_law import BatchLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

FIT, CONFIRM = 32, 16
"""Batches on which the controls are fitted, and on which it is seen whether they explain the estimate wholly."""

ROUNDING = 1e-5
"""Relative to the largest estimate: single precision, added up over a thousand rows. Smaller gaps are not seen."""

COLLINEAR = 1e-9
"""Singular values below this part of the largest are zero: some controls coincide on some problems."""

Estimate = Callable[[Integer[Array, "n"]], Float[Array, "d"]]
"""Calls on a batch of rows of a list."""

Drawn = Callable[[np.random.Generator], tuple[Float[Array, "d"], Float[Array, "k d"]]]
"""Draws a batch; returns the estimate on it, and the controls."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """An estimate less its fitted controls: x = ĝ − Σ_k a_k (c_k − E c_k), whose mean is that of ĝ whatever a is.

    The coefficients come from batches that are not used again.

    Attributes
    ----------
    draw : callable
    coefficients : [k, d]
        a, for each coordinate.
    means : [k, d]
        E c.
    first : [m, d]
        x on fresh batches that were drawn to see how well the fit holds.
    size : float
        The largest |ĝ| that was met.
    """

    draw: Drawn
    coefficients: Float[Array, "k d"]
    means: Float[Array, "k d"]
    first: Float[Array, "m d"]
    size: float

    @property
    def exact(self) -> bool:
        """Whether the controls leave nothing but rounding: then ĝ is made of them."""
        return float(np.ptp(self.first, axis=0).max(initial=0.0)) <= ROUNDING * self.size

    @property
    def leverage(self) -> float:
        """Return 1 + max Σ_k |a_k|: how much larger x may be than an estimate."""
        return 1.0 + float(np.abs(self.coefficients).sum(axis=0).max(initial=0.0))

    def sample(self, count: int, rng: np.random.Generator) -> Float[Array, "m d"]:
        """Return x on new batches."""
        return np.stack([self._reduced(*self.draw(rng)) for _ in range(count)])

    def _reduced(self, estimate: Float[Array, "d"], controls: Float[Array, "k d"]) -> Float[Array, "d"]:
        return np.asarray(estimate - (self.coefficients * (controls - self.means)).sum(axis=0))


def fitted(law: BatchLaw, estimate: Estimate, controls: Controls, rng: np.random.Generator) -> Fitted:
    """Return an estimate less its controls, fitted coordinate by coordinate on `FIT` batches.

    Where some trajectories are seldom drawn, batches that hold all alike are tried first: what the controls explain
    wholly there, they explain wherever.
    """

    def source(rows: Callable[[np.random.Generator], Integer[Array, "n"]]) -> Drawn:
        def draw(rng: np.random.Generator) -> tuple[Float[Array, "d"], Float[Array, "k d"]]:
            chosen = rows(rng)
            return estimate(chosen), controls.on(chosen, law.group)

        return draw

    plain, spread = source(law.draw), source(law.spread)
    if law.skewed:
        fit = _fitted(spread, controls.means, rng)
        x = np.concatenate([fit.first, replace(fit, draw=plain).sample(CONFIRM, rng)])
        fit = replace(fit, draw=plain, first=x)
        if fit.exact:
            return fit
    return _fitted(plain, controls.means, rng)


def _fitted(draw: Drawn, means: Float[Array, "k d"], rng: np.random.Generator) -> Fitted:
    pairs = [draw(rng) for _ in range(FIT)]
    estimates, found = np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
    columns = [_slopes(estimates[:, j], found[:, :, j]) for j in range(estimates.shape[1])]
    size = float(np.abs(estimates).max(initial=0.0))
    fit = Fitted(draw, np.stack(columns, axis=1), means, estimates[:0], size)
    return replace(fit, first=fit.sample(CONFIRM, rng))


def _slopes(estimate: Float[Array, "m"], controls: Float[Array, "m k"]) -> Float[Array, "k"]:
    """Return the coefficients of least squares with an intercept, the shortest where several serve as well."""
    centred = controls - controls.mean(axis=0)
    spread = np.abs(centred).max(axis=0)
    unit = np.where(spread > ROUNDING**2 * np.abs(controls).max(initial=0.0), spread, np.inf)
    slopes = np.linalg.lstsq(centred / unit, estimate - estimate.mean(), rcond=COLLINEAR)[0]
    return np.asarray(slopes / unit)
