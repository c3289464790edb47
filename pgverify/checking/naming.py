"""Naming step weights by their values: returns, reward-to-go, advantages, with λ recovered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

from pgverify.baselines import StateValue
from pgverify.checking.caller import Caller
from pgverify.checking.listing import every_trajectory
from pgverify.checking.suite import SuiteProblem
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

TOLERANCE = 1e-5
"""Relative to the largest weight, reward or value on a problem: single precision passes."""

Weights = Callable[[Trajectories], Float[Array, "n T"]]
Case = tuple[Trajectories, Float[Array, "n T"]]


def name_weights(call: Caller, suite: Sequence[SuiteProblem]) -> tuple[str, ...]:
    """Return the name of the step weights that a function returns, on every step taken of every trajectory.

    Padded steps do not count. Usually one name, or none; several where they coincide on the problems given.

    Parameters
    ----------
    call : Caller
        Of an implementation of kind "weights".
    suite : problems small enough to be listed
    """
    cases: list[Case] = []
    for entry in suite:
        batch, _ = every_trajectory(entry.problem)
        value = call.plain(batch)
        if value is None:
            return ()
        cases.append((batch, value))
    for kept, suffix in ((True, "with γ^t"), (False, "without γ^t")):
        found = [name for name, weights in _known(cases, kept) if all(_equal(weights, case) for case in cases)]
        if found:
            return tuple(f"{name}, {suffix}" if name[0] != "t" else name for name in found)
    return ()


def _known(cases: Sequence[Case], kept: bool) -> Iterator[tuple[str, Weights]]:
    value = StateValue()
    discounted = "discounted" if kept else "undiscounted"
    yield f"total return, {discounted}", TotalReturn(discount_weighting=kept).weights
    yield f"total return, {discounted}, minus V", TotalReturn(value, discount_weighting=kept).weights
    yield "reward-to-go", RewardToGo(discount_weighting=kept).weights
    yield "reward-to-go minus V = GAE(λ = 1)", RewardToGo(value, discount_weighting=kept).weights
    yield "one-step advantage (TD error) = GAE(λ = 0)", NStepAdvantage(1, discount_weighting=kept).weights
    longest = max(batch.num_steps for batch, _ in cases)
    for steps in range(2, longest):
        yield f"{steps}-step advantage", NStepAdvantage(steps, discount_weighting=kept).weights
    decay = _trace_decay(cases, kept)
    if decay is not None:
        yield f"GAE(λ = {decay:.6g})", GeneralizedAdvantage(decay, discount_weighting=kept).weights


def _trace_decay(cases: Sequence[Case], kept: bool) -> float | None:
    """Return λ from one step before the last of an episode: A_{L−2} = δ_{L−2} + γ λ δ_{L−1}; None outside (0, 1).

    The step with the largest γ δ_{L−1} is taken; whether this λ explains all others is then for the caller to see.
    """
    errors = GeneralizedAdvantage(0.0, discount_weighting=False)
    best, decay = 0.0, None
    for batch, weights in cases:
        rows = np.flatnonzero(batch.lengths >= 2)
        if len(rows) == 0 or batch.discount == 0.0:
            continue
        last = batch.lengths[rows] - 1
        powers = batch.discount_powers if kept else np.ones(batch.num_steps)
        delta = errors.weights(batch)
        lever = batch.discount * delta[rows, last]
        chosen = int(np.abs(lever).argmax())
        if abs(lever[chosen]) > best:
            row, time = rows[chosen], last[chosen] - 1
            best = abs(lever[chosen])
            decay = float((weights[row, time] / powers[time] - delta[row, time]) / lever[chosen])
    # The ends of the range have names of their own.
    return decay if decay is not None and TOLERANCE < decay < 1.0 - TOLERANCE else None


def _equal(weights: Weights, case: Case) -> bool:
    batch, found = case
    expected = weights(batch)
    gap = np.abs(expected - found)[batch.mask].max(initial=0.0)
    # Advantages may all be zero; what they are differences of is not.
    size = max(np.abs(table).max(initial=0.0) for table in (expected[batch.mask], batch.rewards, batch.values))
    return bool(gap <= TOLERANCE * size)
