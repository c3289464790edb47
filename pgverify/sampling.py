"""Drawing trajectories: the same seed gives the same bits, whatever the size of the chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.continuous import NodeMDP, node_actions
from pgverify.errors import InvalidSampling
from pgverify.exact.rollout_law import rollout
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy
from pgverify.policies.real_actions import is_real
from pgverify.policies.steps import log_prob, next_probabilities, remembers
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.randomness import STEPS_IN_WINDOW, AliasTable, Channel, Stream, choose_by_inversion
from pgverify.real_steps import RealSteps
from pgverify.rollout import Rollout
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array, require_integer

CHUNK_CELLS = 2**20
"""Trajectories × steps in a chunk by default: some tens of megabytes."""

MOST_KEPT = 2**15
"""Bytes of a table of probabilities whose alias table is kept: a few thousand cells."""


@accepts(problem=REAL_PROBLEM)
def sample(
    problem: Problem,
    num_trajectories: int,
    seed: int = 0,
    max_steps: int | None = None,
    chunk_size: int | None = None,
    acting: Policy | None = None,
    group_size: int | None = None,
) -> Trajectories:
    """Return independent trajectories of the problem.

    Finite horizon: `horizon` steps. Discounted: cut after `max_steps`, or, without it, ended after every step with
    probability 1 − γ, with rewards that are then not discounted (unbiased for J). Average reward: `max_steps` steps
    from the stationary distribution. Trajectory i depends on the problem, the seed and i alone (in groups: and on its
    place among them); the numbers it uses are defined bit for bit in `pgverify.randomness`.

    Parameters
    ----------
    problem : Problem
    num_trajectories : int
        n ≥ 1.
    seed : int
        At least 0.
    max_steps : int, optional
        Steps at which an episode is cut; at most the horizon, where there is one.
    chunk_size : int, optional
        Trajectories drawn at once; has no effect on the result.
    acting : Policy, optional
        μ, which chooses the actions; by default the problem's own policy π_θ. `batch.log_probs` are those of μ.
    group_size : int, optional
        G: trajectories 0..G−1, G..2G−1, … start alike, from one draw of the start distribution a group; `batch.group`
        says which belong together.

    Raises
    ------
    InvalidSampling
        On a count, a seed or a number of steps that cannot be used.
    InvalidPolicy
        When the acting policy is of another shape, or never does what the problem's policy does.
    """
    chunks = list(sample_chunks(problem, num_trajectories, seed, max_steps, chunk_size, acting, group_size))
    return chunks[0] if len(chunks) == 1 else concatenate(chunks)


@accepts(problem=REAL_PROBLEM)
def sample_chunks(
    problem: Problem,
    num_trajectories: int,
    seed: int = 0,
    max_steps: int | None = None,
    chunk_size: int | None = None,
    acting: Policy | None = None,
    group_size: int | None = None,
) -> Iterator[Trajectories]:
    """Yield the same trajectories as `sample`, in order, in chunks: memory is bounded whatever n is.

    Parameters and errors as for `sample`.
    """
    num_trajectories = require_integer("num_trajectories", num_trajectories, 1, InvalidSampling)
    seed = require_integer("seed", seed, 0, InvalidSampling, largest=None)
    law = rollout(problem, max_steps, acting)
    if group_size is not None:
        group_size = require_integer("group_size", group_size, 1, InvalidSampling)
        if num_trajectories % group_size:
            raise InvalidSampling(
                f"num_trajectories is {num_trajectories}, must be a multiple of group_size = {group_size}: whole groups"
            )
    if chunk_size is None:
        expected_steps = law.horizon or int(np.ceil(12.0 / max(1.0 - law.survival, 1e-9)))
        chunk_size = max(1, CHUNK_CELLS // max(expected_steps, 1))
    chunk_size = require_integer("chunk_size", chunk_size, 1, InvalidSampling)
    draw = _Draw.of(law, seed, group_size)
    for first in range(0, num_trajectories, chunk_size):
        yield draw.trajectories(first, min(chunk_size, num_trajectories - first))


@dataclass(frozen=True, eq=False)
class _Draw:
    """All that the steps of a rollout are drawn from.

    Attributes
    ----------
    law : Rollout
    stream : Stream
    start : AliasTable
        One row: the first state.
    step : AliasTable
        A row a state: cell a·K + k is action a and its k-th successor, drawn together with one number. Where the policy
        remembers, a row a pair (s, a): the successors alone, after the action.
    reward : [S, A, K]
        Mean rewards, with a bonus of the objective.
    group_size : int or None
    real : RealSteps or None
        Where actions are real: how a step is then drawn.
    """

    law: Rollout
    stream: Stream
    start: AliasTable
    step: AliasTable
    reward: Float[Array, "S A K"]
    group_size: int | None
    real: RealSteps | None

    @classmethod
    def of(cls, law: Rollout, seed: int, group_size: int | None) -> _Draw:
        lists = law.problem.mdp.successors
        states, actions, most = lists.weight.shape
        if remembers(law.acting):
            cells = lists.weight.reshape(states * actions, most)
        else:
            cells = (law.acting.probabilities()[:, :, None] * lists.weight).reshape(states, actions * most)
        reward = solve(law.problem).chain.reward
        start, step = _table(law.start[None]), _table(cells)
        return cls(law, Stream.of(seed), start, step, reward, group_size, RealSteps.of(law))

    def trajectories(self, first: int, rows: int) -> Trajectories:
        """Return trajectories first..first+rows."""
        law, mdp = self.law, self.law.problem.mdp
        state, group = self._first_states(first, rows)
        alive = ~mdp.terminal[state]
        taken: list[Array] = []
        actions: list[Array] = []
        rewards: list[Array] = []
        states = [state]
        while len(actions) < law.horizon if law.horizon is not None else alive.any():
            window, column = divmod(len(actions), STEPS_IN_WINDOW)
            if column == 0:
                numbers = {channel: self.stream.window(channel, window, first, rows) for channel in self._channels()}
                if self.real is not None:
                    numbers[Channel.ACTION] = self.real.numbers(self.stream, window, first, rows)
            here = np.flatnonzero(alive)
            uniforms = {channel: block[here, column] for channel, block in numbers.items()}
            if self.real is not None:
                action = self.real.act(state[here], uniforms[Channel.ACTION])
                following, paid = self.real.follow(state[here], action, uniforms[Channel.FOLLOWING])
            else:
                so_far = _Prefix(states, actions, taken, here) if remembers(law.acting) else None
                action, branch = self._choices(state[here], uniforms, so_far)
                following, paid = self._consequences(state[here], action, branch, uniforms)
            goes_on = self._goes_on(following, uniforms)
            states.append(_placed(state, here, following))
            actions.append(_placed(np.zeros((rows, *action.shape[1:]), dtype=action.dtype), here, action))
            rewards.append(_placed(np.zeros(rows), here, paid))
            taken.append(alive.copy())
            alive[here] = goes_on
            state = states[-1]
        mask = _columns(taken, rows, np.bool_)
        batch = Trajectories(
            rollout=law,
            states=np.stack(states, axis=1),
            rewards=_columns(rewards, rows, np.float64),
            lengths=mask.sum(axis=1, dtype=np.int64),
            terminated=~alive | law.horizon_terminates,
            log_probs=np.zeros((rows, len(actions))),
            group=group,
            **self._actions(states, actions, mask),
        )
        return batch.with_arrays({"log_probs": log_prob(law.acting, batch)})

    def _actions(self, states: list[Array], actions: list[Array], mask: Bool[Array, "n T"]) -> dict[str, Array]:
        """Return the actions as the batch holds them: numbers, or real ones."""
        mdp, policy, rows = self.law.problem.mdp, self.law.problem.policy, len(mask)
        if self.real is not None:
            none = np.zeros((rows, 0, self.real.mdp.action_dim))
            return {"actions": np.stack(actions, axis=1) if actions else none}
        numbers = _columns(actions, rows, np.int64)
        if isinstance(mdp, NodeMDP) and is_real(policy):
            before = np.stack(states, axis=1)[:, :-1]
            real = node_actions(mdp, policy, self.law.acting, before, numbers, mask)
            return {"actions": real.actions, "nodes": real.nodes}
        return {"actions": numbers}

    def _channels(self) -> list[Channel]:
        channels = [Channel.STEP] if self.real is None else [Channel.FOLLOWING]
        if self.law.survival < 1.0:
            channels.append(Channel.SURVIVAL)
        if self.law.problem.mdp.noise.any():
            channels.append(Channel.NOISE)
        if remembers(self.law.acting):
            channels.append(Channel.FOLLOWING)
        return channels

    def _first_states(self, first: int, rows: int) -> tuple[Integer[Array, "n"], Integer[Array, "n"] | None]:
        """Return the first state of every trajectory, and which group each belongs to."""
        size = self.group_size or 1
        group = np.arange(first, first + rows) // size
        draws = int(group[-1] - group[0]) + 1
        uniform = self.stream.window(Channel.START, 0, int(group[0]), draws)[:, 0]
        state = self.start.choose(np.zeros(draws, dtype=np.int64), uniform)[group - group[0]]
        return state, None if self.group_size is None else group

    def _choices(
        self, source: Integer[Array, "m"], uniforms: dict[Channel, Float[Array, "..."]], so_far: _Prefix | None
    ) -> tuple[Integer[Array, "m"], Integer[Array, "m"]]:
        """Return the action of every trajectory under way, and which successor it leads to."""
        _, actions, most = self.reward.shape
        if so_far is None:
            cell = self.step.choose(source, uniforms[Channel.STEP])
            return cell // most, cell % most
        action = choose_by_inversion(next_probabilities(self.law.acting, so_far), uniforms[Channel.STEP])
        return action, self.step.choose(source * actions + action, uniforms[Channel.FOLLOWING])

    def _consequences(
        self,
        source: Integer[Array, "m"],
        action: Integer[Array, "m"],
        branch: Integer[Array, "m"],
        uniforms: dict[Channel, Float[Array, "..."]],
    ) -> tuple[Integer[Array, "m"], Float[Array, "m"]]:
        """Return the next states and the rewards."""
        mdp = self.law.problem.mdp
        following = mdp.successors.successor[source, action, branch]
        paid = self.reward[source, action, branch]
        if Channel.NOISE in uniforms:
            paid = paid + mdp.noise[source, action, branch] * _normal(uniforms[Channel.NOISE])
        return following, paid

    def _goes_on(
        self, following: Integer[Array, "m"], uniforms: dict[Channel, Float[Array, "..."]]
    ) -> Bool[Array, "m"]:
        """Return which trajectories go on."""
        goes_on = ~self.law.problem.mdp.terminal[following]
        if Channel.SURVIVAL in uniforms:
            goes_on &= uniforms[Channel.SURVIVAL] < self.law.survival
        return goes_on


def _table(probabilities: Float[Array, "R M"]) -> AliasTable:
    """Return the alias table of rows of probabilities; of small ones that were asked for lately, the one made then.

    By content: what a policy says may have changed since, and whoever draws few trajectories many times makes no other.
    """
    if probabilities.nbytes > MOST_KEPT:
        return AliasTable.of(probabilities)
    return _kept_table(np.asarray(probabilities, dtype=np.float64).tobytes(), probabilities.shape)


@lru_cache(maxsize=128)
def _kept_table(content: bytes, shape: tuple[int, int]) -> AliasTable:
    return AliasTable.of(np.frombuffer(content).reshape(shape))


class _Prefix:
    """What has happened so far in some of the trajectories."""

    def __init__(self, states: list[Array], actions: list[Array], taken: list[Array], rows: Array) -> None:
        self.states = np.stack(states, axis=1)[rows]
        self.actions = _columns(actions, len(states[0]), np.int64)[rows]
        self.mask = _columns(taken, len(states[0]), np.bool_)[rows]


def _placed(everybody: Array, here: Integer[Array, "m"], values: Array) -> Array:
    """Return a column in which those under way have new values; those that have ended keep theirs."""
    column = everybody.copy()
    column[here] = values
    return column


def _columns(columns: list[Array], rows: int, dtype: type[np.generic]) -> Array:
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0), dtype=dtype)


def _normal(uniform: Float[Array, "n"]) -> Float[Array, "n"]:
    # Imported late: scipy.special is needed only where rewards are noisy. A uniform number may be 0, never 1.
    from scipy.special import ndtri

    return np.asarray(ndtri(np.maximum(uniform, 2.0**-54)))
