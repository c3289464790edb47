"""Correct implementations of ∇J in odder styles: other containers, other orders, other baselines, harmless state."""

from __future__ import annotations

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import numpy as np
from correct_styles import scores, to_go
from scipy.signal import lfilter
from scipy.sparse import csr_array

from pgverify import Trajectories
from pgverify.trajectories import concatenate

Array = np.ndarray
ODD: dict[str, Callable[[Trajectories], object]] = {}


def odd(function: Callable[[Trajectories], object]) -> Callable[[Trajectories], object]:
    ODD[function.__name__] = function
    return function


def plain(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch), scores(batch))


def whole(batch: Trajectories, weight: Array) -> Array:
    return np.einsum("n,ntd->nd", weight, scores(batch))


def powers(batch: Trajectories) -> Array:
    return batch.discount ** np.arange(batch.num_steps)


# ------------------------------------------------------------------------------------------- ways to sum


@odd
def by_a_filter(batch: Trajectories) -> Array:
    gain = lfilter([1.0], [1.0, -batch.discount], batch.rewards[:, ::-1], axis=1)[:, ::-1]
    return np.einsum("nt,ntd->nd", powers(batch) * gain, scores(batch))


@odd
def by_a_linear_system(batch: Trajectories) -> Array:
    shift = np.eye(batch.num_steps) - batch.discount * np.eye(batch.num_steps, k=1)
    gain = np.linalg.solve(shift, batch.rewards.T).T
    return np.einsum("nt,ntd->nd", powers(batch) * gain, scores(batch))


@odd
def by_polynomials(batch: Trajectories) -> Array:
    """G_t = Σ_k r_{t+k} γ^k, a polynomial in γ."""
    gain = np.zeros_like(batch.rewards)
    for i, t in itertools.product(*map(range, gain.shape)):
        gain[i, t] = np.polynomial.polynomial.polyval(batch.discount, batch.rewards[i, t:])
    return np.einsum("nt,ntd->nd", powers(batch) * gain, scores(batch))


@odd
def by_accumulate(batch: Trajectories) -> Array:
    rows = []
    for rewards, psi in zip(batch.rewards.tolist(), scores(batch), strict=True):
        gain = list(itertools.accumulate(reversed(rewards), lambda later, r: r + batch.discount * later))[::-1]
        rows.append(sum((batch.discount**t * g * row for t, (g, row) in enumerate(zip(gain, psi, strict=True))), 0.0))
    return np.array(rows)


@odd
def by_exact_sums(batch: Trajectories) -> Array:
    paid = (powers(batch) * batch.rewards).tolist()
    weights = np.array([[math.fsum(row[t:]) for t in range(len(row))] for row in paid])
    return np.einsum("nt,ntd->nd", weights, scores(batch))


@odd
def by_recursion(batch: Trajectories) -> Array:
    def rest(t: int) -> tuple[Array, Array]:
        """Return the discounted return from step t on, and what the steps from t on contribute."""
        if t == batch.num_steps:
            return np.zeros(len(batch)), np.zeros((len(batch), batch.policy.parameters.size))
        later, contributed = rest(t + 1)
        gain = batch.discount**t * batch.rewards[:, t] + later
        return gain, contributed + gain[:, None] * psi[:, t]

    psi = scores(batch)
    return rest(0)[1]


@odd
def by_counting_states_and_actions(batch: Trajectories) -> Array:
    table = batch.policy.score()
    states, actions, _ = table.shape
    index = batch.states[:, :-1] * actions + batch.actions
    weights = np.where(batch.mask, to_go(batch), 0.0)
    counted = np.array(
        [np.bincount(i, weights=w, minlength=states * actions) for i, w in zip(index, weights, strict=True)]
    )
    return np.einsum("nk,kd->nd", counted, table.reshape(states * actions, -1))


@odd
def by_a_sparse_matrix(batch: Trajectories) -> Array:
    table = batch.policy.score()
    row, time = np.nonzero(batch.mask)
    column = batch.states[row, time] * table.shape[1] + batch.actions[row, time]
    shape = len(batch), table.shape[0] * table.shape[1]
    visited = csr_array((to_go(batch)[row, time], (row, column)), shape=shape)
    return np.asarray(visited @ table.reshape(shape[1], -1))


@odd
def in_a_dictionary(batch: Trajectories) -> Array:
    table, out = batch.policy.score(), []
    for i in range(len(batch)):
        seen: dict[tuple[int, int], float] = defaultdict(float)
        for t in range(int(batch.lengths[i])):
            seen[int(batch.states[i, t]), int(batch.actions[i, t])] += float(to_go(batch)[i, t])
        out.append(sum((weight * table[key] for key, weight in seen.items()), np.zeros(table.shape[2])))
    return np.array(out)


