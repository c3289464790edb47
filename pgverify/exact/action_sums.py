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
from pgverify.exact.fixed_parts import FixedParts
from pgverify.validation import Array

FEWEST_STATES = 16
"""States up to which visits and values are made together; measured."""

FEW_STATES = 40
"""States up to which times are doubled to the end: a product costs less than the call that makes it; measured."""

ROWS_AT_ONCE = 16
"""Times that are made by one product where states are more: a product of so many rows is at its full speed."""

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
    onward, reward = chain.state_transition, chain.state_reward
    if not isinstance(onward, np.ndarray) or len(reward) > LARGEST_TABLE:
        return _step_by_step(chain, horizon, discount)
    return joint_sums(chain, onward, reward, horizon, discount)


def joint_sums(
    given: Chain | FixedParts,
    onward: Float[Array, "S S"],
    reward: Float[Array, "S"],
    horizon: int,
    discount: float,
) -> tuple[Float[Array, "S A"], float]:
    """Return U and J of dense tables, through G.

    Parameters
    ----------
    given : Chain or FixedParts
        For the start, the dynamics, and what every action pays.
    onward : [S, S]
        P_π.
    reward : [S]
        r_π.
    horizon : int
    discount : float
    """
    states = len(reward)
    if states <= FEWEST_STATES:
        visits, values = _together(given.start, discount * onward, reward, horizon)
    else:
        most = horizon if states <= FEW_STATES else ROWS_AT_ONCE if 2 * states <= 3 * horizon else 1
        visits, values = _doubled(given.start, discount * onward, reward, horizon, most)
    visits *= given.running
    joint = visits[:-1].T @ values[1:]  # V_{t+1} beside γ^t d_t; after the last step there is none
    ahead = (given.successors.dense @ joint[:, :, None])[:, :, 0]
    ahead *= discount
    ahead += np.add.reduce(visits, axis=0)[:, None] * given.step_reward
    return ahead, float(given.start @ values[0])


def _together(
    start: Float[Array, "S"], onward: Float[Array, "S S"], reward: Float[Array, "S"], horizon: int
) -> tuple[Float[Array, "T S"], Float[Array, "T S"]]:
    """Return γ^t d_t, and V with T … 1 steps to go, both by the powers of one matrix: few calls, for few states.

    With N = γ P_π, a row (d, v, 1) becomes (d N, v Nᵀ + r, 1): that of one step more.
    """
    states = len(start)
    jump = np.zeros((2 * states + 1, 2 * states + 1))
    jump[:states, :states] = onward
    jump[states:-1, states:-1] = onward.T
    jump[-1, states:-1] = reward
    jump[-1, -1] = 1.0
    rows = np.empty((horizon, 2 * states + 1))
    rows[0, :states], rows[0, states:-1], rows[0, -1] = start, reward, 1.0
    done = 1
    while done < horizon:
        more = min(done, horizon - done)
        np.matmul(rows[:more], jump, out=rows[done : done + more])
        done += more
        if done < horizon:
            jump = jump @ jump
    return rows[:, :states], rows[::-1, states:-1]


def _doubled(
    start: Float[Array, "S"], onward: Float[Array, "S S"], reward: Float[Array, "S"], horizon: int, most: int
) -> tuple[Float[Array, "T S"], Float[Array, "T S"]]:
    """Return γ^t d_t, and V with T … 1 steps to go, those of m times by one product, for m = 1, 2, 4, … up to `most`.

    With N = γ P_π: γ^{m+t} d_{m+t} = γ^t d_t N^m, and V with m + k steps to go is V with m to go and N^m V with k.
    """
    visits, values = np.empty((horizon, len(start))), np.empty((horizon, len(start)))
    visits[0], values[-1] = start, reward
    jump, back, span, done = onward, onward.T, 1, 1
    while done < horizon:
        more = min(span, horizon - done)
        first, left = done - span, horizon - done
        np.matmul(visits[first : first + more], jump, out=visits[done : done + more])
        added = values[left - more : left]
        np.matmul(values[left + span - more : left + span], back, out=added)
        added += values[-span]
        done += more
        if done == 2 * span <= most and done < horizon:
            jump, span = jump @ jump, done
            # The last one is used again and again: as rows in order it takes half the time that a transposed one does.
            back = np.ascontiguousarray(jump.T) if 2 * span > most else jump.T
    return visits, values


def _step_by_step(chain: Chain, horizon: int, discount: float) -> tuple[Float[Array, "S A"], float]:
    """Return U and J with nothing of size S² or T·S·A: visits forward, then values backward with U."""
    visits = np.empty((horizon, len(chain.start)))
    visits[0] = chain.start
    arriving = transposed(chain.state_transition)
    for t in range(1, len(visits)):
        visits[t] = arriving @ visits[t - 1]
    visits *= np.power(discount, np.arange(horizon, dtype=np.float64))[:, None] * chain.running
    total = np.zeros(chain.probabilities.shape)
    value = np.zeros(len(chain.start))
    for here in visits[::-1]:
        action = chain.successors.ahead(value)
        action *= discount
        action += chain.step_reward
        value = np.einsum("sa,sa->s", chain.probabilities, action)
        total += here[:, None] * action
    return total, float(chain.start @ value)
