"""A bias without a name is described where another window, or one more term, is all that it is; so are n-step sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from further_faults import FOUND, RETURNED
from planted_faults import DELTA, planted

import pgverify as pgv
from pgverify.checking import Outcome
from pgverify.checking.agents.window_estimates import window_gradient

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

NAMES = ("bandit", "early-stop")
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in NAMES]
ZEROS = "found, total = np.zeros(rewards.shape), np.zeros(rewards.shape[1])"
OF_TWO = (
    (ZEROS, f"{ZEROS}\n    after = 0.0 * total"),
    (FOUND, "found[t], after = delta + gamma * LAMBDA * alive * after, delta"),
)
SAID = "acting=acting, clip=CLIP"


def judged(*edits: tuple[str, str]) -> Any:
    return pgv.check(planted(edits)["update"], kind="agent", problems=PROBLEMS)


def test_two_steps_of_three_are_summed() -> None:
    """Â_t = δ_t + γ λ n_t δ_{t+1}, by hand in the loop; said, it is correct, and its faults have their names."""
    right = judged(*OF_TWO, (SAID, f"{SAID}, n_step=2"))
    assert right.outcome is Outcome.CORRECT, right
    ignored = judged(
        *OF_TWO, (SAID, f"{SAID}, n_step=2"), (DELTA, f"{DELTA} + gamma * values[following] * (1.0 - alive)")
    )
    assert ignored.diagnosis == "value-at-reset", ignored


@pytest.mark.parametrize("entry", PROBLEMS, ids=lambda entry: entry.name)
def test_one_step_is_no_trace_and_all_are_all(entry: Any) -> None:
    window = pgv.agents.Window(3, trace_decay=0.9, critic=planted(())["critic"])
    plain = window_gradient(entry.problem, window)
    assert np.array_equal(window_gradient(entry.problem, replace(window, n_step=3)), plain)
    one, none = (replace(window, **each) for each in ({"n_step": 1}, {"trace_decay": 0.0}))
    np.testing.assert_allclose(window_gradient(entry.problem, one), window_gradient(entry.problem, none), atol=1e-15)


def test_a_number_of_steps_is_one_at_least() -> None:
    with pytest.raises(pgv.errors.InvalidInput, match="n_step is 0"):
        pgv.agents.Window(3, n_step=0)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (OF_TWO, "Window(n_step=2)"),
        (((SAID, f"{SAID}, n_step=2"),), "Window(n_step=None)"),
        ((("    STEPS, trace_decay", "    STEPS + 1, trace_decay"),), "Window(steps=3)"),
        ((("    STEPS, trace_decay", "    STEPS - 1, trace_decay"),), "Window(steps=3)"),
        ((("entropy=ENTROPY", "entropy=0.02"),), "Window(entropy=0.05)"),
        ((("entropy=ENTROPY", "entropy=0.02"), (RETURNED, "return gradient.ravel()")), "Window(entropy=0.05)"),
    ],
)
def test_what_was_not_said_is(edits: Any, said: str) -> None:
    report = judged(*edits)
    assert report.outcome is Outcome.BIASED, report
    assert said in report.next_step, report


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_decay_of_weights(factor: float) -> None:
    report = judged((RETURNED, f"return {factor} * gradient.ravel() / states.size - 0.01 * logits.ravel()"))
    assert report.outcome is Outcome.BIASED
    assert "-0.01 times θ on every problem" in report.warnings[0], report
    assert "without the decay of weights" in report.next_step


def test_two_terms_are_not_one() -> None:
    report = judged(
        (RETURNED, f"{RETURNED} - 0.01 * logits.ravel() + 0.01 * logits.ravel() ** 2"),
        ("entropy=ENTROPY", "entropy=0.0"),
    )
    assert report.outcome is Outcome.BIASED
    assert not any("on every problem" in warning for warning in report.warnings)


def reinforce(world: Any, entropy: float = 0.0, decay: float = 0.0) -> Any:
    """Return REINFORCE of one episode, with β Σ_t ∇H(s_t) and −decay·θ."""
    problem = world.problem
    table, gamma = np.asarray(problem.policy.logits), problem.objective.discount
    state, rows, done = world.env.reset()[0], [], False
    while not done:
        pi = np.exp(table[state]) / np.exp(table[state]).sum()
        action = world.choose(pi)
        following, reward, done, _, _ = world.env.step(action)
        rows.append((state, action, reward, pi))
        state = following
    gradient, to_go = np.zeros_like(table), 0.0
    for t, (here, action, reward, pi) in reversed(list(enumerate(rows))):
        to_go = reward + gamma * to_go
        gradient[here] -= gamma**t * to_go * pi + entropy * pi * (np.log(pi) - pi @ np.log(pi))
        gradient[here, action] += gamma**t * to_go
    return gradient.ravel() - decay * table.ravel()


def of_episodes(update: Any, target: str = "policy_gradient") -> Any:
    own = {"kind": "agent", "policy": lambda world: world.problem.policy, "problems": PROBLEMS}
    return pgv.check(update, target=target, **own)


def test_whole_episodes() -> None:
    unsaid = of_episodes(lambda world: reinforce(world, entropy=0.05))
    claim = "policy_gradient + entropy_bonus(0.05)"
    assert unsaid.outcome is Outcome.BIASED
    assert claim in unsaid.next_step
    assert of_episodes(lambda world: reinforce(world, entropy=0.05), claim).outcome is Outcome.CORRECT
    assert "decay of weights" in of_episodes(lambda world: reinforce(world, decay=0.01)).next_step


def test_state_that_is_left_over_is_told_what_to_do() -> None:
    calls = []

    def update(world: Any) -> Any:
        calls.append(0)
        return reinforce(world) * (1.0 + 1e-3 * len(calls))

    report = of_episodes(update)
    assert report.outcome is Outcome.INVALID
    assert "reset=" in report.next_step
