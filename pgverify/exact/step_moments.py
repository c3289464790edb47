"""Exact moments of step-weighted estimators g = Σ_t c_t ψ_t (Y_t − b_t(s_t)), Y_t = u_t + κ Y_{t+1}.

Backwards in time run the conditional moments given s_t: E[Y], E[Y²], x = E[X] and z = E[Y X], where X_t is the part of
g from time t on. The second moment of g needs no table of matrices: unrolled over time it is

    E[g g^T] = Σ_t Σ_s d_t(s) Σ_a π { p p^T E[(Y−b)²] + p (E[Y X'] − b E[X'])^T + (…)^T },   p = c_t ψ(s,a),

so with d_t known beforehand everything is one backward sweep with O(S·d) numbers at hand.

Off-policy, under an acting policy μ with ρ = π/μ, the per-decision form Ȳ = ρ (u + κ Ȳ'), X = c ψ (Ȳ − ρ b) + ρ X'
obeys the same recursions: first moments are weighted by μ ρ = π as they stand, second ones by μ ρ² = π²/μ. With Y − b
for Y, a step carries W = ρ (Y − b) + (ρ − 1) b back: W has the mean of Y − b, and π (ρ − 1), μ (ρ − 1)² weigh the rest.

With a lookahead of n steps, Y^(n) = u + κ Y'^(n−1) with Y^(0) = 0: the same sweep carries Y^(1) … Y^(n). Without one,
Y − b takes the place of Y and 0 that of b (see `increment`): E[(Y−b)²] is then no difference of large numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.exact.score_blocks import ScoreBlocks
from pgverify.exact.step_law import Increment, StepLaw, at_time, increment
from pgverify.recursion import StepRecursion
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class StepMoments:
    """The conditional moments at time t, and the pieces of the covariance that belong to step t.

    Attributes
    ----------
    time : int
    coefficient : float
        c_t.
    added : Increment
        u_t.
    return_mean : [m, S, A]
        E[Y^(j)_t | s,a] for every remaining lookahead j; the last is Y_t itself.
    return_square : [S, A]
        E[Y_t² | s,a].
    baseline : [S]
        b_t(s); 0 where Y stands for Y − b.
    state_return : [m, S]
        E[Y^(j)_t | s].
    following : [S, d]
        x' = E[X_{t+1} | s'].
    following_return : [m, S]
        E[Y_{t+1} | s'] of the Y that Y^(j)_t continues with.
    cross : [S, A, k]
        E[(Y_t − b_t) X_{t+1} | s,a] at the parameters that s touches.
    mean : [S, d]
        x = E[X_t | s].
    """

    time: int
    coefficient: float
    added: Increment
    return_mean: Float[Array, "m S A"]
    return_square: Float[Array, "S A"]
    baseline: Float[Array, "S"]
    state_return: Float[Array, "m S"]
    following: Float[Array, "S d"]
    following_return: Float[Array, "m S"]
    cross: Float[Array, "S A k"]
    mean: Float[Array, "S d"]


def backward_sweep(law: StepLaw, recursion: StepRecursion) -> Iterator[StepMoments]:
    """Yield the conditional moments for t = T−1 down to 0."""
    states = len(law.chain.start)
    memory, previous = lookahead(law, recursion)
    decay = recursion.decay
    probabilities, squares = law.chain.probabilities, law.squares
    onward, square_onward = law.onward(), law.going_on.under(squares)
    shift = recursion.baseline if recursion.lookahead is None and recursion.baseline.any() else None
    off_policy = shift is not None and not law.rollout.on_policy
    if off_policy:
        excess, deviation = law.excess, law.deviation
        excess_onward = law.going_on.under(excess)
    varying = any(table is not None and table.ndim == 2 for table in (recursion.critic, shift))
    # Row `memory` of these tables is Y^(0) = 0, and stays so.
    mean_return = np.zeros((memory + 1, states))
    square_return = np.zeros((memory + 1, memory + 1, states))
    pairs = np.ix_(previous, previous)
    x = np.zeros((states, law.blocks.size))
    z = np.zeros((memory, states, law.blocks.size))
    for time in reversed(range(law.steps)):
        coefficient = float(recursion.weighting**time)
        baseline = np.where(law.chain.running, at_time(recursion.baseline, time), 0.0)
        if shift is not None:
            baseline = np.zeros(states)
        if time >= law.steps - 2 or varying:  # before the last step a critic by state alone adds always the same
            added = increment(law, recursion.critic, time, shift, decay)
            weighted = law.going_on.times(added.onward)
            weighted_onward = weighted.under(squares)
        before_mean, before_square = mean_return[previous], square_return[pairs]
        y1 = added.mean + decay * law.going_on.ahead(before_mean)
        once = weighted.ahead(before_mean)
        y2 = added.square + decay * (once[:, None] + once[None, :]) + decay**2 * law.going_on.ahead(before_square)
        last = memory - 1
        source = previous[last]
        z_before = z[source] if source < memory else np.zeros_like(x)
        relative = weighted
        if baseline.any():
            relative = law.going_on.times(added.onward - baseline[:, None, None])
        cross = law.blocks.pick(relative, x)
        cross += decay * law.blocks.pick(law.going_on, z_before)
        # Beside E ψ = 0 the mean over actions counts for nothing: without it a large baseline costs x no digits.
        apart = y1[last] - law.mean_action(y1[last])[:, None]
        new_x = law.blocks.expand(coefficient * probabilities * apart) + onward @ x
        carried = weighted_onward @ x
        # All lookaheads together: each alone would cost as many calls as the rest of the step.
        product = y2[:, last] - baseline[:, None] * y1
        new_z = law.blocks.expand(coefficient * squares * product) + carried
        for j in np.flatnonzero(previous < memory):
            new_z[j] += decay * (square_onward @ z[previous[j]])
        mean_return[:memory] = np.einsum("ia,mia->mi", probabilities, y1)
        square_return[:memory, :memory] = np.einsum("ia,mnia->mni", squares, y2)
        if off_policy:
            # W = ρ (Y − b) + (ρ − 1) b is carried on: what is left of b when its decision is weighted by ρ.
            here = np.where(law.chain.running, at_time(recursion.baseline, time), 0.0)
            mixed = excess * y1[0]
            square_return[0, 0] += 2.0 * here * mixed.sum(axis=1) + here**2 * deviation.sum(axis=1)
            new_z[0] += law.blocks.expand(coefficient * here[:, None] * mixed) + here[:, None] * (excess_onward @ x)
        yield StepMoments(
            time=time,
            coefficient=coefficient,
            added=added,
            return_mean=y1,
            return_square=y2[last, last],
            baseline=baseline,
            state_return=mean_return[:memory].copy(),
            following=x,
            following_return=before_mean,
            cross=cross,
            mean=new_x,
        )
        x, z = new_x, new_z


def return_moments(
    law: StepLaw, decay: float, shift: Float[Array, "*time S"]
) -> tuple[Float[Array, "T S A"], Float[Array, "T S A"]]:
    """Return E[G_t − h_t | s,a] and E[(G_t − h_t)² | s,a] of the discounted return: the same sweep, without a score."""
    shape = law.chain.probabilities.shape
    no_score = ScoreBlocks(0, np.zeros((shape[0], 0), dtype=np.int64), np.zeros((*shape, 0)))
    mean, square = np.zeros((2, law.steps, *shape))
    for step in backward_sweep(replace(law, blocks=no_score), StepRecursion(decay, 1.0, shift)):
        mean[step.time], square[step.time] = step.return_mean[-1], step.return_square
    return mean, square


def return_values(law: StepLaw, decay: float) -> Float[Array, "T S"]:
    """Return V_t(s) = E[G_t | s] of the discounted return."""
    added = increment(law, None, 0, None, decay).mean
    found = np.zeros((law.steps + 1, len(law.chain.start)))
    for time in reversed(range(law.steps)):
        found[time] = law.mean_action(added + decay * law.going_on.ahead(found[time + 1]))
    return found[:-1]


def second_moment_blocks(
    law: StepLaw, step: StepMoments, visits: Float[Array, "S"]
) -> tuple[Float[Array, "S A"], Float[Array, "S A k"]]:
    """Return the weights of p p^T and the partners of p in E[g g^T], both with d_t(s) π(a|s) multiplied in.

    Off-policy d_t is that of `StepLaw.square_visits`, and π²/μ stands for π.
    """
    weight = visits[:, None] * law.squares
    baseline = step.baseline[:, None]
    spread = step.return_square - 2.0 * baseline * step.return_mean[-1] + baseline**2
    return weight * spread, weight[:, :, None] * step.cross


def lookahead(law: StepLaw, recursion: StepRecursion) -> tuple[int, np.ndarray]:
    """Return how many Y's are carried, and which one each continues with (`memory` itself stands for Y^(0) = 0)."""
    if recursion.lookahead is None or recursion.lookahead >= law.steps:
        return 1, np.array([0])
    memory = recursion.lookahead
    return memory, np.concatenate([[memory], np.arange(memory - 1)])
