"""The expected update of an agent that learns from windows, right or with a fault, by listing all windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.listed_windows import Windows, acting_policy, windows_of
from pgverify.checking.agents.remembered_windows import remembered_log_probs, remembered_update
from pgverify.errors import InvalidInput, one_sentence
from pgverify.policies import Policy
from pgverify.policies.real_actions import is_real
from pgverify.policies.steps import Prefix, remembers
from pgverify.problem import Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Collected:
    """What an agent has in hand when it updates.

    Attributes
    ----------
    windows : Windows
    critic : [S]
        V.
    discount, trace_decay : float
        γ and λ.
    ratio : [n, T, E]
        ρ_t = π(a_t|s_t) / μ(a_t|s_t), μ the policy that acted.
    clip : float or None
        ε.
    n_step : int or None
        How many δ are summed.
    """

    windows: Windows
    critic: Float[Array, "S"]
    discount: float
    trace_decay: float
    ratio: Float[Array, "n T E"]
    clip: float | None
    n_step: int | None = None


WindowAdvantages = Callable[[Collected], Float[Array, "n T E"]]


def collected(problem: Problem, window: Window) -> Collected:
    """Return all windows of a problem, with the agent's critic."""
    critic = _critic(problem, window)
    discount = float(getattr(problem.objective, "discount", 1.0))
    windows = windows_of(problem, window)
    acted = problem.policy if window.acting is None else acting_policy(problem, window)
    ratio = _ratios(windows, problem.policy, acted)
    return Collected(windows, critic, discount, window.trace_decay, ratio, window.clip, window.n_step)


def _critic(problem: Problem, window: Window) -> Float[Array, "S"]:
    """Return V, zero where there is no critic.

    Raises
    ------
    InvalidInput
        When the critic raises, or returns anything else than S finite numbers.
    """
    states = problem.mdp.num_states
    if window.critic is None:
        return np.zeros(states)
    try:
        found = np.asarray(window.critic(problem), dtype=np.float64)
    except Exception as reason:
        raise InvalidInput(f"critic raised {one_sentence(reason)}; it must return V [S] of the problem") from reason
    if found.size != states or not np.isfinite(found).all():
        what = f"shape {found.shape}" if found.size != states else "numbers that are not finite"
        raise InvalidInput(f"critic returned {what}, must return V, {states} finite numbers, one for each state")
    return found.reshape(states)


def _ratios(windows: Windows, updated: Policy, acted: Policy) -> Float[Array, "n T E"]:
    """Return π(a_t|s_t) / μ(a_t|s_t), of densities where actions are real."""
    if updated is acted:
        return np.ones(windows.states.shape)
    if remembers(updated) or remembers(acted):
        return np.exp(remembered_log_probs(updated, windows) - remembered_log_probs(acted, windows))
    here = windows.states, windows.actions
    if windows.nodes is None or not (is_real(updated) and is_real(acted)):
        return np.asarray(updated.probabilities()[here] / acted.probabilities()[here])
    actions = windows.nodes[here]
    found = updated.log_density(windows.states, actions) - acted.log_density(windows.states, actions)
    return np.asarray(np.exp(found.real))


def advantages(given: Collected) -> Float[Array, "n T E"]:
    """Return Â_t = δ_t + γ λ n_t Â_{t+1}, δ_t = r_t + γ n_t V(s'_t) − V(s_t); V stays after a time limit."""
    windows = given.windows
    bootstrapped = np.where(windows.terminated, 0.0, given.critic[windows.following])
    errors = windows.rewards + given.discount * bootstrapped - given.critic[windows.states]
    return accumulated(errors, ~windows.ended * given.discount * given.trace_decay, given.n_step)


def surrogate(given: Collected, found: Float[Array, "n T E"]) -> Float[Array, "n T E"]:
    """Return the weights of ψ_t in the gradient of the clipped surrogate: ρ Â, 0 where the clip holds."""
    weights = np.where(given.windows.only_reset, 0.0, given.ratio * found)
    if given.clip is None:
        return weights
    held = np.where(found > 0.0, given.ratio > 1.0 + given.clip, given.ratio < 1.0 - given.clip)
    return np.where(held, 0.0, weights)


