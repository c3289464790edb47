"""Ends of episodes: masks, time limits, resets, and what is bootstrapped there.

For the time limits every episode is collected in windows of `TIME_LIMIT` steps. A window that ends before the episode
does is *cut*: what follows is stood for by V(s) of the state reached, with a perfect critic (`batch.values`), so that
the correct estimate over all windows has expectation ∇J exactly: E[r_t + … + γ^{k−t} V_k(s_k) | s_t, a_t] = Q_t.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, rough_critic, rows
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

TIME_LIMIT = 2
"""Steps in a window: the shortest with a step that is not at its edge. Shows from three steps on."""


def _windows(batch: Trajectories) -> tuple[Float[Array, "n T"], Float[Array, "n T"], Integer[Array, "T"]]:
    """Return r_t + γ r_{t+1} + … up to the end of the window, γ^{k−t} of the cut at step k, and that step's column.

    What is bootstrapped at the cut counts with γ^{k−t}, which is 0 where the episode ends in the window.
    """
    times, lengths = np.arange(batch.num_steps), batch.lengths[:, None]
    beyond = (times // TIME_LIMIT + 1) * TIME_LIMIT
    targets = batch.relative_rewards + batch.discount * (times + 1 == lengths) * batch.values[:, 1:]  # 0 if terminated
    for t in reversed(range(batch.num_steps - 1)):
        if t + 1 < beyond[t]:  # on padding rewards are 0, and so is what follows
            targets[:, t] += batch.discount * targets[:, t + 1]
    reach = np.where(beyond < lengths, np.power(batch.discount, beyond - times), 0.0)
    return targets, reach, np.minimum(beyond, batch.num_steps) - 1


def _target_rows(batch: Trajectories, targets: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    return rows(batch, batch.discount_powers * (targets - batch.values[:, :-1]))


def _bootstrapped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (target − V(s_t)), with V(s_k) of the state reached at a cut."""
    targets, reach, cut = _windows(batch)
    return _target_rows(batch, targets + reach * batch.values[:, cut + 1])


