"""The softmax and its derivative, free of cancellation however extreme the logits are.

Written for real and for complex logits: the complex-step derivative passes through unharmed because no two
nearly equal numbers are ever subtracted. In particular 1 − π(a) is the sum of the *other* probabilities.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.validation import Array


def softmax(logits: Inexact[Array, "S A"]) -> tuple[Inexact[Array, "S A"], Inexact[Array, "S A"]]:
    """Return π_a = exp(z_a) / Σ_b exp(z_b) along the last axis and 1 − π, which is accurate where π is near 1, too."""
    # The largest logit is shifted to exactly 0 + 0i, so that its power is exactly 1.
    if np.iscomplexobj(logits):
        largest = np.argmax(logits.real, axis=-1, keepdims=True)
        powers = np.exp(logits - np.take_along_axis(logits, largest, axis=-1))
    else:
        powers = np.exp(logits - np.maximum.reduce(logits, axis=-1, keepdims=True))
    total = np.add.reduce(powers, axis=-1, keepdims=True)
    return powers / total, (powers @ _others(logits.shape[-1])) / total


def logit_vjp(
    probabilities: Inexact[Array, "S A"], complement: Inexact[Array, "S A"], weights: Inexact[Array, "*rows S A"]
) -> Inexact[Array, "*rows S A"]:
    """Return the product with ∂ log π(a|s)/∂z(s,b) = 1{a=b} − π_b: w_b (1 − π_b) − π_b Σ_{a≠b} w_a.

    Parameters
    ----------
    probabilities, complement : [S, A]
        What `softmax` returns.
    weights : [..., S, A]
    """
    actions = weights.shape[-1]
    others = weights.reshape(-1, actions).dot(_others(actions))  # one product: many small ones cost a call each
    by_logit = weights * complement
    by_logit -= probabilities * others.reshape(weights.shape)
    return by_logit


@lru_cache
def _others(size: int) -> Float[Array, "A A"]:
    """Return the matrix of ones off the diagonal: its product sums the others without subtracting one's own."""
    return 1.0 - np.eye(size)