def accumulated(
    errors: Float[Array, "n T E"], carry: Float[Array, "n T E"], n_step: int | None = None
) -> Float[Array, "n T E"]:
    """Return Y_t = δ_t + carry_t Y_{t+1}, Y_T = 0; of a number of steps, the sum over so many δ alone."""
    total, out = np.zeros_like(errors[:, 0]), np.zeros_like(errors)
    if n_step is not None and n_step < errors.shape[1]:
        out = errors.copy()
        for _ in range(n_step - 1):
            out[:, :-1] = errors[:, :-1] + carry[:, :-1] * out[:, 1:]
            out[:, -1] = errors[:, -1]
        return out
    for t in range(errors.shape[1] - 1, -1, -1):
        total = errors[:, t] + carry[:, t] * total
        out[:, t] = total
    return out


def mean_update(
    problem: Problem,
    windows: Windows,
    weights: Float[Array, "n T E"],
    entropy: float = 0.0,
    learned: Float[Array, "n T E"] | None = None,
) -> Float[Array, "d"]:
    """Return E (1/TE) Σ w_t ψ_t, plus β times the gradient of the mean entropy at the states visited.

    Parameters
    ----------
    problem : Problem
    windows : Windows
    weights : [n, T, E]
    entropy : float
        β.
    learned : [n, T, E], optional
        1 for steps whose entropy counts; by default all but those that only reset.
    """
    policy = problem.policy
    counted = 1.0 - windows.only_reset if learned is None else np.asarray(learned, dtype=np.float64)
    if remembers(policy):
        return remembered_update(policy, windows, _share(windows) * weights, entropy * _share(windows) * counted)
    pi = policy.probabilities()
    visits = np.zeros(len(pi))
    np.add.at(visits, windows.states, _share(windows) * counted)
    # The entropy of real actions is that of their density: its nodes have another, whatever the density.
    logs = policy.log_densities().real if is_real(policy) else np.log(np.where(pi > 0.0, pi, 1.0))
    spread = -entropy * visits[:, None] * pi * logs
    if windows.nodes is None or not is_real(policy):
        return np.asarray(policy.score_vjp(_tabled(windows, weights, pi.shape) + spread))
    # What acted may have been another policy, whose nodes are other numbers.
    table = _tabled(windows, weights, windows.nodes.shape[:2])
    states = np.repeat(np.arange(len(table))[:, None], table.shape[1] + 1, axis=1)
    score = policy.score_sum(Prefix(states, windows.nodes, np.ones(table.shape, dtype=bool)), table).sum(axis=0)
    return np.asarray(score.real + policy.score_vjp(spread))


def _share(windows: Windows) -> Float[Array, "n 1 1"]:
    """Return what a step counts."""
    return windows.probability[:, None, None] / (windows.states.shape[1] * windows.states.shape[2])


def _tabled(windows: Windows, weights: Float[Array, "n T E"], shape: tuple[int, ...]) -> Float[Array, "S A"]:
    table = np.zeros(shape)
    np.add.at(table, (windows.states, windows.actions), _share(windows) * weights)
    return table


def window_gradient(problem: Problem, window: Window) -> Float[Array, "d"]:
    """Return what an agent that learns from windows should follow: E (1/TE) Σ Â_t ψ_t + β ∇H."""
    given = collected(problem, window)
    return mean_update(problem, given.windows, surrogate(given, advantages(given)), window.entropy)


def natural_update(problem: Problem, window: Window) -> float:
    """Return the size of a right estimate: E |Â| over all steps, the size of a weighted score."""
    given = collected(problem, window)
    weights = np.abs(advantages(given)).mean(axis=(1, 2))
    return float(given.windows.probability @ weights)
