"""Values and visits of a finite horizon in one go, in NumPy: the reference that the compiled pass is tested against.

    U(s,a) = Σ_t γ^t d_t(s) Q_t(s,a) = N(s) r(s,a) + γ Σ_{s'} P(s'|s,a) G(s,s')
    G(s,s') = Σ_t γ^t d_t(s) V_{t+1}(s'),   N(s) = Σ_t γ^t d_t(s)

The advantage is linear in Q, with coefficients that do not depend on time: it is taken once, of U.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.dynamics import transposed
from pgverify.exact.chain import Chain
from pgverify.validation import Array

FEW_STATES = 40
"""States up to which times are doubled: a product costs less than the call that makes it; measured."""

LARGEST_TABLE = 1_000
"""States up to which G [S, S] is built where the tables [S, A, S] are there."""


def action_sums(chain: Chain, horizon: int, discount: float) -> tuple[Float[Array, "S A"], float]:
    """Return U [S, A], and J.

    Parameters
    ----------
    chain : Chain
        Of real probabilities.
    horizon : int
    discount : float
    """
    onward, reward, states = chain.state_transition, chain.state_reward, len(chain.start)
    sparse = not isinstance(onward, np.ndarray)
    powers = np.power(discount, np.arange(horizon, dtype=np.float64))[:, None] * chain.running
    if sparse or states > LARGEST_TABLE:
        return _step_by_step(chain, powers, discount)
    visits, values = (_doubled if states <= FEW_STATES else _one_by_one)(chain.start, onward, reward, horizon, discount)
    visits *= powers
    joint = visits.T @ values[:-1][::-1]  # V_{t+1} beside γ^t d_t
    ahead = (chain.successors.dense @ joint[:, :, None])[:, :, 0]
    ahead *= discount
    ahead += np.add.reduce(visits, axis=0)[:, None] * chain.step_reward
    return ahead, float(chain.start @ values[horizon])


def _doubled(
    start: Float[Array, "S"], onward: Float[Array, "S S"], reward: Float[Array, "S"], horizon: int, discount: float
) -> tuple[Float[Array, "T S"], Float[Array, "T_plus_1 S"]]:
    """Return d_t and V with k steps to go: those of 2m times from those of m, d_{m+t} = d_t P^m.

    V with m + k steps to go is V with m to go and γ^m P^m of V with k to go.
    """
    visits, values = np.empty((horizon, len(start))), np.empty((horizon + 1, len(start)))
    visits[0], values[0], values[1] = start, 0.0, reward
    jump, back, done = onward, discount * onward.T, 1
    while done < horizon:
        more = min(done, horizon - done)
        np.matmul(visits[:more], jump, out=visits[done : done + more])
        added = values[done + 1 : done + 1 + more]
        np.matmul(values[1 : more + 1], back, out=added)
        added += values[done]
        done += more
        if done < horizon:
            jump, back = jump @ jump, back @ back
    return visits, values


def _one_by_one(
    start: Float[Array, "S"], onward: Float[Array, "S S"], reward: Float[Array, "S"], horizon: int, discount: float
) -> tuple[Float[Array, "T S"], Float[Array, "T_plus_1 S"]]:
    """Return the same, one time after another."""
    visits, values = np.empty((horizon, len(start))), np.empty((horizon + 1, len(start)))
    visits[0], values[0] = start, 0.0
    back, across = discount * onward, onward.T.copy()
    for t in range(1, horizon):
        np.dot(across, visits[t - 1], out=visits[t])
        np.dot(back, values[t - 1], out=values[t])
        values[t] += reward
    np.dot(back, values[horizon - 1], out=values[horizon])
    values[horizon] += reward
    return visits, values


def _step_by_step(chain: Chain, powers: Float[Array, "T S"], discount: float) -> tuple[Float[Array, "S A"], float]:
    """Return U and J with nothing of size S² or T·S·A: visits forward, then values backward with U."""
    visits = np.empty(powers.shape)
    visits[0] = chain.start
    arriving = transposed(chain.state_transition)
    for t in range(1, len(visits)):
        visits[t] = arriving @ visits[t - 1]
    visits *= powers
    total = np.zeros(chain.probabilities.shape)
    value = np.zeros(len(chain.start))
    for here in visits[::-1]:
        action = chain.successors.ahead(value)
        action *= discount
        action += chain.step_reward
        value = np.einsum("sa,sa->s", chain.probabilities, action)
        total += here[:, None] * action
    return total, float(chain.start @ value)
