"""The names of faults of numbered actions: which law, other than the policy's, a door tells of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.checking.policies.numbered_policy import NumberedDoors, misfit, over
from pgverify.validation import Array

CLOSE = 1e-6
"""Relative deviation within which a door tells of a law."""

LIKELY = 1e-3
"""The p-value from which draws are taken to follow a law."""


def name_numbered(doors: NumberedDoors) -> str | None:
    """Return the slug of the fault behind what the doors say; None where there is no name for it."""
    if doors.log_probs is not None and (slug := _of_log_probs(doors.log_probs, doors.probabilities)):
        return slug
    for score in doors.scores.values():
        if slug := _of_score(score, doors):
            return slug
    short = doors.probabilities.sum(axis=1) < 1.0 - CLOSE
    if short.any() and (doors.probabilities[short] == 0).any(axis=1).all():
        return "mask-not-renormalised"
    return None if doors.drawn is None else _of_draws(doors.drawn, doors.probabilities)


def _of_log_probs(log_probs: Float[Array, "S A"], law: Float[Array, "S A"]) -> str | None:
    with np.errstate(divide="ignore", over="ignore"):
        scored, logs = np.exp(np.minimum(log_probs, 50.0)), np.log(law)
    if _same(scored, law):
        return None
    possible = law > 0
    if _same(scored, _softmax(law)):
        return "double-softmax"
    if not possible.all():
        kept = np.where(possible, scored, 0.0)
        sums = kept.sum(axis=1, keepdims=True)
        if (sums > 0).all() and _same(kept / sums, law):
            return _restriction(scored, possible)
        return None
    # P = (1 − ε) q + ε/A: two numbers a state, one line for all.
    uniform = 1.0 / law.shape[1]
    above, other = law - uniform, scored - uniform
    if _proportional(above, other, 0.0, 1.0):
        return "exploration-not-scored"
    if _proportional(logs - logs.mean(axis=1, keepdims=True), log_probs - log_probs.mean(axis=1, keepdims=True)):
        return "temperature-mismatch"
    return None


def _of_score(score: Float[Array, "S A k"], doors: NumberedDoors) -> str | None:
    law, truth = doors.probabilities, doors.truth
    if _same(score, truth):
        return None
    possible = law > 0
    q = _softmax(law)
    twice = doors.slope - np.einsum("sb,sbk->sk", q, doors.slope)[:, None, :]
    if _same(score, np.where(possible[:, :, None], twice, 0.0)):
        return "double-softmax"
    if not np.abs(score).any():
        return "reparameterised-sample"
    offset = np.where(possible[:, :, None], score - truth, np.nan)
    spread = np.nanmax(offset, axis=1) - np.nanmin(offset, axis=1)
    if float(spread.max()) <= CLOSE * float(np.abs(score).max()) and not possible.all():
        single = (possible.sum(axis=1) == 1).all()
        return "argmax-action" if single else _restriction(_full_law(score, law), possible)
    # Score of the policy beneath a mixture: ∇π/ψ = π − ε/A, the same ε everywhere.
    square = (score**2).sum(axis=2)
    told = square > CLOSE * float(square.max())
    ratio = np.divide((doors.slope * score).sum(axis=2), square, out=np.zeros_like(square), where=told)
    share = (law - ratio)[told]
    beneath = over(doors.slope, np.clip(law - float(np.median(share)), 0.0, None))
    if 1e-9 < float(np.median(share)) <= 1.0 / law.shape[1] and _same(score, beneath):
        return "exploration-not-scored"
    centred = np.where(possible[:, :, None], score - np.einsum("sa,sak->sk", law, score)[:, None, :], 0.0)
    return "temperature-mismatch" if _proportional(centred, truth) else None


def _of_draws(drawn: Float[Array, "S A"], law: Float[Array, "S A"]) -> str | None:
    if _fits(drawn, law, lambda _: law, [0.0]):
        return None
    best = np.eye(law.shape[1])[law.argmax(axis=1)]
    if np.array_equal(drawn, best):
        return "argmax-action"
    if (drawn == 1.0).any(axis=1).all():  # the same action in all rows of a call, and another one than the best
        return "draw-shared-by-rows"
    if (drawn > 0).sum() < (law > 1e-3).sum():
        cut = _likeliest(drawn > 0, law) and _fits(drawn, law, lambda _: _within(law, drawn > 0), [0.0])
        return "truncated-sampling" if cut else None
    if _fits(drawn, law, lambda e: (1 - e) * law + e / law.shape[1], np.linspace(0.01, 1.0, 100)):
        return "exploration-not-scored"
    if _fits(drawn, law, lambda c: _power(law, c), np.exp(np.linspace(-2.5, 2.5, 201))):
        return "temperature-mismatch"
    return None


def _fits(drawn: Array, law: Array, family: Callable[[float], Array], values: Array | list[float]) -> bool:
    """Return whether some member of a family of laws is one that the draws may follow."""
    likely = [min(misfit(drawn[s], member[s]) for s in range(len(law))) for member in map(family, map(float, values))]
    return max(likely) > LIKELY


def _likeliest(kept: Array, law: Float[Array, "S A"]) -> bool:
    """Return whether in every state what is kept is at least as likely as what is not."""
    least = np.where(kept, law, np.inf).min(axis=1)
    return bool((least >= np.where(kept, -np.inf, law).max(axis=1)).all())


def _restriction(full: Float[Array, "S A"], possible: Array) -> str:
    """Return whether what is never done is what is least likely, in a state where that can be told."""
    cut = ~possible.all(axis=1)
    least = np.where(possible, full, np.inf).min(axis=1)
    most = np.where(possible, -np.inf, full).max(axis=1)
    return "truncated-sampling" if (least[cut] >= most[cut]).all() and cut.all() else "mask-missing-in-update"


def _full_law(score: Float[Array, "S A k"], law: Float[Array, "S A"]) -> Float[Array, "S A"]:
    """Return q where the score is 1{a = b} − q_b, that of a tabular softmax; else the law, which says nothing."""
    states, actions = law.shape
    if score.shape[2] != law.size:
        return np.where(law > 0, law, 1.0)
    first = law.argmax(axis=1)
    own = score.reshape(states, actions, states, actions)[np.arange(states), first, np.arange(states)]
    return np.eye(actions)[first] - own


def _same(found: Array, expected: Array) -> bool:
    largest = max(float(np.abs(expected).max(initial=0.0)), float(np.abs(found).max(initial=0.0)))
    return float(np.abs(found - expected).max(initial=0.0)) <= CLOSE * largest


def _proportional(found: Array, other: Array, low: float = 1e-6, high: float = 1e6) -> bool:
    """Return whether one array is a multiple of the other, by a factor between two numbers that is not 1."""
    square = float((other**2).sum())
    factor = float((found * other).sum()) / square if square > 0 else 0.0
    return low < factor < high and abs(factor - 1.0) > CLOSE and _same(found, factor * other)


def _softmax(logits: Float[Array, "S A"]) -> Float[Array, "S A"]:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def _power(law: Float[Array, "S A"], exponent: float) -> Float[Array, "S A"]:
    powers = np.where(law > 0, np.power(np.where(law > 0, law, 1.0), exponent), 0.0)
    return powers / powers.sum(axis=1, keepdims=True)


def _within(law: Float[Array, "S A"], kept: Array) -> Float[Array, "S A"]:
    left = np.where(kept, law, 0.0)
    return left / left.sum(axis=1, keepdims=True)
