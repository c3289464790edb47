"""Functions that are right, or as if they were, on every problem of the standard suite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgverify import Trajectories

Array = np.ndarray
Function = Callable[[Trajectories], Array]


def to_go(batch: Trajectories, rewards: Array | None = None) -> Array:
    """Return Σ_{k≥t} γ^k r_k."""
    paid = (batch.rewards if rewards is None else rewards) * batch.discount_powers
    return paid[:, ::-1].cumsum(axis=1)[:, ::-1]


def weighted(weights: Function) -> Function:
    return lambda batch: batch.score_weighted(weights(batch))


def at_the_cut(batch: Trajectories) -> Array:
    """Return γ^L V(s_L) [n, 1] of the episodes that were cut, 0 of the others."""
    value = batch.values[np.arange(len(batch)), batch.lengths]
    return np.where(batch.truncated, batch.discount**batch.lengths * value, 0.0)[:, None]


def credit(steps: int) -> Function:
    def function(batch: Trajectories) -> Array:
        rest = to_go(batch)
        beyond = np.zeros_like(rest)
        beyond[:, : max(batch.num_steps - steps, 0)] = rest[:, steps:]
        return batch.score_weighted(rest - beyond)

    return function


def first_steps(batch: Trajectories, steps: int) -> Array:
    return to_go(batch, np.where(np.arange(batch.num_steps) < steps, batch.rewards, 0.0))


def ninth_discount(batch: Trajectories) -> Array:
    powers = batch.discount_powers
    future = to_go(batch) / np.where(powers > 0.0, powers, 1.0)
    return future * batch.discount ** np.minimum(np.arange(batch.num_steps), 9)


def gae(batch: Trajectories, cut_is_end: bool, decay: float = 0.9) -> Array:
    goes_on = np.arange(1, batch.num_steps + 1) < batch.lengths[:, None]
    following = batch.values[:, 1:] if not cut_is_end else np.where(goes_on, batch.values[:, 1:], 0.0)
    errors = np.where(batch.mask, batch.rewards + batch.discount * following - batch.values[:, :-1], 0.0)
    sums, run = np.zeros_like(errors), np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        run = errors[:, t] + batch.discount * decay * run
        sums[:, t] = run
    return sums * batch.discount_powers


def leave_one_out(batch: Trajectories) -> Array:
    total, n = batch.rewards @ batch.discount_powers, len(batch)
    others = (total.sum() - total) / (n - 1) if n > 1 else np.zeros(1)
    return batch.score_weighted(np.repeat((total - others)[:, None], batch.num_steps, axis=1))


def where_actions(keep: Callable[[Array], Array], otherwise: float = 0.0) -> Function:
    return weighted(lambda batch: np.where(keep(batch.actions), to_go(batch), otherwise * to_go(batch)))


FAULTY: dict[str, Function] = {
    "credit for 7 steps": credit(7),
    "credit for 12 steps": credit(12),
    "credit for 15 steps": credit(15),
    "horizon above 10 truncated": weighted(lambda batch: first_steps(batch, 10)),
    "the ninth discount from the ninth step on": weighted(ninth_discount),
    "half of long episodes": lambda b: b.score_weighted(to_go(b)) * np.where(b.lengths >= 9, 0.5, 1.0)[:, None],
    "actions from 4 on ignored": where_actions(lambda actions: actions < 4),
    "action 7 ignored": where_actions(lambda actions: actions != 7),
    "action 5 twice": where_actions(lambda actions: actions != 5, 2.0),
    "start states from 5 on ignored": weighted(lambda b: np.where(b.states[:, :1] < 5, to_go(b), 0.0)),
    "states from 8 on ignored": weighted(lambda b: np.where(b.states[:, :-1] < 8, to_go(b), 0.0)),
    "rewards clipped to 1e4": weighted(lambda b: to_go(b, np.clip(b.rewards, -1e4, 1e4))),
    "tiny rewards are zero": weighted(lambda b: to_go(b, np.where(np.abs(b.rewards) < 1e-5, 0.0, b.rewards))),
    "half where γ is small": weighted(lambda b: to_go(b) * (0.5 if 0.0 < b.discount < 0.5 else 1.0)),
    "twice at γ = 0": weighted(lambda b: to_go(b) * (1.0 if b.discount > 0.0 else 2.0)),
    "cut episodes ignored": lambda b: b.score_weighted(to_go(b)) * b.terminated[:, None],
    "twice V at a cut": weighted(lambda b: to_go(b) + 2.0 * at_the_cut(b)),
    "a cut is an end, but V is bootstrapped elsewhere": weighted(lambda b: gae(b, cut_is_end=True)),
    "bootstraps for some discounts only": weighted(lambda b: to_go(b) + (b.discount < 0.85) * at_the_cut(b)),
    "leave-one-out, half of it over 9 steps": lambda b: leave_one_out(b) * (1.0 if b.num_steps < 9 else 0.5),
}
"""Each is CORRECT on the standard suite."""


def last_steps(batch: Trajectories, steps: int) -> Array:
    """Return the reward-to-go of the last so many steps of each episode, 0 of those before."""
    return np.where(np.arange(batch.num_steps) >= batch.lengths[:, None] - steps, to_go(batch), 0.0)


def last_reward_lost_at_a_cut(batch: Trajectories) -> Array:
    last = np.arange(batch.num_steps) == batch.lengths[:, None] - 1
    return to_go(batch, np.where(last & batch.truncated[:, None], 0.0, batch.rewards))


def powers_of(batch: Trajectories, discount: float) -> Array:
    """Return the reward-to-go at another discount."""
    paid = batch.rewards * discount ** np.arange(batch.num_steps)
    return paid[:, ::-1].cumsum(axis=1)[:, ::-1]


OTHER_KINDS: dict[str, Function] = {
    "credit for 9 steps": credit(9),
    "the last 8 steps alone": weighted(lambda b: last_steps(b, 8)),
    "actions from 6 on reversed": where_actions(lambda actions: actions < 6, -1.0),
    "start states from 6 on halved": weighted(lambda b: np.where(b.states[:, :1] < 6, 1.0, 0.5) * to_go(b)),
    "rewards clipped to 1e5": weighted(lambda b: to_go(b, np.clip(b.rewards, -1e5, 1e5))),
    "small rewards twice": weighted(lambda b: to_go(b, np.where(np.abs(b.rewards) < 1e-3, 2.0, 1.0) * b.rewards)),
    "large rewards compressed": weighted(
        lambda b: to_go(
            b, np.where(np.abs(b.rewards) > 1e3, np.sign(b.rewards) * np.log1p(np.abs(b.rewards)), b.rewards)
        )
    ),
    "cut episodes at half": lambda b: b.score_weighted(to_go(b)) * np.where(b.truncated, 0.5, 1.0)[:, None],
    "the last reward is lost at a cut": weighted(last_reward_lost_at_a_cut),
    "no discount at horizons above 9": weighted(lambda b: powers_of(b, 1.0 if b.num_steps > 9 else b.discount)),
    "rewards above 100 are integers": weighted(
        lambda b: to_go(b, np.where(np.abs(b.rewards) > 100.0, np.trunc(b.rewards), b.rewards))
    ),
    "returns above 1000 are rounded": weighted(
        lambda b: np.where(np.abs(to_go(b)) > 1000.0, np.round(to_go(b)), to_go(b))
    ),
    "γ = 0 is taken for 1": weighted(lambda b: powers_of(b, b.discount or 1.0)),
    "γ = 1 is taken for .99 at horizons above 9": weighted(
        lambda b: powers_of(b, 0.99 if b.discount == 1.0 and b.num_steps > 9 else b.discount)
    ),
}
"""Each is CORRECT on the standard suite, too: a cut-off, a size, a special case that the suite has no example of."""

SCALED_THERE: dict[str, Function] = {
    "half, actions from 4 on ignored": weighted(lambda b: np.where(b.actions < 4, 0.5 * to_go(b), 0.0)),
    "1/T up to T = 10": weighted(lambda b: to_go(b) / min(b.num_steps, 10)),
}

OTHER_THERE: dict[str, Function] = {
    "undiscounted, start states from 5 on ignored": weighted(
        lambda b: np.where(b.states[:, :1] < 5, b.rewards[:, ::-1].cumsum(axis=1)[:, ::-1], 0.0)
    ),
}


def refuses_cuts(batch: Trajectories) -> Array:
    if batch.truncated.any():
        raise NotImplementedError("bootstrap first")
    return batch.score_weighted(to_go(batch))


def stacks_steps(batch: Trajectories) -> Array:
    table, weights = batch.policy.score(), to_go(batch)
    rows = []
    for i, length in enumerate(batch.lengths):
        steps = [weights[i, t] * table[batch.states[i, t], batch.actions[i, t]] for t in range(length)]
        rows.append(np.stack(steps).sum(axis=0))
    return np.array(rows)


def divides_by_lengths(batch: Trajectories) -> Array:
    lengths = batch.lengths[:, None]
    return lengths * (batch.score_weighted(to_go(batch)) / lengths)


def powers_through_logarithms(batch: Trajectories) -> Array:
    powers = np.exp(np.arange(batch.num_steps) * np.log(batch.discount))
    return batch.score_weighted((batch.rewards * powers)[:, ::-1].cumsum(axis=1)[:, ::-1])


def needs_two(batch: Trajectories) -> Array:
    if len(batch) < 2:
        raise ValueError("two at least")
    return leave_one_out(batch)


RIGHT: dict[str, tuple[Function, str]] = {
    "reward-to-go": (weighted(to_go), "until the cut"),
    "bootstraps at a cut": (weighted(lambda b: to_go(b) + at_the_cut(b)), ""),
    "GAE": (weighted(lambda b: gae(b, cut_is_end=False)), ""),
    "GAE(1), a cut is an end": (weighted(lambda b: gae(b, cut_is_end=True, decay=1.0)), "until the cut"),
    "refuses cuts": (refuses_cuts, "refuses episodes that are cut"),
    "stacks steps": (stacks_steps, "episodes without a step"),
    "divides by lengths": (divides_by_lengths, "episodes without a step"),
    "powers through logarithms": (powers_through_logarithms, "γ = 0"),
    "weights on padding": (weighted(lambda b: np.where(b.mask, to_go(b), 3.0)), "until the cut"),
    "large constant": (weighted(lambda b: to_go(b) - 1000.0), "until the cut"),
    "float32": (lambda b: b.score_weighted(to_go(b)).astype(np.float32), "until the cut"),
    "leave-one-out": (leave_one_out, "even pairs are too many"),
    "needs two": (needs_two, "even pairs are too many"),
}
"""With a word of the note that the function gets, empty where it gets none."""
