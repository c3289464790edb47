"""The density of a diagonal Gaussian and the product of its score with weights, for real and for complex parameters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.validation import Array

HALF_LOG_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


def log_density(
    actions: Float[Array, "*rows D"], means: Inexact[Array, "*#rows D"], log_std: Inexact[Array, "D"]
) -> Inexact[Array, "*rows"]:
    """Return log N(a; μ, σ²) = −Σ_j ((a_j − μ_j)²/(2σ_j²) + log σ_j + log(2π)/2), summed over the dimensions.

    Parameters
    ----------
    actions, means : [..., D]
    log_std : [D]
        log σ.
    """
    standard = (actions - means) / np.exp(log_std)
    return np.asarray(-(0.5 * standard**2 + log_std + HALF_LOG_TWO_PI).sum(axis=-1))


def density_vjp(
    actions: Float[Array, "*#rows m D"],
    means: Inexact[Array, "*#rows m D"],
    features: Float[Array, "*#rows m F"],
    weights: Inexact[Array, "*rows m"],
    std: Inexact[Array, "D"],
    by_log_std: Inexact[Array, "D"] | None,
) -> Inexact[Array, "*rows d"]:
    """Return Σ_m w_m ∇ log N(a_m; φ_mᵀM, σ²): (a − μ)φ/σ² for M row by row, then ((a − μ)²/σ² − 1) dlogσ/dl.

    Parameters
    ----------
    actions, means : [..., m, D]
    features : [..., m, F]
        φ.
    weights : [..., m]
    std : [D]
        σ.
    by_log_std : [D], optional
        dlogσ/dl of the parameters l: 1 where l is log σ itself; None where σ is not learnt.
    """
    standard = (actions - means) / std
    weighted = weights[..., None] * standard / std
    by_mean = np.swapaxes(features, -1, -2) @ weighted
    flat = by_mean.reshape(*by_mean.shape[:-2], -1)
    if by_log_std is None:
        return flat
    by_std = (weights[..., None] * (standard**2 - 1.0)).sum(axis=-2) * by_log_std
    return np.concatenate([flat, by_std], axis=-1)
