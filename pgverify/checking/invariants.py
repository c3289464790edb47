"""What must not matter, tried on a few batches: it needs no ground truth, and says where a fault lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.caller import Caller, OutOfTime
from pgverify.checking.exhaustive import Effort, Listing, list_expectation
from pgverify.checking.listing import every_trajectory
from pgverify.checking.report import Finding
from pgverify.checking.suite import SuiteProblem
from pgverify.mdp import TabularMDP
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array

TOLERANCE = 1e-6
"""Relative to the larger estimate: what single precision may differ by."""

MOST_PROBLEMS = 3
MOST_ROWS = 24
"""Problems that are tried, those whose episodes differ in length first, and trajectories in a batch."""

SHIFT = 0.01
"""δ: small enough for no ratio near 1 to be clipped."""

LEVELS = Effort(tried=(), sizes=(2, 3, 4, 5))
"""Batches on which a function is tried with other levels of reward; whether it couples its trajectories is known."""

INDIFFERENT = ("policy_gradient", "discount_dropped", "undiscounted_policy_gradient")
"""Targets that a constant added to every reward leaves alone where episodes have one length."""

MEANING = {
    "padding values": "relies on the documented zeros after the end of an episode: other values change the result",
    "padded steps": "depends on how far the batch is padded: two more padded steps change the result",
    "permutation": "depends on the order of the trajectories in the batch",
    "splitting": "depends on how the batch is split: halves do not average to the whole",
    "reward shift": "a constant added to every reward changes the expectation, though all episodes are equally long",
    "constant reward": "a constant reward moves the parameters, though all episodes are equally long",
    "model": "reads the model (batch.problem), which nobody has outside a test: its verdict says nothing about data",
}
"""What a broken invariant means; those not listed are in the findings alone, for an honest estimator may break them."""


@dataclass(frozen=True, eq=False)
class _Variant:
    """A changed batch (or several, to be averaged), and the factor that the change should have on the estimate."""

    check: str
    batches: tuple[Trajectories, ...]
    factor: float = 1.0


@dataclass(frozen=True)
class _Tried:
    """What came of one invariant: two estimates beside each other, or why there is no second."""

    finding: Finding
    problem: str = ""


def check_invariants(
    call: Caller, known: Sequence[tuple[SuiteProblem, Listing]], target: str
) -> tuple[list[Finding], list[str]]:
    """Return one finding a problem and invariant, and one sentence for each that is broken or could not be tried.

    An invariant that could not be tried, for the call gave no value, is not said to be broken.

    Parameters
    ----------
    call : Caller
    known : problems that were listed, with their listings
    target : str
        Some targets do depend on the level of the rewards, or on none.
    """
    tried: list[_Tried] = []
    missing = []
    try:
        tried.extend(_tried(call, known, target))
    except OutOfTime:
        missing = ["the total time limit passed before all was tried that must not matter"]
    findings = [each.finding for each in tried]
    broken = dict.fromkeys(each.finding.check for each in tried if not each.finding.holds and not each.problem)
    untried: dict[str, str] = {}
    for each in tried:
        check, problem = each.finding.check, each.finding.problem
        if each.problem:
            untried.setdefault(check, f"{check!r} could not be tried on problem {problem}: it {each.problem}")
    return findings, [*(MEANING[check] for check in broken if check in MEANING), *untried.values(), *missing]


def _tried(call: Caller, known: Sequence[tuple[SuiteProblem, Listing]], target: str) -> Iterator[_Tried]:
    suite = [entry for entry, _ in known]
    lengths = [np.ptp(every_trajectory(entry.problem)[0].lengths) for entry in suite]
    for index in np.argsort(-np.array(lengths), kind="stable")[:MOST_PROBLEMS]:
        entry = suite[index]
        batch, _ = every_trajectory(entry.problem)
        batch = batch.select(np.unique(np.linspace(0, len(batch) - 1, MOST_ROWS).astype(int)))
        answer = call(batch)
        if answer.value is None:
            finding = Finding("part of the trajectories", entry.name, len(batch), (), (), 1.0, False)
            yield _Tried(finding, answer.problem)
            continue
        yield from (_compared(entry.name, answer.value, variant, call) for variant in _variants(batch))
        yield _old_policy(entry.name, answer.value, batch, call)
    if target in INDIFFERENT:
        yield from _levels(call, known)


def _variants(batch: Trajectories) -> Iterator[_Variant]:
    padded, after = ~batch.mask, np.arange(batch.num_steps + 1) > batch.lengths[:, None]
    mdp = batch.problem.mdp
    if padded.any():
        other = replace(
            batch,
            rewards=np.where(padded, 7.0, batch.rewards),
            actions=np.where(padded, mdp.num_actions - 1, batch.actions),
            states=np.where(after, 0, batch.states),
            critic=np.where(after, -3.0, batch.values),
        )
        yield _Variant("padding values", (other,))
    yield _Variant("padded steps", (_longer(batch),))
    # Another first row, other neighbours, and other pairs (0, 1), (2, 3), …
    order = np.roll(np.arange(len(batch))[::-1], 3 if len(batch) > 3 else 0)
    yield _Variant("permutation", (batch.select(order),))
    if len(batch) % 2 == 0:
        half = len(batch) // 2
        yield _Variant("splitting", (batch.select(slice(half)), batch.select(slice(half, None))))
    yield _Variant("reward scale", (replace(batch, rewards=2.0 * batch.rewards, critic=2.0 * batch.values),), 2.0)
    paid = np.where(mdp.terminal[:, None, None], 0.0, 1.5 - 3.0 * mdp.reward)
    unlike = TabularMDP(mdp.start, mdp.transition, paid, mdp.terminal)
    yield _Variant(
        "model", (replace(batch, rollout=replace(batch.rollout, problem=replace(batch.problem, mdp=unlike))),)
    )


def _old_policy(problem: str, plain: Float[Array, "d"], batch: Trajectories, call: Caller) -> _Tried:
    """Return whether behaviour probabilities e^−δ times as large do nothing, or multiply every step by e^δ."""
    unlikely = (replace(batch, log_probs=batch.log_probs - SHIFT * batch.mask),)
    by = [_compared(problem, plain, _Variant("θ_old ratio", unlikely, factor), call) for factor in (1.0, np.exp(SHIFT))]
    return min(by, key=lambda tried: tried.finding.deviation)


def _levels(call: Caller, known: Sequence[tuple[SuiteProblem, Listing]]) -> list[_Tried]:
    """Return what a constant added to every reward, and a reward that is constant, do to the exact expectation.

    Σ_t γ^t c is the same for every trajectory where all have the same length, and E[Σ_t ψ_t c_t] = 0.
    """
    coupled = any(listing.in_batches for _, listing in known)
    cases = [case for case in known if not case[0].problem.mdp.terminal.any() and case[1].expectations]
    if not cases:
        return []
    # More than one step says more; with batches of trajectories to list, the fewest trajectories come first.
    entry, plain = min(cases, key=lambda case: (not coupled and _steps(case[0]) < 2, _size(case[0])))
    mdp = entry.problem.mdp
    found = []
    for check, reward in (("reward shift", mdp.reward + 1.5), ("constant reward", np.ones_like(mdp.reward))):
        other = replace(entry.problem, mdp=TabularMDP(mdp.start, mdp.transition, reward, mdp.terminal))
        noted = set(call.notes)
        changed = list_expectation(call, other, coupled, LEVELS)
        alone = "" if "needs company" in noted else call.notes.pop("needs company", "")  # with these rewards only
        sizes = {after.batch_size: after for after in changed.expectations}
        for before in plain.expectations:
            if before.batch_size not in sizes:
                continue
            after = sizes[before.batch_size]
            expected = before.mean if check == "reward shift" else np.zeros_like(before.mean)
            gap = float(np.abs(after.mean - expected).max() / max(after.scale, before.scale, 1e-300))
            vectors = tuple(map(float, expected)), tuple(map(float, after.mean))
            found.append(_Tried(Finding(check, entry.name, before.batch_size, *vectors, gap, gap <= TOLERANCE)))
        why = changed.invalid or alone or (changed.random and f"is random: {changed.random}")
        if why:
            found.append(_Tried(Finding(check, entry.name, plain.expectations[0].batch_size, (), (), 1.0, False), why))
    return found


def _steps(entry: SuiteProblem) -> int:
    return every_trajectory(entry.problem)[0].num_steps


def _size(entry: SuiteProblem) -> int:
    return len(every_trajectory(entry.problem)[0])


def _longer(batch: Trajectories) -> Trajectories:
    """Return the batch as it comes out of a concatenation with one that is two steps longer."""
    steps = batch.num_steps + 2
    empty = replace(
        batch.select([0]),
        states=np.repeat(batch.states[:1, :1], steps + 1, axis=1),
        actions=np.zeros((1, steps), dtype=batch.actions.dtype),
        rewards=np.zeros((1, steps)),
        log_probs=np.zeros((1, steps)),
    )
    return concatenate([batch, empty]).select(slice(len(batch)))


def _compared(problem: str, plain: Float[Array, "d"], variant: _Variant, call: Caller) -> _Tried:
    expected = variant.factor * plain
    size = len(variant.batches[0])
    values = []
    for batch in variant.batches:
        answer = call(batch)
        if answer.value is None:
            finding = Finding(variant.check, problem, size, tuple(map(float, expected)), (), 1.0, False)
            return _Tried(finding, answer.problem)
        values.append(answer.value)
    found = np.mean(values, axis=0)
    largest = max(np.abs(expected).max(initial=0.0), np.abs(found).max(initial=0.0))
    gap = float(np.abs(found - expected).max(initial=0.0) / largest) if largest > 0 else 0.0
    vectors = tuple(map(float, expected)), tuple(map(float, found))
    return _Tried(Finding(variant.check, problem, size, *vectors, gap, gap <= TOLERANCE))
