"""What a noisy gradient is worth as a direction: its expected cosine with ∇J, the noise across ∇J taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array


@dataclass(frozen=True)
class Quality:
    """An estimator's contribution from one trajectory, seen from ∇J.

    Attributes
    ----------
    norm : float
        |∇J|.
    along, across : float
        The length of E g along u = ∇J/|∇J| (with its sign), and perpendicular to it.
    trace, parallel : float
        tr Cov[g], and Var[u·g]; for estimators that couple a batch of N, N times those of the estimate.
    """

    norm: float
    along: float
    across: float
    trace: float
    parallel: float

    @property
    def signal_to_noise(self) -> float:
        """Return |∇J|² / tr Cov[g], for one trajectory."""
        return self.norm**2 / self.trace if self.trace > 0 else np.inf

    @property
    def relative_bias(self) -> float:
        """Return |E g − ∇J| / |∇J|; NaN where ∇J is zero."""
        return float(np.hypot(self.along - self.norm, self.across) / self.norm) if self.norm > 0 else np.nan

    def relative_error(self, batch_size: float) -> float:
        """Return √(E|ĝ − ∇J|²) / |∇J| = √(|bias|² + tr Cov[g]/N) / |∇J|, exactly; NaN where ∇J is zero."""
        if self.norm == 0.0:
            return np.nan
        return float(np.sqrt(self.relative_bias**2 + self.trace / batch_size / self.norm**2))

    def cosine(self, batch_size: float) -> float:
        """Return the cosine with ∇J to be expected of an estimate from N trajectories.

            m_∥ / √(m_∥² + |m_⊥|² + tr Σ_⊥ / N),   m = E g,  tr Σ_⊥ = tr Cov[g] − Var[u·g]

        Noise along ∇J changes the length of the estimate and not its direction, so that only the perpendicular part
        counts; with the whole trace in its place the cosine would be understated. Accurate when the noise along ∇J is
        small beside m_∥. NaN where ∇J is zero.

        Parameters
        ----------
        batch_size : int
            N.

        References
        ----------
        Ilyas et al., A closer look at deep policy gradients, 2020, for the quantity.
        """
        if self.norm == 0.0:
            return np.nan
        turned = self.across**2 + max(self.trace - self.parallel, 0.0) / batch_size
        length = float(np.hypot(self.along, np.sqrt(turned)))
        return self.along / length if length > 0 else np.nan


def quality_of(mean: Float[Array, "d"], truth: Float[Array, "d"], trace: float, parallel: float) -> Quality:
    """Return the quality of an estimator with the given mean and noise; a bias below rounding is none.

    Parameters
    ----------
    mean, truth : [d]
        E g and ∇J.
    trace, parallel : float
        As in `Quality`.
    """
    norm = float(np.linalg.norm(truth))
    if norm == 0.0:
        return Quality(0.0, 0.0, float(np.linalg.norm(mean)), trace, parallel)
    unit = truth / norm
    bias = mean - truth
    if float(np.linalg.norm(bias)) <= 1e-10 * (norm + np.sqrt(trace)):  # as in `plan`
        return Quality(norm, norm, 0.0, trace, parallel)
    along = float(unit @ bias)
    return Quality(norm, norm + along, float(np.linalg.norm(bias - along * unit)), trace, parallel)
