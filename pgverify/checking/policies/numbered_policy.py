"""Checks of a policy with numbered actions: all of its doors against its probabilities, exactly."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.policies.comparing import RATE, DoorFailed, asked, compared, directions
from pgverify.checking.policies.policy_report import PolicyFinding
from pgverify.policies.jacobians import FIRST_STEP, jacobian, richardson
from pgverify.policies.steps import Prefix
from pgverify.validation import Array

DRAWS = 20_000
"""Actions that are drawn in each state."""


FISHER_DIRECTIONS, FISHER_LEVELS = 6, 4
"""Directions of θ, and halvings, for second derivatives: scores that are themselves taken numerically are slow."""

SMALLEST_STEP = FIRST_STEP / 2.0 ** (FISHER_LEVELS - 1)
"""Of the differences by which scores are differentiated at moved = 0."""

NEVER = 1e-250
"""A probability below which it is no matter what is said of an action: digits are lost on the way to zero."""

CHANGED = 1e-6
"""Difference of two answers to one question beyond what single precision may round in another order."""

UNSTEADY = (
    "probabilities() asked again are others: switch off what is random in them, such as dropout, and what they keep "
    "between calls"
)


@dataclass(frozen=True, eq=False)
class NumberedDoors:
    """What the doors of a policy say, by which a fault is named.

    Attributes
    ----------
    probabilities : [S, A]
    slope : [S, A, k]
        ∂π/∂θ along the directions.
    scores : mapping of door to [S, A, k]
        What each says is ∇ log π.
    log_probs : [S, A], optional
        What the step door says.
    drawn : [S, A], optional
        Shares of the actions drawn.
    """

    probabilities: Float[Array, "S A"]
    slope: Float[Array, "S A k"]
    scores: dict[str, Float[Array, "S A k"]] = field(default_factory=dict)
    log_probs: Float[Array, "S A"] | None = None
    drawn: Float[Array, "S A"] | None = None

    @property
    def truth(self) -> Float[Array, "S A k"]:
        """∇ log π; 0 for what is never done."""
        return over(self.slope, self.probabilities)


def over(slope: Float[Array, "S A k"], law: Float[Array, "S A"]) -> Float[Array, "S A k"]:
    """Return ∂π/π, 0 where π is 0."""
    shares = np.broadcast_to(law[:, :, None], slope.shape)
    return np.divide(slope, shares, out=np.zeros_like(slope), where=shares > 0)


def check_numbered(policy: Any, seed: int) -> tuple[list[PolicyFinding], NumberedDoors, list[str]]:
    """Return the findings on a policy with numbered actions, what its doors said, and notes.

    Raises
    ------
    DoorFailed
        When a door raises or answers in another shape.
    """
    law = asked("probabilities()", policy.probabilities).astype(np.float64)
    if law.ndim != 2 or 0 in law.shape:
        raise DoorFailed(f"probabilities() has shape {law.shape}, must be [S, A]")
    again = asked("probabilities()", policy.probabilities).astype(np.float64)
    if again.shape != law.shape or np.abs(again - law).max() > CHANGED:
        raise DoorFailed(UNSTEADY)  # whatever is compared with such a law is off for that alone
    theta = asked("parameters", lambda: policy.parameters).real.astype(np.float64)
    findings = [
        compared("probabilities sum to one", law.sum(axis=1), np.ones(len(law))),
        compared("probabilities are not negative", np.minimum(law, 0.0), np.zeros(law.shape), scale=1.0),
        compared("with_parameters(parameters) is the same policy", _law(policy, theta), law, scale=1.0),
    ]
    along = directions(theta.size)
    notes = [] if along.shape[1] == theta.size else [f"derivatives along {along.shape[1]} directions of {theta.size}"]
    possible = law > NEVER

    def logs(moved: Array) -> Array:
        other = _law(policy, theta + along @ moved)
        return np.log(np.where(possible & (other.real > 0), other, 1.0))

    # Of their logarithms: a probability far below its neighbours may be steeper than any difference of it can tell.
    steepness = jacobian(logs, np.zeros(along.shape[1]))
    notes.append(f"derivatives of the probabilities by {steepness.method}")
    doors = NumberedDoors(law, law[:, :, None] * steepness.table)
    log_probs = _log_probs(policy, law)
    if log_probs is not None:
        findings.append(_same_logs(log_probs, law))
    for door, score in _scores(policy, law, theta.size).items():
        all_of_them = score @ along
        seen = np.where(possible[:, :, None], all_of_them, 0.0)
        rounded = np.finfo(np.float64).eps * float(np.abs(all_of_them).max(initial=0.0))  # differences of such numbers
        doors.scores[door] = seen
        findings.append(compared(f"{door} is the derivative of log π", seen, steepness.table, steepness.error))
        mean, scale = np.einsum("sa,sak->sk", law, seen), float(np.abs(seen).max(initial=0.0)) or 1.0
        findings.append(compared(f"the mean score is zero ({door})", mean, np.zeros(mean.shape), rounded, scale))
    if doors.scores:
        findings.append(_fisher_identity(policy, law, theta, along))
    _law(policy, theta + np.linspace(0.1, 0.7, theta.size))
    left = asked("probabilities()", policy.probabilities).astype(np.float64)
    findings.append(compared("with_parameters leaves the policy as it was", left, law, scale=1.0))
    policy = policy.with_parameters(theta)
    doors = NumberedDoors(law, doors.slope, doors.scores, log_probs, _drawn(policy, law, seed))
    if doors.drawn is not None:
        findings.append(_sampled(doors.drawn, law))
    return findings, doors, notes


def _law(policy: Any, theta: Array) -> Array:
    return np.asarray(policy.with_parameters(theta).probabilities())


def _every_step(shape: tuple[int, int]) -> Prefix:
    """Return one step of every state and action, as trajectories."""
    states, actions = (index.reshape(-1, 1) for index in np.indices(shape))
    return Prefix(np.repeat(states, 2, axis=1), actions, np.ones(actions.shape, dtype=bool))


def _log_probs(policy: Any, law: Float[Array, "S A"]) -> Float[Array, "S A"] | None:
    if getattr(policy, "log_prob", None) is None:
        return None
    try:
        with np.errstate(divide="ignore"):
            found = np.asarray(policy.log_prob(_every_step(law.shape)), dtype=np.float64)
    except Exception as reason:
        said = " ".join(str(reason).split())[:160]
        raise DoorFailed(
            f"log_prob(steps) raised {type(reason).__name__}: {said}; it is asked with steps.states and steps.actions, "
            "[n, T] each"
        ) from reason
    if found.size != law.size:
        raise DoorFailed(f"log_prob(steps) has shape {found.shape}, must be [n, T] = ({law.size}, 1)")
    return found.reshape(law.shape)


def _same_logs(log_probs: Float[Array, "S A"], law: Float[Array, "S A"]) -> PolicyFinding:
    with np.errstate(over="ignore"):
        return compared(
            "log_prob is the logarithm of the probabilities", np.exp(np.minimum(log_probs, 50.0)), law, scale=1.0
        )


def _scores(policy: Any, law: Float[Array, "S A"], size: int) -> dict[str, Float[Array, "S A d"]]:
    shape = (*law.shape, size)
    ones = np.eye(law.size).reshape(law.size, *law.shape)
    found = {}
    if getattr(policy, "score_vjp", None) is not None:
        found["score_vjp"] = asked("score_vjp(weights)", policy.score_vjp, ones)
    if getattr(policy, "score_sum", None) is not None:
        found["score_sum"] = asked(
            "score_sum(steps, weights)", policy.score_sum, _every_step(law.shape), np.ones((law.size, 1))
        )
    if callable(own := getattr(policy, "score", None)) and _takes_nothing(own):
        found["score"] = asked("score()", own)
    for door, score in found.items():
        if score.size != np.prod(shape):
            wanted = f"[S, A, d] = {shape}" if door == "score" else f"[n, d] = ({law.size}, {size})"
            raise DoorFailed(f"{door} has shape {score.shape}, must be {wanted}")
    return {door: score.reshape(shape).astype(np.float64) for door, score in found.items()}


def _takes_nothing(door: Callable[..., Any]) -> bool:
    """Return whether a door is one without arguments: others' `score(state, action)` is another."""
    try:
        needed = inspect.signature(door).parameters.values()
    except (TypeError, ValueError):  # what is built in says nothing of its arguments
        return False
    return all(one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in needed)


