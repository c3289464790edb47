"""What a function that reads `batch.values` makes of critics that are wrong: an exact one hides faults of its trace.

With V exact, E δ_{t+k} = 0 for k ≥ 1 whatever came before, so that every advantage Σ_k c_k γ^k δ_{t+k} with c_0 = 1 has
the same expectation. With another critic each c_k shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.conditioning import conditioning
from pgverify.checking.exhaustive.listed_problem import every_trajectory, natural_scale, spread_rows
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedAlone
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.exact.expectation import Expectation
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_ROWS = 64
"""Trajectories, of all problems together, that are listed again with each critic; the smallest problems come first."""

CRITICS = 3
"""Wrong critics that are tried on each problem."""

WELL_CONDITIONED = 100.0
"""E Σ_t |w_t| in gradient estimates, beyond which a problem is not chosen while there are others."""

MOST_READ = 4
"""Problems, and trajectories of each, on which it is looked for whether a critic is read in batches of a design."""

READS = 1e-9
"""Relative change of an estimate by another critic, beyond which it is read."""


@dataclass(frozen=True, eq=False)
class WithCritic:
    """The expectation with one wrong critic on one problem, and those of the terms that an advantage is made of.

    Attributes
    ----------
    problem : int
        Which of those that were tried.
    discount : float
    mean : [d]
        E ĝ, in units of a gradient estimate.
    terms : [K, d]
        E Σ_t γ^t γ^k δ_{t+k} ψ_t for each k, in the same unit; without γ^t where the target has none.
    target : [d]
        E Σ_t γ^t G_t ψ_t, likewise.
    windows : tuple of [K, d]
        The terms without those that reach beyond the window of step t, for windows of 2, 3, … steps.
    """

    problem: int
    discount: float
    mean: Float[Array, "d"]
    terms: Float[Array, "K d"]
    target: Float[Array, "d"]
    windows: tuple[Float[Array, "K d"], ...] = ()

    def in_windows(self, steps: int) -> WithCritic:
        """Return the same with the terms within windows of so many steps; 0 for none."""
        return replace(self, terms=self.windows[steps - 2]) if 2 <= steps < len(self.terms) else self


@dataclass(frozen=True, eq=False)
class OtherCritics:
    """What came of trying other critics.

    Attributes
    ----------
    read : bool
        Whether another critic changes an estimate.
    found : tuple of WithCritic
        Empty where trajectories are coupled, or a call gave no value.
    why_none : str
        Why nothing is found though it is read.
    """

    read: bool
    found: tuple[WithCritic, ...] = ()
    why_none: str = ""


def with_other_critics(
    implementation: LimitedFunction, known: Sequence[tuple[SuiteProblem, Listed]], discounted: bool
) -> OtherCritics:
    """Call a function on all trajectories of the smallest problems of several steps, with critics that are wrong.

    Parameters
    ----------
    implementation : LimitedFunction
    known : problems that were listed, with what was
    discounted : bool
        Whether step t of the target has the factor γ^t.

    Raises
    ------
    Changed
        Where one batch has two estimates.
    """
    calls, chosen = Calls(implementation), _chosen(known)
    try:
        if not any(_reads(calls, entry) for entry in chosen):
            return OtherCritics(False)
        chosen = [entry for entry in chosen if every_trajectory(entry.problem)[0].rollout.on_policy]
        if not chosen:
            return OtherCritics(True, why_none="another policy acts")
        if not all(isinstance(listing, ListedAlone) for _, listing in known):
            return OtherCritics(True, why_none="its trajectories affect each other")
        found = tuple(_found(calls, entry, number, discounted) for number, entry in enumerate(chosen))
    except NoEstimate as reason:
        return OtherCritics(True, why_none=f"with another critic it {reason}")
    except OutOfTime:
        return OtherCritics(True, why_none="the total time limit passed before another critic was tried")
    return OtherCritics(True, tuple(item for items in found for item in items))


def reads_critic(
    implementation: LimitedFunction, suite: Sequence[SuiteProblem], laws: Callable[[Problem], Sequence[BatchLaw]]
) -> OtherCritics:
    """Return whether another critic changes an estimate in batches of the given laws; what it makes of it is not asked.

    Each batch holds one trajectory alone, as often as there are rows: that is one of any design.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : problems whose trajectories can be listed
    laws : callable
        Of the batches, by problem.

    Raises
    ------
    Changed
        Where one batch has two estimates.
    """
    calls, entries = Calls(implementation), sorted(suite, key=lambda entry: len(every_trajectory(entry.problem)[0]))
    try:
        for entry in entries[:MOST_READ]:
            batch, _ = every_trajectory(entry.problem)
            other, law = next(_wrong(batch)), laws(entry.problem)[0]
            for row in spread_rows(len(batch), MOST_READ):
                rows = [row] * law.rows
                if _differs(calls, *(arranged(each, rows, law) for each in (batch, other))):
                    return OtherCritics(True, why_none="in batches of a design")
    except NoEstimate as reason:
        return OtherCritics(True, why_none=f"with another critic it {reason}")
    except OutOfTime:
        pass
    return OtherCritics(False)


def _chosen(known: Sequence[tuple[SuiteProblem, Listed]]) -> list[SuiteProblem]:
    """Return the smallest problems of several steps, or of one where there are no others, that rounding spares."""
    entries = [entry for entry, _ in known if every_trajectory(entry.problem)[0].terminated.all()]
    entries = sorted(entries, key=lambda entry: len(every_trajectory(entry.problem)[0]))
    well = [entry for entry in entries if _condition(entry) <= WELL_CONDITIONED]
    entries = well or entries
    entries = sorted(entries, key=lambda entry: every_trajectory(entry.problem)[0].num_steps < 2)
    rows, chosen = 0, list[SuiteProblem]()
    for entry in entries:
        rows += len(every_trajectory(entry.problem)[0])
        if rows <= MOST_ROWS or not chosen:
            chosen.append(entry)
    return chosen


def _condition(entry: SuiteProblem) -> float:
    return conditioning(entry.problem).expected / max(natural_scale(entry.problem), 1e-300)


def _reads(calls: Calls, entry: SuiteProblem) -> bool:
    batch, _ = every_trajectory(entry.problem)
    return _differs(calls, batch, next(_wrong(batch)))


def _differs(calls: Calls, batch: Trajectories, other: Trajectories) -> bool:
    """Return whether two batches have different estimates, each the same whenever it is asked for."""
    plain, changed = calls.estimate(batch), calls.estimate(other)
    differs = bool(np.abs(plain - changed).max() > READS * max(np.abs(plain).max(), np.abs(changed).max()))
    if differs:
        calls.same_again(batch, plain, READS)
        calls.same_again(other, changed, READS)
    return differs


def _wrong(batch: Trajectories) -> Iterator[Trajectories]:
    """Yield the batch with wrong critics, functions of time and state as any critic is: 0 after the end, too."""
    rng = np.random.default_rng(0)
    values = batch.values
    size = float(np.abs(values).max(initial=0.0)) or float(np.abs(batch.rewards).max(initial=0.0)) or 1.0
    for number in range(CRITICS):
        table = rng.uniform(-1.0, 1.0, (batch.num_steps + 1, batch.problem.mdp.num_states))
        table = table if number else np.broadcast_to(table[0], table.shape)  # the same at all times, once
        off = 0.5 * size * table[np.arange(batch.num_steps + 1), batch.states]
        yield replace(batch, critic=np.where(batch.ongoing, values + off, 0.0))


def _found(calls: Calls, entry: SuiteProblem, number: int, discounted: bool) -> Iterator[WithCritic]:
    batch, probability = every_trajectory(entry.problem)
    unit = natural_scale(entry.problem) or 1.0
    powers = batch.discount_powers if discounted else np.ones(batch.num_steps)
    found = []
    for other in _wrong(batch):
        rows = np.stack([calls.estimate(other.select([row])) for row in range(len(other))])
        terms, *windows = (
            np.stack([probability @ other.score_weighted(powers * each) for each in _discounted_errors(other, steps)])
            for steps in (0, *range(2, batch.num_steps))
        )
        mean = Expectation(probability, rows).mean
        target = probability @ other.score_weighted(powers * sum(_discounted_errors(other)))
        within = tuple(each / unit for each in windows)
        found.append(WithCritic(number, batch.discount, mean / unit, terms / unit, target / unit, within))
    return iter(found)


def _discounted_errors(batch: Trajectories, window: int = 0) -> Iterator[Float[Array, "n T"]]:
    """Yield γ^k δ_{t+k} for each k, δ_t = r_t + γ V(s_{t+1}) − V(s_t), 0 beyond the end and the window of step t."""
    values = batch.values
    error = np.where(batch.mask, batch.rewards + batch.discount * values[:, 1:] - values[:, :-1], 0.0)
    for k in range(batch.num_steps):
        inside = np.arange(batch.num_steps) % window + k < window if window else 1.0
        yield inside * batch.discount**k * np.pad(error[:, k:], ((0, 0), (0, k)))
