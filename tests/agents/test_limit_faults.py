"""Faults at ends, at time limits, of ratios and of shapes, in a loop of our own of two steps: found, named; quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome
from pgverify.checking.agents.clip_reach import clip_alike

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

Rows = list[tuple[int, int, float, int, int, bool, bool]]
"""(state, action, reward, the state that follows, the state of the next row, ended, at the limit) of each step"""

GAMMA, LAMBDA, CLIP = 0.8, 0.6, 0.2
VALUES = np.array([0.7, -0.4, 0.3])
OLD = np.array([[0.5, -0.3], [0.1, 0.6], [0.0, 0.0]])
PROBLEM = pgv.Problem(
    pgv.TabularMDP(
        [0.3, 0.7, 0.0],
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]],
        [[1.0, -0.5], [0.4, 1.7], [0.0, 0.0]],
        terminal=[False, False, True],
    ),
    pgv.SoftmaxPolicy([[0.0, 0.8], [0.9, -0.4], [0.0, 0.0]]),
    pgv.FiniteHorizon(2, GAMMA),
)
"""Of three steps the second is at the limit of two where the episode goes on."""


def old(_: Any) -> Any:
    return pgv.SoftmaxPolicy(OLD)


def loop(
    value: Callable[..., float], goes_on: Callable[..., float], surrogate: Callable[..., np.ndarray], steps: int = 3
) -> Any:
    """Return an update: what is bootstrapped after a step, where the sum goes on, and the weights of the scores."""

    def update(world: Any) -> np.ndarray:
        acting, pi = old(None).probabilities(), world.problem.policy.probabilities()
        state, _ = world.env.reset()
        rows = []
        for _ in range(steps):
            action = world.choose(acting[state])
            following, reward, terminated, truncated, _ = world.env.step(action)
            after = world.env.reset()[0] if terminated or truncated else following
            rows.append((state, action, reward, following, after, terminated, truncated))
            state = after
        advantage, total = np.zeros(steps), 0.0
        for t in reversed(range(steps)):
            s, _, reward, following, after, terminated, truncated = rows[t]
            delta = reward + GAMMA * value(following, after, terminated, truncated) - VALUES[s]
            total = delta + GAMMA * LAMBDA * goes_on(terminated, truncated) * total
            advantage[t] = total
        places = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        weights = surrogate(pi[places] / acting[places], advantage, rows)
        gradient = np.zeros_like(pi)
        for s, a, weight in zip(*places, weights, strict=True):
            gradient[s] -= weight * pi[s]
            gradient[s, a] += weight
        return gradient.ravel() / steps

    update.policy = lambda world: world.problem.policy  # type: ignore[attr-defined]
    update.window = pgv.agents.Window(  # type: ignore[attr-defined]
        steps, LAMBDA, lambda _: VALUES, truncates=True, acting=old, clip=CLIP
    )
    return update


def right_value(following: int, after: int, terminated: bool, truncated: bool) -> float:
    return 0.0 if terminated else VALUES[following]


def right_sum(terminated: bool, truncated: bool) -> float:
    return float(not (terminated or truncated))


def clipped(ratio: np.ndarray, advantage: np.ndarray, rows: Rows) -> np.ndarray:
    held = np.where(advantage > 0.0, ratio > 1.0 + CLIP, ratio < 1.0 - CLIP)
    return np.where(held, 0.0, ratio * advantage)


def of_the_reset(following: int, after: int, terminated: bool, truncated: bool) -> float:
    return 0.0 if terminated else VALUES[after]


def never_at_the_limit(following: int, after: int, terminated: bool, truncated: bool) -> float:
    return 0.0 if terminated or truncated else VALUES[following]


def unless_it_ends(terminated: bool, truncated: bool) -> float:
    return float(not terminated)


def all_pairs(ratio: np.ndarray, advantage: np.ndarray, rows: Rows) -> np.ndarray:
    return np.mean([clipped(ratio, np.full_like(ratio, each), rows) for each in advantage], axis=0)


def but_for_ends(ratio: np.ndarray, advantage: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the weights with zeros where an episode ends, as under a mask of the steps that go on."""
    return clipped(ratio, advantage, rows) * [not (row[5] or row[6]) for row in rows]


def of_rewards_alone(ratio: np.ndarray, advantage: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the weights by the discounted rewards up to the episode's end, or the window's."""
    total, to_go = 0.0, []
    for row in reversed(rows):
        total = row[2] + GAMMA * right_sum(row[5], row[6]) * total
        to_go.insert(0, total)
    return clipped(ratio, np.array(to_go), rows)


FAULTS: dict[str, Any] = {
    "limit-as-end": (never_at_the_limit, right_sum, clipped),
    "limit-value-of-reset": (of_the_reset, right_sum, clipped),
    "sum-across-limits": (right_value, unless_it_ends, clipped),
    "limit-ignored": (of_the_reset, unless_it_ends, clipped),
    "one-step-advantages": (right_value, lambda *_: 0.0, clipped),
    "ratio-inverted-and-differentiated": (right_value, right_sum, lambda rho, a, rows: -clipped(1.0 / rho, a, rows)),
    "broadcast-to-all-pairs": (right_value, right_sum, all_pairs),
    "ending-steps-dropped": (right_value, right_sum, but_for_ends),
    "critic-ignored": (right_value, right_sum, of_rewards_alone),
}


def judged(update: Any) -> Any:
    return pgv.check(update, kind="agent", problems=[PROBLEM])


def test_the_loop_is_right_and_says_what_its_clip_could_be() -> None:
    report = judged(loop(right_value, right_sum, clipped))
    assert report.outcome is Outcome.CORRECT, report
    pi, acting = PROBLEM.policy.probabilities()[:2], old(None).probabilities()[:2]
    ratios = np.sort((pi / acting).ravel())
    below, above = ratios[ratios < 1.0 + CLIP][-1], ratios[ratios > 1.0 + CLIP][0]
    assert any(f"the clip could be at 1.2 as from {below:.3g} to {above:.3g}" in note for note in report.notes)
    assert clip_alike([PROBLEM], pgv.agents.Window(2)) == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(fault: str) -> None:
    report = judged(loop(*FAULTS[fault]))
    assert report.outcome is Outcome.BIASED, report
    assert report.diagnosis == fault, report


@pytest.mark.parametrize("clip", [None, CLIP])
def test_a_reversed_sign_is_no_fault_of_a_ratio_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, clip: float | None
) -> None:
    """With a clip there is one, which is 1: then the name cannot be told."""
    monkeypatch.setitem(globals(), "old", lambda _: PROBLEM.policy)
    update = loop(right_value, right_sum, lambda rho, a, rows: -rho * a, steps=2)  # noqa: ARG005
    update.window = pgv.agents.Window(2, LAMBDA, lambda _: VALUES, truncates=True, clip=clip)
    report = judged(update)
    assert report.outcome is Outcome.BIASED, report
    assert report.diagnosis == ("window-sign-reversed" if clip is None else None), report
    assert len(report.matches) == (1 if clip is None else 2)


def test_a_critic_ignored_is_a_bootstrap_missing_where_it_is_a_baseline_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With λ = 1 the expected updates are the same; the cut is what must be mended."""
    monkeypatch.setitem(globals(), "LAMBDA", 1.0)
    monkeypatch.setitem(globals(), "old", lambda _: PROBLEM.policy)
    update = loop(right_value, right_sum, of_rewards_alone, steps=2)
    problem = replace(PROBLEM, objective=pgv.FiniteHorizon(3, GAMMA))
    report = pgv.check(update, kind="agent", problems=[problem])
    assert report.diagnosis == "bootstrap-missing", report