def _fisher_identity(policy: Any, law: Float[Array, "S A"], theta: Array, along: Float[Array, "d k"]) -> PolicyFinding:
    """Compare E ψψᵀ with −E ∂ψ/∂θ, state by state: of no score but that of a law do the two agree."""

    def score(moved: Array) -> Array:
        scores = _scores(policy.with_parameters(theta + along @ moved), law, theta.size)
        return next(iter(scores.values())) @ along

    along = along[:, :FISHER_DIRECTIONS]
    here, change = score(np.zeros(along.shape[1])), richardson(score, np.zeros(along.shape[1]), FISHER_LEVELS)
    outer = np.einsum("sa,sai,saj->sij", law, here, here)
    bent = -np.einsum("sa,saij->sij", law, change.table)
    # Scores of nearly deterministic policies change by less than the last bit of theirs, which no difference sees.
    unseen = np.finfo(np.float64).eps * float(np.abs(here).max(initial=0.0)) / SMALLEST_STEP
    return compared("E ψψᵀ = −E ∇² log π (Fisher identity)", bent, outer, change.error + unseen)


def _drawn(policy: Any, law: Float[Array, "S A"], seed: int) -> Float[Array, "S A"] | None:
    """Return the shares of the actions that the policy's own `sample(states, rng)` draws."""
    if getattr(policy, "sample", None) is None:
        return None
    rng, rows = np.random.default_rng(seed), []
    for state in range(len(law)):
        actions = asked("sample(states, rng)", policy.sample, np.full(DRAWS, state), rng).ravel().astype(np.int64)
        if actions.size != DRAWS or actions.min() < 0 or actions.max() >= law.shape[1]:
            raise DoorFailed(f"sample(states, rng) must be {DRAWS} actions in 0..{law.shape[1] - 1}")
        rows.append(np.bincount(actions, minlength=law.shape[1]) / DRAWS)
    return np.array(rows)


def _sampled(drawn: Float[Array, "S A"], law: Float[Array, "S A"]) -> PolicyFinding:
    smallest = min(misfit(drawn[state], law[state]) for state in range(len(law)))
    bound = RATE / len(law)
    return PolicyFinding("actions are drawn from the probabilities", smallest >= bound, smallest, bound, "sampled")


def misfit(drawn: Float[Array, "A"], law: Float[Array, "A"]) -> float:
    """Return the p-value of shares of `DRAWS` draws under a law; 0 where the impossible was drawn.

    Classes with fewer than ten expected draws are joined: χ² is then close enough for small rates.
    """
    from scipy.special import gammaincc  # imported late: scipy is slow to import

    if (drawn[law <= 0] > 0).any():
        return 0.0
    seen, meant = drawn[law > 0] * DRAWS, law[law > 0] * DRAWS
    rare = meant < 10
    seen, meant = (np.append(x[~rare], x[rare].sum()) for x in (seen, meant))
    seen, meant = seen[meant > 0], meant[meant > 0]
    if len(meant) < 2:
        return 1.0
    return float(gammaincc((len(meant) - 1) / 2.0, ((seen - meant) ** 2 / meant).sum() / 2.0))
