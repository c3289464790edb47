"""Drawing trajectories: the same seed gives the same bits, whatever the size of the chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import InvalidSampling
from pgverify.exact.rollouts import rollout
from pgverify.problem import Problem
from pgverify.rollout import Rollout
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array, require_integer

WINDOW = 32
"""Steps whose random numbers are drawn at once; a multiple of 4, the numbers in one block of the generator."""

CHUNK_CELLS = 2**20
"""Trajectories × steps in a chunk by default: some tens of megabytes."""


def sample(
    problem: Problem,
    num_trajectories: int,
    seed: int = 0,
    max_steps: int | None = None,
    chunk_size: int | None = None,
) -> Trajectories:
    """Return independent trajectories of the problem.

    Finite horizon: `horizon` steps. Discounted: cut after `max_steps`, or, without it, ended after every step with
    probability 1 − γ, with rewards that are then not discounted (unbiased for J). Average reward: `max_steps` steps
    from the stationary distribution. Trajectory i depends on the problem, the seed and i alone.

    Parameters
    ----------
    problem : Problem
    num_trajectories : int
        n ≥ 1.
    seed : int
        At least 0.
    max_steps : int, optional
        Steps at which an episode is cut; see above.
    chunk_size : int, optional
        Trajectories drawn at once; has no effect on the result.

    Raises
    ------
    InvalidSampling
        On a count, a seed or a number of steps that cannot be used.
    """
    return concatenate(list(sample_chunks(problem, num_trajectories, seed, max_steps, chunk_size)))


def sample_chunks(
    problem: Problem,
    num_trajectories: int,
    seed: int = 0,
    max_steps: int | None = None,
    chunk_size: int | None = None,
) -> Iterator[Trajectories]:
    """Yield the same trajectories as `sample`, in order, in chunks: memory is bounded whatever n is.

    Parameters and errors as for `sample`.
    """
    require_integer("num_trajectories", num_trajectories, 1, InvalidSampling)
    require_integer("seed", seed, 0, InvalidSampling)
    law = rollout(problem, max_steps)
    if chunk_size is None:
        expected_steps = law.horizon or int(np.ceil(12.0 / max(1.0 - law.survival, 1e-9)))
        chunk_size = max(1, CHUNK_CELLS // max(expected_steps, problem.policy.parameters.size))
    require_integer("chunk_size", chunk_size, 1, InvalidSampling)
    tables = _tables(problem)
    for first in range(0, num_trajectories, chunk_size):
        rows = min(chunk_size, num_trajectories - first)
        yield _draw(problem, law, tables, seed, first, rows)


@dataclass(frozen=True, eq=False)
class _Tables:
    """Cumulative probabilities, with successors of probability zero left out."""

    action: Float[Array, "S A"]
    successor: Integer[Array, "S A K"]
    cumulative: Float[Array, "S A K"]


def _tables(problem: Problem) -> _Tables:
    transition = problem.mdp.transition
    most = int((transition > 0).sum(axis=2).max())
    # A stable sort by "impossible" puts the possible successors first, in their own order.
    successor = np.argsort(transition <= 0, axis=2, kind="stable")[:, :, :most]
    probability = np.take_along_axis(transition, successor, axis=2)
    return _Tables(_cumulative(problem.policy.probabilities()), successor, _cumulative(probability))


def _cumulative(probabilities: Float[Array, "*rows K"]) -> Float[Array, "*rows K"]:
    """Return cumulative sums that are infinite from the last positive entry on, so that rounding excludes nothing."""
    size = probabilities.shape[-1]
    last = size - 1 - np.argmax(probabilities[..., ::-1] > 0, axis=-1)
    sums = np.cumsum(probabilities, axis=-1)
    return np.where(np.arange(size) >= last[..., None], np.inf, sums)


def _choose(cumulative: Float[Array, "n K"], uniform: Float[Array, "n"]) -> Integer[Array, "n"]:
    """Return the first index whose cumulative probability exceeds the uniform number."""
    return (cumulative <= uniform[:, None]).sum(axis=1)


def _uniforms(seed: int, stream: int, first: int, rows: int, columns: int) -> Float[Array, "n columns"]:
    """Return rows first..first+rows of an endless table of uniform numbers in [0, 1).

    The generator counts blocks of four numbers, so any row can be jumped to: this is what makes chunks irrelevant.
    """
    key = np.random.SeedSequence([seed, stream]).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    generator.advance(first * (columns // 4))
    return np.random.Generator(generator).random((rows, columns))


def _draw(
    problem: Problem, law: Rollout, tables: _Tables, seed: int, first: int, rows: int
) -> Trajectories:
    mdp = problem.mdp
    noisy = bool(mdp.reward_noise.any())
    channels = 2 + int(law.survival < 1.0) + int(noisy)
    start = _uniforms(seed, 0, first, rows, 4)[:, 0]
    begin = _cumulative(law.start)
    state = np.searchsorted(begin, start, side="right").astype(np.int64)
    states, actions, rewards = [state], [], []
    lengths = np.zeros(rows, dtype=np.int64)
    alive = ~mdp.terminal[state]
    step = 0
    while law.horizon is None or step < law.horizon:
        if not alive.any() and (law.horizon is None):
            break
        if step % WINDOW == 0:
            uniforms = _uniforms(seed, 1 + step // WINDOW, first, rows, WINDOW * channels)
            uniforms = uniforms.reshape(rows, WINDOW, channels)
        here = np.flatnonzero(alive)
        numbers = uniforms[here, step % WINDOW]
        source = state[here]
        action = _choose(tables.action[source], numbers[:, 0])
        branch = _choose(tables.cumulative[source, action], numbers[:, 1])
        target = tables.successor[source, action, branch]
        paid = mdp.reward[source, action, target]
        if noisy:
            paid = paid + mdp.reward_noise[source, action, target] * _normal(numbers[:, -1])
        state = state.copy()
        state[here] = target
        for column, value, dtype in ((actions, action, np.int64), (rewards, paid, np.float64)):
            full = np.zeros(rows, dtype=dtype)
            full[here] = value
            column.append(full)
        states.append(state)
        lengths[here] += 1
        goes_on = ~mdp.terminal[target]
        if law.survival < 1.0:
            goes_on &= numbers[:, 2] < law.survival
        alive = alive.copy()
        alive[here] = goes_on
        step += 1
    terminated = ~alive | law.horizon_terminates
    batch_states = np.stack(states, axis=1)
    lookup = law.values if law.values.ndim == 1 else law.values[np.arange(step + 1)]
    values = lookup[batch_states] if law.values.ndim == 1 else lookup[np.arange(step + 1), batch_states]
    over = np.arange(step + 1) >= np.where(terminated, lengths, step + 1)[:, None]
    return Trajectories(
        problem=problem,
        states=batch_states,
        actions=np.stack(actions, axis=1) if actions else np.zeros((rows, 0), dtype=np.int64),
        rewards=np.stack(rewards, axis=1) if rewards else np.zeros((rows, 0)),
        lengths=lengths,
        terminated=terminated,
        values=np.where(over, 0.0, values),
        discount=law.discount,
        step_scale=law.step_scale,
        gain=law.gain,
    )


def _normal(uniform: Float[Array, "n"]) -> Float[Array, "n"]:
    # Imported late: scipy.special is needed only where rewards are noisy. The offset keeps 0 out of the domain.
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform + 2.0**-54))
