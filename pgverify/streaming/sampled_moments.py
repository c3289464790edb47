"""Moments of the contributions of many sampled trajectories: the fast path of everything that samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.estimators import GeneralizedAdvantage, RewardToGo, TotalReturn
from pgverify.estimators.protocol import Estimator
from pgverify.exact.rollout_law import rollout
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.randomness import Stream
from pgverify.sampling import sample_chunks
from pgverify.stats import Moments
from pgverify.streaming.compiled import Weighs, compiled_weights
from pgverify.streaming.contribution_sums import ContributionSums
from pgverify.streaming.native import kernel
from pgverify.streaming.packed_law import PackedLaw, packed_law
from pgverify.streaming.plain import plain_weights
from pgverify.streaming.scored import Adds, compiled_adding, plain_adding
from pgverify.streaming.visited_pairs import visited_adding
from pgverify.validation import Array, require_flag, require_integer

LARGEST_FULL = 512
"""Parameters up to which the whole covariance is kept, unless that is asked for otherwise."""

OURS = (RewardToGo, TotalReturn, GeneralizedAdvantage)
"""Estimators that are the sums that they declare: shown in the tests. Somebody else's is tried first."""

PILOT, TRIED = 64, 32
"""Trajectories whose mean is the centre, and on which an estimator has to be the sum that it declares."""

PART = 2**16
"""Trajectories whose sums are made together; parts are added in order, so that threads cannot matter."""

CELLS_AT_ONCE = 2**15
"""Numbers in a block of weights: what a processor keeps at hand."""

SAME = 1e-9
"""Relative difference between a declared sum and what an estimator returns that is rounding."""


@accepts(problem=REAL_PROBLEM)
def sample_moments(
    estimator: Estimator,
    problem: Problem,
    n: int,
    seed: int = 0,
    max_steps: int | None = None,
    acting: Policy | None = None,
    diagonal: bool | None = None,
    workers: int = 1,
) -> Moments:
    """Return the moments of n contributions g_i, of the trajectories that `sample` draws with the same seed.

    mean = (1/n) Σ g_i,  scatter = Σ (g_i − mean)(g_i − mean)ᵀ,  and the sums of third and fourth powers. Nothing of the
    trajectories is kept. Estimators that declare the sum they are, on policies that depend on the state alone, are
    streamed, compiled where the package could be; all others are called on chunks of trajectories. The answer is the
    same within rounding either way, and the same to the bit for any number of workers.

    Parameters
    ----------
    estimator : Estimator
        Called on batches, one row a trajectory: rows may not depend on each other.
    problem : Problem
    n : int
        Trajectories, at least 1.
    seed : int
        At least 0.
    max_steps, acting : optional
        As in `sample`.
    diagonal : bool, optional
        Whether only variances are kept; by default beyond 512 parameters.
    workers : int
        Threads.

    Raises
    ------
    InvalidSampling
        On a count, a seed or a number of steps that cannot be used.
    InvalidEstimator
        When the estimator returns no [n, d].
    """
    if not callable(estimator):
        raise InvalidEstimator(
            f"estimator is of type {type(estimator).__name__}, must be a function of a batch that returns [n, d]"
        )
    n = require_integer("n", n, 1, InvalidSampling)
    workers = require_integer("workers", workers, 1, InvalidSampling)
    law = rollout(problem, max_steps, acting)
    full = len(problem.policy.parameters) <= LARGEST_FULL
    kept = not full if diagonal is None else require_flag("diagonal", diagonal, InvalidSampling)
    packed = packed_law(estimator, law, seed)
    if packed is None or not (type(estimator) in OURS or _is_what_it_declares(estimator, packed)):
        chunks = sample_chunks(problem, n, seed, max_steps, acting=acting)
        return Moments.merge_all(Moments.of(_rows(estimator, batch), kept) for batch in chunks)
    return _streamed(packed, n, kept, workers)


def _rows(estimator: Estimator, batch: object) -> Float[Array, "n d"]:
    found = np.asarray(estimator(batch))  # type: ignore[arg-type]
    if found.ndim != 2 or len(found) != len(batch):  # type: ignore[arg-type]
        raise InvalidEstimator(
            f"estimator returned the shape {found.shape}, must return one contribution a trajectory, "
            f"[n, d] with n = {len(batch)}"  # type: ignore[arg-type]
        )
    return found


def _is_what_it_declares(estimator: Estimator, law: PackedLaw) -> bool:
    """Return whether what an estimator returns is the sum that it declares: a subclass may have changed its mind."""
    batch = next(iter(sample_chunks(law.rollout.problem, TRIED, 0, law.rollout.horizon, acting=law.rollout.acting)))
    found = _rows(estimator, batch)
    declared = _scored(law, plain_weights(replace(law, stream=Stream.of(0)), 0, TRIED))
    if declared.shape != found.shape:
        return False
    return bool(np.abs(declared - found).max(initial=0.0) <= SAME * np.abs(found).max(initial=0.0))


def _scored(law: PackedLaw, weights: Float[Array, "n pairs"]) -> Float[Array, "n d"]:
    policy = law.rollout.problem.policy
    return np.asarray(policy.score_vjp(weights.reshape(-1, *policy.probabilities().shape)))


def _streamed(law: PackedLaw, n: int, diagonal: bool, workers: int) -> Moments:
    fill, add = _ways(law)
    first = np.empty((min(n, PILOT), law.pairs))
    fill(0, first)
    pilot = _scored(law, first)
    centre = pilot.mean(axis=0)
    centre = centre + (pilot - centre).mean(axis=0)  # removes its rounding, so that constant columns stay exact
    block = max(16, CELLS_AT_ONCE // max(law.pairs, len(centre)))
    compiled = kernel()
    visited = visited_adding(compiled, law) if compiled is not None and diagonal else None

    def part(first: int) -> ContributionSums:
        sums = ContributionSums.about(centre, diagonal)
        if visited is not None:
            visited(first, min(PART, n - first), sums)
            return sums
        room = np.empty((min(block, n), law.pairs))
        last = min(first + PART, n)
        for start in range(first, last, block):
            weights = room[: min(block, last - start)]
            fill(start, weights)
            add(weights, sums)
        return sums

    total = ContributionSums.about(centre, diagonal)
    for sums in _in_order(part, range(0, n, PART), workers):
        total.merge(sums)
    return total.moments()


def _ways(law: PackedLaw) -> tuple[Weighs, Adds]:
    """Return how weights come about, and how they are added: compiled, or in NumPy."""
    compiled, policy = kernel(), law.rollout.problem.policy
    if compiled is not None:
        return compiled_weights(compiled, law), compiled_adding(compiled, policy)

    def fill(first: int, out: Float[Array, "rows pairs"]) -> None:
        out[:] = plain_weights(law, first, len(out))

    return fill, plain_adding(policy)


def _in_order(part: Callable[[int], ContributionSums], firsts: range, workers: int) -> Iterator[ContributionSums]:
    if workers == 1 or len(firsts) == 1:
        yield from map(part, firsts)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(part, firsts)
