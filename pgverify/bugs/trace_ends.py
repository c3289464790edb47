"""Traces of advantages that end one step early, or run on into the episode stored next."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.episode_ends import TIME_LIMIT
from pgverify.bugs.steps import rows
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

DECAY = 0.95
"""λ of the trace that runs across a cut."""


def _done_late(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t A_t with A_t = r_t + γ (1 − done_{t+1}) A_{t+1} along one buffer of all episodes.

    done_t says that the episode ended with step t, and done_{t+1} is read: the step before the last loses its future,
    and the last one runs on into the episode stored next. Rewards 1, 10, 100 in every episode give 11, 10, 111. The
    critic is 0; the last episode is followed by the first, whose trace is that of its own steps alone.
    """
    rewards, lengths, steps = batch.relative_rewards, batch.lengths, batch.num_steps
    own = rewards.copy()  # without what runs on from the last step
    inside = np.arange(steps) + 2 < lengths[:, None]  # step t + 1 is not the last
    for t in reversed(range(steps - 1)):
        own[:, t] += batch.discount * inside[:, t] * own[:, t + 1]
    first = own[:, 0] if steps else np.zeros(len(batch))
    after = np.roll(np.where(lengths > 1, first, 0.0), -1)  # an episode of one step is done with its first
    last = np.arange(steps) + 1 == lengths[:, None]
    return rows(batch, batch.discount_powers * (own + batch.discount * last * after[:, None]))


def _cut(batch: Trajectories, runs_on: bool) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t A_t from windows of `TIME_LIMIT` steps, with A_t = δ_t + γ λ A_{t+1} and a perfect critic.

    Where a window cuts an episode at step k, V(s_k) is bootstrapped and the trace ends. If it runs on, V is that of the
    start s'_0 of the episode stored next, and its first advantage is added: γ (V(s'_0) − V(s_k) + λ A'_0) too much.
    """
    values, lengths, steps = batch.values, batch.lengths[:, None], batch.num_steps
    times = np.arange(steps)
    following = np.where((times + 1 < lengths) | batch.truncated[:, None], values[:, 1:], 0.0)
    advantage = np.where(batch.mask, batch.relative_rewards + batch.discount * following - values[:, :-1], 0.0)
    edge = (times // TIME_LIMIT + 1) * TIME_LIMIT
    for t in reversed(range(steps - 1)):
        if t + 1 < edge[t]:
            advantage[:, t] += batch.discount * DECAY * advantage[:, t + 1]
    if runs_on and steps:
        reach = batch.discount * np.power(batch.discount * DECAY, edge - 1 - times)
        after = np.roll(values[:, 0] + DECAY * advantage[:, 0], -1)[:, None]
        wrong = after - values[:, np.minimum(edge, steps)]
        advantage = advantage + np.where(edge < lengths, reach * wrong, 0.0)
    return rows(batch, batch.discount_powers * advantage)


def _runs_on(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _cut(batch, runs_on=True)


def _ends(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _cut(batch, runs_on=False)


DONE_INDEX_LATE = Bug(
    number=74,
    slug="done-index-late",
    effect=Effect.BIASED,
    cause="The flag stored with step t says that the episode ended there, and that of step t+1 is read: the trace ends "
    "one step early and runs on into the next episode.",
    cure="Read the flag of the same step, or store it with the step that follows.",
    source=("agilerl 2.58.0 (PPO, collect_rollouts)",),
    implementation=_done_late,
    correct=RewardToGo(),
    batch_size=2,
    ordered=True,
)

TRACE_CROSSES_CUT = Bug(
    number=75,
    slug="trace-crosses-cut",
    effect=Effect.BIASED,
    cause="Where a time limit cuts an episode the trace of advantages runs on into the episode stored next.",
    cure="End the trace at every cut, and bootstrap V of the state reached there.",
    source=("Toni-SM/skrl#449",),
    implementation=_runs_on,
    correct=_ends,
    batch_size=2,
    ordered=True,
    note=f"Windows of {TIME_LIMIT} steps with a perfect critic, λ = {DECAY:g}; the expectation is that of "
    "vtrace-next-trajectory, the contributions are not.",
)
