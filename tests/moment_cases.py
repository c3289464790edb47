"""What the tests of exact moments share: small problems, every estimator, and moments by listing trajectories.

The listing knows nothing of recursions: it calls the estimator on every trajectory and adds up. Draws that the
enumeration of the package leaves out are turned into states: ±σ for the noise of a reward, an end for a random horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from random_problems import random_problem

from pgverify import Discounted, FiniteHorizon, Problem, TabularMDP, Trajectories, exact
from pgverify.baselines import Baseline, Constant, NoBaseline, StateValue, TimeStateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.exact import EstimatorMoments
from pgverify.policies import LinearSoftmaxPolicy, Policy

NOTHING = 1e-290
"""Added to a scale that may be zero."""


def small_problem(
    seed: int,
    objective: str = "finite",
    limit: int = 1_500,
    horizon: int = 5,
    noisy: bool = False,
    max_states: int = 4,
    logit_scales: tuple[float, ...] | None = None,
) -> Problem:
    """Return the first random problem of a seed whose trajectories of `horizon` steps or fewer can be listed."""
    rng = np.random.default_rng([seed, 7])
    scales = {} if logit_scales is None else {"logit_scales": logit_scales}
    while True:
        problem = random_problem(rng, objective, max_states, 3, horizon, noisy, **scales)
        finite = problem if objective == "finite" else replace(problem, objective=FiniteHorizon(horizon))
        if exact.count_trajectories(finite) <= limit:
            return problem


@dataclass(frozen=True)
class Tables:
    """Random baselines of the size of the returns."""

    constant: Constant
    by_state: StateValue
    by_time: TimeStateValue


def tables(problem: Problem, seed: int, steps: int) -> Tables:
    """Return baselines for a problem of `steps` steps, [S] and [T+1, S]."""
    rng = np.random.default_rng([seed, 8])
    size = float(np.abs(problem.mdp.reward).max()) + 0.1
    states = problem.mdp.num_states
    return Tables(
        Constant(size * float(rng.normal())),
        StateValue(size * rng.normal(size=states)),
        TimeStateValue(size * rng.normal(size=(steps + 1, states))),
    )


def every_estimator(given: Tables, by_time: bool = True) -> list[Estimator]:
    """Return every estimator with a recursion, with every kind of baseline and critic, γ^t kept and dropped."""
    late: Baseline = given.by_time if by_time else given.by_state
    baselines = (NoBaseline(), given.constant, StateValue(), given.by_state, late)
    found: list[Estimator] = [
        kind(baseline, kept) for kind in (TotalReturn, RewardToGo) for baseline in baselines for kept in (True, False)
    ]
    return [
        *found,
        GeneralizedAdvantage(0.0),
        GeneralizedAdvantage(0.0, given.by_state, discount_weighting=False),
        GeneralizedAdvantage(0.5, late),
        GeneralizedAdvantage(0.5, discount_weighting=False),
        GeneralizedAdvantage(0.9, given.constant),
        GeneralizedAdvantage(1.0, given.by_state),
        NStepAdvantage(1, given.by_state),
        NStepAdvantage(1, late, discount_weighting=False),
        NStepAdvantage(2, late),
        NStepAdvantage(2, discount_weighting=False),
        NStepAdvantage(3, given.by_state),
        NStepAdvantage(3),
    ]


def listed(problem: Problem, max_steps: int | None = None) -> tuple[Trajectories, np.ndarray]:
    """Return every trajectory of a rollout with a horizon, and the probabilities, cut as the sampler would cut it."""
    if max_steps is None:
        return exact.enumerate_trajectories(problem)
    law = exact.rollout(problem, max_steps)
    mdp = problem.mdp
    started = TabularMDP(law.start / law.start.sum(), mdp.transition, mdp.reward, mdp.terminal)
    batch, probabilities = exact.enumerate_trajectories(
        Problem(started, problem.policy, FiniteHorizon(max_steps, law.discount))
    )
    ends = mdp.terminal[batch.states[:, -1]]
    # Values are given, not looked up: those of the law's table, 0 after an end.
    given = np.where(mdp.terminal[batch.states], 0.0, law.values[batch.states])
    return replace(batch, rollout=law, terminated=ends, critic=given), probabilities


def listed_moments(
    estimator: Estimator, batch: Trajectories, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return Σ P g, Σ P g gᵀ − (Σ P g)(Σ P g)ᵀ and Σ P |g|²."""
    rows = estimator(batch)
    mean = probabilities @ rows
    second = (rows * probabilities[:, None]).T @ rows
    return mean, second - np.outer(mean, mean), float(np.trace(second)) + NOTHING


