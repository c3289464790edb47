"""∇J and J of a tabular softmax over a finite horizon, in NumPy: what the compiled gradient is tested against."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.exact.action_sums import LARGEST_TABLE, action_sums, joint_sums
from pgverify.exact.bellman import advantages_under
from pgverify.exact.chain import Chain
from pgverify.exact.fixed_parts import FixedParts
from pgverify.policies.softmax_algebra import logit_vjp, softmax
from pgverify.validation import Array


def plain_softmax_gradient(
    fixed: FixedParts, noise: Float[Array, "S A K"], logits: Float[Array, "S A"], horizon: int, discount: float
) -> Float[Array, "d_and_one"] | None:
    """Return ∇J and J behind it; None where an action of a state that goes on has probability 0.

    Parameters
    ----------
    fixed : FixedParts
        Whose rewards have nothing in common.
    noise : [S, A, K]
    logits : [S, A]
    horizon : int
    discount : float
    """
    probabilities, complement = softmax(logits)
    if not probabilities.all() and (fixed.running & ~probabilities.all(axis=1)).any():
        return None
    lists = fixed.successors
    if lists.sparse or len(fixed.start) > LARGEST_TABLE:
        chain = Chain(fixed.start, probabilities, lists, fixed.reward, noise, fixed.running)
        vars(chain)["step_reward"] = fixed.step_reward
        sums, expected = action_sums(chain, horizon, discount)
    else:  # the few tables that are needed, without a chain: half of the time would go into making it
        reward = np.add.reduce(probabilities * fixed.step_reward, axis=1)
        sums, expected = joint_sums(fixed, lists.under(probabilities), reward, horizon, discount)
    found = np.empty(logits.size + 1)
    found[:-1] = logit_vjp(probabilities, complement, probabilities * advantages_under(probabilities, sums)).ravel()
    found[-1] = expected
    return found
