"""What a user of JAX writes: as it comes to mind, and tuned. Both agree with the exact answers."""

from __future__ import annotations

import os
from collections.abc import Callable

if "BOTH_CORES" not in os.environ:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np
from tables import Tables

from pgverify.randomness import AliasTable


def moments_as_written(tables: Tables, n: int) -> Callable[[np.ndarray], object]:
    """Two categoricals a step, float32, a scan over time: mean and covariance of reward-to-go."""
    states, actions = tables.shape
    start, transition = jnp.log(jnp.array(tables.start, "f4")), jnp.log(jnp.array(tables.transition, "f4"))
    reward = jnp.array(tables.reward, "f4")

    def one(key: jax.Array, logits: jax.Array) -> jax.Array:
        first, rest = jax.random.split(key)

        def step(state: jax.Array, key: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            choose, move = jax.random.split(key)
            action = jax.random.categorical(choose, logits[state])
            after = jax.random.categorical(move, transition[state, action])
            return after, (state, action, reward[state, action, after])

        begin = jax.random.categorical(first, start)
        _, (visited, chosen, paid) = jax.lax.scan(step, begin, jax.random.split(rest, tables.horizon))
        powers = tables.discount ** jnp.arange(tables.horizon)
        to_go = jnp.cumsum((powers * paid)[::-1])[::-1]
        score = jax.nn.one_hot(chosen, actions) - jax.nn.softmax(logits)[visited]
        return jnp.zeros((states, actions)).at[visited].add(to_go[:, None] * score).ravel()

    @jax.jit
    def moments(key: jax.Array, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = theta.reshape(states, actions)
        rows = jax.vmap(one, in_axes=(0, None))(jax.random.split(key, n), logits)
        mean = rows.mean(axis=0)
        return mean, (rows - mean).T @ (rows - mean) / (n - 1)

    return _called(moments)


def moments_tuned(tables: Tables, n: int) -> Callable[[np.ndarray], object]:
    """One uniform a step through a joint alias table of (action, next state), scores applied once a trajectory."""
    states, actions = tables.shape
    cells = actions * states
    reward = jnp.array(tables.reward, "f4").reshape(states * cells)
    begin, begin_alias = _alias(tables.start[None])

    @jax.jit
    def moments(key: jax.Array, pi: jax.Array, threshold: jax.Array, alias: jax.Array) -> tuple[jax.Array, jax.Array]:
        first, rest = jax.random.split(key)
        x = jax.random.uniform(first, (n,)) * states
        whole = x.astype("i4")
        state = jnp.where(x - whole < begin[whole], whole, begin_alias[whole])
        uniform = jax.random.uniform(rest, (tables.horizon, n)) * cells

        def step(state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            whole = x.astype("i4")
            place = state * cells + whole
            cell = jnp.where(x - whole < threshold[place], place, alias[place])
            return cell % states, cell

        _, chosen = jax.lax.scan(step, state, uniform)
        powers = tables.discount ** jnp.arange(tables.horizon)
        weights = jnp.cumsum((powers[:, None] * reward[chosen])[::-1], axis=0)[::-1]
        pairs = chosen // states
        table = jnp.zeros((n, states * actions)).at[jnp.arange(n)[None, :], pairs].add(weights)
        table = table.reshape(n, states, actions)
        rows = (table - pi * table.sum(axis=2, keepdims=True)).reshape(n, -1)
        mean = rows.mean(axis=0)
        return mean, (rows - mean).T @ (rows - mean) / (n - 1)

    keys = iter(range(10**9))

    def work(theta: np.ndarray) -> object:
        logits = theta.reshape(states, actions)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        pi = powers / powers.sum(axis=1, keepdims=True)
        law = (pi[:, :, None] * tables.transition).reshape(states, cells)
        threshold, alias = _alias(law)
        return jax.block_until_ready(moments(jax.random.key(next(keys)), jnp.array(pi, "f4"), threshold, alias))

    return work


def gradient(tables: Tables) -> Callable[[np.ndarray], object]:
    """Return the compiled derivative of J, float64, a scan over backward steps."""
    jax.config.update("jax_enable_x64", True)
    states, actions = tables.shape
    start, transition, reward = map(jnp.array, (tables.start, tables.transition, tables.reward))

    def expected_return(theta: jax.Array) -> jax.Array:
        pi = jax.nn.softmax(theta.reshape(states, actions))
        onward = jnp.einsum("sa,sat->st", pi, transition)
        paid = jnp.einsum("sa,sat,sat->s", pi, transition, reward)

        def step(value: jax.Array, _: None) -> tuple[jax.Array, None]:
            return paid + tables.discount * (onward @ value), None

        return start @ jax.lax.scan(step, jnp.zeros(states), None, length=tables.horizon)[0]

    compiled = jax.jit(jax.grad(expected_return))
    return lambda theta: compiled(theta).block_until_ready()


def _alias(law: np.ndarray) -> tuple[jax.Array, jax.Array]:
    table = AliasTable.of(law)
    rows, cells = table.alias.shape
    alias = table.alias + cells * np.arange(rows)[:, None]
    return jnp.array(table.threshold.ravel(), "f4"), jnp.array(alias.ravel(), "i4")


def _called(moments: Callable[..., object]) -> Callable[[np.ndarray], object]:
    keys = iter(range(10**9))
    return lambda theta: jax.block_until_ready(moments(jax.random.key(next(keys)), jnp.array(theta, "f4")))
