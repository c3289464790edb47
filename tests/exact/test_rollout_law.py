"""The law of a rollout for each objective, and that each law has the right expected return."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, TabularMDP, exact
from pgverify.errors import InvalidSampling
from pgverify.policies import SoftmaxPolicy


def with_objective(objective: object, seed: int = 1) -> Problem:
    problem = random_problem(np.random.default_rng(seed), "average", logit_scales=(1.0,))
    return Problem(problem.mdp, problem.policy, objective)


def test_finite_horizon() -> None:
    problem = with_objective(FiniteHorizon(5, 0.7))
    law = exact.rollout(problem)
    assert (law.horizon, law.horizon_terminates, law.discount, law.survival) == (5, True, 0.7, 1.0)
    assert (law.step_scale, law.gain) == (1.0, 0.0)
    assert np.array_equal(law.start, problem.mdp.start)
    assert np.array_equal(law.values, exact.values(problem).state)
    assert law.on_policy
    cut = exact.rollout(problem, 3)
    assert (cut.horizon, cut.horizon_terminates) == (3, False)
    assert exact.rollout(problem, 5).horizon_terminates
    with pytest.raises(InvalidSampling, match=r"max_steps is 6, must be at most the horizon 5"):
        exact.rollout(problem, 6)


def test_discounted_and_cut() -> None:
    law = exact.rollout(with_objective(Discounted(0.7)), 9)
    assert (law.horizon, law.horizon_terminates, law.discount, law.survival) == (9, False, 0.7, 1.0)
    assert (law.step_scale, law.gain) == (1.0, 0.0)


def test_discounted_with_a_random_horizon() -> None:
    law = exact.rollout(with_objective(Discounted(0.7)))
    assert (law.horizon, law.horizon_terminates, law.discount, law.survival) == (None, False, 1.0, 0.7)
    assert (law.step_scale, law.gain) == (1.0, 0.0)


def test_average_reward_starts_stationary() -> None:
    problem = with_objective(AverageReward())
    law = exact.rollout(problem, 8)
    assert (law.horizon, law.horizon_terminates, law.discount, law.survival) == (8, False, 1.0, 1.0)
    assert law.step_scale == 0.125
    assert law.gain == exact.expected_return(problem)
    assert np.array_equal(law.start, exact.occupancy(problem))
    with pytest.raises(InvalidSampling, match=r"max_steps is None, must be an integer of at least 1 step under Av"):
        exact.rollout(problem)


@pytest.mark.parametrize("steps", [0, -3])
def test_max_steps_below_one_is_refused(steps: int) -> None:
    with pytest.raises(InvalidSampling, match=f"max_steps is {steps}, must be an integer of at least 1 step"):
        exact.rollout(with_objective(Discounted(0.5)), steps)


@pytest.mark.parametrize("seed", range(10))
def test_a_random_horizon_is_the_discount(seed: int) -> None:
    """Ending with probability 1 − γ after each step is a terminal state of its own, entered after the reward is paid.

    Its undiscounted return over a long horizon equals the discounted J: E Σ_{t<H} r_t = Σ γ^t E r_t. With γ = 0.5,
    60 steps leave 2^-60.
    """
    problem = random_problem(np.random.default_rng(seed), "discounted", logit_scales=(1.0,))
    mdp, discount = problem.mdp, 0.5
    states, actions = mdp.num_states, mdp.num_actions
    # State S + s is "ended on entering s": the reward still depends on s.
    transition = np.zeros((2 * states, actions, 2 * states))
    transition[:states, :, :states] = discount * mdp.transition
    transition[:states, :, states:] = (1.0 - discount) * mdp.transition
    terminal = np.concatenate([mdp.terminal, np.ones(states, dtype=bool)])
    transition[terminal] = np.eye(2 * states)[terminal][:, None, :]
    reward = np.zeros_like(transition)
    reward[:states] = np.concatenate([mdp.reward, mdp.reward], axis=2)
    reward[terminal] = 0.0
    start = np.concatenate([mdp.start, np.zeros(states)])
    logits = np.log(problem.policy.probabilities())
    policy = SoftmaxPolicy(np.concatenate([logits, logits]))
    killed = Problem(TabularMDP(start, transition, reward, terminal), policy, FiniteHorizon(60))
    original = Problem(mdp, problem.policy, Discounted(discount))
    assert exact.expected_return(killed) == pytest.approx(exact.expected_return(original), rel=1e-11)