def _as_termination(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with 0 at a cut."""
    return _target_rows(batch, _windows(batch)[0])


def _wrong_state(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with V of the state *before* the last action at a cut: it does not know the action."""
    targets, reach, cut = _windows(batch)
    return _target_rows(batch, targets + reach * batch.values[:, cut])


def _next_trajectory(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with, at a cut, the value target of the first step of the trajectory stored next.

    On policy the V-trace target v_0 is the target of the window itself; the last trajectory is followed by the first.
    """
    targets, reach, cut = _windows(batch)
    first = targets[:, 0] + reach[:, 0] * batch.values[:, cut[0] + 1]
    following = first[(np.arange(len(batch)) + 1) % len(batch)]
    return _target_rows(batch, targets + reach * following[:, None])


def _twice(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with 2 V(s_k) at a cut: once added to the reward, once in the temporal difference."""
    targets, reach, cut = _windows(batch)
    return _target_rows(batch, targets + 2.0 * reach * batch.values[:, cut + 1])


def _done_shifted(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return GAE(1) with done_t ("s_t starts an episode") where done_{t+1} ("so does s_{t+1}") belongs.

    The first step then loses its future (its own flag is set), and the last one bootstraps from the critic's value of
    the terminal state, which nothing keeps at 0. The critic is `rough_critic`; with the right mask GAE(1) is unbiased
    whatever the critic says.
    """
    return _masked_gae(batch, np.broadcast_to(np.arange(batch.num_steps) > 0, batch.mask.shape))


def _done_right(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return GAE(1) with `rough_critic`, masked where the episode has terminated after the step."""
    goes_on = np.arange(1, batch.num_steps + 1) < batch.lengths[:, None]
    return _masked_gae(batch, goes_on | batch.truncated[:, None])


def _masked_gae(batch: Trajectories, goes_on: Bool[Array, "n T"]) -> Inexact[Array, "n d"]:
    values = rough_critic(batch)
    rewards, taken = batch.relative_rewards, batch.mask
    advantages = np.zeros_like(rewards)
    following = np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        error = rewards[:, t] + batch.discount * goes_on[:, t] * values[:, t + 1] - values[:, t]
        following = np.where(taken[:, t], error + batch.discount * goes_on[:, t] * following, 0.0)
        advantages[:, t] = following
    return rows(batch, batch.discount_powers * advantages)


def _autoreset(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go plus the step on which the environment only resets itself, trained on like any other.

    On that step the state is the last one, s_L, the action a' ~ π(·|s_L) is ignored, the reward is 0, and the next
    state is the start s'_0 of the episode stored next; its advantage is γ V̂(s'_0) − V̂(s_L) with `rough_critic`. As
    nothing that follows depends on a', E[ψ(s_L, a') A] = 0: the contribution is noise. A batch holds no a': the first
    action of the next episode stands for it, with the likelihood ratio π(a'|s_L)/π(a'|s'_0) of the two laws.
    """
    count, lengths = len(batch), batch.lengths
    index, after = np.arange(count), np.arange(1, count + 1)
    after[-1:] = 0
    last, following, action = batch.states[index, lengths], batch.states[:, 0][after], batch.action_numbers[:, 0][after]
    probabilities, values = batch.policy.probabilities(), rough_critic(batch)
    advantage = batch.discount * values[:, 0][after] - values[index, lengths]
    advantage = advantage * probabilities[last, action] / probabilities[following, action]
    # A next episode of length zero has no action to lend, nor has one that begins where an action of s_L never comes;
    # an episode that was cut has no reset step here.
    lends = (lengths[after] > 0) & batch.terminated
    if not probabilities.all():
        never = probabilities == 0.0
        lends &= (never[following] <= never[last]).all(axis=1)
    weight = np.where(lends, np.power(batch.discount, lengths) * advantage, 0.0)
    table = np.zeros((count, *probabilities.shape))
    table[index, last, action] = weight
    return rows(batch, credit(batch)) + batch.policy.score_vjp(batch.step_scale * table)


def _trace_shifted(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t δ_t z_t with z_t = γ_{t+1} z_{t−1} + γ^t ψ_t, where γ_{t+1} = 0 on the step that terminates.

    The right trace decays by γ_t, the discount on the way *into* s_t. With γ_{t+1} the trace is erased just before the
    last δ is credited: earlier steps miss γ^{L−1−t} δ_{L−1}. The critic is `rough_critic` and λ = 1 (with a perfect
    critic E[δ_{L−1}|past] = 0 would hide the fault). Summing by step gives weights A_t − γ^{L−1−t} δ_{L−1}, t < L−1.
    """
    values = rough_critic(batch)
    index, times = np.arange(len(batch)), np.arange(batch.num_steps)
    if batch.num_steps == 0:
        return rows(batch, batch.rewards)
    end = np.maximum(batch.lengths - 1, 0)
    error = batch.relative_rewards[index, end] - values[index, end]  # V is 0 after termination
    earlier = (times < end[:, None]) & batch.terminated[:, None]
    missed = np.where(earlier, np.power(batch.discount, np.clip(end[:, None] - times, 0, None)) * error[:, None], 0.0)
    return _done_right(batch) - rows(batch, batch.discount_powers * missed)


DONE_INDEX_SHIFTED = Bug(
    number=9,
    slug="done-index-shifted",
    effect=Effect.BIASED,
    cause="The advantage is masked with the flag of step t where that of step t+1 belongs.",
    cure="Mask V(s_{t+1}) and the trace by whether the episode ended with step t.",
    source=("hill-a/stable-baselines#385", "RoboVerse#814"),
    implementation=_done_shifted,
    correct=_done_right,
)

TRUNCATION_AS_TERMINATION = Bug(
    number=10,
    slug="truncation-as-termination",
    effect=Effect.BIASED,
    cause="Where a time limit cuts the episode nothing is bootstrapped, as if the future were worth 0.",
    cure="At a cut that is not part of the task, bootstrap V of the state reached.",
    source=("DLR-RM/stable-baselines3#633", "Toni-SM/skrl#449", "ray-project/ray#59958"),
    implementation=_as_termination,
    correct=_bootstrapped,
    note=f"Windows of {TIME_LIMIT} steps with a perfect critic: shows on episodes of more than {TIME_LIMIT} steps.",
)

TRUNCATION_WRONG_STATE = Bug(
    number=11,
    slug="truncation-wrong-state",
    effect=Effect.BIASED,
    cause="At a cut the value of the state before the last action (or of the reset state) is bootstrapped.",
    cure="Bootstrap V of the state that the last action led to.",
    source=("EmbodiChain#612",),
    implementation=_wrong_state,
    correct=_bootstrapped,
    note=f"Windows of {TIME_LIMIT} steps with a perfect critic: shows on episodes of more than {TIME_LIMIT} steps.",
)

AUTORESET_STEP_KEPT = Bug(
    number=12,
    slug="autoreset-step-kept",
    effect=Effect.NOISIER,
    cause="The step on which the environment only resets itself is trained on, although its action does nothing.",
    cure="Leave that step out of the loss, of every mean over steps, and of the critic's targets.",
    source=("vwxyzjn/cleanrl#499", "vwxyzjn/cleanrl#562", "automl/Mighty#108"),
    implementation=_autoreset,
    correct=RewardToGo(),
    batch_size=2,
    ordered=True,
    note="A bias only through what else counts steps or learns from them: means and standardised advantages over "
    "steps, and a critic taught that the last state is worth γ V(reset).",
)

VTRACE_NEXT_TRAJECTORY = Bug(
    number=13,
    slug="vtrace-next-trajectory",
    effect=Effect.BIASED,
    cause="At a cut inside the batch the advantage reads the value target of the trajectory stored next.",
    cure="Use V of the state reached wherever a trajectory ends inside the batch.",
    source=("pytorch/rl#4209", "pytorch/rl#4210"),
    implementation=_next_trajectory,
    correct=_bootstrapped,
    batch_size=2,
    ordered=True,
    note=f"Windows of {TIME_LIMIT} steps with a perfect critic: shows on episodes of more than {TIME_LIMIT} steps.",
)

BOOTSTRAP_TWICE = Bug(
    number=14,
    slug="bootstrap-twice",
    effect=Effect.BIASED,
    cause="At a window's edge the bootstrap value is added to the reward and again in the temporal difference.",
    cure="Bootstrap once: in the reward or in the temporal difference.",
    source=("rl-triton#4",),
    implementation=_twice,
    correct=_bootstrapped,
    note=f"Windows of {TIME_LIMIT} steps with a perfect critic: shows on episodes of more than {TIME_LIMIT} steps.",
)

TRACE_DECAY_SHIFTED = Bug(
    number=17,
    slug="trace-decay-shifted",
    effect=Effect.BIASED,
    cause="The trace decays by γ_{t+1} where γ_t belongs: it is erased before the last error is credited.",
    cure="Decay the trace by the discount on the way into s_t; bootstrap with the discount on the way out.",
    source=("SlopDotCash/asi#2866",),
    implementation=_trace_shifted,
    correct=_done_right,
)
