"""What is measured: each line ours, compiled and in NumPy alone, beside what a user would otherwise write."""

from __future__ import annotations

import by_jax
import by_others
import many_states
from ours import our_gradient, our_moments, without_compiled
from pairs import Measured, Work, in_turns
from tables import Tables

import pgverify as pgv
from pgverify.exact.estimator_moments import Form

N = 20_000
EPISODES_OF_A_LOOP = 100


def sampling(turns: int) -> list[Measured]:
    """Measure sampling, contribution of each trajectory, mean and full covariance: nanoseconds a step."""
    tables = Tables.of(10, 4, 20)
    ours = our_moments(tables, N)
    works: dict[str, Work] = {
        "compiled": ours,
        "NumPy alone": without_compiled(ours),
        "JAX as written": by_jax.moments_as_written(tables, N),
        "JAX tuned": by_jax.moments_tuned(tables, N),
        "plain NumPy": by_others.numpy_moments(tables, N),
        "the numbers alone": by_others.generator(N * tables.horizon),
        "Gymnasium loop": by_others.gymnasium_moments(tables, EPISODES_OF_A_LOOP),
    }
    scale = dict.fromkeys(works, 1.0 / (N * tables.horizon))
    scale["Gymnasium loop"] = 1.0 / (EPISODES_OF_A_LOOP * tables.horizon)
    title = "sampling, gradient, covariance: S = 10, A = 4, T = 20, n = 20,000"
    return in_turns(title, "ns a step", scale, works, tables.parameters(turns), block=1)


def large_diagonal(turns: int) -> list[Measured]:
    """Measure it with 1,200 parameters, of which variances alone are kept."""
    tables, n = Tables.of(300, 4, 20, successors=5), 50_000
    works: dict[str, Work] = {"compiled": our_moments(tables, n, diagonal=True)}
    works["NumPy alone"] = without_compiled(works["compiled"])
    scale = dict.fromkeys(works, 1.0 / (n * tables.horizon))
    title = "the same, d = 1,200, variances alone: S = 300, n = 50,000"
    return in_turns(title, "ns a step", scale, works, tables.parameters(turns), block=1)


def gradients(states: int, horizon: int, turns: int, block: int) -> list[Measured]:
    """Measure exact ∇J at new parameters, from θ to the answer.

    In blocks of ten milliseconds or so of the others: the first call after a rest, in cold caches, takes as long as a
    dozen of ours, and a training loop rests for none.
    """
    tables = Tables.of(states, 4, horizon)
    ours = our_gradient(tables)
    works: dict[str, Work] = {
        "compiled": ours,
        "NumPy alone": without_compiled(ours),
        "JAX, compiled grad": by_jax.gradient(tables),
        "torch autodiff": by_others.torch_gradient(tables),
    }
    title = f"exact gradient: S = {states}, A = 4, T = {horizon}"
    scale = dict.fromkeys(works, 1e-3)
    return in_turns(title, "µs", scale, works, tables.parameters(turns * block), block)


def sparse_gradient(turns: int) -> list[Measured]:
    """Measure J and ∇J at new parameters where states are many and successors few."""
    problem = many_states.problem(many_states.transitions())
    works: dict[str, Work] = {"compiled": lambda theta: many_states.both(problem, theta)}
    works["NumPy alone"] = without_compiled(works["compiled"])
    title = "exact J and gradient: S = 100,000, K = 10, A = 4, T = 100"
    return in_turns(title, "s", dict.fromkeys(works, 1e-9), works, [*many_states.parameters(turns)], block=1)


def covariance(turns: int) -> list[Measured]:
    """Measure the exact mean and full covariance of reward-to-go."""
    title = "exact full covariance: S = 20, A = 4, T = 50"
    return _exact_moments(title, Tables.of(20, 4, 50), pgv.estimators.RewardToGo(), "full", turns)


def diagonal(turns: int) -> list[Measured]:
    """Measure the exact mean and variances of the total return, with 1,200 parameters."""
    title = "exact variances of the total return: S = 300, A = 4, T = 100"
    return _exact_moments(title, Tables.of(300, 4, 100), pgv.estimators.TotalReturn(), "diagonal", turns)


def _exact_moments(title: str, tables: Tables, estimator: object, form: Form, turns: int) -> list[Measured]:
    problem = tables.problem()
    ours: Work = lambda theta: pgv.exact.moments(estimator, problem.with_parameters(theta), form)  # noqa: E731
    works = {"compiled": ours, "NumPy alone": without_compiled(ours)}
    return in_turns(title, "ms", dict.fromkeys(works, 1e-6), works, tables.parameters(turns), block=1)


def every_line(quick: bool) -> list[Measured]:
    """Measure all; float64 in JAX is switched on for gradients alone, so they come last."""
    turns = 2 if quick else 6
    return [
        *sampling(turns),
        *large_diagonal(turns),
        *gradients(10, 20, 2 * turns, block=100),
        *gradients(100, 100, 2 * turns, block=20),
        *sparse_gradient(turns // 2),
        *covariance(turns),
        *diagonal(2 if quick else 4),
    ]
