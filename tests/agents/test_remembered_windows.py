"""Agents whose policy has a memory: an LSTM, stacked frames. In windows and in episodes they are judged as all are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stacked_frames import StackedLoop, critic, forgetful_policy, softmax, stacked_policy

import pgverify as pgv
from pgverify.checking import Outcome
from pgverify.checking.agents.window_estimates import window_gradient

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in ("early-stop", "random-end")]
WINDOW = pgv.agents.Window(3, trace_decay=0.9, critic=critic)


def policy(world: Any) -> Any:
    return stacked_policy(world.problem)


def judged(update: Any, window: Any = WINDOW) -> Any:
    return pgv.check(update, kind="agent", policy=policy, window=window, problems=PROBLEMS)


def acted(problem: Any) -> Any:
    return stacked_policy(problem, 0.4)


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"entropy": 0.3},
        {"environments": 2, "steps": 2},
        {"truncates": True},
        {"resets_take_a_step": True, "entropy": 0.1},
        {"clip": 0.1, "acting": 0.6},
    ],
)
@pytest.mark.parametrize("entry", PROBLEMS, ids=lambda entry: entry.name)
def test_a_memory_without_use_changes_nothing(window: dict[str, Any], entry: Any) -> None:
    """π(a|h_t) = π(a|s_t), θ[s_{t−1}] the same for every s_{t−1}: the sum over these of ∂/∂θ is ∂/∂logits."""
    problem, shape = entry.problem, np.asarray(entry.problem.policy.logits).shape
    settings: dict[str, Any] = {"steps": 3, "trace_decay": 0.9, "critic": critic, **window}
    scale = settings.pop("acting", None)

    def collects(forgets: bool) -> Any:
        logits = (1.0 if scale is None else scale) * np.asarray(problem.policy.logits)
        return lambda one: forgetful_policy(one, logits) if forgets else pgv.SoftmaxPolicy(logits)

    plain, remembering = (
        pgv.agents.Window(**settings, acting=None if scale is None else collects(forgets)) for forgets in (False, True)
    )
    other = pgv.Problem(problem.mdp, forgetful_policy(problem, problem.policy.logits), problem.objective)
    found = window_gradient(other, remembering).reshape(-1, *shape).sum(axis=0)
    np.testing.assert_allclose(found.ravel(), window_gradient(problem, plain), rtol=1e-12, atol=1e-14)


def test_stacked_frames_are_correct() -> None:
    assert judged(StackedLoop(3, 0.9)).outcome is Outcome.CORRECT


def test_frames_of_the_episode_before_are_found() -> None:
    assert judged(StackedLoop(3, 0.9, cleared=False)).outcome is Outcome.BIASED


def test_a_ratio_of_what_was_remembered() -> None:
    window = pgv.agents.Window(3, trace_decay=0.9, critic=critic, acting=acted)
    assert judged(StackedLoop(3, 0.9, acting=0.4), window).outcome is Outcome.CORRECT


def test_a_fault_of_windows_has_its_name() -> None:
    report = judged(StackedLoop(3, 1.0))
    assert (report.outcome, report.diagnosis) == (Outcome.BIASED, "lambda-missing")


def episode(world: Any, discounted: bool) -> Any:
    """Return Σ_t c_t G_t ψ_t of one episode, c_t = γ^t or 1."""
    problem = world.problem
    shape = problem.mdp.num_states + 1, problem.mdp.num_states, problem.mdp.num_actions
    table, gamma = stacked_policy(problem).parameters.reshape(shape), problem.objective.discount
    state, last, rows, done = world.env.reset()[0], -1, [], False
    while not done:
        pi = softmax(table[last, state])
        action = world.choose(pi)
        following, reward, done, _, _ = world.env.step(action)
        rows.append((last, state, action, reward, pi))
        last, state = state, following
    gradient, to_go = np.zeros(shape), 0.0
    for t, (past, here, action, reward, pi) in reversed(list(enumerate(rows))):
        to_go = reward + gamma * to_go
        weight = gamma**t * to_go if discounted else to_go
        gradient[past, here] -= weight * pi
        gradient[past, here, action] += weight
    return gradient.ravel()


def test_whole_episodes() -> None:
    right = judged(lambda world: episode(world, True), None)
    assert right.outcome is Outcome.CORRECT, right
    dropped = judged(lambda world: episode(world, False), None)
    assert (dropped.outcome, dropped.diagnosis) == (Outcome.OTHER_TARGET, "discount-dropped"), dropped
    down = judged(lambda world: -episode(world, True) - 0.1 * episode(world, False), None)
    assert down.outcome is Outcome.BIASED
    assert any("the cosine with ∇J is -" in warning for warning in down.warnings)
