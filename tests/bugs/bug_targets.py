"""What each named target is, derived apart from the entries: dynamic programming, complex steps, plain loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from reference import TINY_STEP, score_by_complex_step

from pgverify import Problem, TabularMDP, Trajectories, exact
from pgverify.bugs.off_policy import shifted_problem
from pgverify.policies import Policy


def along(function: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """Return the gradient of a real function of θ by complex steps."""
    return np.array([function(theta + 1j * TINY_STEP * unit).imag / TINY_STEP for unit in np.eye(len(theta))])


def visits(problem: Problem) -> np.ndarray:
    """Return d_t(s) outside terminal states [T, S]."""
    return np.where(problem.mdp.terminal, 0.0, exact.occupancy(problem))


def powers(problem: Problem) -> np.ndarray:
    return problem.objective.discount ** np.arange(problem.objective.horizon)


def over_states(problem: Problem, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return Σ_t Σ_s d_t(s) ∇ f(π(·|s)) with d held fixed, for f: [S, A] -> [S]."""
    weights = visits(problem).sum(axis=0)
    policy = problem.policy
    return along(lambda theta: weights @ function(policy.with_parameters(theta).probabilities()), policy.parameters)


def policy_gradient(problem: Problem) -> np.ndarray:
    return exact.gradient(problem)


def undiscounted_policy_gradient(problem: Problem) -> np.ndarray:
    return exact.gradient(replace(problem, objective=replace(problem.objective, discount=1.0)))


def unit_reward_gradient(problem: Problem) -> np.ndarray:
    mdp = problem.mdp
    rewards = np.clip(np.asarray(mdp.reward), -1.0, 1.0)
    return exact.gradient(replace(problem, mdp=TabularMDP(mdp.start, mdp.transition, rewards, mdp.terminal)))


def off_policy_gradient(problem: Problem) -> np.ndarray:
    return exact.gradient(shifted_problem(problem))


def surrogate_gradient(problem: Problem) -> np.ndarray:
    """Σ_t γ^t Σ_s d_t(s) Σ_a π'(a|s) ψ'(s,a) A_t(s,a): ρ turns μ into π', states and advantages are those of μ."""
    return _at_shifted(problem, shifted_problem(problem).policy.probabilities())


def weighted_likelihood_gradient(problem: Problem) -> np.ndarray:
    """The same with the actions' own law μ: Σ_t γ^t Σ_s d_t(s) Σ_a μ(a|s) ψ'(s,a) A_t(s,a)."""
    return _at_shifted(problem, problem.policy.probabilities())


def _at_shifted(problem: Problem, law: np.ndarray) -> np.ndarray:
    score = score_by_complex_step(shifted_problem(problem).policy)
    advantage = exact.values(problem).advantage
    return np.einsum("t,ts,sa,sad,tsa->d", powers(problem), visits(problem), law, score, advantage)


def ppo_surrogate_gradient(problem: Problem) -> np.ndarray:
    """The clipped objective itself, summed over all trajectories and differentiated by complex steps at θ'."""
    batch, probability = exact.enumerate_trajectories(problem)
    old = problem.policy.probabilities()
    # Returns by a loop over time, V by the value function of the exact side.
    togo = np.zeros(batch.rewards.shape)
    following = np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        following = togo[:, t] = batch.rewards[:, t] + batch.discount * following
    table = exact.values(problem).state
    advantage = togo - table[np.arange(batch.num_steps), batch.states[:, :-1]]
    weight = probability[:, None] * batch.mask * powers(problem)

    def objective(theta: np.ndarray) -> np.ndarray:
        new = problem.policy.with_parameters(theta).probabilities()
        rho = (new / old)[batch.states[:, :-1], batch.actions]
        clipped = np.where(rho.real > 1.2, 1.2, np.where(rho.real < 0.8, 0.8, rho))
        lower = np.where((rho * advantage).real <= (clipped * advantage).real, rho * advantage, clipped * advantage)
        return (weight * lower).sum()

    return along(objective, shifted_problem(problem).policy.parameters)


@dataclass(frozen=True, eq=False)
class Masked:
    """π renormalised over the allowed actions, the law of the masked entry spelt out again."""

    inner: Policy

    @property
    def parameters(self) -> np.ndarray:
        return self.inner.parameters

    def with_parameters(self, theta: np.ndarray) -> Masked:
        return Masked(self.inner.with_parameters(theta))

    def probabilities(self) -> np.ndarray:
        table = np.array(self.inner.probabilities())
        states, actions = table.shape
        for state in range(0, states, 2):
            if actions > 1:
                table[state, state % actions] = 0.0
        return table / table.sum(axis=1, keepdims=True)

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def masked_policy_gradient(problem: Problem) -> np.ndarray:
    return exact.gradient_by_complex_step(Problem(problem.mdp, Masked(problem.policy), problem.objective))