def moment_error(found: EstimatorMoments, mean: np.ndarray, covariance: np.ndarray, scale: float) -> float:
    """Return the largest error of a mean over √(E|g|²) and of what there is of a covariance over E|g|²."""
    errors = [np.abs(found.mean - mean).max() / np.sqrt(scale), abs(found.trace - np.trace(covariance)) / scale]
    if found.variance is not None:
        errors.append(np.abs(found.variance - np.diag(covariance)).max() / scale)
    if found.covariance is not None:
        errors.append(np.abs(found.covariance - covariance).max() / scale)
    return float(max(errors))


def dense_linear(policy: Policy, rows: np.ndarray) -> LinearSoftmaxPolicy:
    """Return the policy whose state i acts, and depends on θ, as state `rows[i]` of another softmax policy."""
    if isinstance(policy, LinearSoftmaxPolicy):
        return LinearSoftmaxPolicy(policy.features[rows], policy.weights)
    states, actions = policy.probabilities().shape
    features = np.eye(states * actions).reshape(states, actions, -1)
    return LinearSoftmaxPolicy(features[rows], policy.parameters)


def with_discrete_noise(problem: Problem) -> Problem:
    """Return the problem in which noise is ±σ with probability ½ each, remembered in the state entered: 2s or 2s + 1.

    Only the mean and the variance of the noise enter a covariance, and ±σ has those of N(0, σ²).
    """
    mdp = problem.mdp
    twice = np.repeat(np.arange(mdp.num_states), 2)
    sign = np.where(np.arange(2 * mdp.num_states) % 2, -1.0, 1.0)
    transition = mdp.transition[np.ix_(twice, range(mdp.num_actions), twice)] / 2.0
    reward = mdp.reward[np.ix_(twice, range(mdp.num_actions), twice)]
    noise = mdp.reward_noise[np.ix_(twice, range(mdp.num_actions), twice)]
    reward = reward + sign * noise
    terminal = mdp.terminal[twice]
    transition[terminal] = np.eye(len(twice))[terminal][:, None, :]
    reward[terminal] = 0.0
    start = np.where(np.arange(len(twice)) % 2, 0.0, mdp.start[twice])  # one copy is enough to start from
    return Problem(
        TabularMDP(start, transition, reward, terminal), dense_linear(problem.policy, twice), problem.objective
    )


def with_explicit_end(problem: Problem, horizon: int) -> Problem:
    """Return the random horizon as states of its own: S + s is "ended on entering s"; γ = 1, `horizon` steps.

    What happens after `horizon` steps has probability γ^horizon.
    """
    assert isinstance(problem.objective, Discounted)
    mdp, discount = problem.mdp, problem.objective.discount
    states, actions = mdp.num_states, mdp.num_actions
    transition = np.zeros((2 * states, actions, 2 * states))
    transition[:states, :, :states] = discount * mdp.transition
    transition[:states, :, states:] = (1.0 - discount) * mdp.transition
    terminal = np.concatenate([mdp.terminal, np.ones(states, dtype=bool)])
    transition[terminal] = np.eye(2 * states)[terminal][:, None, :]
    reward, noise = np.zeros_like(transition), np.zeros_like(transition)
    reward[:states] = np.concatenate([mdp.reward, mdp.reward], axis=2)
    noise[:states] = np.concatenate([mdp.reward_noise, mdp.reward_noise], axis=2)
    reward[terminal] = 0.0
    start = np.concatenate([mdp.start, np.zeros(states)])
    policy = dense_linear(problem.policy, np.tile(np.arange(states), 2))
    return Problem(TabularMDP(start, transition, reward, terminal, noise), policy, FiniteHorizon(horizon))