@odd
def steps_of_all_episodes_reduced(batch: Trajectories) -> Array:
    """One flat array of steps, of which each episode sums its own part."""
    flat = (to_go(batch)[..., None] * scores(batch))[batch.mask]
    ends = np.cumsum(batch.lengths)
    summed = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
    return summed[ends] - summed[ends - batch.lengths]


# ------------------------------------------------------------------------------------------- ways to order


@odd
def longest_first_and_back(batch: Trajectories) -> Array:
    order = np.argsort(-batch.lengths, kind="stable")
    return plain(batch.select(order))[np.argsort(order, kind="stable")]


@odd
def one_length_after_another(batch: Trajectories) -> Array:
    out = np.zeros((len(batch), batch.policy.parameters.size))
    for length in np.unique(batch.lengths):
        rows = np.flatnonzero(batch.lengths == length)
        out[rows] = plain(batch.select(rows))
    return out


@odd
def sevens(batch: Trajectories) -> Array:
    return np.concatenate([plain(batch.select(slice(k, k + 7))) for k in range(0, len(batch), 7)])


@odd
def halves_of_halves(batch: Trajectories) -> Array:
    if len(batch) == 1:
        return plain(batch)
    half = len(batch) // 2
    return np.concatenate([halves_of_halves(batch.select(part)) for part in (slice(half), slice(half, None))])


@odd
def padded_to_fifty(batch: Trajectories) -> Array:
    wide = np.zeros((len(batch), 50))
    wide[:, : batch.num_steps] = powers(batch) * batch.rewards
    weights = wide[:, ::-1].cumsum(axis=1)[:, ::-1][:, : batch.num_steps]
    return np.einsum("nt,ntd->nd", weights, scores(batch))


@odd
def in_threads(batch: Trajectories) -> Array:
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(plain, (batch.select([i]) for i in range(len(batch))))))


@odd
def in_an_order_drawn_anew(batch: Trajectories) -> Array:
    """Random in its rounding alone."""
    order = np.random.default_rng().permutation(len(batch))
    return plain(batch)[order].sum(axis=0) / len(batch)


@odd
def beside_another_copy(batch: Trajectories) -> Array:
    return plain(concatenate([batch, batch]))[len(batch) :]


# ------------------------------------------------------------------------------------------- ways to scale


@odd
def mean_over_steps_times_their_number(batch: Trajectories) -> Array:
    steps = max(int(batch.lengths.sum()), 1)
    return plain(batch).sum(axis=0) / steps * (steps / len(batch))


@odd
def gains_and_losses_apart(batch: Trajectories) -> Array:
    weights = to_go(batch)
    return np.einsum("nt,ntd->nd", np.maximum(weights, 0.0), scores(batch)) + np.einsum(
        "nt,ntd->nd", np.minimum(weights, 0.0), scores(batch)
    )


@odd
def in_other_units(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch) * 1e9, scores(batch)) / 1e9


@odd
def long_numbers(batch: Trajectories) -> Array:
    return plain(batch).astype(np.longdouble)


@odd
def columns_first_and_backwards(batch: Trajectories) -> Array:
    return np.asfortranarray(plain(batch)[::-1])[::-1]


@odd
def tuples(batch: Trajectories) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in plain(batch).tolist())


# ------------------------------------------------------------------------------------------- ways to remember


class _Reused:
    """One buffer for all answers, as it saves memory: whoever keeps an answer must copy it."""

    def __init__(self) -> None:
        self.buffer = np.zeros((1, 1))

    def __call__(self, batch: Trajectories) -> Array:
        rows = plain(batch)
        if self.buffer.shape[0] < rows.shape[0] or self.buffer.shape[1] < rows.shape[1]:
            self.buffer = np.zeros((2 * rows.shape[0], max(rows.shape[1], self.buffer.shape[1])))
        self.buffer[...] = np.nan
        self.buffer[: rows.shape[0], : rows.shape[1]] = rows
        return self.buffer[: rows.shape[0], : rows.shape[1]]


ODD["one_buffer_for_all_answers"] = _Reused()
_TABLES: WeakKeyDictionary[object, Array] = WeakKeyDictionary()
_KNOWN: dict[bytes, Array] = {}


@odd
def scores_kept_with_the_policy(batch: Trajectories) -> Array:
    key = batch.problem.mdp
    table = _TABLES.setdefault(key, batch.policy.score())
    psi = np.where(batch.mask[..., None], table[batch.states[:, :-1], batch.actions], 0.0)
    return np.einsum("nt,ntd->nd", to_go(batch), psi)


@odd
def answers_kept_by_content(batch: Trajectories) -> Array:
    arrays = batch.states, batch.actions, batch.rewards, batch.lengths, batch.policy.probabilities()
    key = b"|".join(array.tobytes() for array in arrays) + repr((batch.rewards.shape, batch.discount)).encode()
    return _KNOWN.setdefault(key, plain(batch)).copy()