def clipped_reward_gradient(problem: Problem) -> np.ndarray:
    mdp = problem.mdp
    changed = np.clip(mdp.reward / 0.5, -2.0, 2.0)
    other = TabularMDP(mdp.start, mdp.transition, changed, mdp.terminal)
    return exact.gradient(Problem(other, problem.policy, problem.objective))


def entropy_gradient(problem: Problem) -> np.ndarray:
    return over_states(problem, lambda table: -(table * np.log(table)).sum(axis=1))


def entropy_regularised_gradient(problem: Problem) -> np.ndarray:
    return exact.gradient(problem) + 0.1 * entropy_gradient(problem)


def kl_gradient(problem: Problem) -> np.ndarray:
    return over_states(problem, lambda table: (table * np.log(table * table.shape[1])).sum(axis=1))


def forward_kl_gradient(problem: Problem) -> np.ndarray:
    return over_states(problem, lambda table: -np.log(table * table.shape[1]).mean(axis=1))


def td_semigradient(problem: Problem) -> np.ndarray:
    """Σ_t Σ_s d_t(s) E[δ_t|s] ∇V(s), V(s) = Σ_a π cos(1+a), worth 0 after the horizon and in terminal states."""
    mdp, policy, horizon = problem.mdp, problem.policy, problem.objective.horizon
    coefficients = np.cos(1.0 + np.arange(mdp.num_actions))
    value = policy.probabilities() @ coefficients
    slope = np.stack([along(lambda theta, s=s: (policy.with_parameters(theta).probabilities() @ coefficients)[s],
                            policy.parameters) for s in range(mdp.num_states)])  # fmt: skip
    total = np.zeros(len(policy.parameters))
    for t in range(horizon):
        following = np.where(mdp.terminal, 0.0, value) * (t + 1 < horizon)
        target = mdp.reward + problem.objective.discount * following
        error = np.einsum("sa,sat,sat->s", policy.probabilities(), mdp.transition, target) - value
        total += (visits(problem)[t] * error) @ slope
    return total


def fisher_vector_product(problem: Problem) -> np.ndarray:
    score = score_by_complex_step(problem.policy)
    vector = np.cos(1.0 + np.arange(len(problem.policy.parameters)))
    weights = visits(problem).sum(axis=0)
    return np.einsum("s,sa,sad,sae,e->d", weights, problem.policy.probabilities(), score, score, vector)


def damped_fisher_vector_product(problem: Problem) -> np.ndarray:
    return fisher_vector_product(problem) + 0.1 * np.cos(1.0 + np.arange(len(problem.policy.parameters)))


def path_probabilities(problem: Problem, batch: Trajectories, theta: np.ndarray) -> np.ndarray:
    """Return P_θ(τ) of every trajectory, for complex θ too, from P at the problem's own θ."""
    _, probability = exact.enumerate_trajectories(problem)
    ratio = problem.policy.with_parameters(theta).probabilities() / problem.policy.probabilities()
    chosen = ratio[batch.states[:, :-1], batch.actions]
    return probability * np.where(batch.mask, chosen, 1.0).prod(axis=1)


def accepted_return_gradient(problem: Problem) -> np.ndarray:
    """P(both of two kept) ∇(E[1_K R]/P(K)), the quotient differentiated by complex steps."""
    batch, _ = exact.enumerate_trajectories(problem)
    gain = (batch.rewards * powers(problem)).sum(axis=1)
    kept = batch.rewards.sum(axis=1) >= 0.0

    def conditional(theta: np.ndarray) -> np.ndarray:
        probability = path_probabilities(problem, batch, theta)
        return (probability * kept * gain).sum() / (probability * kept).sum()

    chance = path_probabilities(problem, batch, problem.policy.parameters)[kept].sum()
    return chance**2 * along(conditional, problem.policy.parameters)


def group_standardised_gradient(problem: Problem) -> np.ndarray:
    """All batches of three in plain Python: one group for each start, deviation over the root of Σ(R−m)²/(k−1)."""
    batch, probability = exact.enumerate_trajectories(problem)
    score = score_by_complex_step(problem.policy)
    total = np.zeros(len(problem.policy.parameters))
    for drawn in product(range(len(batch)), repeat=3):
        for i in drawn:
            start = batch.states[i, 0]
            group = [float(batch.rewards[j, 0]) for j in drawn if batch.states[j, 0] == start]
            mean = sum(group) / len(group)
            spread = (sum((r - mean) ** 2 for r in group) / max(len(group) - 1, 1)) ** 0.5
            advantage = (float(batch.rewards[i, 0]) - mean) / (spread + 1e-8)
            total += probability[list(drawn)].prod() * advantage * score[start, batch.actions[i, 0]] / 3
    return total
