"""Naming step weights by their values: returns, reward-to-go, advantages, with λ recovered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.baselines import StateValue
from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.verdict.precision import DOUBLE, HIDDEN, SINGLE, Precision
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array

BATCHES = (1, 2, 5, 40, 300)
"""Sizes of the random batches that are looked at beside the list of all trajectories."""

ENDS = 1e-5
"""How close to 0 or 1 a recovered λ is not one of its own: single precision passes."""

SPELLED = {
    (True,): {"discounted": "discounted", "kept": "with γ^t"},
    (False,): {"discounted": "undiscounted", "kept": "without γ^t"},
    (True, False): {
        "discounted": "discounted or not (the same on these problems)",
        "kept": "with or without γ^t (the same on these problems)",
    },
}
"""What a name says of γ^t, by the forms that were found: nothing that the problems do not tell."""

Weights = Callable[[Trajectories], Float[Array, "n T"]]


@dataclass(frozen=True, eq=False)
class _Case:
    """Trajectories of one problem, weights found on them, and what these weights are measured against.

    Attributes
    ----------
    batch : Trajectories
        Those of all batches that were looked at, one after another.
    found : [n, T]
    largest : float
        Reward or value: the sums are made of them.
    advantage : float
        Largest |G_t − V(s_t)|, however large the rewards are; 0 where it is rounding.
    """

    batch: Trajectories
    found: Float[Array, "n T"]
    largest: float
    advantage: float


def usual_batches(entry: SuiteProblem) -> Iterator[Trajectories]:
    """Yield all trajectories at once, and random batches of `BATCHES`."""
    batch, _ = every_trajectory(entry.problem)
    rng = np.random.default_rng(0)
    for rows in (np.arange(len(batch)), *(rng.integers(len(batch), size=size) for size in BATCHES)):
        yield batch.select(rows)


def name_weights(
    implementation: LimitedFunction,
    suite: Sequence[SuiteProblem],
    batches: Callable[[SuiteProblem], Iterator[Trajectories]] = usual_batches,
) -> tuple[str, ...]:
    """Return the name of the step weights that a function returns, on every step taken of every trajectory.

    Padded steps do not count. Weights that differ between batch sizes have no name. Usually one name, or none; several
    where they coincide on the problems given, and "with or without γ^t" where that makes no difference there.

    Parameters
    ----------
    implementation : LimitedFunction
        Of an implementation of kind "weights".
    suite : problems small enough to be listed
    batches : callable
        Those that are looked at on a problem.
    """
    cases = []
    for entry in suite:
        case = _case(implementation, batches(entry))
        if case is None:
            return ()
        cases.append(case)
    for level in (DOUBLE, SINGLE):
        found: dict[str, list[bool]] = {}
        for kept in (True, False):
            for name, weights in _known(cases, kept):
                if _equal(weights, cases, level):
                    found.setdefault(name, []).append(kept)
        if found:
            return tuple(name.format(**SPELLED[tuple(kept)]) for name, kept in found.items())
    return ()


def _case(implementation: LimitedFunction, batches: Iterator[Trajectories]) -> _Case | None:
    """Return the weights of several batches of one problem; None where a call failed."""
    chosen, values = [], []
    for batch in batches:
        answer = implementation.weights(batch)
        if isinstance(answer, Value):
            chosen.append(batch)
            values.append(answer.array)
        elif len(batch) > 1:  # a single trajectory may be refused, which the report says
            return None
    return _measured(concatenate(chosen), np.concatenate(values))


def _measured(batch: Trajectories, found: Float[Array, "n T"]) -> _Case:
    largest = float(max(np.abs(batch.rewards).max(initial=0.0), np.abs(batch.values).max(initial=0.0)))
    advantage = _size(RewardToGo(StateValue(), discount_weighting=False).weights(batch), batch)
    return _Case(batch, found, largest, advantage if advantage > DOUBLE.operations * largest else 0.0)


def _known(cases: Sequence[_Case], kept: bool) -> Iterator[tuple[str, Weights]]:
    """Yield every name that is known, with a place for what `SPELLED` says, and its weights."""
    value = StateValue()
    yield "total return, {discounted}", TotalReturn(discount_weighting=kept).weights
    yield "total return, {discounted}, minus V", TotalReturn(value, discount_weighting=kept).weights
    yield "reward-to-go, {kept}", RewardToGo(discount_weighting=kept).weights
    yield "reward-to-go minus V = GAE(λ = 1), {kept}", RewardToGo(value, discount_weighting=kept).weights
    yield "one-step advantage (TD error) = GAE(λ = 0), {kept}", NStepAdvantage(1, discount_weighting=kept).weights
    longest = max(case.batch.num_steps for case in cases)
    for steps in range(2, longest):
        yield f"{steps}-step advantage, {{kept}}", NStepAdvantage(steps, discount_weighting=kept).weights
    decay = _trace_decay(cases, kept)
    if decay is not None:
        yield f"GAE(λ = {decay:.6g}), {{kept}}", GeneralizedAdvantage(decay, discount_weighting=kept).weights


def _trace_decay(cases: Sequence[_Case], kept: bool) -> float | None:
    """Return λ from one step before the last of an episode: A_{L−2} = δ_{L−2} + γ λ δ_{L−1}; None outside (0, 1).

    The step with the largest γ δ_{L−1} is taken; whether this λ explains all others is then for the caller to see.
    """
    errors = GeneralizedAdvantage(0.0, discount_weighting=False)
    best, decay = 0.0, None
    for case in cases:
        batch = case.batch
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
            decay = float((case.found[row, time] / powers[time] - delta[row, time]) / lever[chosen])
    # The ends of the range have names of their own.
    return decay if decay is not None and ENDS < decay < 1.0 - ENDS else None


def _equal(weights: Weights, cases: Sequence[_Case], level: Precision) -> bool:
    """Return whether weights are those found, on every problem, and rounding leaves something to see on one."""
    seen = False
    for case in cases:
        expected = weights(case.batch)
        size = _size(expected, case.batch)
        # A level of the rewards, however high, tells one trajectory from another no better.
        size = min(size, case.advantage) if case.advantage > 0.0 else size
        rounding = level.operations * max(case.largest, _size(expected, case.batch))
        if not _size(expected - case.found, case.batch) <= level.relative * size + rounding:
            return False
        seen = seen or rounding <= HIDDEN * size
    return seen


def _size(weights: Float[Array, "n T"], batch: Trajectories) -> float:
    """Return the largest |weight| of a step that was taken."""
    return float(np.abs(weights)[batch.mask].max(initial=0.0))