ODD["a_partial_function"] = functools.partial(lambda scale, batch: scale * plain(batch) / scale, 3.0)

# ------------------------------------------------------------------------------------------- ways to subtract


@odd
def potential_shaping(batch: Trajectories) -> Array:
    """r + γ Φ(s') − Φ(s), Φ = 0 at the end: the return changes by −Φ(s_0)."""
    potential = np.where(batch.ongoing, np.cos(3.0 * batch.states), 0.0)
    if not batch.terminated.all():
        potential[batch.truncated] = 0.0
    shaped = np.where(batch.mask, batch.rewards + batch.discount * potential[:, 1:] - potential[:, :-1], 0.0)
    weights = (powers(batch) * shaped)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.einsum("nt,ntd->nd", weights, scores(batch))


@odd
def control_variate(batch: Trajectories) -> Array:
    return plain(batch) - 0.7 * scores(batch).sum(axis=1)


@odd
def baseline_of_time(batch: Trajectories) -> Array:
    return np.einsum("nt,ntd->nd", to_go(batch) - np.sqrt(1.0 + np.arange(batch.num_steps)), scores(batch))


@odd
def baseline_of_the_past(batch: Trajectories) -> Array:
    """What was earned before the action, and how the start was: all known before the action is taken."""
    earned = np.cumsum(batch.rewards, axis=1) - batch.rewards
    baseline = np.tanh(earned) + 0.3 * batch.states[:, :1]
    return np.einsum("nt,ntd->nd", to_go(batch) - baseline, scores(batch))


@odd
def returns_as_lambda_returns(batch: Trajectories) -> Array:
    """A_t + V(s_t) of GAE(.8) with a perfect critic: V is a baseline of another sign."""
    gain, later = np.zeros_like(batch.rewards), np.where(batch.truncated, batch.values[:, -1], 0.0)
    for t in reversed(range(batch.num_steps)):
        after = 0.2 * batch.values[:, t + 1] + 0.8 * later
        after = np.where(t + 1 < batch.lengths, after, np.where(batch.truncated, batch.values[:, t + 1], 0.0))
        later = np.where(batch.mask[:, t], batch.rewards[:, t] + batch.discount * after, 0.0)
        gain[:, t] = later
    return np.einsum("nt,ntd->nd", powers(batch) * gain, scores(batch))


@odd
def ratio_of_probabilities(batch: Trajectories) -> Array:
    """A clipped surrogate where nothing is clipped: every ratio is 1."""
    current = np.log(batch.policy.probabilities())[batch.states[:, :-1], batch.actions]
    ratio = np.where(batch.mask, np.exp(current - batch.log_probs), 1.0)
    weights = to_go(batch)
    kept = ratio * weights <= np.clip(ratio, 0.8, 1.2) * weights + 1e-9
    return np.einsum("nt,ntd->nd", kept * ratio * weights, scores(batch))


@odd
def halves_that_lend_each_other_a_baseline_in_one_out(batch: Trajectories) -> Array:
    total, half = to_go(batch)[:, 0] if batch.num_steps else np.zeros(len(batch)), len(batch) // 2
    if half == 0:
        return whole(batch, total)
    baseline = np.where(np.arange(len(batch)) < half, total[half:].mean(), total[:half].mean())
    return whole(batch, total - baseline)


@odd
def the_neighbour_as_baseline_in_one_out(batch: Trajectories) -> Array:
    total = to_go(batch)[:, 0] if batch.num_steps else np.zeros(len(batch))
    return whole(batch, total - np.roll(total, 1) if len(total) > 1 else total)


@odd
def the_others_step_by_step_one_out(batch: Trajectories) -> Array:
    """The mean γ^t G_t of the others at the same time, who may have ended."""
    weights, n = to_go(batch), len(batch)
    others = (weights.sum(axis=0) - weights) / (n - 1) if n > 1 else 0.0
    return np.einsum("nt,ntd->nd", weights - others, scores(batch))


@odd
def the_others_of_the_same_start_one_out(batch: Trajectories) -> Array:
    total = to_go(batch)[:, 0] if batch.num_steps else np.zeros(len(batch))
    same = (batch.states[:, :1] == batch.states[:, 0]) & ~np.eye(len(batch), dtype=bool)
    return whole(batch, total - same @ total / np.maximum(same.sum(axis=1), 1))


@odd
def nothing_of_one_alone_one_out(batch: Trajectories) -> Array:
    """n/(n − 1) (R − mean): of a single trajectory it makes 0."""
    total, n = to_go(batch)[:, 0] if batch.num_steps else np.zeros(len(batch)), len(batch)
    return whole(batch, (total - total.mean()) * n / max(n - 1, 1))
