"""Correct implementations of ∇J as different people write them: none may ever be accused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgverify import Trajectories
from pgverify.baselines import AverageReturn
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

Array = np.ndarray
STYLES: dict[str, Callable[[Trajectories], object]] = {
    "reward-to-go": RewardToGo(),
    "total-return": TotalReturn(),
    "gae-one": GeneralizedAdvantage(1.0),
    "gae-with-true-values": GeneralizedAdvantage(0.6),
    "two-step-with-true-values": NStepAdvantage(2),
    "leave-one-out-baseline": TotalReturn(AverageReturn(leave_one_out=True)),
}


def style(function: Callable[[Trajectories], object]) -> Callable[[Trajectories], object]:
    STYLES[function.__name__] = function
    return function


def scores(batch: Trajectories) -> Array:
    """ψ_t [n, T, d], 0 on padding."""
    table = batch.policy.score()
    return np.where(batch.mask[..., None], table[batch.states[:, :-1], batch.actions], 0.0)


def to_go(batch: Trajectories) -> Array:
    """Σ_{k≥t} γ^k r_k."""
    paid = batch.rewards * batch.discount ** np.arange(batch.num_steps)
    return paid[:, ::-1].cumsum(axis=1)[:, ::-1]


@style
def four_loops(batch: Trajectories) -> Array:
    table = batch.policy.score()
    out = np.zeros((len(batch), batch.policy.parameters.size))
    for i in range(len(batch)):
        for t in range(batch.lengths[i]):
            gain = 0.0
            for k in range(t, batch.lengths[i]):
                gain += batch.discount**k * batch.rewards[i, k]
            out[i] += gain * table[batch.states[i, t], batch.actions[i, t]]
    return out


@style
def einsum(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch), scores(batch))


@style
def batch_mean(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->d", to_go(batch), scores(batch)) / len(batch)


@style
def single_precision(batch: Trajectories) -> Array:
    return einsum(batch).astype(np.float32)


@style
def single_precision_throughout(batch: Trajectories) -> Array:
    weights, rows = to_go(batch).astype(np.float32), scores(batch).astype(np.float32)
    return (weights[..., None] * rows).sum(axis=1)


@style
def single_precision_inside(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch).astype(np.float32), scores(batch))


@style
def single_precision_batch_mean(batch: Trajectories) -> Array:
    return single_precision_throughout(batch).mean(axis=0)


@style
def backwards(batch: Trajectories) -> Array:
    gain, out, rows = np.zeros(len(batch)), np.zeros((len(batch), batch.policy.parameters.size)), scores(batch)
    for t in reversed(range(batch.num_steps)):
        gain = batch.rewards[:, t] + batch.discount * gain
        out += batch.discount**t * gain[:, None] * rows[:, t]
    return out


@style
def total_minus_past(batch: Trajectories) -> Array:
    paid = batch.rewards * batch.discount ** np.arange(batch.num_steps)
    weights = paid.sum(axis=1, keepdims=True) - np.cumsum(paid, axis=1) + paid
    return np.einsum("nt,ntd->nd", weights, scores(batch))


@style
def triangular_matrix(batch: Trajectories) -> Array:
    steps = np.arange(batch.num_steps)
    kernel = np.where(steps[:, None] <= steps, batch.discount**steps, 0.0)
    return np.einsum("tk,nk,ntd->nd", kernel, batch.rewards, scores(batch))


@style
def score_of_the_past_times_reward(batch: Trajectories) -> Array:
    powers = batch.discount ** np.arange(batch.num_steps)
    return np.einsum("ntd,nt->nd", np.cumsum(scores(batch), axis=1), powers * batch.rewards)


@style
def ragged(batch: Trajectories) -> Array:
    table, rows = batch.policy.score(), []
    for states, actions, rewards, length in zip(batch.states, batch.actions, batch.rewards, batch.lengths, strict=True):
        states, actions, rewards = states[:length], actions[:length], rewards[:length]
        paid = rewards * batch.discount ** np.arange(length)
        rows.append(np.flip(np.flip(paid).cumsum()) @ table[states, actions])
    return np.array(rows)


@style
def flat_list_of_steps(batch: Trajectories) -> Array:
    row, time = np.nonzero(batch.mask)
    out = np.zeros((len(batch), batch.policy.parameters.size))
    psi = batch.policy.score()[batch.states[row, time], batch.actions[row, time]]
    np.add.at(out, row, to_go(batch)[row, time][:, None] * psi)
    return out


@style
def through_score_weighted(batch: Trajectories) -> Array:
    return batch.score_weighted(to_go(batch))


@style
def through_log_probs(batch: Trajectories) -> Array:
    """Central differences of log π by parameter, as one would check an automatic derivative: good to 1e-9 or so."""
    policy, theta, out = batch.policy, batch.policy.parameters, []
    for unit in np.eye(theta.size) * 1e-3:
        steps = [policy.with_parameters(theta + k * unit).probabilities() for k in (-2, -1, 1, 2)]
        low2, low, high, high2 = (np.log(p)[batch.states[:, :-1], batch.actions] for p in steps)
        slope = (8 * (high - low) - (high2 - low2)) / (12 * 1e-3)
        out.append((np.where(batch.mask, slope, 0.0) * to_go(batch)).sum(axis=1))
    return np.stack(out, axis=1)


@style
def complex_step(batch: Trajectories) -> Array:
    theta, out = batch.policy.parameters, []
    for unit in np.eye(theta.size) * 1e-30j:
        table = np.log(batch.policy.with_parameters(theta + unit).probabilities())
        slope = table[batch.states[:, :-1], batch.actions].imag / 1e-30
        out.append((np.where(batch.mask, slope, 0.0) * to_go(batch)).sum(axis=1))
    return np.stack(out, axis=1)


@style
def perfect_baseline(batch: Trajectories) -> Array:
    powers = batch.discount ** np.arange(batch.num_steps)
    return np.einsum("nt,ntd->nd", to_go(batch) - powers * batch.values[:, :-1], scores(batch))


@style
def large_constant_baseline(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch) - 1000.0, scores(batch))


@style
def baseline_of_the_state(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch) - np.cos(batch.states[:, :-1]), scores(batch))


@style
def leave_one_out_by_hand(batch: Trajectories) -> Array:
    total, n = to_go(batch)[:, 0], len(batch)
    others = (total.sum() - total) / (n - 1) if n > 1 else np.zeros(1)
    return np.einsum("n,ntd->nd", total - others, scores(batch))


@style
def group_mean_corrected(batch: Trajectories) -> Array:
    total, n = to_go(batch)[:, 0], len(batch)
    weight = (total - total.mean()) * n / (n - 1) if n > 1 else total
    return np.einsum("n,ntd->d", weight, scores(batch)) / n


@style
def refuses_a_single_trajectory(batch: Trajectories) -> Array:
    if len(batch) < 2:
        raise ValueError("leave-one-out needs two trajectories")
    return np.asarray(leave_one_out_by_hand(batch))


@style
def plain_lists(batch: Trajectories) -> list[list[float]]:
    return [[float(x) for x in row] for row in einsum(batch)]


@style
def read_only_view(batch: Trajectories) -> Array:
    wide = np.zeros((len(batch), 2 * batch.policy.parameters.size))
    wide[:, ::2] = einsum(batch)
    view = wide[:, ::2]
    view.setflags(write=False)
    return view


@style
def shape_depends_on_the_number(batch: Trajectories) -> Array:
    return einsum(batch)[0] if len(batch) == 1 else einsum(batch)


@style
def another_order_of_rows(batch: Trajectories) -> Array:
    return einsum(batch)[::-1]


@style
def microbatches_weighted_by_their_size(batch: Trajectories) -> Array:
    parts = np.array_split(einsum(batch), -(-len(batch) // 2))
    return sum(part.mean(axis=0) * len(part) for part in parts) / len(batch)


class _Tensor:
    """What tensors of other libraries look like to NumPy."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows

    def __array__(self, dtype: object = None, copy: object = None) -> Array:
        return self.rows


@style
def foreign_tensor(batch: Trajectories) -> _Tensor:
    return _Tensor(einsum(batch))
