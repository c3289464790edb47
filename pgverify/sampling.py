"""Drawing trajectories: the same seed gives the same bits, whatever the size of the chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.errors import InvalidSampling
from pgverify.exact.rollout_law import rollout
from pgverify.exact.solution import solve
from pgverify.policies.protocol import Policy
from pgverify.policies.steps import log_prob
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
    acting: Policy | None = None,
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
    return concatenate(list(sample_chunks(problem, num_trajectories, seed, max_steps, chunk_size, acting)))


def sample_chunks(
    problem: Problem,
    num_trajectories: int,
    seed: int = 0,
    max_steps: int | None = None,
    chunk_size: int | None = None,
    acting: Policy | None = None,
) -> Iterator[Trajectories]:
    """Yield the same trajectories as `sample`, in order, in chunks: memory is bounded whatever n is.

    Parameters and errors as for `sample`.
    """
    require_integer("num_trajectories", num_trajectories, 1, InvalidSampling)
    require_integer("seed", seed, 0, InvalidSampling)
    law = rollout(problem, max_steps, acting)
    if chunk_size is None:
        expected_steps = law.horizon or int(np.ceil(12.0 / max(1.0 - law.survival, 1e-9)))
        chunk_size = max(1, CHUNK_CELLS // max(expected_steps, problem.policy.parameters.size))
    require_integer("chunk_size", chunk_size, 1, InvalidSampling)
    tables = _tables(problem, law)
    for first in range(0, num_trajectories, chunk_size):
        rows = min(chunk_size, num_trajectories - first)
        yield _draw(problem, law, tables, seed, first, rows)


@dataclass(frozen=True, eq=False)
class _Tables:
    """Cumulative probabilities, with successors of probability zero left out, and the random numbers a step takes."""

    channels: int
    noisy: bool
    action: Float[Array, "S A"]
    successor: Integer[Array, "S A K"]
    cumulative: Float[Array, "S A K"]


def _tables(problem: Problem, law: Rollout) -> _Tables:
    lists = problem.mdp.successors
    noisy = bool(problem.mdp.noise.any())
    # Uniform numbers a step: the action, the next state, survival where it is in doubt, noise where there is any.
    channels = 2 + int(law.survival < 1.0) + int(noisy)
    action = _cumulative(law.acting.probabilities())
    return _Tables(channels, noisy, action, lists.successor, _cumulative(lists.weight))


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
    # As a spawn key the stream cannot be taken for a digit of a seed above 2^32, as it can be in a list of both.
    key = np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    generator.advance(first * (columns // 4))
    return np.random.Generator(generator).random((rows, columns))


def _draw(problem: Problem, law: Rollout, tables: _Tables, seed: int, first: int, rows: int) -> Trajectories:
    """Return trajectories first..first+rows."""
    mdp = problem.mdp
    begin = _uniforms(seed, 0, first, rows, 4)[:, 0]
    state = np.searchsorted(_cumulative(law.start), begin, side="right").astype(np.int64)
    lengths = np.zeros(rows, dtype=np.int64)
    alive = ~mdp.terminal[state]
    steps: list[_Step] = []
    states = [state]
    while len(steps) < law.horizon if law.horizon is not None else alive.any():
        here = np.flatnonzero(alive)
        if len(steps) % WINDOW == 0:
            window = _uniforms(seed, 1 + len(steps) // WINDOW, first, rows, WINDOW * tables.channels)
            window = window.reshape(rows, WINDOW, tables.channels)
        step, goes_on = _step(problem, law, tables, state, here, window[here, len(steps) % WINDOW])
        lengths[here] += 1
        alive[here] = goes_on
        steps.append(step)
        state = step.following
        states.append(state)
    terminated = ~alive | law.horizon_terminates
    batch = Trajectories(
        rollout=law,
        states=np.stack(states, axis=1),
        actions=_columns([step.action for step in steps], rows, np.int64),
        rewards=_columns([step.reward for step in steps], rows, np.float64),
        lengths=lengths,
        terminated=terminated,
        log_probs=np.zeros((rows, len(steps))),
    )
    return replace(batch, log_probs=log_prob(law.acting, batch))


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of every trajectory of a chunk; those that have ended stay, with action and reward 0."""

    action: Integer[Array, "n"]
    reward: Float[Array, "n"]
    following: Integer[Array, "n"]


def _step(
    problem: Problem,
    law: Rollout,
    tables: _Tables,
    state: Integer[Array, "n"],
    here: Integer[Array, "m"],
    uniforms: Float[Array, "m channels"],
) -> tuple[_Step, Bool[Array, "m"]]:
    """Advance the trajectories `here`; return the step of all, and which of those go on."""
    mdp = problem.mdp
    source = state[here]
    chosen = _choose(tables.action[source], uniforms[:, 0])
    branch = _choose(tables.cumulative[source, chosen], uniforms[:, 1])
    target = tables.successor[source, chosen, branch]
    paid = solve(problem).chain.reward[source, chosen, branch]
    if tables.noisy:
        paid = paid + mdp.noise[source, chosen, branch] * _normal(uniforms[:, -1])
    action, reward, following = np.zeros(len(state), dtype=np.int64), np.zeros(len(state)), state.copy()
    action[here], reward[here], following[here] = chosen, paid, target
    goes_on = ~mdp.terminal[target]
    if law.survival < 1.0:
        goes_on &= uniforms[:, 2] < law.survival
    return _Step(action, reward, following), goes_on


def _columns(columns: list[np.ndarray], rows: int, dtype: type[np.generic]) -> np.ndarray:
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0), dtype=dtype)


def _normal(uniform: Float[Array, "n"]) -> Float[Array, "n"]:
    # Imported late: scipy.special is needed only where rewards are noisy. A uniform number may be 0, never 1.
    from scipy.special import ndtri

    return np.asarray(ndtri(np.maximum(uniform, 2.0**-54)))
