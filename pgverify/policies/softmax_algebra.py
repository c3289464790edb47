"""The softmax and its derivative, free of cancellation however extreme the logits are.

Written for real and for complex logits: the complex-step derivative passes through unharmed because no two
nearly equal numbers are ever subtracted. In particular 1 − π(a) is the sum of the *other* probabilities.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.validation import Array


def softmax(logits: Inexact[Array, "*rows A"]) -> Inexact[Array, "*rows A"]:
    """Return π_a = exp(z_a) / Σ_b exp(z_b) along the last axis."""
    powers, total = _powers(logits)
    return powers / total


def logit_vjp(logits: Inexact[Array, "S A"], weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows S A"]:
    """Return the product with ∂ log π(a|s)/∂z(s,b) = 1{a=b} − π_b: w_b (1 − π_b) − π_b Σ_{a≠b} w_a."""
    powers, total = _powers(logits)
    probabilities = powers / total
    # Multiplying by the matrix of ones off the diagonal sums the others without subtracting one's own.
    others = 1.0 - np.eye(logits.shape[-1])
    complement = (powers @ others) / total
    return weights * complement - probabilities * (weights @ others)


def _powers(
    logits: Inexact[Array, "*rows A"],
) -> tuple[Inexact[Array, "*rows A"], Inexact[Array, "*rows 1"]]:
    # The largest logit is shifted to exactly 0 + 0i, so that its power is exactly 1.
    largest = np.argmax(logits.real, axis=-1, keepdims=True)
    powers = np.exp(logits - np.take_along_axis(logits, largest, axis=-1))
    return powers, powers.sum(axis=-1, keepdims=True)
