"""Right implementations of ∇J in single precision, as different people write them, and faulty ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgverify import LinearSoftmaxPolicy, SoftmaxPolicy, Trajectories

Array = np.ndarray
f32 = np.float32
STYLES: dict[str, Callable[[Trajectories], object]] = {}
FAULTY: dict[str, Callable[[Trajectories], object]] = {}


def style(function: Callable[[Trajectories], object]) -> Callable[[Trajectories], object]:
    STYLES[function.__name__] = function
    return function


def faulty(function: Callable[[Trajectories], object]) -> Callable[[Trajectories], object]:
    FAULTY[function.__name__] = function
    return function


def logits(batch: Trajectories) -> Array:
    policy = batch.policy
    assert isinstance(policy, SoftmaxPolicy | LinearSoftmaxPolicy)
    if isinstance(policy, SoftmaxPolicy):
        return policy.logits.astype(f32)
    return np.einsum("sad,d->sa", policy.features.astype(f32), policy.weights.astype(f32))


def naive_softmax(z: Array) -> Array:
    e = np.exp(z)
    return e / e.sum(1, keepdims=True)


def shifted_softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def through_log(z: Array) -> Array:
    z = z - z.max(1, keepdims=True)
    return np.exp(z - np.log(np.exp(z).sum(1, keepdims=True)))


def as_categorical(z: Array) -> Array:
    """exp(z − log Σ exp z), not shifted by the largest: the difference loses ε |z|."""
    top = z.max(1, keepdims=True)
    return np.exp(z - (top + np.log(np.exp(z - top).sum(1, keepdims=True))))


def paid(batch: Trajectories) -> Array:
    return f32(batch.discount) ** np.arange(batch.num_steps, dtype=f32) * batch.rewards.astype(f32)


def flipped_cumsum(batch: Trajectories) -> Array:
    return np.cumsum(paid(batch)[:, ::-1], axis=1)[:, ::-1]


def total_minus_past(batch: Trajectories) -> Array:
    x = paid(batch)
    return x.sum(1, keepdims=True) - np.cumsum(x, axis=1) + x


def recursion(batch: Trajectories) -> Array:
    """G_t = r_t + γ G_{t+1}, times γ^t at the end."""
    rewards, gamma = batch.rewards.astype(f32), f32(batch.discount)
    out, run = np.zeros_like(rewards), np.zeros(len(batch), f32)
    for t in reversed(range(batch.num_steps)):
        run = rewards[:, t] + gamma * run
        out[:, t] = run * gamma**t
    return out


def by_matrix(batch: Trajectories) -> Array:
    return np.einsum("tk,nk->nt", np.triu(np.ones((batch.num_steps,) * 2, f32)), paid(batch))


def to_parameters(batch: Trajectories, table: Array) -> Array:
    """[n, S, A] of the gradient by the logits to [n, d]."""
    if isinstance(batch.policy, SoftmaxPolicy):
        return table.reshape(len(table), -1)
    return np.einsum("nsa,sad->nd", table, batch.policy.features.astype(f32))


def accumulated(batch: Trajectories, p: Array, w: Array) -> Array:
    """Σ_t w_t (1_{a_t} − π) step by step into one table a trajectory."""
    table, unit = np.zeros((len(batch), *p.shape), f32), np.eye(p.shape[1], dtype=f32)
    rows = np.arange(len(batch))
    for t in range(batch.num_steps):
        s = batch.states[:, t]
        kept = (w[:, t] * batch.mask[:, t])[:, None]
        table[rows, s] += kept * (unit[batch.actions[:, t]] - p[s])
    return to_parameters(batch, table)


def one_hot_products(batch: Trajectories, p: Array, w: Array) -> Array:
    state = np.eye(p.shape[0], dtype=f32)[batch.states[:, :-1]]
    action = np.eye(p.shape[1], dtype=f32)[batch.actions]
    rows = (w * batch.mask)[..., None] * (action - p[batch.states[:, :-1]])
    return to_parameters(batch, np.einsum("nts,nta->nsa", state, rows))


def as_autodiff(batch: Trajectories, p: Array, w: Array) -> Array:
    """As the backward pass of a log-softmax: Σ_t w 1_a, less π times Σ_t w, each summed first."""
    chosen, visited = np.zeros((len(batch), *p.shape), f32), np.zeros((len(batch), len(p)), f32)
    for i in range(len(batch)):
        for t in range(batch.lengths[i]):
            chosen[i, batch.states[i, t], batch.actions[i, t]] += w[i, t]
            visited[i, batch.states[i, t]] += w[i, t]
    return to_parameters(batch, chosen - visited[..., None] * p)


def loss_sum(batch: Trajectories, p: Array, w: Array) -> Array:
    """The same for the whole batch at once: one gradient [d] of a mean."""
    chosen, visited = np.zeros(p.shape, f32), np.zeros(len(p), f32)
    kept = (w * batch.mask) / f32(len(batch))
    np.add.at(chosen, (batch.states[:, :-1], batch.actions), kept)
    np.add.at(visited, batch.states[:, :-1], kept)
    return to_parameters(batch, (chosen - visited[:, None] * p)[None])[0]


@style
def naive(batch: Trajectories) -> Array:
    return accumulated(batch, naive_softmax(logits(batch)), flipped_cumsum(batch))


@style
def shifted(batch: Trajectories) -> Array:
    return accumulated(batch, shifted_softmax(logits(batch)), recursion(batch))


@style
def log_softmax(batch: Trajectories) -> Array:
    return accumulated(batch, through_log(logits(batch)), total_minus_past(batch))


@style
def einsum(batch: Trajectories) -> Array:
    return one_hot_products(batch, shifted_softmax(logits(batch)), by_matrix(batch))


@style
def einsum_and_log(batch: Trajectories) -> Array:
    return one_hot_products(batch, through_log(logits(batch)), recursion(batch))


@style
def autodiff(batch: Trajectories) -> Array:
    return as_autodiff(batch, through_log(logits(batch)), recursion(batch))


@style
def autodiff_naive(batch: Trajectories) -> Array:
    return as_autodiff(batch, naive_softmax(logits(batch)), total_minus_past(batch))


@style
def mean_of_a_loss(batch: Trajectories) -> Array:
    return loss_sum(batch, through_log(logits(batch)), flipped_cumsum(batch))


@style
def mean_of_a_loss_naive(batch: Trajectories) -> Array:
    return loss_sum(batch, naive_softmax(logits(batch)), by_matrix(batch))


@style
def categorical(batch: Trajectories) -> Array:
    return loss_sum(batch, as_categorical(logits(batch)), flipped_cumsum(batch))


@style
def categorical_by_rows(batch: Trajectories) -> Array:
    return as_autodiff(batch, as_categorical(logits(batch)), flipped_cumsum(batch))


@style
def total_return(batch: Trajectories) -> Array:
    w = np.repeat(paid(batch).sum(1, keepdims=True), batch.num_steps, axis=1)
    return accumulated(batch, shifted_softmax(logits(batch)), w)


@style
def total_return_of_a_loss(batch: Trajectories) -> Array:
    w = np.repeat(paid(batch).sum(1, keepdims=True), batch.num_steps, axis=1)
    return loss_sum(batch, through_log(logits(batch)), w)


@style
def python_loop(batch: Trajectories) -> Array:
    p = shifted_softmax(logits(batch))
    table = np.zeros((len(batch), *p.shape), f32)
    for i in range(len(batch)):
        gain = f32(0.0)
        for t in reversed(range(batch.lengths[i])):
            gain = f32(batch.rewards[i, t]) + f32(batch.discount) * gain
            row = -p[batch.states[i, t]] * gain * f32(batch.discount) ** f32(t)
            row[batch.actions[i, t]] += gain * f32(batch.discount) ** f32(t)
            table[i, batch.states[i, t]] += row
    return to_parameters(batch, table)


@style
def with_values(batch: Trajectories) -> Array:
    powers = f32(batch.discount) ** np.arange(batch.num_steps, dtype=f32)
    w = recursion(batch) - powers * batch.values[:, :-1].astype(f32)
    return accumulated(batch, shifted_softmax(logits(batch)), w)


@style
def a_constant_off(batch: Trajectories) -> Array:
    return accumulated(batch, shifted_softmax(logits(batch)), recursion(batch) - f32(10.0))


@style
def normalised_weights(batch: Trajectories) -> Array:
    """Scaled to at most 1, and back at the end."""
    w = recursion(batch) * batch.mask
    unit = np.maximum(np.abs(w).max(1, keepdims=True), f32(1e-20))
    return accumulated(batch, shifted_softmax(logits(batch)), w / unit) * unit


@style
def summed_in_double(batch: Trajectories) -> Array:
    """Softmax and weights in single precision, the sum in double: nothing that is returned is short."""
    p, w = shifted_softmax(logits(batch)), recursion(batch).astype(np.float64)
    table = np.zeros((len(batch), *p.shape))
    for i in range(len(batch)):
        for t in range(batch.lengths[i]):
            table[i, batch.states[i, t]] += w[i, t] * (np.eye(p.shape[1])[batch.actions[i, t]] - p[batch.states[i, t]])
    policy = batch.policy
    if isinstance(policy, SoftmaxPolicy):
        return table.reshape(len(batch), -1)
    return np.einsum("nsa,sad->nd", table, policy.features)


def _right(batch: Trajectories) -> Array:
    return accumulated(batch, shifted_softmax(logits(batch)), recursion(batch))


@faulty
def more_on_long_episodes(batch: Trajectories) -> Array:
    return _right(batch) * np.where(batch.lengths >= 5, f32(1.003), f32(1.0))[:, None]


@faulty
def more_on_the_long_problem(batch: Trajectories) -> Array:
    return _right(batch) * f32(1.003 if batch.num_steps >= 7 else 1.0)


@faulty
def more_on_one_action(batch: Trajectories) -> Array:
    return _right(batch) * np.where(batch.actions[:, 0] == 1, f32(1.003), f32(1.0))[:, None]


@faulty
def more_on_shared_features(batch: Trajectories) -> Array:
    return _right(batch) * f32(1.001 if isinstance(batch.policy, LinearSoftmaxPolicy) else 1.0)


@faulty
def near_determinism_ignored(batch: Trajectories) -> Array:
    """A probability that is clipped, as some do against log 0."""
    p = np.clip(shifted_softmax(logits(batch)), f32(0.01), f32(0.99))
    return accumulated(batch, p, recursion(batch))


@faulty
def a_term_is_added_to_the_softmax(batch: Trajectories) -> Array:
    e = np.exp(logits(batch))
    return accumulated(batch, e / (e.sum(1, keepdims=True) + f32(1e-3)), recursion(batch))


@faulty
def without_discount_on_long(batch: Trajectories) -> Array:
    powers = f32(batch.discount) ** np.arange(batch.num_steps, dtype=f32)
    w = recursion(batch) / (powers if batch.num_steps >= 7 else f32(1.0))
    return accumulated(batch, shifted_softmax(logits(batch)), w)


@faulty
def the_first_action_has_no_score(batch: Trajectories) -> Array:
    p = shifted_softmax(logits(batch))
    w = recursion(batch)
    w[:, 0] *= batch.num_steps < 7
    return accumulated(batch, p, w)


@faulty
def rare_rewards_are_clipped(batch: Trajectories) -> Array:
    return accumulated(batch, shifted_softmax(logits(batch)), np.clip(flipped_cumsum(batch), f32(-50), f32(50)))


@faulty
def half_a_per_cent_on_ties(batch: Trajectories) -> Array:
    return _right(batch) * np.where(batch.actions[:, 0] == batch.actions[:, -1], f32(1.0), f32(0.995))[:, None]


@faulty
def a_wrong_last_step(batch: Trajectories) -> Array:
    w = recursion(batch)
    w[np.arange(len(batch)), np.maximum(batch.lengths, 1) - 1] *= f32(0.999)
    return accumulated(batch, shifted_softmax(logits(batch)), w)


@faulty
def a_bias_of_the_score(batch: Trajectories) -> Array:
    return accumulated(batch, shifted_softmax(logits(batch)) * f32(1.0005), recursion(batch))
