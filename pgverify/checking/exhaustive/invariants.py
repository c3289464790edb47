"""What must not matter, tried on a few batches: it needs no ground truth, and says where a fault lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.checking.calling.answer import Failure, Notes, together
from pgverify.checking.calling.calls import Calls, Changed, Difference
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.batch_orders import SUMMED
from pgverify.checking.exhaustive.invariant_results import TOLERANCE, Tried, TriedInvariants
from pgverify.checking.exhaustive.listed_problem import every_trajectory, spread_rows
from pgverify.checking.exhaustive.one_problem import list_expectation
from pgverify.checking.exhaustive.reward_levels import LEVELS, try_reward_levels
from pgverify.checking.exhaustive.what_was_listed import Listed, Random, Unlisted
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array

MOST_PROBLEMS = 3
MOST_ROWS = 24
"""Problems that are tried, those whose episodes differ in length first, and trajectories in a batch."""

SHIFT = 0.01
"""δ: small enough for no ratio near 1 to be clipped."""

INDIFFERENT = ("policy_gradient", "discount_dropped", "undiscounted_policy_gradient")
"""Targets that a constant added to every reward leaves alone where episodes have one length."""

INFORMS = {
    "padding values": "reads what is stored after the end of an episode, where this batch documents zeros",
    "padded steps": "depends on how far the batch is padded: two more padded steps change the result",
    "permutation": "depends on the order of the trajectories in the batch",
    "splitting": "depends on how the batch is split: halves do not average to the whole",
}
"""What right functions may depend on, and what it means: no fault, but worth knowing."""

MEANING = {
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
class Invariants:
    """What all invariants say together.

    Attributes
    ----------
    findings : tuple of Finding
        One a problem and invariant.
    broken : tuple of str
        One sentence for each that is broken or could not be tried.
    ordered : int
        Size of the smallest batch of which two orders were seen to have different estimates, 0 if of none.
    notes : mapping of kind to sentence
        Of all calls, those made before included.
    informs : tuple of str
        One sentence for each that is no fault.
    changed : (str, Random) or None
        Problem on which two answers were given to one batch, and how they differed: then it is no function of it.
    """

    findings: tuple[Finding, ...]
    broken: tuple[str, ...]
    ordered: int
    notes: Notes
    informs: tuple[str, ...] = ()
    changed: tuple[str, Random] | None = None


def check_invariants(
    implementation: LimitedFunction,
    known: Sequence[tuple[SuiteProblem, Listed]],
    target: str,
    ordered: int,
    notes: Notes,
) -> Invariants:
    """Try what must not matter on a few batches of a few problems.

    An invariant that could not be tried, for the call gave no value, is not said to be broken.

    Parameters
    ----------
    implementation : LimitedFunction
    known : problems that were listed, with what was
    target : str
        Some targets do depend on the level of the rewards, or on none.
    ordered, notes :
        What was noticed before, as in the result.
    """
    calls = Calls(implementation, recognised_precision(known).coarse)
    tried: list[Tried] = []
    late = False
    changed: tuple[str, Random] | None = None
    try:
        tried.extend(_on_batches(calls, [entry for entry, _ in known]))
    except OutOfTime:
        late = True
    except Changed as seen:
        changed = (known[0][0].name, Random(seen.difference))
    notes = together(notes, calls.notes)
    if target in INDIFFERENT and not late and changed is None:

        def listing(problem: Problem, in_batches: bool, ordered: int) -> Listed | Unlisted:
            return list_expectation(implementation, problem, in_batches, ordered, LEVELS)

        levels = try_reward_levels(listing, known, ordered, notes)
        tried.extend(levels.tried)
        late, ordered, notes, changed = levels.late, levels.ordered, levels.notes, levels.changed
    return summarised(TriedInvariants(tuple(tried), late, ordered, notes, changed))


def summarised(all_tried: TriedInvariants) -> Invariants:
    """Return in words what came of all that was tried."""
    tried, late = all_tried.tried, all_tried.late
    missing = ["the total time limit passed before all was tried that must not matter"] if late else []
    broken = dict.fromkeys(each.finding.check for each in tried if not each.finding.holds and not each.problem)
    untried: dict[str, str] = {}
    for each in tried:
        check, problem = each.finding.check, each.finding.problem
        if each.problem:
            untried.setdefault(check, f"{check!r} could not be tried on problem {problem}: it {each.problem}")
    sentences = (*(MEANING[check] for check in broken if check in MEANING), *untried.values(), *missing)
    informs = tuple(INFORMS[check] for check in broken if check in INFORMS)
    findings = tuple(each.finding for each in tried)
    return Invariants(findings, sentences, all_tried.ordered, all_tried.notes, informs, all_tried.changed)


def _on_batches(calls: Calls, suite: Sequence[SuiteProblem]) -> Iterator[Tried]:
    for entry in telling(suite):
        batch, _ = every_trajectory(entry.problem)
        batch = batch.select(spread_rows(len(batch), MOST_ROWS))
        # Another first row, other neighbours, and other pairs (0, 1), (2, 3), …
        order = np.roll(np.arange(len(batch))[::-1], 3 if len(batch) > 3 else 0)
        # A half of one trajectory may be refused.
        yield from tried_on(calls, entry.name, batch, order, split=len(batch) % 2 == 0 and len(batch) > 2)


def telling(suite: Sequence[SuiteProblem]) -> list[SuiteProblem]:
    """Return a few problems, those whose episodes differ in length first."""
    lengths = [np.ptp(every_trajectory(entry.problem)[0].lengths) for entry in suite]
    return [suite[index] for index in np.argsort(-np.array(lengths), kind="stable")[:MOST_PROBLEMS]]


def tried_on(
    calls: Calls, problem: str, batch: Trajectories, order: Integer[Array, "n"] | None, split: bool
) -> Iterator[Tried]:
    """Yield what the changes that must not matter do to the estimate on one batch.

    Parameters
    ----------
    calls : Calls
    problem : str
        Its name.
    batch : Trajectories
    order : [n], optional
        The rows in another order in which they are the same batch; None where there is none.
    split : bool
        Whether the halves are batches, too.

    Raises
    ------
    Changed
        Where one batch has two estimates.
    """
    answer = calls.answer(batch)
    if isinstance(answer, Failure):
        finding = Finding("part of the trajectories", problem, len(batch), (), (), 1.0, False)
        yield Tried(finding, str(answer))
        return
    for variant in _variants(batch, order, split):
        tried = _compared(problem, answer.array, variant, calls)
        if not tried.finding.holds and not tried.problem:  # what changes by itself is not changed by the variant
            calls.same_again(batch, answer.array, TOLERANCE)
            _same_again(tried, _compared(problem, answer.array, variant, calls))
        yield tried
    yield _old_policy(problem, answer.array, batch, calls)


def _same_again(first: Tried, second: Tried) -> None:
    """Raise `Changed` where a changed batch has two estimates."""
    if second.problem:
        return
    one, other = np.array(first.finding.found), np.array(second.finding.found)
    gap = float(np.abs(one - other).max(initial=0.0))
    if gap > TOLERANCE * np.abs(one).max(initial=0.0):
        raise Changed(Difference(gap, first.finding.batch_size))


def _variants(batch: Trajectories, order: Integer[Array, "n"] | None, split: bool) -> Iterator[_Variant]:
    padded, after = ~batch.mask, np.arange(batch.num_steps + 1) > batch.lengths[:, None]
    mdp = batch.problem.mdp
    if padded.any():
        other = replace(
            batch,
            rewards=np.where(padded, 7.0, batch.rewards),
            actions=_other_actions(batch, padded),
            states=np.where(after, 0, batch.states),
            critic=np.where(after, -3.0, batch.values),
        )
        yield _Variant("padding values", (other,))
    yield _Variant("padded steps", (_longer(batch),))
    if order is not None:
        yield _Variant("permutation", (replace(batch.select(order), group=batch.group),))
    if split:
        half = len(batch) // 2
        yield _Variant("splitting", (batch.select(slice(half)), batch.select(slice(half, None))))
    yield _Variant("reward scale", (replace(batch, rewards=2.0 * batch.rewards, critic=2.0 * batch.values),), 2.0)
    unlike = mdp.with_rewards(1.5 - 3.0 * mdp.paid)
    yield _Variant(
        "model", (replace(batch, rollout=replace(batch.rollout, problem=replace(batch.problem, mdp=unlike))),)
    )


def _other_actions(batch: Trajectories, padded: Bool[Array, "n T"]) -> Array:
    """Return the actions with others on padding: the last one, or real ones that nobody would take."""
    if batch.actions.ndim == 2:
        return np.where(padded, batch.problem.mdp.num_actions - 1, batch.actions)
    return np.where(padded[:, :, None], 7.0, batch.actions)


def _old_policy(problem: str, plain: Float[Array, "d"], batch: Trajectories, calls: Calls) -> Tried:
    """Return whether behaviour probabilities e^−δ times as large do nothing, or multiply every step by e^δ."""
    unlikely = (replace(batch, log_probs=batch.log_probs - SHIFT * batch.mask),)
    by = [
        _compared(problem, plain, _Variant("θ_old ratio", unlikely, factor), calls) for factor in (1.0, np.exp(SHIFT))
    ]
    return min(by, key=lambda tried: tried.finding.deviation)


def _longer(batch: Trajectories) -> Trajectories:
    """Return the batch as it comes out of a concatenation with one that is two steps longer."""
    steps = batch.num_steps + 2
    empty = replace(
        batch.select([0]),
        states=np.repeat(batch.states[:1, :1], steps + 1, axis=1),
        actions=np.zeros((1, steps, *batch.actions.shape[2:]), dtype=batch.actions.dtype),
        nodes=None if batch.nodes is None else np.zeros((1, steps), dtype=np.int64),
        rewards=np.zeros((1, steps)),
        log_probs=np.zeros((1, steps)),
        critic=None if batch.critic is None else np.zeros((1, steps + 1)),
    )
    return concatenate([batch, empty]).select(slice(len(batch)))


def _compared(problem: str, plain: Float[Array, "d"], variant: _Variant, calls: Calls) -> Tried:
    expected = variant.factor * plain
    size = len(variant.batches[0])
    values = []
    for batch in variant.batches:
        answer = calls.answer(batch)
        if isinstance(answer, Failure):
            finding = Finding(variant.check, problem, size, tuple(map(float, expected)), (), 1.0, False)
            return Tried(finding, str(answer))
        values.append(answer.array)
    found = np.mean(values, axis=0)
    largest = max(np.abs(expected).max(initial=0.0), np.abs(found).max(initial=0.0))
    gap = float(np.abs(found - expected).max(initial=0.0) / largest) if largest > 0 else 0.0
    vectors = tuple(map(float, expected)), tuple(map(float, found))
    return Tried(Finding(variant.check, problem, size, *vectors, gap, gap <= max(TOLERANCE, SUMMED * calls.rounding)))
