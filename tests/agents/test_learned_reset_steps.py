"""Steps that only reset (NEXT_STEP), in a loop of our own: masked, learned from, or left out of the mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

STEPS, LAMBDA, ENTROPY = 3, 0.9, 0.1
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in ("early-stop", "random-end")]


def critic(problem: Any) -> Any:
    return 0.4 * np.cos(1.0 + np.arange(problem.mdp.num_states))


def loop(masked: bool, over_learned: bool = False) -> Any:
    """Return an update of a window in which the step after an end only resets."""

    def update(world: Any) -> Any:
        problem = world.problem
        pi, values, gamma = problem.policy.probabilities(), critic(problem), problem.objective.discount
        state, over, rows = world.env.reset()[0], False, []
        for _ in range(STEPS):
            action = world.choose(pi[state])
            if over:
                following, reward, done = world.env.reset()[0], 0.0, False
            else:
                following, reward, done, _, _ = world.env.step(action)
            rows.append((state, action, reward, following, done, over))
            state, over = following, done
        gradient, total, learned = np.zeros(pi.shape), 0.0, 0
        for here, action, reward, following, done, resets in reversed(rows):
            delta = reward + gamma * (not done) * values[following] - values[here]
            total = 0.0 if resets and masked else delta + gamma * LAMBDA * (not done) * total
            if resets and masked:
                continue
            learned += 1
            logs = np.log(pi[here])
            gradient[here] -= total * pi[here] + ENTROPY * pi[here] * (logs - pi[here] @ logs)
            gradient[here, action] += total
        return gradient.ravel() / (learned if over_learned else STEPS)

    return update


def judged(update: Any) -> Any:
    window = pgv.agents.Window(STEPS, trace_decay=LAMBDA, critic=critic, entropy=ENTROPY, resets_take_a_step=True)
    own = {"policy": lambda world: world.problem.policy, "problems": PROBLEMS}
    return pgv.check(update, kind="agent", window=window, **own)


def test_a_masked_step_is_none() -> None:
    assert judged(loop(True)).outcome is Outcome.CORRECT


def test_a_step_that_is_learned_from() -> None:
    assert judged(loop(False)).diagnosis == "reset-step-trained-on"


def test_a_mean_over_the_steps_that_are_left() -> None:
    """E Σ/N is not E Σ / E N: windows with an end have fewer steps, and count more."""
    report = judged(loop(True, over_learned=True))
    assert (report.outcome, report.diagnosis) == (Outcome.BIASED, "mean-over-learned-steps"), report
