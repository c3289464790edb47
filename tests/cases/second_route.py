"""The golden cases recomputed from the JSON alone, as a reader in another language would: no pgverify in here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

FOREVER = 80
"""Steps that stand for no horizon: 0.7^80 is 4e-13."""

Problem = dict[str, Any]


def differences(document: dict[str, Any]) -> list[str]:
    """Return the names of all numbers that a second computation does not confirm."""
    found = []
    for problem in document["problems"]:
        found += [f"{problem['name']}.{name}" for name in wrong_in_problem(problem)]
        for estimator in problem["estimators"]:
            found += [f"{problem['name']}.{name}" for name in wrong_in_estimator(problem, estimator)]
    return found


def wrong_in_problem(p: Problem) -> list[str]:
    """Return what is wrong in a problem, its estimators left out."""
    objective, exact = p["objective"], p["exact"]
    theta = np.array(p["policy"]["logits"] if "logits" in p["policy"] else p["policy"]["weights"]).ravel()
    pi, psi = probabilities(p, theta), score(p)
    steps, many = p["num_steps"], objective.get("horizon", FOREVER)
    V, Q = values(p, pi, many)
    d = occupancy(p, pi, many)
    running = ~np.array(p["dynamics"]["terminal"])
    gammas = objective["discount"] ** np.arange(many)
    fisher = sum(
        gammas[t] * d[t, s] * pi[s, a] * np.outer(psi[s, a], psi[s, a])
        for t in range(many)
        for s in np.flatnonzero(running)
        for a in range(p["num_actions"])
    )
    start = np.array(p["dynamics"]["start"])
    shapes = (*np.shape(p["policy"]["score"]), objective.get("horizon", objective.get("max_steps")))
    checks = {
        "sizes": ([p["num_states"], p["num_actions"], p["num_parameters"], p["num_steps"]], shapes),
        "policy.probabilities": (p["policy"]["probabilities"], pi),
        "policy.score": (p["policy"]["score"], psi),
        "exact.expected_return": (exact["expected_return"], start @ V[0]),
        "exact.gradient": (exact["gradient"], gradient(p, theta, many)),
        "exact.hessian": (exact["hessian"], hessian(p, theta, many)),
        "exact.fisher": (exact["fisher"], fisher),
        "exact.state_values": (exact["state_values"], V[: steps + 1]),
        "exact.action_values": (exact["action_values"], Q[:steps]),
        "exact.occupancy": (exact["occupancy"], d[:steps]),
        "baselines.none": (p["baselines"]["none"], 0 * V[: steps + 1]),
        "baselines.constant": (p["baselines"]["constant"], 0 * V[: steps + 1] + 0.5),
        "baselines.value": (p["baselines"]["value"], V[: steps + 1]),
        "baselines.state": (
            p["baselines"]["state"],
            np.tile(0.5 * V[0] + 0.25 * np.arange(1, len(start) + 1), (steps + 1, 1)),
        ),
    }
    everything = dict(trajectories(p, pi))
    return [
        *[name for name, (given, expected) in checks.items() if not same(given, expected)],
        *(["dynamics"] if not same(np.sum(p["dynamics"]["transition"], axis=2), 1.0 + 0 * pi) else []),
        *wrong_in_trajectories(p, "batch", pi, V, everything),
        *(wrong_in_trajectories(p, "listing", pi, V, everything) if p["listing"] is not None else []),
    ]


def wrong_in_trajectories(p: Problem, block: str, pi: Any, V: Any, everything: dict[Any, float]) -> list[str]:
    """Return what is wrong in the batch or in the listing."""
    b, terminal = p[block], p["dynamics"]["terminal"]
    wrong = [] if all(len(b[name]) == b["count"] for name in b if name != "count") else ["count"]
    seen = []
    for i in range(b["count"]):
        s, a = b["states"][i], b["actions"][i]
        length = next((t for t in range(p["num_steps"]) if terminal[s[t]]), p["num_steps"])
        ended = terminal[s[-1]] or "horizon" in p["objective"]
        mask = [t < length for t in range(p["num_steps"])]
        r = [p["dynamics"]["reward"][s[t]][a[t]][s[t + 1]] if mask[t] else 0.0 for t in range(p["num_steps"])]
        log = [float(np.log(pi[s[t], a[t]])) if mask[t] else 0.0 for t in range(p["num_steps"])]
        v = [0.0 if ended and t >= length else V[t, s[t]] for t in range(p["num_steps"] + 1)]
        seen.append((tuple(s), tuple(a)))
        expected = {
            "lengths": length,
            "terminated": ended,
            "truncated": not ended,
            "mask": mask,
            "rewards": r,
            "log_probs": log,
            "values": v,
        }
        wrong += [name for name, value in expected.items() if not same(b[name][i], value)]
        if seen[-1] not in everything:
            wrong.append("states or actions")
    if block == "listing":
        chances = [everything.get(key, -1.0) for key in seen]
        wrong += ["probabilities"] if not same(b["probabilities"], chances) else []
        wrong += ["states or actions"] if set(seen) != set(everything) or len(seen) != len(set(seen)) else []
    return [f"{block}.{name}" for name in wrong]


def wrong_in_estimator(p: Problem, e: dict[str, Any]) -> list[str]:
    """Return what is wrong in one estimator: its numbers on the batch, its moments from the listing."""
    w = weights(p, e, p["batch"], range(p["batch"]["count"]))
    size = 3 if e["kind"].startswith("standardized") else 2 if e["baseline"] in ("batch_mean", "leave_one_out") else 1
    checks = {
        "batch_size": (e["batch_size"], size),
        "weights": (e["weights"], w),
        "gradients": (e["gradients"], gradients(p, p["batch"], w)),
    }
    if e["mean"] is not None:
        estimates, chances = every_estimate(p, e)
        mean = chances @ estimates
        centred = estimates - mean
        checks |= {"mean": (e["mean"], mean), "covariance": (e["covariance"], (centred.T * chances) @ centred)}
    return [f"{e['name']}.{name}" for name, (given, expected) in checks.items() if not same(given, expected)]


def every_estimate(p: Problem, e: dict[str, Any]) -> tuple[Any, Any]:
    """Return the estimate from every batch of the stated size, and the probabilities of the batches."""
    block, n = p["listing"], e["batch_size"]
    chance = np.array(block["probabilities"])
    if n == 1:
        return gradients(p, block, weights(p, e, block, range(block["count"]))), chance
    if e["baseline"] in ("batch_mean", "leave_one_out"):
        return every_pair(p, e, block, chance)
    batches = list(product(range(block["count"]), repeat=n))
    rows = [gradients(p, block, weights(p, e, block, rows), rows).mean(axis=0) for rows in batches]
    return np.array(rows), np.array([chance[list(rows)].prod() for rows in batches])


def every_pair(p: Problem, e: dict[str, Any], block: dict[str, Any], chance: Any) -> tuple[Any, Any]:
    """Return the estimate from every pair: ½ Σ (Y − b Φ), with b the mean return of both, or of the other."""
    plain = gradients(p, block, weights(p, {**e, "baseline": "none"}, block, range(block["count"])))
    gamma = p["objective"]["discount"] ** np.arange(p["num_steps"])
    factor = gamma if e["kind"] == "reward_to_go" else np.ones_like(gamma)
    phi = gradients(p, block, np.array(block["mask"]) * factor)
    returns = np.array(block["rewards"]) @ gamma
    i, j = np.divmod(np.arange(len(chance) ** 2), len(chance))
    both = (returns[i] + returns[j]) / 2
    first, second = (both, both) if e["baseline"] == "batch_mean" else (returns[j], returns[i])
    estimates = (plain[i] - first[:, None] * phi[i] + plain[j] - second[:, None] * phi[j]) / 2
    return estimates, chance[i] * chance[j]


def weights(p: Problem, e: dict[str, Any], block: dict[str, Any], rows: Any) -> Any:
    """Return the step weights of the chosen trajectories, as one batch, from the formulas in docs/golden-cases.md."""
    g, T = p["objective"]["discount"], p["num_steps"]
    returns = [sum(g**t * block["rewards"][i][t] for t in range(T)) for i in rows]
    found = np.zeros((len(rows), T))
    for k, i in enumerate(rows):
        length, r = block["lengths"][i], block["rewards"][i]
        b = [0.0] * (T + 1)
        for t in range(T + 1):
            if not (block["terminated"][i] and t >= length):
                b[t] = baseline(p, e, block["states"][i][t], t, returns, k)
        delta = [r[t] + g * b[t + 1] - b[t] for t in range(length)]
        for t in range(length):
            factor = g**t if e["discount_weighting"] else 1.0
            to_go = sum(g ** (u - t) * r[u] for u in range(t, length))
            match e["kind"]:
                case "total_return":
                    found[k, t] = sum((g**u if e["discount_weighting"] else 1.0) * r[u] for u in range(length)) - b[t]
                case "reward_to_go" | "standardized_advantage":
                    found[k, t] = factor * (to_go - b[t])
                case "generalized_advantage":
                    decay = g * e["trace_decay"]
                    found[k, t] = factor * sum(decay ** (u - t) * delta[u] for u in range(t, length))
                case "n_step_advantage":
                    end = min(t + e["steps"], length)
                    ahead = sum(g ** (u - t) * r[u] for u in range(t, end))
                    found[k, t] = factor * (ahead + g ** (end - t) * b[end] - b[t])
                case "standardized_return":
                    spread = np.sqrt(np.mean((np.array(returns) - np.mean(returns)) ** 2))
                    found[k, t] = (returns[k] - np.mean(returns)) / (spread + e["epsilon"])
    if e["kind"] == "standardized_advantage":
        taken = np.array([block["mask"][i] for i in rows])
        spread = np.sqrt(np.mean((found[taken] - found[taken].mean()) ** 2))
        found = np.where(taken, (found - found[taken].mean()) / (spread + e["epsilon"]), 0.0)
    return found


def baseline(p: Problem, e: dict[str, Any], state: int, time: int, returns: list[float], own: int) -> float:
    """Return b_t(s) of a state from which the episode goes on."""
    match e["baseline"]:
        case "batch_mean":
            return sum(returns) / len(returns)
        case "leave_one_out":
            return (sum(returns) - returns[own]) / (len(returns) - 1)
        case name:
            return p["baselines"][name][time][state]


def gradients(p: Problem, block: dict[str, Any], w: Any, rows: Any = None) -> Any:
    """Return Σ_t w_t ψ(s_t, a_t) for every trajectory."""
    psi = np.array(p["policy"]["score"])
    found = np.zeros((len(w), p["num_parameters"]))
    for k, i in enumerate(range(len(w)) if rows is None else rows):
        for t in range(block["lengths"][i]):
            found[k] += w[k][t] * psi[block["states"][i][t], block["actions"][i][t]]
    return found


def probabilities(p: Problem, theta: Any) -> Any:
    """Return π(a|s), also for complex θ."""
    shape = (p["num_states"], p["num_actions"])
    tabular = p["policy"]["kind"] == "softmax"
    logits = theta.reshape(shape) if tabular else np.array(p["policy"]["features"]) @ theta
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def score(p: Problem) -> Any:
    """Return φ(s,a) − Σ_b π(b|s) φ(s,b), with the features of the tabular policy written out."""
    S, A, d = p["num_states"], p["num_actions"], p["num_parameters"]
    phi = np.array(p["policy"]["features"]) if "features" in p["policy"] else np.eye(S * A).reshape(S, A, d)
    pi = np.array(p["policy"]["probabilities"])
    return np.array([[phi[s, a] - sum(pi[s, b] * phi[s, b] for b in range(A)) for a in range(A)] for s in range(S)])


def values(p: Problem, pi: Any, steps: int) -> tuple[Any, Any]:
    """Return V [T+1, S] and Q [T, S, A], backwards from the last step."""
    P, r = np.array(p["dynamics"]["transition"]), np.array(p["dynamics"]["reward"])
    running = ~np.array(p["dynamics"]["terminal"])
    V, Q = np.zeros((steps + 1, len(P)), pi.dtype), np.zeros((steps, *pi.shape), pi.dtype)
    for t in range(steps - 1, -1, -1):
        Q[t] = (P * (r + p["objective"]["discount"] * V[t + 1])).sum(axis=2)
        V[t] = running * (pi * Q[t]).sum(axis=1)
    return V, Q


def occupancy(p: Problem, pi: Any, steps: int) -> Any:
    """Return P(s_t = s) [T, S], forwards from the first step."""
    d = [np.array(p["dynamics"]["start"])]
    for _ in range(steps - 1):
        d.append(np.einsum("s,sa,sax->x", d[-1], pi, p["dynamics"]["transition"]))
    return np.array(d)


def gradient(p: Problem, theta: Any, steps: int) -> Any:
    """Return the complex-step derivative of J, exact to rounding."""
    start, step = np.array(p["dynamics"]["start"]), 1e-30j
    shifted = [theta + step * unit for unit in np.eye(len(theta))]
    return np.array([(start @ values(p, probabilities(p, at), steps)[0][0]).imag / 1e-30 for at in shifted])


def hessian(p: Problem, theta: Any, steps: int, h: float = 2e-3) -> Any:
    """Return differences of the gradient: (−g(2h) + 8 g(h) − 8 g(−h) + g(−2h))/12h, off by h⁴/30 times a derivative."""
    rows = []
    for unit in np.eye(len(theta)):
        g = [gradient(p, theta + k * h * unit, steps) for k in (2, 1, -1, -2)]
        rows.append((-g[0] + 8 * g[1] - 8 * g[2] + g[3]) / (12 * h))
    return np.array(rows)


def trajectories(p: Problem, pi: Any) -> Iterator[tuple[tuple[tuple[int, ...], tuple[int, ...]], float]]:
    """Yield every trajectory, ((states), (actions)), with its probability; after the end: same state, action 0."""

    def extend(states: tuple[int, ...], actions: tuple[int, ...], chance: float) -> Iterator[Any]:
        here = states[-1]
        if len(actions) == p["num_steps"]:
            yield (states, actions), chance
        elif p["dynamics"]["terminal"][here]:
            yield from extend((*states, here), (*actions, 0), chance)
        else:
            for action, row in enumerate(p["dynamics"]["transition"][here]):
                for following, likely in enumerate(row):
                    if likely > 0:
                        yield from extend((*states, following), (*actions, action), chance * pi[here, action] * likely)

    for state, chance in enumerate(p["dynamics"]["start"]):
        if chance > 0:
            yield from extend((state,), (), chance)


def same(given: Any, expected: Any) -> bool:
    """Return whether all numbers agree to 1e-9 of the largest."""
    a, b = np.asarray(given, dtype=float), np.asarray(expected, dtype=float)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= 1e-9 * max(1.0, np.abs(b).max(initial=0.0))))
