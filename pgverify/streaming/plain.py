"""The weights of many trajectories in NumPy: the reference that the compiled kernel is tested against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from pgverify.randomness import STEPS_IN_WINDOW, Channel
from pgverify.streaming.packed_law import PackedLaw
from pgverify.validation import Array

FIRST_ROOM = 256
"""Steps for which there is room at first, where there may be more."""


@dataclass(frozen=True, eq=False)
class Columns:
    """What happened, a row a step: columns are trajectories, and padding stands in a terminal state or is not taken.

    Attributes
    ----------
    states : [T+1, n]
    pairs : [T, n]
        s·A + a.
    rewards : [T, n]
        r − ρ of the steps that were taken, 0 on padding.
    taken : [T, n], or None where every step was
    ended : [n]
        Whether the episode has terminated.
    """

    states: Int64[Array, "times n"]
    pairs: Int64[Array, "T n"]
    rewards: Float[Array, "T n"]
    taken: Bool[Array, "T n"] | None
    ended: Bool[Array, "n"]


def plain_weights(law: PackedLaw, first: int, rows: int) -> Float[Array, "rows pairs"]:
    """Return Σ_t w_t 1{(s_t, a_t) = pair} for trajectories first, …, first + rows − 1."""
    columns = drawn(law, first, rows)
    weights = _weights(law, columns)
    size = law.pairs
    place = columns.pairs + size * np.arange(rows)
    counted = np.bincount(place.ravel(), weights=weights.ravel(), minlength=rows * size)
    return counted.astype(np.float64, copy=False).reshape(rows, size)


def drawn(law: PackedLaw, first: int, rows: int) -> Columns:
    """Return trajectories first, …, first + rows − 1, the same to the bit as those of `pgverify.sample`."""
    most = law.step.threshold.shape[1]
    threshold, following = law.step.threshold.ravel(), law.successor.ravel()
    alias = (law.step.alias + most * np.arange(len(law.successor))[:, None]).ravel()
    uniform = law.stream.window(Channel.START, 0, first, rows)[:, 0]
    state = law.start.choose(np.zeros(rows, dtype=np.int64), uniform)
    alive = None if _never_ends(law) else ~law.terminal[state]
    noise: list[Array] = []
    taken: list[Array] = []
    horizon, steps = law.rollout.horizon, 0
    room = FIRST_ROOM if horizon is None else min(horizon, FIRST_ROOM)
    states, cells = np.empty((room + 1, rows), dtype=np.int64), np.empty((room, rows), dtype=np.int64)
    states[0] = state
    while (horizon is None or steps < horizon) and (alive is None or alive.any()):
        if steps == len(cells):
            states, cells = (np.concatenate([table, np.empty_like(cells)]) for table in (states, cells))
        window, column = divmod(steps, STEPS_IN_WINDOW)
        if column == 0:
            numbers = law.stream.window(Channel.STEP, window, first, rows).T.copy()
            going = _window(law.rollout.survival < 1.0, law, Channel.SURVIVAL, window, first, rows)
            normal = _window(law.noisy, law, Channel.NOISE, window, first, rows)
        scaled = numbers[column]
        scaled *= most
        whole = scaled.astype(np.int64)
        scaled -= whole
        place = state * most
        place += whole
        cell = np.where(scaled < threshold.take(place), place, alias.take(place))
        cells[steps] = cell
        state = following.take(cell, out=states[steps + 1], mode="clip")  # every cell is there: nothing is clipped
        steps += 1
        if normal is not None:
            noise.append(normal[:, column])
        if alive is not None:
            taken.append(alive)
            # Who has ended stays in a terminal state, or goes on to no effect.
            alive = alive & ~law.terminal[state]
            if going is not None:
                alive &= going[:, column] < law.rollout.survival
    return _columns(law, states[: steps + 1], cells[:steps], noise, taken, alive)


def _never_ends(law: PackedLaw) -> bool:
    return not law.terminal.any() and law.rollout.survival == 1.0


def _window(
    wanted: bool, law: PackedLaw, channel: Channel, window: int, first: int, rows: int
) -> Float[Array, "rows 4"] | None:
    return law.stream.window(channel, window, first, rows) if wanted else None


def _columns(
    law: PackedLaw,
    states: Int64[Array, "times n"],
    chosen: Int64[Array, "T n"],
    noise: list[Array],
    taken: list[Array],
    alive: Bool[Array, "n"] | None,
) -> Columns:
    rows, mdp = states.shape[1], law.rollout.problem.mdp
    rewards = law.reward.ravel().take(chosen)
    if noise:
        from scipy.special import ndtri  # needed only where rewards are noisy

        normal = ndtri(np.maximum(np.array(noise), 2.0**-54))
        rewards = rewards + law.noise.ravel().take(chosen) * normal
    if law.rollout.gain:
        rewards -= law.rollout.gain
    kept = np.array(taken).reshape(-1, rows) if taken else None
    if kept is not None:
        rewards = np.where(kept, rewards, 0.0)
    most = law.step.threshold.shape[1] // mdp.num_actions
    ended = np.zeros(rows, dtype=np.bool_) if alive is None else ~alive
    pairs = np.arange(law.reward.size) // most
    return Columns(states, pairs.take(chosen), rewards, kept, ended | law.rollout.horizon_terminates)


def _weights(law: PackedLaw, columns: Columns) -> Float[Array, "T n"]:
    """Return w_t of every step, 0 on padding."""
    steps = len(columns.pairs)
    ratio = None if law.ratio is None else law.ratio.take(columns.pairs)
    if ratio is not None and columns.taken is not None:
        ratio = np.where(columns.taken, ratio, 1.0)
    weights = _whole_returns(law, columns) if law.whole else _sums_to_come(law, columns, ratio)
    if law.baseline.any():
        weights = weights - _along(law.baseline, columns.states[:-1])
    if ratio is not None:
        weights = weights * (ratio.prod(axis=0) if law.whole else np.cumprod(ratio, axis=0))
    weights *= law.rollout.step_scale * np.power(law.sum.weighting, np.arange(steps))[:, None]
    return weights if columns.taken is None else np.where(columns.taken, weights, 0.0)


def _whole_returns(law: PackedLaw, columns: Columns) -> Float[Array, "T n"]:
    returns = np.power(law.sum.decay, np.arange(len(columns.rewards))) @ columns.rewards
    return np.broadcast_to(returns, columns.rewards.shape).copy()


def _sums_to_come(law: PackedLaw, columns: Columns, ratio: Float[Array, "T n"] | None) -> Float[Array, "T n"]:
    terms = columns.rewards if law.critic is None else _errors(law, columns, law.critic)
    sums = np.empty_like(terms)
    following = np.zeros(terms.shape[1])
    for t in reversed(range(len(terms))):
        np.multiply(following, law.sum.decay, out=sums[t])
        sums[t] += terms[t]
        following = sums[t] if ratio is None else ratio[t] * sums[t]
    return sums


def _errors(law: PackedLaw, columns: Columns, critic: Float[Array, "times S"]) -> Float[Array, "T n"]:
    """Return δ_t = r_t + γ V_{t+1}(s_{t+1}) − V_t(s_t), with V = 0 once the episode has terminated."""
    values = _along(critic, columns.states)
    ahead = values[1:].copy()
    steps = len(ahead)
    taken = np.ones(ahead.shape, dtype=np.bool_) if columns.taken is None else columns.taken
    last = taken.sum(axis=0) - 1
    done = (np.arange(steps)[:, None] == last) & columns.ended
    ahead[done] = 0.0
    return np.where(taken, columns.rewards + law.rollout.discount * ahead - values[:-1], 0.0)


def _along(table: Float[Array, "times S"], states: Int64[Array, "T n"]) -> Float[Array, "T n"]:
    if len(table) == 1:
        return table[0].take(states)
    times = np.minimum(np.arange(len(states)), len(table) - 1)
    return table.ravel().take(states + table.shape[1] * times[:, None])
