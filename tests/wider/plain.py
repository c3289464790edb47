"""The wider definitions in plain loops: episodes under anybody's actions, bonuses, importance weights, values.

Nothing of the package is read but the tables that define a problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from reference import Path

from pgverify import KL, AverageReward, Discounted, Entropy, FiniteHorizon, Problem

STENCIL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
"""Central differences of eighth order: f′ = Σ_k c_k (f(x + kh) − f(x − kh))/h + O(h⁸)."""


def bonus_table(problem: Problem) -> np.ndarray:
    """Return c(s,a) = −β log π, or −β log(π/π_ref), 0 where π is 0 and in terminal states."""
    bonus, probabilities = problem.objective.bonus, problem.policy.probabilities()
    table = np.zeros(probabilities.shape)
    for state, action in np.ndindex(*table.shape):
        chance = float(probabilities[state, action])
        if problem.mdp.terminal[state] or chance == 0.0:
            continue
        if isinstance(bonus, Entropy):
            table[state, action] = -bonus.coefficient * math.log(chance)
        elif isinstance(bonus, KL):
            reference = float(bonus.reference.probabilities()[state, action])
            table[state, action] = -bonus.coefficient * (math.log(chance) - math.log(reference))
    return table


def rewards(problem: Problem) -> np.ndarray:
    """Return r(s,a,s') + c(s,a) [S, A, S], 0 in terminal states."""
    table = np.asarray(problem.mdp.reward) + bonus_table(problem)[:, :, None]
    return np.where(problem.mdp.terminal[:, None, None], 0.0, table)


def chain(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return P_π [S, S] and r_π [S], with rows of 0 in terminal states: whoever arrives there is gone."""
    probabilities, mdp = problem.policy.probabilities(), problem.mdp
    onward = np.zeros((mdp.num_states, mdp.num_states))
    paid = np.zeros(mdp.num_states)
    table = rewards(problem)
    for state in np.flatnonzero(~mdp.terminal):
        for action in range(mdp.num_actions):
            onward[state] += probabilities[state, action] * mdp.transition[state, action]
            paid[state] += probabilities[state, action] * float(mdp.transition[state, action] @ table[state, action])
    return onward, paid


def stationary(onward: np.ndarray) -> np.ndarray:
    """Return d with d(P − I) = 0 and Σ d = 1, by least squares."""
    size = len(onward)
    system = np.vstack([onward.T - np.eye(size), np.ones(size)])
    return np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]


def state_values(problem: Problem) -> np.ndarray:
    """Return V: [T+1, S] by the recursion, or [S] by one linear system (differential under the average reward)."""
    onward, paid = chain(problem)
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            values = [np.zeros(len(paid))]
            for _ in range(horizon):
                values.append(paid + discount * onward @ values[-1])
            return np.stack(values[::-1])
        case Discounted(discount):
            return np.linalg.solve(np.eye(len(paid)) - discount * onward, paid)
        case _:
            share = stationary(onward)
            # (I − P + 1 dᵀ) h = r − ρ has the solution with d·h = 0.
            return np.linalg.solve(np.eye(len(paid)) - onward + share, paid - share @ paid)


def plain_return(problem: Problem) -> float:
    """Return J."""
    if isinstance(problem.objective, AverageReward):
        onward, paid = chain(problem)
        return float(stationary(onward) @ paid)
    values = state_values(problem)
    return float(problem.mdp.start @ (values[0] if values.ndim == 2 else values))


def slope(function: Callable[[np.ndarray], float], theta: np.ndarray, step: float = 0.02) -> np.ndarray:
    """Return ∇f by differences of eighth order."""
    found = np.zeros(len(theta))
    for j, unit in enumerate(np.eye(len(theta))):
        for k, factor in enumerate(STENCIL, 1):
            found[j] += factor * (function(theta + k * step * unit) - function(theta - k * step * unit)) / step
    return found


def episodes(problem: Problem, acting: np.ndarray, steps: int, start: np.ndarray | None = None) -> Iterator[Path]:
    """Yield every episode of at most `steps` steps under somebody's probabilities [S, A]."""
    mdp, paid = problem.mdp, rewards(problem)

    def extend(path: Path) -> Iterator[Path]:
        state = path.states[-1]
        if len(path.actions) == steps or mdp.terminal[state]:
            yield path
            return
        for action in np.flatnonzero(acting[state] > 0):
            for following in np.flatnonzero(mdp.transition[state, action] > 0):
                chance = path.probability * acting[state, action] * mdp.transition[state, action, following]
                yield from extend(
                    Path(
                        float(chance),
                        (*path.states, int(following)),
                        (*path.actions, int(action)),
                        (*path.rewards, float(paid[state, action, following])),
                    )
                )

    for state, chance in enumerate(mdp.start if start is None else start):
        if chance > 0:
            yield from extend(Path(float(chance), (state,), (), ()))


@dataclass(frozen=True)
class Sums:
    """What a step-weighted estimator is, as a sum over pairs of steps t ≤ k.

    w_t = scale · ω^t [Σ_{t≤k<t+n} κ^{k−t} u_k Π_{j≤k} ρ_j − b_t(s_t) Π_{j≤t} ρ_j], where u_k = r_k − gain, with a
    critic + γ V_{k+1} − V_k.
    """

    discount: float
    decay: float
    weighting: float
    baseline: np.ndarray | None = None
    critic: np.ndarray | None = None
    lookahead: int | None = None
    scale: float = 1.0
    gain: float = 0.0


def looked_up(table: np.ndarray, time: int, state: int) -> float:
    """Return a table's entry, by time and state or by state alone."""
    return float(table[state] if table.ndim == 1 else table[time, state])


def step_weights(path: Path, ratio: np.ndarray, sums: Sums, cut: bool, terminal: np.ndarray) -> list[float]:
    """Return w_t for one episode.

    Parameters
    ----------
    path : Path
    ratio : [S, A]
        ρ = π/μ.
    sums : Sums
    cut : bool
        Whether an episode that is still under way after its last step was cut, so that a critic is asked there.
    terminal : [S] of bool
    """
    length = len(path.actions)
    products, product = [], 1.0
    for state, action in zip(path.states, path.actions, strict=False):
        product *= float(ratio[state, action])
        products.append(product)
    added = []
    for k in range(length):
        u = path.rewards[k] - sums.gain
        if sums.critic is not None:
            following = path.states[k + 1]
            over = bool(terminal[following]) or (k + 1 == length and not cut)
            u += 0.0 if over else sums.discount * looked_up(sums.critic, k + 1, following)
            u -= looked_up(sums.critic, k, path.states[k])
        added.append(u)
    weights = []
    for t in range(length):
        last = length if sums.lookahead is None else min(length, t + sums.lookahead)
        total = sum(sums.decay ** (k - t) * added[k] * products[k] for k in range(t, last))
        if sums.baseline is not None:
            total -= looked_up(sums.baseline, t, path.states[t]) * products[t]
        weights.append(sums.scale * sums.weighting**t * total)
    return weights


def contribution(path: Path, weights: list[float], score: np.ndarray) -> np.ndarray:
    """Return Σ_t w_t ψ(s_t,a_t) with the score [S, A, d] whole."""
    total = np.zeros(score.shape[-1])
    for t, weight in enumerate(weights):
        total = total + weight * score[path.states[t], path.actions[t]]
    return total


def listed_moments(
    paths: list[Path], rows: np.ndarray, probabilities: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return E g, Cov g and E|g|² of contributions [n, d], summed with fsum."""
    chances = [path.probability for path in paths] if probabilities is None else probabilities
    size = rows.shape[1]
    mean = np.array([math.fsum(p * g[j] for p, g in zip(chances, rows, strict=True)) for j in range(size)])
    centred = rows - mean
    covariance = np.einsum("n,ni,nj->ij", np.asarray(chances), centred, centred)
    return mean, covariance, float(np.asarray(chances) @ (rows**2).sum(axis=1)) + 1e-290


def require_same_episodes(paths: list[Path], batch: object, probabilities: np.ndarray) -> np.ndarray:
    """Assert that a listing holds exactly the episodes given, with their probabilities; return their rows in it."""
    rows = {}
    for row, length in enumerate(batch.lengths):
        key = (
            tuple(batch.states[row, : length + 1].tolist()),
            tuple(batch.actions[row, :length].tolist()),
        )
        assert key not in rows
        rows[key] = row
    assert len(rows) == len(paths)
    order = np.array([rows[path.states, path.actions] for path in paths])
    for path, row in zip(paths, order, strict=True):
        assert math.isclose(probabilities[row], path.probability, rel_tol=1e-12)
        assert np.allclose(batch.rewards[row, : len(path.actions)], path.rewards, rtol=1e-12, atol=1e-12)
        assert not batch.rewards[row, len(path.actions) :].any()
    return order
