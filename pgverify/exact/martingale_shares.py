"""Where the variance comes from: the start state, every action, every transition, every noisy reward.

g − E g is a sum of martingale differences, one for each of these draws, and differences of a martingale are
uncorrelated: their covariances add up to Cov[g] exactly. With Z_t the eligibility trace, X_t the part of g from step t
on, p = c_t ψ(s_t,a_t) and η the noise of the reward, they are

    start           E[X_0 | s_0] − E g
    action at t     Z_t (Q_t(s,a) − V_t(s)) + E[X_t | s,a] − E[X_t | s]      (total return: + ρ̃_t ψ_t)
    transition at t (Z_t + p)(u + κ V_{t+1}(s') − Q_t(s,a)) + E[X_{t+1} | s'] − E[X_{t+1} | s,a]
    reward at t     (Z_t + p) η

where Q and V are the conditional means of Y. With a lookahead of n steps Z·V stands for Σ_j Z^(j) V^(j).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from pgverify.exact.common_reward import without_common_reward
from pgverify.exact.curvature import require_matrix_fits
from pgverify.exact.estimator_moments import row_recursion
from pgverify.exact.past import Past, eligibility, pasts, to_go_part
from pgverify.exact.rollout_law import rollout
from pgverify.exact.step_law import StepLaw, at_time, step_law
from pgverify.exact.step_moments import StepMoments, backward_sweep, lookahead, return_values
from pgverify.kinds import FLAG, accepts
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.recursion import StepRecursion
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd

SOURCES = ("start", "action", "transition", "reward")


@accepts(problem=REAL_PROBLEM, covariance=FLAG)
def variance_shares(
    estimator: object, problem: Problem, covariance: bool = False, max_steps: int | None = None
) -> pd.DataFrame:
    """Return how much of an estimator's covariance each random draw contributes, exactly.

    Cov[g] = Σ of the covariances of the martingale differences listed in this module; the traces add up to
    `exact.moments(...).trace` to rounding. A baseline that depends on state and time touches the action shares alone:
    E[ψ b | s] = 0, so that it drops out of every conditional mean but those given the present action.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
    problem : Problem
    covariance : bool
        Whether to add a column with the [d, d] matrices.
    max_steps : int, optional
        As for `pgverify.sample`.

    Returns
    -------
    A tidy table with columns `source` (start, action, transition, reward), `time` and `trace`, and `covariance` if
    asked for. Takes O(T·S·d) memory.

    Raises
    ------
    InvalidEstimator, TooLarge
        As for `exact.moments`.

    References
    ----------
    Tucker et al., The mirage of action-dependent baselines in reinforcement learning, 2018.
    """
    import pandas as pd

    if covariance:
        require_matrix_fits(problem)
    law = step_law(problem, rollout(problem, max_steps), whole=True)
    law, declared = without_common_reward(law, row_recursion(estimator, law.rollout))
    past: Iterator[Past | None]
    excess = np.zeros((law.steps, len(law.chain.start)))  # of the baseline, over the one that the sweep is about
    if isinstance(declared, StepRecursion):
        recursion = declared
        past = iter([None] * law.steps)
        if declared.critic is None and declared.lookahead is None:  # about V, whatever the baseline: see above
            recursion = replace(declared, baseline=return_values(law, declared.decay))
            rows = [at_time(declared.baseline, time) - recursion.baseline[time] for time in range(law.steps)]
            excess = np.where(law.chain.running, np.stack(rows), 0.0)
    else:
        values = return_values(law, declared.decay)
        recursion = to_go_part(declared, values)
        past = iter(pasts(law, declared, values))
    scale = law.rollout.step_scale**2
    table = []
    for source, time, share in _shares(law, recursion, past, excess, covariance):
        matrix = scale * share
        row = {"source": source, "time": time, "trace": float(np.trace(matrix) if covariance else matrix)}
        table.append(row | {"covariance": matrix} if covariance else row)
    return pd.DataFrame(table)


def _pair(a: Float[Array, "*#n d"], b: Float[Array, "*#n d"], full: bool) -> Float[Array, "..."]:
    """Return the symmetrised outer product (a b^T + b a^T)/2, or its trace a·b."""
    if not full:
        return np.asarray((a * b).sum(axis=-1))
    product = a[..., :, None] * b[..., None, :]
    return np.asarray((product + product.swapaxes(-1, -2)) / 2.0)


def _shares(
    law: StepLaw,
    recursion: StepRecursion,
    past: Iterator[Past | None],
    excess: Float[Array, "T S"],
    full: bool,
) -> Iterator[tuple[str, int, Float[Array, "*form"]]]:
    steps = list(backward_sweep(law, recursion))[::-1]
    running_start = law.running_start
    first = steps[0].mean
    mean = running_start @ first
    yield "start", 0, np.tensordot(running_start, _pair(first, first, full), 1) - _pair(mean, mean, full)

    memory, previous = lookahead(law, recursion)
    visits = law.visits()
    probabilities = law.chain.probabilities
    score = law.blocks.score
    form = (law.blocks.size,) * 2 if full else ()
    second = np.zeros((memory, memory, len(running_start), *form))  # E[Z^(i) Z^(j)^T ;s]
    for step, trace, before in zip(steps, eligibility(law, recursion), past, strict=True):
        here = visits[step.time]
        p = step.coefficient * score
        ahead = law.blocks.pick(law.going_on, step.following)
        baseline = step.baseline + excess[step.time]
        yield "action", step.time, _action_share(law, step, here, trace, second, ahead, before, baseline, full)

        # E[Z̃^(i) Z̃^(j)^T ;s,a] with Z̃ = Z + p entering at the full lookahead; and E[Z̃^(j) ;s,a].
        weight = probabilities.reshape(*probabilities.shape, *(1,) * len(form))
        traced = probabilities[:, :, None] * trace[:, :, None, :]
        squares = weight * second[:, :, :, None]
        for j in range(memory):
            cross = _pair(p, trace[j][:, None, :], full) * weight
            squares[-1, j] += cross
            squares[j, -1] += cross
        own = (here[:, None] * probabilities).reshape(weight.shape)
        squares[-1, -1] += own * _pair(p, p, full)
        traced[-1] += (here[:, None] * probabilities)[:, :, None] * p

        yield (
            "transition",
            step.time,
            _transition_share(law, step, here, traced, squares, ahead, recursion, full),
        )
        noise = law.going_on.total(law.noise) + law.ending.total(law.noise)
        yield "reward", step.time, np.einsum("sa,mnsa...->...", noise, squares)

        moved = np.moveaxis(law.going_on.back(np.moveaxis(squares, (2, 3), (-2, -1))), -1, 2)
        second = np.zeros_like(second)
        kept = np.flatnonzero(previous < memory)
        for source, other in product(kept, kept):
            second[previous[source], previous[other]] += recursion.decay**2 * moved[source, other]


def _action_share(
    law: StepLaw,
    step: StepMoments,
    here: Float[Array, "S"],
    trace: Float[Array, "m S d"],
    second: Float[Array, "m m S *form"],
    ahead: Float[Array, "S A d"],
    before: Past | None,
    baseline: Float[Array, "S"],
    full: bool,
) -> Float[Array, "*form"]:
    probabilities = law.chain.probabilities
    score = law.blocks.score
    gain = step.return_mean - step.state_return[:, :, None]  # Q − V [m, S, A]
    part = step.coefficient * score * (step.return_mean[-1] - baseline[:, None])[:, :, None] + ahead
    change = part - (probabilities[:, :, None] * part).sum(axis=1, keepdims=True)
    spread = np.einsum("sa,msa,nsa->mns", probabilities, gain, gain)
    share = np.einsum("mns,mns...->...", spread, second)
    along = np.einsum("sa,msa,sad->msd", probabilities, gain, change)
    share = share + 2.0 * _pair(trace, along, full).sum(axis=(0, 1))
    weight = here[:, None] * probabilities
    share = share + np.tensordot(weight, _pair(change, change, full), 2)
    if before is not None:
        # Z_t = κ^t Ψ_t: the trace of the total return, times what has been paid.
        traced = before.power * before.product
        p = before.coefficient * score
        along = np.einsum("sa,sa,sad->sd", probabilities, gain[-1], p)
        share = share + 2.0 * _pair(traced, along, full).sum(axis=0)
        paid, paid_square = (probabilities * x[:, None] for x in (before.mean, before.square))
        share = share + 2.0 * np.tensordot(paid, _pair(p, change, full), 2)
        share = share + np.tensordot(paid_square, _pair(p, p, full), 2)
    return np.asarray(share)


def _transition_share(
    law: StepLaw,
    step: StepMoments,
    here: Float[Array, "S"],
    traced: Float[Array, "m S A d"],
    squares: Float[Array, "m m S A *form"],
    ahead: Float[Array, "S A d"],
    recursion: StepRecursion,
    full: bool,
) -> Float[Array, "*form"]:
    value = recursion.decay * law.going_on.at_successors(step.following_return)
    onward = step.added.onward + value - step.return_mean[..., None]  # surprise where the episode goes on
    last = step.added.last - step.return_mean[..., None]  # … and where it ends
    spread = np.einsum("saj,msaj,nsaj->mnsa", law.going_on.weight, onward, onward)
    spread = spread + np.einsum("saj,msaj,nsaj->mnsa", law.ending.weight, last, last)
    share = np.einsum("mnsa,mnsa...->...", spread, squares)
    along = np.stack([law.blocks.pick(law.going_on.times(surprise), step.following) for surprise in onward])
    # E[surprise · (x' − E x')] = E[surprise · x'], the surprise having mean zero.
    share = share + 2.0 * _pair(traced, along, full).sum(axis=(0, 1, 2))
    weight = here[:, None] * law.chain.probabilities
    arriving = law.going_on.back(weight)
    share = share + np.tensordot(arriving, _pair(step.following, step.following, full), 1)
    return np.asarray(share - np.tensordot(weight, _pair(ahead, ahead, full), 2))
